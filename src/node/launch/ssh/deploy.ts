import { TineError } from "../../../base/errors.ts";
import { type ExeFile, exeFile } from "../executables/exe_file.ts";
import { type ExeSource, type FindOptions, noExecutable } from "../executables/exe_source.ts";
import type { FarShell } from "./far_shell.ts";
import { upload } from "./upload.ts";

/** Sees to it that executables are on far machines. Those that go to the same one at the same time are sent once. */
export class Deployer {
  readonly #source: ExeSource;
  /** Uploads under way, by destination, rights and hash. */
  readonly #running = new Map<string, Promise<unknown>>();
  /** Where executables are known to be: nobody needs to wait there for anybody. */
  readonly #there = new Set<string>();

  constructor(source: ExeSource) {
    this.#source = source;
  }

  /** Reads the executable for a platform ahead, where one is there. */
  prepare(platform: string): void {
    const path = this.#source.platforms().get(platform);
    if (path !== undefined) exeFile(path).catch(() => {}); // told when it is needed
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
   * @param options `to`: what tells the caches of far users apart; `own`: it is for that machine, rather than to be
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
    // Whoever comes second looks again when the first is done, in whatever way.
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
 * @param system what `uname -s` says
 * @param machine what `uname -m` says
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
