import { LINEAGE } from "../process/lineage.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { thisPlatform } from "../platform.ts";
import { lines } from "../../base/lines.ts";
import { signalGroup } from "../process/processes.ts";

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
 * @param smallHeap whether it runs with the young generation of a node, which costs a busy UDF speed
 */
export function selfCommand({ forOther = false, smallHeap = true } = {}): SelfCommand {
  const executable = Deno.execPath();
  if (Deno.build.standalone) return { command: [executable], env: {}, files: [executable] };
  const flags = ["run", "-q", "-A", "--no-prompt", "--no-lock", ...smallHeap ? [SMALL_HEAP] : []];
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

/** Where executables of tine for other machines come from. */
export interface ExeSource {
  /** Files that are there already, by platform. */
  platforms(): ReadonlyMap<string, string>;
  /**
   * The file of the executable for a platform; undefined where this source has none. It may take a while to make it.
   *
   * @param platform such as `linux-x64`
   */
  find(platform: string, options: FindOptions): Promise<string | undefined>;
}

/** What is needed while an executable is made. */
export interface FindOptions {
  /** Ends that. */
  readonly signal: AbortSignal;
  /** What is started has this in its environment as `TINE_NODE`: it ends with its node. */
  readonly lineage: string;
  /** Called with a line about what takes long. */
  onLine(line: string): void;
}

/** Files that are known, such as those that a parent node has handed down. */
export function knownFiles(files: Readonly<Record<string, string>>): ExeSource {
  const known = new Map(Object.entries(files));
  return { platforms: () => known, find: (platform) => Promise.resolve(known.get(platform)) };
}

/** The first of several sources that has it. */
export function firstOf(sources: readonly ExeSource[]): ExeSource {
  return {
    platforms: () => new Map(sources.toReversed().flatMap((source) => [...source.platforms()])),
    async find(platform, options) {
      for (const source of sources) {
        const file = await source.find(platform, options);
        if (file !== undefined) return file;
      }
      return undefined;
    },
  };
}

/** No source has an executable for a platform. */
export function noExecutable(platform: string): TineError {
  return new TineError(
    "no-executable",
    `there is no tine for ${platform} here: build it in a checkout (deno task build --platform ${platform} --out DIR), ` +
      "and give the folder to tine run (--exe-dir DIR)",
  );
}

/** An executable of tine as it is sent to other machines. */
export interface ExeFile {
  readonly path: string;
  readonly size: number;
  /** SHA-256, in hexadecimal digits. */
  readonly hash: string;
}

const known = new Map<string, Promise<ExeFile>>();

/**
 * Reads the size and the hash of an executable; once for the same file.
 *
 * @throws {TineError} `no-executable`
 */
export async function exeFile(path: string): Promise<ExeFile> {
  try {
    const { size, mtime, ino } = await Deno.stat(path);
    const key = `${path}\n${size}\n${mtime?.getTime()}\n${ino}`;
    const file = known.get(key) ?? describe(path);
    known.set(key, file);
    return await file;
  } catch (error) {
    throw new TineError("no-executable", `the executable ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

async function describe(path: string): Promise<ExeFile> {
  const bytes = await Deno.readFile(path);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  return { path, size: bytes.length, hash };
}

/**
 * Where executables come from, in this order: a folder of builds, what the parent node has handed down, the executable
 * that runs just now, a build of the checkout that it runs from.
 *
 * @param options `exeDir`: the folder of builds; `handedDown`: files by platform
 * @throws {TineError} `no-executable`, if the folder holds none
 */
export function defaultExeSource(
  { exeDir, handedDown = {} }: { exeDir?: string; handedDown?: Readonly<Record<string, string>> } = {},
): ExeSource {
  return firstOf([
    ...(exeDir === undefined ? [] : [buildFolder(exeDir)]),
    knownFiles(handedDown),
    runningExe(),
    checkoutBuild(),
  ]);
}

const NAME = /^tine-([a-z0-9]+-[a-z0-9]+)$/;

/**
 * A folder of builds, each named after its platform: `tine-linux-x64`.
 *
 * @throws {TineError} `no-executable`, if there are none
 */
export function buildFolder(path: string): ExeSource {
  const files = new Map<string, string>();
  try {
    const folder = Deno.realPathSync(path);
    for (const { name } of Deno.readDirSync(folder)) {
      const platform = NAME.exec(name)?.[1];
      if (platform !== undefined) files.set(platform, `${folder}/${name}`);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound) && !(error instanceof Deno.errors.NotADirectory)) throw error;
    throw new TineError("no-executable", `the folder ${path} with builds of tine is not there`, { cause: error });
  }
  if (files.size === 0) {
    throw new TineError(
      "no-executable",
      `the folder ${path} holds no builds of tine: make one with deno task build --out ${path}`,
    );
  }
  return { platforms: () => files, find: (platform) => Promise.resolve(files.get(platform)) };
}

/** The executable that runs just now, compiled or packed; nothing where tine runs from its sources. */
export function runningExe(): ExeSource {
  const file = runningFile();
  return knownFiles(file === undefined ? {} : { [thisPlatform()]: file });
}

function runningFile(): string | undefined {
  if (Deno.build.standalone) return Deno.execPath();
  // A checkout that is run by a packed tine inherits the variable.
  return import.meta.url.endsWith(".ts") ? undefined : Deno.env.get("TINE_PACKED");
}

/** How long builds of sources that have changed since stay unused before they are removed. */
const KEPT_MS = 3_600_000;
const BUILD_TIMEOUT_MS = 300_000;

/** What a build is made of, besides Deno. */
const SOURCES = ["deno.json", "deno.lock", "main.ts", "proto", "scripts/build.ts", "scripts/build", "src"];

/**
 * Builds the executable from the checkout that this program runs from, once for the same sources; nothing where it does
 * not run from one.
 */
export function checkoutBuild(): ExeSource {
  const root = checkout();
  const building = new Map<string, Promise<string>>();
  return {
    platforms: () => new Map(),
    async find(platform, options) {
      if (root === undefined) return undefined;
      const known = building.get(platform) ?? build(root, platform, options);
      building.set(platform, known);
      return await known;
    },
  };
}

function checkout(): string | undefined {
  if (!import.meta.url.startsWith("file:") || !import.meta.url.endsWith(".ts")) return undefined;
  const root = decodeURIComponent(new URL("../../../", import.meta.url).pathname);
  try {
    return Deno.statSync(`${root}scripts/build.ts`).isFile ? root : undefined;
  } catch {
    return undefined; // installed without its scripts
  }
}

async function build(root: string, platform: string, options: FindOptions): Promise<string> {
  const key = await hashOf(root);
  const kept = keptIn(root);
  const file = `${kept}/${key}/tine-${platform}`;
  try {
    const now = new Date();
    await Deno.utime(file, now, now);
    return file;
  } catch {
    // It is to be built.
  }
  options.onLine(`building tine for ${platform} from ${root}`);
  const folder = `${kept}/new-${crypto.randomUUID()}`;
  await Deno.mkdir(folder, { recursive: true });
  try {
    await runBuild(root, platform, folder, options);
    await Deno.mkdir(`${kept}/${key}`, { recursive: true });
    await Deno.rename(`${folder}/tine-${platform}`, file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await removeOld(kept, key);
  return file;
}

async function runBuild(
  root: string,
  platform: string,
  folder: string,
  { signal, lineage }: FindOptions,
): Promise<void> {
  const timeout = AbortSignal.timeout(BUILD_TIMEOUT_MS);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-check", "--no-prompt", "scripts/build.ts", "--platform", platform, "--out", folder],
    cwd: root,
    // It must not take itself for something that was unpacked.
    env: { NO_COLOR: "1", TINE_PACKED: "", [LINEAGE]: lineage },
    detached: true,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  // It starts others: all of its group end.
  const kill = () => signalGroup(child.pid, "SIGKILL");
  for (const aborted of [signal, timeout]) aborted.addEventListener("abort", kill, { once: true });
  let last = "it printed nothing";
  for await (const line of lines(child.stderr, 4096)) if (line.trim() !== "") last = line.trim();
  const { success } = await child.status;
  for (const aborted of [signal, timeout]) aborted.removeEventListener("abort", kill);
  signal.throwIfAborted();
  if (success) return;
  const why = timeout.aborted ? `it was not done after ${BUILD_TIMEOUT_MS / 1000} s` : last;
  throw new TineError(
    "no-executable",
    `tine cannot be built for ${platform} (${why}): see deno task build --platform ${platform}, or give a folder of ` +
      "builds (--exe-dir DIR)",
  );
}

/** Returns a folder in the checkout, or in the user's cache if the checkout belongs to another user. */
function keptIn(root: string): string {
  const own = `${root}.cache/exe`;
  try {
    Deno.mkdirSync(own, { recursive: true });
    Deno.removeSync(Deno.makeTempDirSync({ dir: own, prefix: "new-" }));
    return own;
  } catch {
    return `${userCache()}/exe`;
  }
}

/** Returns what identifies these sources. */
async function hashOf(root: string): Promise<string> {
  const names = SOURCES.flatMap((name) => [...filesIn(root, name)]).sort();
  const texts = await Promise.all(names.map((name) => Deno.readFile(root + name)));
  const parts: (Uint8Array<ArrayBuffer> | string)[] = [Deno.version.deno];
  for (const [i, name] of names.entries()) parts.push(`\n${name} ${texts[i].length}\n`, texts[i]);
  const hash = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return new Uint8Array(hash).toHex().slice(0, 32);
}

function* filesIn(root: string, name: string): Iterable<string> {
  let entries: Deno.DirEntry[];
  try {
    if (Deno.statSync(root + name).isFile) return yield name;
    entries = [...Deno.readDirSync(root + name)];
  } catch {
    return; // not every checkout has it
  }
  for (const entry of entries) {
    if (entry.isDirectory) yield* filesIn(root, `${name}/${entry.name}`);
    else if (entry.isFile) yield `${name}/${entry.name}`;
  }
}

async function removeOld(kept: string, key: string): Promise<void> {
  for await (const { name } of Deno.readDir(kept)) {
    if (name === key) continue;
    try {
      const files = Array.from(Deno.readDirSync(`${kept}/${name}`), (file) => `${kept}/${name}/${file.name}`);
      const times = [`${kept}/${name}`, ...files].map((path) => Deno.statSync(path).mtime?.getTime() ?? 0);
      if (times.some((time) => Date.now() - time < KEPT_MS)) continue;
      await Deno.remove(`${kept}/${name}`, { recursive: true });
    } catch {
      // Another build tidies up as well.
    }
  }
}

/**
 * The folder of this user where tine keeps what can be made anew.
 *
 * @throws {TineError} `no-cache`: there is none, and a folder that all users can write must not be executed from
 */
export function userCache(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME");
  if (cache?.startsWith("/")) return `${cache}/tine`;
  const home = Deno.env.get("HOME");
  if (home?.startsWith("/")) return `${home}/.cache/tine`;
  throw new TineError("no-cache", "there is no place to keep executables: set HOME or XDG_CACHE_HOME");
}
