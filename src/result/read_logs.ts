/**
 * Logs as they are stored: an object in JSON a line. They are only appended to, and readable up to the last whole line.
 *
 * A node's entries stand in a file of their own, in the order in which it made them. Errors overtake entries on their
 * way to the root, so that they would break that order: they stand in another file, those of all nodes together.
 *
 * @module
 */

import { openRegularFile } from "./regular_file.ts";
import { TineError, whyNotRead } from "../base/errors.ts";
import { exists } from "./owner.ts";
import { nodeOfLog } from "./names.ts";

const MAX_BLOCK_BYTES = 256 * 1024;
const MIN_BLOCK_BYTES = 4 * 1024;
/** For the blocks of all logs together. */
const ALL_BLOCKS_BYTES = 16 * 1024 * 1024;
/** Errors are few: usually all of them are in one block. */
const ERROR_BLOCK_BYTES = 4 * 1024 * 1024;

/** A 64-bit integer has at most 19 digits. */
const DECIMAL = /^-?\d{1,19}$/;

/** A line of a log. */
export interface LoggedLine {
  /** Nanoseconds since 1970, by the node's clock. */
  readonly time: bigint;
  readonly nodeId: string;
  readonly tag: string;
  readonly text: string;
  /** The code of its error, if it reports one. */
  readonly error?: string;
}

/** Which lines of logs are wanted. */
export interface LogFilter {
  /** Of these nodes; of all when absent. */
  readonly nodes?: readonly string[];
  /** With these tags; with any when absent. */
  readonly tags?: readonly string[];
}

/**
 * Reads the logs of a test and its errors, merged by time, up to the last whole line of each. Lines of one node keep
 * their order also where its clock was set back meanwhile. Memory stays the same however much there is.
 *
 * @param folder of the test
 * @throws {TineError} `bad-results`, if a log is damaged; `cannot-read`
 *
 * @example
 * ```ts ignore
 * import { readLogs } from "./read_logs.ts";
 *
 * for await (const { nodeId, text } of readLogs("results/latest/name=hello", { tags: ["system"] })) {
 *   console.log(nodeId, text);
 * }
 * ```
 */
export async function* readLogs(folder: string, filter: LogFilter = {}): AsyncGenerator<LoggedLine, void, void> {
  const logs = await logsIn(`${folder}/${LOG_FOLDER}`, filter.nodes);
  const blockBytes = Math.max(MIN_BLOCK_BYTES, Math.min(MAX_BLOCK_BYTES, ALL_BLOCKS_BYTES / logs.length));
  const readers = logs.map(([nodeId, path]) => new LogReader(path, Math.floor(blockBytes), filter, nodeId));
  const errors = `${folder}/${ERROR_FILE}`;
  if (await exists(errors)) readers.push(new LogReader(errors, ERROR_BLOCK_BYTES, filter));
  const heap: LogReader[] = [];
  for (const reader of readers) {
    if (await reader.fill()) push(heap, reader);
  }
  while (heap.length > 0) {
    const first = heap[0];
    yield first.line;
    if (first.advance() || await first.fill()) sink(heap);
    else {
      const last = heap.pop()!;
      if (heap.length > 0) {
        heap[0] = last;
        sink(heap);
      }
    }
  }
}

async function logsIn(folder: string, nodes: readonly string[] | undefined): Promise<[string, string][]> {
  const logs: [string, string][] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(folder)) {
      const nodeId = isFile ? nodeOfLog(name) : undefined;
      if (nodeId === undefined || nodes !== undefined && !nodes.includes(nodeId)) continue;
      logs.push([nodeId, `${folder}/${name}`]);
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return []; // nothing was logged
    throw new TineError("cannot-read", `cannot read ${folder}: ${whyNotRead(error)}`, { cause: error });
  }
  return logs.sort(([a], [b]) => a < b ? -1 : 1);
}

/** A file of logs, line by line. */
class LogReader {
  readonly #path: string;
  readonly #filter: LogFilter;
  readonly #nodeId: string | undefined;
  readonly #blocks: AsyncGenerator<string[], void, void>;
  #lines: LoggedLine[] = [];
  #current = 0;
  #number = 0;

  /** @param nodeId whose log it is; those of several nodes are brought into the order of time, block by block */
  constructor(path: string, blockBytes: number, filter: LogFilter, nodeId?: string) {
    this.#path = path;
    this.#filter = filter;
    this.#nodeId = nodeId;
    this.#blocks = blockLines(path, blockBytes);
  }

  /** The current line. */
  get line(): LoggedLine {
    return this.#lines[this.#current];
  }

  /** Goes on to the next line at hand; false if there is none. */
  advance(): boolean {
    return ++this.#current < this.#lines.length;
  }

