/**
 * The figures of a test, kept beside its records in `figures.json`, so that a second look need not go through all of
 * them. Records stay the truth: what is kept counts only if it was made from these records by this version of the
 * figures, and is whole.
 *
 * @module
 */

import { FIGURES_VERSION } from "../flow/analysis/mod.ts";
import { sudoIds } from "../node/launch/invoking_user.ts";
import { TineError } from "../base/errors.ts";
import { isMeasuredFlow } from "./check_figures.ts";
import { makeFile } from "./owner.ts";
import { type MeasuredPackets, type MeasuredStream, measureFlows } from "./read_flows.ts";
import { RECORD_FILE } from "./read_records.ts";
import { writeAll } from "../wire/connection.ts";

/** The file, in the folder of a test. */
export const FIGURES_FILE = "figures.json";

/** The version of the file itself. */
const VERSION = 1;
/** A flow takes a kilobyte or two, a UDP flow with 256 senders half a megabyte. */
const MAX_BYTES = 64 * 1024 * 1024;
/** So much of the end of the records identifies them, together with their size: it has counts and times of the end. */
const END_BYTES = 64 * 1024;
/** Figures from fewer samples take less than a tenth of a second. */
const CHEAP_SAMPLES = 100_000;

/** What identifies the records of a test: they are only appended to. */
interface RecordsMark {
  readonly bytes: number;
  /** SHA-256 of their last 64 KiB. */
  readonly end: string;
}

/** `figures.json`. */
interface KeptFigures {
  readonly version: number;
  /** The version of the figures: {@linkcode FIGURES_VERSION}. */
  readonly figures: number;
  /** What they were made from. */
  readonly records: RecordsMark;
  /** A flow a line; `start` is a text. */
  readonly flows: readonly unknown[];
}

/**
 * Figures of each flow of a test, in the order in which flows began: those that are kept, or else made from the records
 * and, where all flows are wanted and the folder is writable, kept for the next time. What is made takes the memory of
 * one flow at a time, however many samples there are.
 *
 * @param folder of the test
 * @param wanted whether the flow of an id is measured; all are by default
 * @throws {TineError} `no-results`, if nothing was recorded; `bad-results`, `bad-item`, `bad-records`, if it is damaged
 *
 * @example
 * ```ts ignore
 * import { readFlows } from "./kept_figures.ts";
 *
 * for await (const flow of readFlows("results/latest/name=hello")) {
 *   if (flow.protocol === "tcp") console.log(flow.flow, flow.figures.goodputBitsPerSecond);
 * }
 * ```
 */
export async function* readFlows(
  folder: string,
  wanted?: (flow: string) => boolean,
): AsyncGenerator<MeasuredStream | MeasuredPackets, void, void> {
  const mark = await markOf(folder);
  const kept = mark && await readKept(folder, mark);
  if (kept !== undefined) return yield* wanted === undefined ? kept : kept.filter(({ flow }) => wanted(flow));
  if (mark === undefined || wanted !== undefined) return yield* measureFlows(folder, wanted);
  const lines: string[] = [];
  let bytes = 0;
  for await (const flow of measureFlows(folder)) {
    if (bytes <= MAX_BYTES) {
      const line = JSON.stringify(flow, (_, value) => typeof value === "bigint" ? String(value) : value);
      lines.push(line);
      bytes += line.length;
    }
    yield flow;
  }
  if (bytes <= MAX_BYTES) await keep(folder, mark, lines);
}

/**
 * Keeps the figures of a test that has ended, if that takes next to no time. Else the first look keeps them.
 *
 * @param folder of the test
 * @param samples how many its records have, by kind
 */
export async function keepFigures(folder: string, samples: Readonly<Record<string, number>>): Promise<void> {
  const count = Object.values(samples).reduce((sum, count) => sum + count, 0);
  if (count === 0 || count > CHEAP_SAMPLES) return;
  try {
    for await (const _ of readFlows(folder)); // It keeps what it made.
  } catch (error) {
    if (!(error instanceof TineError)) throw error;
    // A look at records that are damaged names the damage.
  }
}

