import { messageOf, TineError } from "../../base/errors.ts";

/** Where programs for administrators lie; ordinary users often lack them in PATH. */
const MORE = ["/usr/local/sbin", "/usr/sbin", "/sbin"];
const USUAL = "/usr/local/bin:/usr/bin:/bin";

/** PATH with the folders of administrators' programs, for the tools that launch and clean up. */
export function toolPath(): string {
  const path = Deno.env.get("PATH") || USUAL;
  const folders = path.split(":");
  return [path, ...MORE.filter((folder) => !folders.includes(folder))].join(":");
}

/**
 * Finds a tool of the system.
 *
 * @param name such as `ip`
 * @param what what it is needed for, and the remedy, behind the sentence that it is missing
 * @returns its path
 * @throws {TineError} `no-program`
 */
export function findTool(name: string, what: string): string {
  for (const folder of toolPath().split(":")) {
    const path = `${folder || "."}/${name}`;
    if (isExecutable(path)) return path;
  }
  throw new TineError("no-program", `${name} was not found in PATH: ${what}`);
}

/** `ip` of iproute2. */
export function findIp(): string {
  return findTool("ip", "network namespaces are made by it; install iproute2");
}

/** Whether there is a file that any user may execute. */
function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false; // not there, or out of reach: the next folder
  }
}

/**
 * Runs a small program of the system to its end.
 *
 * @param command its path and arguments
 * @returns undefined if it succeeded, otherwise the first line of its standard error
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
