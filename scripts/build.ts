/**
 * Builds the executable: `deno task build [--platform NAME] [--out DIR] [--pack]`.
 *
 * @module
 */
import { defineCommand } from "../src/cli/command.ts";
import { choice, flag, text } from "../src/cli/flags.ts";
import { help } from "../src/cli/help/command_help.ts";
import { parse } from "../src/cli/parse.ts";
import { messageOf, TineError } from "../src/base/errors.ts";
import { compile } from "./build/compile.ts";
import { denoBinary } from "./build/deno_binary.ts";
import { pack } from "./build/pack.ts";
import { checkExecutable, platforms, thisPlatform } from "./build/platform.ts";
import { root } from "./build/program.ts";

const command = defineCommand({
  name: "build",
  summary: "Build tine as one executable",
  usage: ["[--platform NAME] [--out DIR]"],
  description: "deno compile makes it, where the runtime that it embeds can be downloaded. Elsewhere, a small shell " +
    "script, a deno binary and the program are packed into one file, which unpacks itself at its first start.",
  flags: {
    platform: choice(platforms.map(({ name }) => name), { help: "what to build for (default: this machine)" }),
    out: text({ value: "DIR", complete: "directory", help: "folder to write to (default: .build)" }),
    pack: flag({ help: "pack, without trying deno compile" }),
    deno: text({ value: "FILE", complete: "file", help: "pack this deno executable, instead of one from npm" }),
  },
  examples: [
    { command: "deno task build", what: "for this machine" },
    { command: "deno task build --platform linux-arm64", what: "for another" },
  ],
  async run({ flags }) {
    const platform = flags.platform ? platforms.find(({ name }) => name === flags.platform) : thisPlatform();
    if (platform === undefined) throw new TineError("platform", `tine is not built for ${Deno.build.target}`);
    const folder = flags.out ?? `${root}.build`;
    await Deno.mkdir(folder, { recursive: true });
    const file = `${await Deno.realPath(folder)}/tine-${platform.name}`;

    const why = flags.pack || flags.deno ? "as asked" : await compile(platform, file);
    if (why !== undefined) {
      if (!flags.pack && !flags.deno) console.error(`deno compile cannot be used here: ${why}. Packing instead.`);
      if (flags.deno) await checkExecutable(flags.deno, platform);
      await pack(platform, flags.deno ?? await denoBinary(platform), file);
    }
    const { size } = await Deno.stat(file);
    console.log(`${file}: ${why === undefined ? "compiled" : "packed"}, ${(size / 1e6).toFixed(1)} MB`);
    if (platform === thisPlatform()) console.log(await startTimes(file));
    return 0;
  },
});

/** Runs `--version` of the executable with an empty cache, and again. */
async function startTimes(file: string): Promise<string> {
  const cache = await Deno.makeTempDir({ prefix: "tine-build-" });
  try {
    const start = async () => {
      const begin = performance.now();
      const env = { XDG_CACHE_HOME: cache };
      const { success, stdout, stderr } = await new Deno.Command(file, { args: ["--version"], env }).output();
      if (!success) throw new TineError("start", `it does not start: ${new TextDecoder().decode(stderr).trim()}`);
      return { ms: Math.round(performance.now() - begin), line: new TextDecoder().decode(stdout).trim() };
    };
    const first = await start();
    const later = [await start(), await start(), await start()].map(({ ms }) => ms).sort((a, b) => a - b);
    return `${first.line}: first start ${first.ms} ms, later ${later[1]} ms`;
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

async function main(args: readonly string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(help(command, Deno.stdout).replaceAll("tine build", "deno task build").trimEnd());
    return 0;
  }
  try {
    return await command.run(parse(command, args) as Parameters<typeof command.run>[0]);
  } catch (error) {
    if (!(error instanceof TineError)) throw error;
    console.error(`build: ${messageOf(error)}`);
    return error.code === "usage" ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
