import { messageOf, TineError } from "../../base/errors.ts";
import { toolPath } from "../process/find_program.ts";

/**
 * Runs a small program of the system to its end.
 *
 * @param command its path and arguments
 * @returns undefined if it succeeded, otherwise the first line of what it said
 * @throws {TineError} `cannot-start`
 */
export async function runTool(command: readonly string[]): Promise<string | undefined> {
  const [program, ...args] = command;
  try {
    const { success, stderr, code } = await new Deno.Command(program, {
      args,
      clearEnv: true,
      env: { PATH: toolPath(), LC_ALL: "C" },
      // A Ctrl-C in the terminal is for the root node.
      detached: true,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).output();
    if (success) return undefined;
    return new TextDecoder().decode(stderr).trim().split("\n")[0] || `${program} exited with status ${code}`;
  } catch (error) {
    throw new TineError("cannot-start", `cannot start ${program}: ${messageOf(error)}`, { cause: error });
  }
}

/**
 * Words in front of a command that let it run in the working folder of this process: what enters a mount namespace
 * begins in its root.
 */
export function inWorkingFolder(): string[] {
  return ["sh", "-c", 'cd -- "$0" 2>/dev/null; exec "$@"', Deno.cwd()];
}