  /** Reads on until there is a wanted line; false at the end. */
  async fill(): Promise<boolean> {
    const { nodes, tags } = this.#filter;
    for (;;) {
      const { value, done } = await this.#blocks.next();
      if (done) return false;
      this.#current = 0;
      this.#lines = value.map((text) => this.#parse(text)).filter(({ nodeId, tag }) =>
        (nodes === undefined || nodes.includes(nodeId)) && (tags === undefined || tags.includes(tag))
      );
      if (this.#nodeId === undefined) this.#lines.sort((a, b) => a.time < b.time ? -1 : a.time > b.time ? 1 : 0);
      if (this.#lines.length > 0) return true;
    }
  }

  #parse(text: string): LoggedLine {
    return parseLine(text, this.#nodeId, this.#path, ++this.#number);
  }
}

/** Parses a line of a log; those of errors name their node. */
function parseLine(text: string, node: string | undefined, path: string, number: number): LoggedLine {
  try {
    const { time, tag, text: content, error, nodeId = node } = JSON.parse(text) as LogLine;
    const texts = [time, tag, content, nodeId].every((value) => typeof value === "string");
    if (texts && DECIMAL.test(time)) {
      const line = { time: BigInt(time), nodeId: nodeId!, tag, text: content };
      return error === undefined ? line : { ...line, error: String(error) };
    }
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError)) throw error; // TypeError: null has no members
  }
  throw new TineError("bad-results", `${path} is damaged: its line ${number} is no entry of a log`);
}

/** The logs of a test and its errors, as they are appended. */
export class LogTail {
  readonly #logs = new Map<string, { readonly lines: LineTail; number: number }>();

  /**
   * Reads some of what was appended since the last call, log by log.
   *
   * @param folder of the test, wherever it is by now
   * @returns lines; an empty list at the end of what is there
   * @throws {TineError} `bad-results`, if a log is damaged; `cannot-read`
   */
  async read(folder: string): Promise<LoggedLine[]> {
    const logs: [string | undefined, string][] = await logsIn(`${folder}/${LOG_FOLDER}`, undefined);
    if (await exists(`${folder}/${ERROR_FILE}`)) logs.push([undefined, `${folder}/${ERROR_FILE}`]);
    const found: LoggedLine[] = [];
    for (const [nodeId, path] of logs) {
      // The folder may get another name, the file does not.
      const name = path.slice(folder.length);
      let log = this.#logs.get(name);
      if (log === undefined) this.#logs.set(name, log = { lines: new LineTail(), number: 0 });
      for (const text of await log.lines.read(path, MAX_BLOCK_BYTES) ?? []) {
        found.push(parseLine(text, nodeId, path, ++log.number));
      }
    }
    return found;
  }
}

/** Adds to a heap that has the earliest line at its top. */
function push(heap: LogReader[], reader: LogReader): void {
  let i = heap.push(reader) - 1;
  while (i > 0) {
    const parent = (i - 1) >> 1;
    if (heap[parent].line.time <= reader.line.time) break;
    heap[i] = heap[parent];
    i = parent;
  }
  heap[i] = reader;
}

/** Restores a heap whose top has become later. */
function sink(heap: LogReader[]): void {
  const top = heap[0];
  let i = 0;
  for (;;) {
    let child = 2 * i + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && heap[child + 1].line.time < heap[child].line.time) child++;
    if (heap[child].line.time >= top.line.time) break;
    heap[i] = heap[child];
    i = child;
  }
  heap[i] = top;
}

/** A line of a log is at most a text of 1 MiB, which JSON may make six times as long. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Reads the lines of a file block by block. It is open only while a block is read, so that thousands of files can be
 * read side by side, and nothing is left open by a reader that stops. What stands behind the last line end is left out.
 *
 * @param blockBytes what is read at once
 * @throws {TineError} `bad-results`, for a line of more than 16 MiB
 */
export async function* blockLines(path: string, blockBytes: number): AsyncGenerator<string[], void, void> {
  const tail = new LineTail();
  for (let lines; (lines = await tail.read(path, blockBytes)) !== undefined;) if (lines.length > 0) yield lines;
}

/** Lines of a file that grows. */
class LineTail {
  readonly #decoder = new TextDecoder();
  #offset = 0;
  #rest = new Uint8Array();

  /**
   * Reads the next block.
   *
   * @returns the lines that end in it; undefined at the end of what is there
   */
  async read(path: string, blockBytes: number): Promise<string[] | undefined> {
    const rest = this.#rest;
    if (rest.length > MAX_LINE_BYTES) throw new TineError("bad-results", `${path} is damaged: a line never ends`);
    // A long line is read in larger and larger blocks, rather than copied for each small one.
    const block = new Uint8Array(rest.length + Math.max(blockBytes, rest.length));
    block.set(rest);
    const count = await readAt(path, this.#offset, block.subarray(rest.length));
    if (count === 0) return undefined;
    this.#offset += count;
    const bytes = block.subarray(0, rest.length + count);
    const end = bytes.lastIndexOf(0x0a) + 1;
    this.#rest = bytes.slice(end);
    return end > 0 ? this.#decoder.decode(bytes.subarray(0, end - 1)).split("\n") : [];
  }
}

async function readAt(path: string, offset: number, buffer: Uint8Array): Promise<number> {
  using file = await openRegularFile(path);
  await file.seek(offset, Deno.SeekMode.Start);
  return await file.read(buffer) ?? 0;
}

/** The folder of logs, in the folder of a test. */
export const LOG_FOLDER = "logs";

/** The file of errors, in the folder of a test. */
export const ERROR_FILE = "errors.jsonl";

/** A line. */
export interface LogLine {
  /** Nanoseconds since 1970, by the node's clock. */
  readonly time: string;
  readonly tag: string;
  readonly text: string;
  /** Of an error: the node that it arose on. */
  readonly nodeId?: string;
  /** Of an error: its code. */
  readonly error?: string;
}
