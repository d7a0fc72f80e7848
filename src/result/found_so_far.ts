import { chunkHead } from "../flow/records/read_chunk.ts";
import { Kind } from "../node/protocol/frame.ts";
import { decodeItem } from "../node/protocol/kinds.ts";
import { messageOf, TineError } from "../base/errors.ts";
import { LOG_FOLDER } from "./read_logs.ts";
import { readPlacedRecords, RECORD_FILE } from "./read_records.ts";
import type { TestEntry, TestSummary } from "./summary.ts";

/** Nodes, errors and files beyond this are left out. */
const MAX_LISTED = 10_000;

/**
 * What is in the folder of a test that has not ended: a test writes it at its end only, and never where tine was
 * killed.
 *
 * @param folder of the test
 * @param summary of the test, as it was written when it began
 * @returns the same with records, logs, files, nodes and errors as far as they go; who wrote a file is not known yet
 * @throws {TineError} `bad-results`, `bad-item`, `bad-records`, if the records are damaged; `cannot-read`
 */
export async function foundSoFar(folder: string, summary: TestSummary): Promise<TestSummary> {
  const sizes = await sizesIn(folder);
  const found: TestSummary = {
    ...summary,
    records: { frames: 0, bytes: sizes.get(RECORD_FILE) ?? 0, samples: {} },
    logs: { entries: 0, bytes: 0 },
    files: [],
    nodes: [],
    errors: [],
    missing: [],
  };
  for (const [path, bytes] of sizes) {
    if (path.startsWith("files/") && found.files.length < MAX_LISTED) {
      found.files.push({ name: path.slice("files/".length), nodeId: "", bytes });
    } else if (path.startsWith(`${LOG_FOLDER}/`)) {
      found.logs.bytes += bytes;
      found.logs.entries += await linesIn(`${folder}/${path}`);
    }
  }
  if (sizes.has(RECORD_FILE)) await addRecords(folder, found);
  return found;
}

/** The entry of a test that has not ended, with the size of what is in its folder. */
export async function entrySoFar(folder: string, entry: TestEntry): Promise<TestEntry> {
  const sizes = await sizesIn(folder);
  const bytes = sizes.entries().filter(([path]) => path.includes("/") || path === RECORD_FILE)
    .reduce((sum, [, bytes]) => sum + bytes, 0);
  return { ...entry, bytes };
}

async function addRecords(folder: string, found: TestSummary): Promise<void> {
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
    throw new TineError("cannot-read", `cannot read ${folder}/${below}: ${messageOf(error)}`, { cause: error });
  }
  return sizes;
}

async function linesIn(path: string): Promise<number> {
  const NEWLINE = 10;
  let lines = 0;
  using file = await Deno.open(path);
  const room = new Uint8Array(64 * 1024);
  for (let count; (count = await file.read(room)) !== null;) {
    for (let i = 0; i < count; i++) if (room[i] === NEWLINE) lines++;
  }
  return lines;
}
