/** What a command printed, and what it took. */
export interface CommandOutput {
  readonly stdout: string;
  /** In user and system mode together, in seconds. */
  readonly cpuSeconds: number;
}

/** Has the shell say what a command took: `0m1.5s 0m0.25s`, after what the shell took itself. */
const TIMED = ["sh", "-c", '"$@"; code=$?; times >&2; exit $code', "sh"];

/**
 * Runs a command to its end.
 *
 * @throws {Error} if it fails
 */
export async function outputOf(
  command: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CommandOutput> {
  const [program, ...args] = [...TIMED, ...command];
  const output = await new Deno.Command(program, { args, env, stdin: "null" }).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!output.success) throw new Error(`${command.join(" ")} failed: ${stderr}${stdout.slice(-1000)}`);
  const times = [...stderr.trimEnd().split("\n").at(-1)!.matchAll(/(\d+)m([\d.]+)s/g)];
  return { stdout, cpuSeconds: times.reduce((sum, [, minutes, seconds]) => sum + 60 * +minutes + +seconds, 0) };
}

/**
 * Whether a program is there.
 *
 * @param args with which it does nothing but say so
 */
export function isInstalled(program: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
