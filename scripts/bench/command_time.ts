import { median } from "./median.ts";

/**
 * The median of how long a command takes from its start to its end, in ms.
 *
 * @throws {Error} if it fails
 */
export async function medianMs(
  [command, ...args]: readonly string[],
  runs: number,
  options: { readonly cwd?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < runs; i++) {
    const started = performance.now();
    const { success, stderr } = await new Deno.Command(command, { ...options, args, stdin: "null" }).output();
    times.push(performance.now() - started);
    if (!success) throw new Error(`${[command, ...args].join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  }
  return median(times);
}
