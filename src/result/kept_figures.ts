/**
 * The figures of a test, kept beside its records in `figures.json`, so that a second look need not go through all of
 * them. Records stay the truth: what is kept counts only if it was made from these records by this version of the
 * figures, and is whole.
 *
 * @module
 */

import { FIGURES_VERSION } from "../flow/analysis/mod.ts";
import { TineError } from "../base/errors.ts";
import { isMeasuredFlow } from "./check_figures.ts";
import { isMarkOf, markOf, readKeptFile, type RecordsMark, writeKeptFile } from "./kept_file.ts";
import { type Measured, measureFlows, type OnSamples } from "./read_flows.ts";

/** The file, in the folder of a test. */
export const FIGURES_FILE = "figures.json";

/** The version of the file itself. */
const VERSION = 1;
/** A flow takes a kilobyte or two, a UDP flow with 256 senders half a megabyte. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Figures from fewer samples take less than a tenth of a second. */
const CHEAP_SAMPLES = 100_000;

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
 * @param onSamples for progress, where figures are made
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
  onSamples?: OnSamples,
): AsyncGenerator<Measured, void, void> {
  const mark = await markOf(folder);
  const kept = mark && await readKept(folder, mark);
  if (kept !== undefined) return yield* wanted === undefined ? kept : kept.filter(({ flow }) => wanted(flow));
  if (mark === undefined || wanted !== undefined) return yield* measureFlows(folder, wanted, onSamples);
  const lines: string[] = [];
  let bytes = 0;
  for await (const flow of measureFlows(folder, undefined, onSamples)) {
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

/** What is kept of these records; undefined where nothing is, or it is stale, damaged or of another version. */
async function readKept(
  folder: string,
  mark: RecordsMark,
): Promise<Measured[] | undefined> {
  const kept = await readKeptFile(folder, FIGURES_FILE, MAX_BYTES * 2) as Partial<KeptFigures> | null | undefined;
  const { version, figures, records, flows } = kept ?? {};
  const isFresh = version === VERSION && figures === FIGURES_VERSION && isMarkOf(records, mark);
  if (!isFresh || !Array.isArray(flows)) return undefined;
  const read = flows.map(flowOf);
  return read.includes(undefined) ? undefined : read as Measured[];
}

/** A flow as it is kept; undefined for anything else. */
function flowOf(kept: unknown): Measured | undefined {
  if (typeof kept !== "object" || kept === null) return undefined;
  const { start } = kept as { start?: unknown };
  if (start !== undefined && !(typeof start === "string" && /^-?\d{1,19}$/.test(start))) return undefined;
  const flow: unknown = start === undefined ? kept : { ...kept, start: BigInt(start) };
  return isMeasuredFlow(flow) ? flow : undefined;
}

/** Puts figures in place, at once; where that is not possible, nothing is kept. */
async function keep(folder: string, mark: RecordsMark, lines: readonly string[]): Promise<void> {
  // A test that is under way has grown.
  if (!isMarkOf(await markOf(folder), mark)) return;
  // What could not be read back would be made anew at each look.
  if (!lines.every((line) => flowOf(JSON.parse(line)) !== undefined)) return;
  const head = JSON.stringify({ version: VERSION, figures: FIGURES_VERSION, records: mark });
  const text = `${head.slice(0, -1)},"flows":[\n${lines.join(",\n")}\n]}\n`;
  await writeKeptFile(folder, FIGURES_FILE, text);
}