/** Whether a file in the folder of a test is a draft of this module, which may be gone at any time. */
export function isDraft(name: string): boolean {
  return name.startsWith(`${FIGURES_FILE}.`) && name.endsWith(".draft");
}

/** The mark of the records as they are now; undefined where they cannot be read. */
async function markOf(folder: string): Promise<RecordsMark | undefined> {
  try {
    using file = await Deno.open(`${folder}/${RECORD_FILE}`);
    const { size, isFile } = await file.stat();
    if (!isFile) return undefined;
    const end = new Uint8Array(Math.min(size, END_BYTES));
    await file.seek(size - end.length, Deno.SeekMode.Start);
    for (let length = 0; length < end.length;) {
      const count = await file.read(end.subarray(length));
      if (count === null) return undefined; // They became shorter.
      length += count;
    }
    return { bytes: size, end: new Uint8Array(await crypto.subtle.digest("SHA-256", end)).toHex() };
  } catch {
    return undefined; // A program that reads the records reports what is wrong.
  }
}

/** What is kept of these records; undefined where nothing is, or it is stale, damaged or of another version. */
async function readKept(
  folder: string,
  mark: RecordsMark,
): Promise<(MeasuredStream | MeasuredPackets)[] | undefined> {
  let kept: Partial<KeptFigures> | null;
  try {
    const path = `${folder}/${FIGURES_FILE}`;
    // Results may come from others: a link or a pipe in its place is not opened.
    const { isFile, size } = await Deno.lstat(path);
    if (!isFile || size > MAX_BYTES * 2) return undefined;
    kept = JSON.parse(await Deno.readTextFile(path));
  } catch {
    return undefined; // It is made anew.
  }
  const { version, figures, records, flows } = kept ?? {};
  const isFresh = version === VERSION && figures === FIGURES_VERSION && records?.bytes === mark.bytes &&
    records.end === mark.end;
  if (!isFresh || !Array.isArray(flows)) return undefined;
  const read = flows.map(flowOf);
  return read.includes(undefined) ? undefined : read as (MeasuredStream | MeasuredPackets)[];
}

/** A flow as it is kept; undefined for anything else. */
function flowOf(kept: unknown): MeasuredStream | MeasuredPackets | undefined {
  if (typeof kept !== "object" || kept === null) return undefined;
  const { start } = kept as { start?: unknown };
  if (start !== undefined && !(typeof start === "string" && /^-?\d{1,19}$/.test(start))) return undefined;
  const flow: unknown = start === undefined ? kept : { ...kept, start: BigInt(start) };
  return isMeasuredFlow(flow) ? flow : undefined;
}

/** Puts figures in place, at once; where that is not possible, nothing is kept. */
async function keep(folder: string, mark: RecordsMark, lines: readonly string[]): Promise<void> {
  const now = await markOf(folder);
  // A test that is under way has grown.
  if (now?.bytes !== mark.bytes || now.end !== mark.end) return;
  // What could not be read back would be made anew at each look.
  if (!lines.every((line) => flowOf(JSON.parse(line)) !== undefined)) return;
  const head = JSON.stringify({ version: VERSION, figures: FIGURES_VERSION, records: mark });
  const text = `${head.slice(0, -1)},"flows":[\n${lines.join(",\n")}\n]}\n`;
  const path = `${folder}/${FIGURES_FILE}`;
  // Of several that look at once, each has its own draft.
  const draft = `${path}.${crypto.randomUUID()}.draft`;
  try {
    if (Deno.permissions.querySync({ name: "write", path: draft }).state !== "granted") return;
    {
      using file = await makeFile(draft, sudoIds());
      await writeAll(file, new TextEncoder().encode(text));
    }
    await Deno.rename(draft, path);
  } catch {
    // A folder that is read-only, a full disk: figures are no more than a shortcut.
    await Deno.remove(draft).catch(() => {});
  }
}
