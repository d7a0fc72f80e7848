import { LINEAGE } from "../process/lineage.ts";

/** How this very tine is started once more. */
export interface SelfCommand {
  /** The program and its first arguments; those of tine follow. */
  readonly command: readonly string[];
  /** What it needs in its environment besides. */
  readonly env: Readonly<Record<string, string>>;
  /** Files that its user must be able to read; the first one to execute. */
  readonly files: readonly string[];
}

/** What a node needs of its parent's environment to start at all, also if it inherits nothing. */
const NEEDED = ["PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "DENO_DIR", "DENO_NO_UPDATE_CHECK", LINEAGE];

/**
 * The command that starts this very tine: the compiled executable, the packed one without its shell head, or the
 * checkout, also where tine is a library of another program.
 *
 * @param forOther another user starts it, who may not read what was unpacked for this one: a packed file is unpacked
 * again, into that user's cache
 */
export function selfCommand({ forOther = false } = {}): SelfCommand {
  const executable = Deno.execPath();
  if (Deno.build.standalone) return { command: [executable], env: {}, files: [executable] };
  const flags = ["run", "-q", "-A", "--no-prompt", "--no-lock", SMALL_HEAP];
  const packed = Deno.env.get("TINE_PACKED");
  // A checkout that is run by a packed tine inherits the variable.
  if (packed && !import.meta.url.endsWith(".ts")) {
    if (forOther) return { command: [packed], env: {}, files: [packed] };
    const folder = executable.slice(0, executable.lastIndexOf("/"));
    const program = `${folder}/program/node/packed_node.js`;
    return {
      // As the head of the packed file does it, but with a bundle of `node serve` alone.
      command: [executable, ...flags, "--no-config", "--no-remote", "--no-npm", ...UNSTABLE, program],
      env: {
        TINE_PACKED: packed,
        DENO_NO_UPDATE_CHECK: "1",
        DENO_DIR: `${folder}/tine-deno-dir`,
      },
      files: [executable, program],
    };
  }
  const main = new URL("../../../main.ts", import.meta.url);
  const local = main.protocol === "file:";
  const entry = local ? decodeURIComponent(main.pathname) : main.href;
  return {
    // Unstable features are in the deno.json beside main.ts.
    command: [executable, ...flags, "--no-check", entry],
    env: { DENO_NO_UPDATE_CHECK: "1" },
    files: local ? [executable, entry] : [executable],
  };
}

/** What passes through a node lives shortly; a young generation that grows to 16 MB doubles the memory of a busy one. */
const SMALL_HEAP = "--v8-flags=--max-semi-space-size=4";

/** As in scripts/build/program.ts, and `unstable` of deno.json. */
const UNSTABLE = ["--unstable-net", "--unstable-worker-options"];

/** What a node gets of this process's environment although it inherits nothing. */
export function neededEnv(): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of NEEDED) {
    const value = Deno.env.get(name);
    if (value !== undefined) found[name] = value;
  }
  return found;
}
