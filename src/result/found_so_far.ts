import { openRegularFile } from "./regular_file.ts";
import { TineError, whyNotRead } from "../base/errors.ts";
import { count, exactly, list, map, object, passes, text, type Validator } from "../base/shape.ts";
import { chunkHead } from "../flow/records/read_chunk.ts";
import { Kind } from "../node/protocol/frame.ts";
import { decodeItem } from "../node/protocol/kinds.ts";
import { isMarkOf, markOf, readKeptFile, type RecordsMark, writeKeptFile } from "./kept_file.ts";
import { LOG_FOLDER } from "./read_logs.ts";
import { readPlacedRecords, RECORD_FILE } from "./read_records.ts";
import { isUnderWay } from "./run_lock.ts";
import type { ErrorSummary, MissingResults, NodeSummary, TestEntry, TestSummary, UdfSummary } from "./summary.ts";
import { listUdfFiles, scanUdfFile } from "./udf_output.ts";

/** Nodes, errors and files beyond this are left out. */
const MAX_LISTED = 10_000;

/**
 * What is in the folder of a test that has not ended: a test writes it at its end only, and never where tine was
 * killed. Of one that was killed, what takes time to find is kept for the next look.
 *
 * @param folder of the test
 * @param summary of the test, as it was written when it began
 * @returns the same with records, logs, files, nodes and errors as far as they go; who wrote a file is not known yet
 * @throws {TineError} `bad-results`, `bad-item`, `bad-records`, if the records are damaged; `cannot-read`
 */
export async function foundSoFar(folder: string, summary: TestSummary): Promise<TestSummary> {
  const sizes = await sizesIn(folder);
  const files: TestSummary["files"] = [];
  for (const [path, bytes] of sizes) {
    if (!path.startsWith("files/") || files.length === MAX_LISTED) continue;
    files.push({ name: path.slice("files/".length), nodeId: "", bytes });
  }
  const mark = await markOf(folder);
  const kept = mark && await readFound(folder, mark, sizes);
  const found = kept ?? await find(folder, sizes);
  if (kept === undefined && mark !== undefined) await keepFound(folder, mark, sizes, found);
  const udfs = await udfsIn(folder);
  return { ...summary, ...found, files, ...udfs.length > 0 && { udfs } };
}

/** What takes time to find: all records and logs are read for it. */
type Found = Pick<TestSummary, "records" | "logs" | "nodes" | "errors" | "moreErrors" | "missing">;

async function find(folder: string, sizes: ReadonlyMap<string, number>): Promise<Found> {
  const found: Found = {
    records: { frames: 0, bytes: sizes.get(RECORD_FILE) ?? 0, samples: {} },
    logs: { entries: 0, bytes: 0 },
    nodes: [],
    errors: [],
    moreErrors: 0,
    missing: [],
  };
  for (const [path, bytes] of logsOf(sizes)) {
    found.logs.bytes += bytes;
    found.logs.entries += await linesIn(`${folder}/${path}`);
  }
  if (sizes.has(RECORD_FILE)) await addRecords(folder, found);
  return found;
}

function logsOf(sizes: ReadonlyMap<string, number>): [path: string, bytes: number][] {
  return [...sizes].filter(([path]) => path.startsWith(`${LOG_FOLDER}/`)).sort(([a], [b]) => a < b ? -1 : 1);
}

/** The file that keeps what was found. */
const FOUND_FILE = "found.json";
const VERSION = 1;
/** Of 10,000 nodes and errors, with their messages. */
const MAX_KEPT_BYTES = 64 * 1024 * 1024;
/** It takes next to no time to go through fewer. */
const CHEAP_BYTES = 1024 * 1024;

/** `found.json`. */
interface KeptFound {
  readonly version: number;
  /** What it was made from: records, and logs by path with their sizes. */
  readonly records: RecordsMark;
  readonly logs: readonly (readonly [path: string, bytes: number])[];
  readonly found: Found;
}

/** What is kept of these files; undefined where nothing is, or it is stale, damaged or of another version. */
async function readFound(
  folder: string,
  mark: RecordsMark,
  sizes: ReadonlyMap<string, number>,
): Promise<Found | undefined> {
  const kept = await readKeptFile(folder, FOUND_FILE, MAX_KEPT_BYTES) as Partial<KeptFound> | null | undefined;
  if (kept?.version !== VERSION || !isMarkOf(kept.records, mark)) return undefined;
  if (JSON.stringify(kept.logs) !== JSON.stringify(logsOf(sizes))) return undefined;
  return passes(FOUND, kept.found) ? kept.found : undefined;
}

