import { TineError } from "../../base/errors.ts";

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

/** Whether there is a file that somebody may execute. */
function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false; // not there, or out of reach: the next folder
  }
}
