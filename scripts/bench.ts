/**
 * Runs benchmarks and prints what they found: figures beside those of a peer or a baseline that ran side by side, each
 * the median of five rounds, and whether the target is reached.
 *
 *     deno task bench [--quick] [NAME...]
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { MissingPeer } from "./bench/benchmark.ts";
import { registry } from "./bench/registry.ts";

/**
 * Runs benchmarks.
 *
 * @param args names, and `--quick` for a smoke run
 * @returns the exit status; a target that is not reached is no failure, since figures depend on the machine
 */
export async function main(args: readonly string[]): Promise<number> {
  const unknown: string[] = [];
  const flags = parseArgs(args, {
    boolean: ["quick", "help"],
    unknown: (arg) => !arg.startsWith("-") || (unknown.push(arg), false),
  });
  const names = flags._.map(String);
  unknown.push(...names.filter((name) => !registry.has(name)));
  if (unknown.length > 0 || flags.help) {
    if (unknown.length > 0) console.error(`bench: there is no ${unknown.join(", ")}`);
    await usage();
    return unknown.length > 0 ? 2 : 0;
  }
  if (flags.quick) console.log("A smoke run: the figures mean nothing.");
  for (const [name, load] of registry) {
    if (names.length > 0 && !names.includes(name)) continue;
    const { benchmark } = await load();
    console.log(`${name}: ${benchmark.summary}`);
    try {
      for await (const { what, figures, target, reached } of benchmark.run({ quick: flags.quick === true })) {
        console.log(`  ${what}: ${figures}`);
        if (target === undefined) continue;
        const verdict = reached === undefined || flags.quick ? "" : reached ? ": reached" : ": NOT reached";
        console.log(`    target: ${target}${verdict}`);
      }
    } catch (error) {
      if (!(error instanceof MissingPeer)) throw error;
      console.log(`  not measured, the peer is missing: ${error.message}`);
    }
  }
  return 0;
}

async function usage(): Promise<void> {
  console.error("Usage: deno task bench [--quick] [NAME...]\n");
  const width = Math.max(...Array.from(registry, ([name]) => name.length)) + 2;
  for (const [name, load] of registry) console.error(`  ${name.padEnd(width)}${(await load()).benchmark.summary}`);
}

if (import.meta.main) Deno.exit(await main(Deno.args));