/** Keeps what was found, unless the test is under way, or looking again takes no time. */
async function keepFound(
  folder: string,
  mark: RecordsMark,
  sizes: ReadonlyMap<string, number>,
  found: Found,
): Promise<void> {
  if (found.records.bytes + found.logs.bytes < CHEAP_BYTES) return;
  if (await isUnderWay(`${folder}/..`).catch(() => true)) return;
  // It may have ended just now.
  if (!isMarkOf(await markOf(folder), mark)) return;
  const kept: KeptFound = { version: VERSION, records: mark, logs: logsOf(sizes), found };
  await writeKeptFile(folder, FOUND_FILE, `${JSON.stringify(kept)}\n`);
}

/** A node says more of itself than is shown. */
const NODE = object<Pick<NodeSummary, "nodeId" | "platform" | "hostname" | "bootId" | "pid" | "versions">>({
  nodeId: text,
  platform: text,
  hostname: text,
  bootId: text,
  pid: count,
  versions: exactly<NodeSummary["versions"]>({ tine: text, deno: text, kernel: text }),
});

/** What is kept; it may come from a file of others. */
const FOUND = exactly<Found>({
  records: exactly<Found["records"]>({ frames: count, bytes: count, samples: map(count) }),
  logs: exactly<Found["logs"]>({ entries: count, bytes: count }),
  nodes: list(NODE) as Validator<Found["nodes"]>,
  errors: list(exactly<ErrorSummary>({ time: text, nodeId: text, tag: text, code: text, message: text })),
  moreErrors: count,
  missing: list(exactly<MissingResults>({ nodeId: text, what: text })),
});

/** What UDFs have returned; what went in is known at the end. */
async function udfsIn(folder: string): Promise<UdfSummary[]> {
  const found: UdfSummary[] = [];
  for (const { name, table, path } of await listUdfFiles(folder)) {
    const { columns, points } = await scanUdfFile(path);
    const { size: bytes } = await Deno.stat(path);
    const unknown = { rowsIn: 0, batchesOut: 0, droppedRows: 0, droppedSamples: 0, restarts: 0 };
    found.push({ name, table, ...unknown, pointsOut: points, bytes, columns });
  }
  return found;
}

/** The entry of a test that has not ended, with the size of what is in its folder. */
export async function entrySoFar(folder: string, entry: TestEntry): Promise<TestEntry> {
  const sizes = await sizesIn(folder);
  const bytes = sizes.entries().filter(([path]) => path.includes("/") || path === RECORD_FILE)
    .reduce((sum, [, bytes]) => sum + bytes, 0);
  return { ...entry, bytes };
}

async function addRecords(folder: string, found: Found): Promise<void> {
  const { records, nodes, errors, missing } = found;
  for await (const { message } of readPlacedRecords(folder)) {
    records.frames++;
    if (message.kind === Kind.records) {
      const { kind, count } = chunkHead(message.payload);
      records.samples[kind] = (records.samples[kind] ?? 0) + count;
      continue;
    }
    if (!NOTED.has(message.kind)) continue;
    const item = decodeItem(message);
    if (item.type === "nodeInfo" && nodes.length < MAX_LISTED) {
      const { type: _, time: __, ...node } = item;
      nodes.push(node);
    } else if (item.type === "error") {
      const { time, nodeId, tag, code, message } = item;
      if (errors.length < MAX_LISTED) errors.push({ time: String(time), nodeId, tag, code, message });
      else found.moreErrors++;
    } else if (item.type === "missing" && missing.length < MAX_LISTED) {
      missing.push({ nodeId: item.from, what: item.what });
    }
  }
}

const NOTED: ReadonlySet<number> = new Set([Kind.nodeInfo, Kind.error, Kind.missing]);

/** The sizes of all files in a folder, by their paths in it. */
async function sizesIn(folder: string, below = ""): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  try {
    for await (const { name, isFile, isDirectory } of Deno.readDir(`${folder}/${below}`)) {
      const path = below + name;
      if (isFile) sizes.set(path, (await Deno.stat(`${folder}/${path}`)).size);
      else if (isDirectory) { for (const [inner, bytes] of await sizesIn(folder, `${path}/`)) sizes.set(inner, bytes); }
    }
  } catch (error) {
    // The run may end meanwhile, which renames its folder.
    throw new TineError("cannot-read", `cannot read ${folder}/${below}: ${whyNotRead(error)}`, { cause: error });
  }
  return sizes;
}

async function linesIn(path: string): Promise<number> {
  const NEWLINE = 10;
  let lines = 0;
  using file = await openRegularFile(path);
  const room = new Uint8Array(64 * 1024);
  for (let count; (count = await file.read(room)) !== null;) {
    for (let i = 0; i < count; i++) if (room[i] === NEWLINE) lines++;
  }
  return lines;
}
