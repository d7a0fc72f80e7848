import { toolPath } from "../../process/tools.ts";

/** What `vet` knows of the machine that a plan would run on. */
export interface Machine {
  /** Whether tine would run as root. */
  readonly root: boolean;
  /** Whether namespaces would be created without root, in a user namespace. */
  readonly rootless: boolean;
  /** The network namespaces that have a name already. */
  readonly namespaces: ReadonlySet<string>;
  /** Returns whether a command can be started: a path, or a name on the PATH of nodes. */
  hasProgram(name: string): boolean;
}

/**
 * Describes this machine.
 *
 * @param options `rootless`: create namespaces without root, also as root; without root, there is no other way
 */
export function thisMachine({ rootless = false } = {}): Machine {
  const root = Deno.uid() === 0;
  const found = new Map<string, boolean>();
  return {
    root,
    rootless: rootless || !root,
    namespaces: new Set(namespaceNames()),
    hasProgram(name) {
      const known = found.get(name) ?? candidates(name).some(isExecutable);
      found.set(name, known);
      return known;
    },
  };
}

function namespaceNames(): string[] {
  try {
    return Array.from(Deno.readDirSync("/run/netns"), ({ name }) => name);
  } catch {
    return []; // there is no such folder before the first one is made
  }
}

function candidates(name: string): string[] {
  if (name.includes("/")) return [name];
  return toolPath().split(":").map((folder) => `${folder === "" ? "." : folder}/${name}`);
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
  }
}
