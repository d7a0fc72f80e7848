import { delay } from "../../base/time.ts";
import { TineError } from "../../base/errors.ts";
import { type FollowOptions, followRun, whyNotExported } from "../../result/export/mod.ts";
import { listRuns, openResults, type RunResults } from "../../result/mod.ts";
import { isUnderWay } from "../../result/run_lock.ts";
import { writeAll } from "../../wire/connection.ts";
import { CommandFailure } from "../errors.ts";
import { testSelector } from "../run/test_selection.ts";
import { StdoutClosed, writeStdout } from "../terminal.ts";
import { folderPath, isFolder, reportLosses, summaryText } from "./export.ts";
import type { ServerTarget } from "./server_target.ts";

/** How often a folder is looked at for a run, in milliseconds. */
const LOOK_MS = 100;

/** Where rows go. */
interface Destination {
  /** A file, a folder, or `-`. */
  readonly out: string;
  readonly target: ServerTarget | undefined;
  /** Only tests whose id has such values. */
  readonly wanted: readonly string[];
  /** Prints a message. */
  report(message: string): void;
}

/**
 * Follows a run until it ends.
 *
 * @param path of a folder of runs, a run, or a test
 * @returns whether the run came to its end
 * @throws {TineError} what reading and writing throw
 */
export async function follow(
  path: string,
  options: Omit<FollowOptions, "run" | "test" | "wanted">,
  { out, target, wanted, report }: Destination,
): Promise<boolean> {
  const toStdout = target === undefined && out === "-";
  using reader = toStdout ? await watchReader() : undefined;
  const signal = reader === undefined ? options.signal : AbortSignal.any([options.signal, reader.signal]);
  const { run, test } = await findRun(path, report, signal);
  const { tables, format } = options;
  await using files = new Files();
  const several = tables.length > 1 && format !== "line";
  if (toStdout && several) {
    throw new CommandFailure(
      "one-table",
      `a stream of ${format} holds one table, not ${tables.length}: name a folder for them`,
      1,
    );
  }
  const inFolder = target === undefined && out !== "-" && (several || await isFolder(out));
  const writeTo = (table: string) => {
    if (target !== undefined) return target.write;
    if (out === "-") return writeStdout;
    return files.at(inFolder ? `${folderPath(out)}/${table}.${format === "line" ? "lp" : format}` : out);
  };
  const counts = await followRun({
    ...options,
    run,
    test,
    wanted: testSelector(wanted),
    signal,
  }, writeTo);
  const taken = await target?.close() ?? true;
  if (out !== "-") report(`${out}: ${summaryText(counts)}`);
  reportLosses([counts]);
  if (!counts.complete) report(`tine export: ${run} was killed, or ended by an error: its results end here`);
  return counts.complete && taken;
}

/** How often the reader of standard output is looked for, in milliseconds. */
const READER_MS = 200;

/**
 * Watches whether the reader of standard output goes, which a write would find with the next row only. Without system
 * calls, that is when it is found.
 *
 * @returns a signal with {@linkcode StdoutClosed} as its reason
 */
async function watchReader(): Promise<({ readonly signal: AbortSignal } & Disposable) | undefined> {
  const [{ availability }, { FAILED, Poller, READABLE }] = await Promise.all([
    import("../../sys/libc.ts"),
    import("../../sys/poller.ts"),
  ]);
  if (!availability().available) return undefined;
  const gone = new AbortController();
  const poller = new Poller();
  const STDOUT = 1;
  // Nothing can be read from it: the interest is that of any failure.
  const watch = poller.watch(STDOUT, READABLE, (ready) => {
    if (ready & FAILED) gone.abort(new StdoutClosed());
  });
  const timer = setInterval(() => poller.poll(0), READER_MS);
  return {
    signal: gone.signal,
    [Symbol.dispose]() {
      clearInterval(timer);
      watch.close();
    },
  };
}

/** Finds the run that is to be followed: of a folder of runs, the one under way, or the next one. */
async function findRun(
  path: string,
  report: (message: string) => void,
  signal: AbortSignal,
): Promise<{ run: string; test?: string }> {
  // The link leads to the run before.
  const [, above] = /^(.*?)latest\/*$/.exec(path) ?? [];
  const isLink = above !== undefined && /(^|\/)$/.test(above);
  const folder = isLink ? above || "." : path;
  if (!isLink) {
    const results = await openResults(path).catch((error) => {
      if (error instanceof TineError && error.code === "no-results") return undefined;
      throw error;
    });
    if (results?.kind === "run") return { run: results.path };
    if (results?.kind === "test") {
      const real = await Deno.realPath(results.path);
      const slash = real.lastIndexOf("/");
      return { run: real.slice(0, slash), test: real.slice(slash + 1) };
    }
  }
  const before = new Set((await runsIn(folder)).map(({ name }) => name));
  for (let first = true;; first = false) {
    for (const { path, name, complete } of (await runsIn(folder)).reverse()) {
      // One that began meanwhile may have ended as well.
      if (!before.has(name) && !before.has(`${name}.work`) || !complete && await isUnderWay(path)) return { run: path };
    }
    if (first) report(`no run is under way in ${folder}: waiting for one`);
    await delay(LOOK_MS, signal);
  }
}

async function runsIn(folder: string): Promise<RunResults[]> {
  try {
    return [...(await listRuns(folder)).runs];
  } catch (error) {
    if (error instanceof Error && error.cause instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** Files that are written row by row. */
class Files implements AsyncDisposable {
  readonly #open = new Map<string, Promise<Deno.FsFile>>();

  /** Returns what writes to a file, which is made at once, in place of one that is there. */
  at(path: string): (bytes: Uint8Array) => Promise<void> {
    return async (bytes) => {
      try {
        let file = this.#open.get(path);
        if (file === undefined) this.#open.set(path, file = create(path));
        await writeAll(await file, bytes);
      } catch (error) {
        throw new CommandFailure("cannot-write", `cannot write ${path}: ${whyNotExported(error)}`, 1, { cause: error });
      }
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of this.#open.values()) await file.then((file) => file.close(), () => {});
  }
}

async function create(path: string): Promise<Deno.FsFile> {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
  await Deno.mkdir(folder, { recursive: true });
  return await Deno.open(path, { create: true, write: true, truncate: true });
}
