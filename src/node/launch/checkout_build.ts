import { TineError } from "../../base/errors.ts";
import { lines } from "../../base/lines.ts";
import { LINEAGE } from "../process/lineage.ts";
import { signalGroup } from "../process/process_group.ts";
import type { ExeSource, FindOptions } from "./exe_source.ts";

/** Builds of sources that have changed since are removed when they were not used for so long. */
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
  let last = "it said nothing";
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

/** In the checkout, or in the user's cache where that belongs to somebody else. */
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

/** What tells these sources from others. */
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
 * @throws {TineError} `no-cache`: there is none, and what lies in a folder of all must not be executed
 */
export function userCache(): string {
  const cache = Deno.env.get("XDG_CACHE_HOME");
  if (cache?.startsWith("/")) return `${cache}/tine`;
  const home = Deno.env.get("HOME");
  if (home?.startsWith("/")) return `${home}/.cache/tine`;
  throw new TineError("no-cache", "there is no place to keep executables: set HOME or XDG_CACHE_HOME");
}
