import { messageOf, TineError } from "../../../base/errors.ts";
import { type ExeFile, exeFile, type ExeSource, type FindOptions, noExecutable } from "../executable.ts";
import type { FarShell } from "./far_shell.ts";

/** Sees to it that executables are on far machines. Those that go to the same one at the same time are sent once. */
export class Deployer {
  readonly #source: ExeSource;
  /** Uploads under way, by destination, rights and hash. */
  readonly #running = new Map<string, Promise<unknown>>();
  /** Where executables are known to be: no launch needs to wait for another one there. */
  readonly #there = new Set<string>();

  constructor(source: ExeSource) {
    this.#source = source;
  }

  /** Reads the executable for a platform ahead, where one is there. */
  prepare(platform: string): void {
    const path = this.#source.platforms().get(platform);
    if (path !== undefined) exeFile(path).catch(() => {}); // rejects again when it is needed
  }

  /**
   * The executable for a platform.
   *
   * @throws {TineError} `no-executable`
   */
  async find(platform: string, options: FindOptions): Promise<ExeFile> {
    const path = await this.#source.find(platform, options);
    if (path === undefined) throw noExecutable(platform);
    return await exeFile(path);
  }

  /**
   * Sends an executable, unless it is there.
   *
   * @param options `to`: what distinguishes the caches of far users; `own`: it is for that machine, rather than to be
   * handed on
   * @returns where it lies there
   * @throws {TineError} why it could not be sent, with the remedy
   */
  async deploy(
    shell: FarShell,
    exe: ExeFile,
    { to, own, onLine }: { to: string; own: boolean; onLine(line: string): void },
  ): Promise<string> {
    const key = `${to}\n${exe.hash}`;
    // The second one looks again when the first is done, in whatever way.
    for (let other; !this.#there.has(key) && (other = this.#running.get(key)) !== undefined;) await other;
    const done = Promise.withResolvers<void>();
    this.#running.set(key, done.promise);
    try {
      const { word, text } = await shell.ask(`file ${exe.hash} ${exe.size}`, "have", "need");
      if (word === "have") {
        this.#there.add(key);
        return text;
      }
      onLine(`sending tine, ${megabytes(exe.size)} MB`);
      const started = performance.now();
      const path = await upload(
        shell,
        exe,
        own,
        (sent) => onLine(`sent ${megabytes(sent)} of ${megabytes(exe.size)} MB`),
      );
      const seconds = (performance.now() - started) / 1000;
      onLine(`sent tine in ${seconds.toFixed(1)} s, ${megabytes(exe.size / seconds)} MB/s; it is kept as ${path}`);
      this.#there.add(key);
      return path;
    } finally {
      this.#running.delete(key);
      done.resolve();
    }
  }
}

/**
 * The platform of a machine, as nodes name it.
 *
 * @param system the output of `uname -s`
 * @param machine the output of `uname -m`
 * @throws {TineError} `platform`, if tine is not built for such
 */
export function platformOf(system: string, machine: string): string {
  const os = SYSTEMS[system];
  const architecture = MACHINES[machine];
  if (os !== undefined && architecture !== undefined) return `${os}-${architecture}`;
  throw new TineError("platform", `tine is not built for ${system || "?"} on ${machine || "?"}`);
}

const SYSTEMS: Readonly<Record<string, string>> = { Linux: "linux", Darwin: "macos" };
const MACHINES: Readonly<Record<string, string>> = { x86_64: "x64", amd64: "x64", aarch64: "arm64", arm64: "arm64" };

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}

/** The size of a block, in bytes: it is compressed and sent at once, and the far side confirms it. */
const BLOCK_BYTES = 4 * 1024 * 1024;
/** How long a block may take: 4 MiB at 300 kbit/s. A connection that is cut ends ssh much earlier. */
const BLOCK_MS = 120_000;
/** What compression must save, to be worth its time: packed executables are compressed already. */
const WORTH = 0.95;
/** The interval of reports of progress. */
const REPORT_MS = 2000;

/**
 * Sends an executable to a far shell that has asked for it.
 *
 * @param own it is for that machine, rather than to be handed on
 * @param onProgress bytes sent so far; not more often than every two seconds
 * @returns where it lies on the far side
 * @throws {TineError} why it could not be sent, with the remedy
 */
export async function upload(
  shell: FarShell,
  exe: ExeFile,
  own: boolean,
  onProgress: (sentBytes: number) => void,
): Promise<string> {
  using file = await Deno.open(exe.path);
  let block = await readBlock(file);
  const compressed = await gzip(block);
  const zip = compressed.length < WORTH * block.length;
  let next = zip ? compressed : block;
  let request = `blocks ${zip ? "gzip" : "raw"} ${own ? "own" : "other"}\n`;
  let sent = 0;
  let reported = performance.now();
  while (block.length > 0) {
    const answer = shell.send(`${request}${next.length}`, next, BLOCK_MS, "next");
    answer.catch(() => {}); // awaited below, with the next block
    request = "";
    sent += block.length;
    block = await readBlock(file);
    next = zip && block.length > 0 ? await gzip(block) : block;
    await answer;
    if (performance.now() - reported < REPORT_MS) continue;
    reported = performance.now();
    onProgress(sent);
  }
  if (sent !== exe.size) throw new TineError("no-executable", `the executable ${exe.path} has changed meanwhile`);
  return (await shell.ask("0", "have")).text;
}

async function readBlock(file: Deno.FsFile): Promise<Uint8Array<ArrayBuffer>> {
  const block = new Uint8Array(BLOCK_BYTES);
  let length = 0;
  try {
    while (length < block.length) {
      const read = await file.read(block.subarray(length));
      if (read === null) break;
      length += read;
    }
  } catch (error) {
    throw new TineError("no-executable", `the executable cannot be read: ${messageOf(error)}`, { cause: error });
  }
  return block.subarray(0, length);
}

async function gzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();
}
