import { chunkHead } from "../flow/records/read_chunk.ts";
import type { ErrorItem, LogEntry } from "../node/item.ts";
import { encodeFrame, Kind, type Message } from "../node/protocol/frame.ts";
import { decodeItem, laneOf } from "../node/protocol/kinds.ts";
import { TineError } from "../base/errors.ts";
import { type AppendFile, AppendFiles, type Budget } from "./append_files.ts";
import { ERROR_FILE, LOG_FOLDER, type LogLine } from "./read_logs.ts";
import { ROOT_ID } from "../base/limits.ts";
import { checkNodeId, fileNameParts, logFileName } from "./names.ts";
import type { Owner } from "./owner.ts";
import { RECORD_FILE, RECORD_HEADER } from "./read_records.ts";
import type { TestStatus, TestSummary, UdfSummary } from "./summary.ts";

/** Errors beyond this are counted, and stand in the records. */
const MAX_ERRORS = 1000;
const MAX_ERROR_CHARS = 16 * 1024 * 1024;
/** Nodes beyond this stand in the records alone. */
const MAX_NODES = 10_000;

const encoder = new TextEncoder();

/** How a test ended. */
export interface TestOutcome {
  readonly status: Exclude<TestStatus, "running">;
  /** Errors that did not come as messages, such as those of the store itself. */
  readonly errors?: readonly ErrorItem[];
  /** Why it ended early without having failed. */
  readonly stopped?: string;
  /** The UDFs that rows of it flowed through. */
  readonly udfs?: readonly UdfSummary[];
}

/** What others need to know who write into the folder of a test. */
export interface StorePlace {
  readonly folder: string;
  readonly owner: Owner | undefined;
  /** How much there is room for. */
  readonly bytesLeft: number;
}

/** Where a test's results go, and who wants to know of its summary. */
export interface TestStoreOptions {
  /** An existing, empty folder. */
  readonly folder: string;
  readonly id: Readonly<Record<string, string>>;
  readonly hash: string;
  readonly budget: Budget;
  readonly owner?: Owner;
  /** Puts a summary in place of the one before. */
  save(summary: TestSummary): Promise<void>;
}

/** Takes what reaches the root while a test runs, and puts it into the folder of the test. */
export class TestStore {
  /** Where the results are. */
  readonly folder: string;
  readonly #options: TestStoreOptions;
  readonly #files: AppendFiles;
  readonly #records: AppendFile;
  readonly #logs = new Map<string, AppendFile>();
  #errors: AppendFile | undefined;
  #errorChars = 0;
  readonly #named = new Map<string, NamedFile>();
  /** Folders of named files, and the first node that needed each. */
  readonly #folders = new Map<string, string>();
  readonly #summary: TestSummary;
  readonly #started = performance.now();
  #finished: Promise<TestSummary> | undefined;

  private constructor(options: TestStoreOptions) {
    this.folder = options.folder;
    this.#options = options;
    this.#files = new AppendFiles(options.folder, options.budget, options.owner);
    this.#records = this.#files.add([RECORD_FILE]);
    this.#records.open().raw(encoder.encode(RECORD_HEADER));
    this.#records.close();
    this.#summary = {
      version: 1,
      id: { ...options.id },
      hash: options.hash,
      status: "running",
      started: new Date().toISOString(),
      errors: [],
      moreErrors: 0,
      nodes: [],
      feedback: {},
      files: [],
      logs: { entries: 0, bytes: 0 },
      records: { frames: 0, bytes: 0, samples: {} },
      missing: [],
    };
  }

  /**
   * Starts a store; see RunFolder.startTest().
   *
   * @throws {TineError} `results-full`, `results-not-writable`, ...
   */
  static async start(options: TestStoreOptions): Promise<TestStore> {
    const store = new TestStore(options);
    try {
      await options.save(store.#summary);
      return store;
    } catch (error) {
      await store.#files.close().catch(() => {}); // the first error counts
      throw error;
    }
  }

  /**
   * Adds a result. What was refused is not stored, and later results are; after a failed write nothing is.
   *
   * @param message of a kind of results; its payload may be a view: it is copied
   * @returns a promise where the caller should wait before the next one. It rejects with a TineError: `bad-file-name`
   *   or `file-name-taken`, naming node and file; `bad-item`, `bad-records`, `bad-node-id` for what is no result;
   *   `results-too-large`; `results-full`, `results-not-writable`, `results-failed`, naming the folder
   */
  add(message: Message): Promise<void> | undefined {
    try {
      if (this.#files.failure !== undefined) throw this.#files.failure;
      if (this.#finished !== undefined) {
        throw new TineError("results-closed", `a result came after the end of the test`);
      }
      this.#add(message);
    } catch (error) {
      return Promise.reject(error);
    }
    return this.#files.room();
  }

  /** Where others write into the folder. */
  get place(): StorePlace {
    const { folder, owner, budget } = this.#options;
    return { folder, owner, bytesLeft: budget.bytesLeft };
  }

  /**
   * Writes what waits, and the summary. Ending twice is harmless; the first outcome counts.
   *
   * @returns the summary, also where writing has failed before: then it is among the errors, and the status `failed`
   * @throws {TineError} `results-full`, ..., if the summary cannot be written
   */
  finish(outcome: TestOutcome): Promise<TestSummary> {
    return this.#finished ??= this.#finish(outcome);
  }

  async #finish({ status, errors = [], stopped, udfs }: TestOutcome): Promise<TestSummary> {
    const summary = this.#summary;
    if (stopped !== undefined) summary.stopped = stopped;
    if (udfs !== undefined) summary.udfs = [...udfs];
    for (const error of errors) {
      if (this.#files.failure === undefined) this.#appendError(error);
      this.#addError(error);
    }
    summary.status = status;
    try {
      await this.#files.close();
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      const time = BigInt(Date.now()) * 1_000_000n;
      const { code, message } = error;
      this.#addError({ type: "error", nodeId: ROOT_ID, time, tag: "results", code, message });
      if (status === "ok") summary.status = "failed";
    }
    summary.ended = new Date().toISOString();
    summary.durationMs = Math.round(performance.now() - this.#started);
    summary.files = Array.from(this.#named, ([name, { nodeId, file }]) => ({ name, nodeId, bytes: file.bytes }));
    summary.logs.bytes = this.#logs.values().reduce((sum, { bytes }) => sum + bytes, 0);
    summary.records.bytes = this.#records.bytes;
    await this.#options.save(summary);
    return summary;
  }

  #add(message: Message): void {
    if (message.kind < Kind.nodeInfo) {
      throw new TineError(
        "bad-item",
        `node ${message.origin} sent a frame of kind ${message.kind}, which is no result`,
      );
    }
    checkNodeId(message.origin);
    switch (message.kind) {
      case Kind.fileData:
        return this.#addFileData(message);
      case Kind.log: {
        const entry = decodeItem(message);
        if (entry.type === "log") this.#addLog(entry);
        return;
      }
      case Kind.records: {
        const { kind, count } = this.#chunkHead(message);
        this.#addRecord(message);
        const { samples } = this.#summary.records;
        samples[kind] = (samples[kind] ?? 0) + count;
        return;
      }
      case Kind.feedback:
        if (message.origin !== ROOT_ID) {
          throw new TineError(
            "bad-item",
            `node ${message.origin} sent the feedback of a test, which only the root has`,
          );
        }
        this.#note(message);
        break;
      case Kind.nodeInfo:
      case Kind.error:
      case Kind.missing:
        this.#note(message);
    }
    this.#addRecord(message);
  }

  #chunkHead({ payload, origin, name }: Message): ReturnType<typeof chunkHead> {
    try {
      return chunkHead(payload);
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      throw new TineError(error.code, `node ${origin}, flow ${name}: ${error.message}`, { cause: error });
    }
  }

  /** What the summary shows. */
  #note(message: Message): void {
    const item = decodeItem(message);
    switch (item.type) {
      case "nodeInfo": {
        const { type: _, time: __, ...node } = item;
        const { nodes } = this.#summary;
        if (nodes.length < MAX_NODES) nodes.push(node);
        break;
      }
      case "error":
        this.#appendError(item);
        this.#addError(item);
        break;
      case "missing": {
        const { missing } = this.#summary;
        if (missing.length < MAX_NODES) missing.push({ nodeId: item.from, what: item.what });
        break;
      }
      case "feedback":
        this.#summary.feedback = { ...item.values };
    }
  }

  #addError({ time, nodeId, tag, code, message }: ErrorItem): void {
    const { errors } = this.#summary;
    this.#errorChars += tag.length + code.length + message.length;
    if (errors.length < MAX_ERRORS && this.#errorChars < MAX_ERROR_CHARS) {
      errors.push({ time: String(time), nodeId, tag, code, message });
    } else this.#summary.moreErrors++;
  }

  #addRecord({ kind, origin, name, payload }: Message): void {
    const buffer = this.#records.open();
    const start = buffer.openLength(2);
    encodeFrame(buffer, { kind, lane: laneOf(kind), origin, name, number: 0, more: false, payload });
    buffer.closeLength(start, 2);
    this.#records.close();
    this.#summary.records.frames++;
  }

  #addLog({ nodeId, time, tag, text }: LogEntry): void {
    this.#appendLog(nodeId, { time: String(time), tag, text });
    this.#summary.logs.entries++;
  }

  #appendLog(nodeId: string, line: LogLine): void {
    let file = this.#logs.get(nodeId);
    if (file === undefined) {
      file = this.#files.add([LOG_FOLDER, logFileName(nodeId)]);
      this.#logs.set(nodeId, file);
    }
    appendLine(file, line);
  }

  #appendError({ nodeId, time, tag, code, message }: ErrorItem): void {
    this.#errors ??= this.#files.add([ERROR_FILE]);
    appendLine(this.#errors, { time: String(time), tag, text: message, nodeId, error: code });
  }

  #addFileData({ name, origin, payload }: Message): void {
    let named = this.#named.get(name);
    if (named === undefined) {
      named = { nodeId: origin, file: this.#nameFile(name, origin) };
      this.#named.set(name, named);
    } else if (named.nodeId !== origin) {
      throw taken(name, origin, `node ${named.nodeId} has written it`);
    }
    if (payload.length === 0) return;
    named.file.open().raw(payload);
    named.file.close();
  }

  /** A name belongs to the node that used it first: pieces of two nodes in one file would be of no use to anybody. */
  #nameFile(name: string, nodeId: string): AppendFile {
    const parts = fileNameParts(name, nodeId);
    const owner = this.#folders.get(name);
    if (owner !== undefined) throw taken(name, nodeId, `node ${owner} has a folder of this name`);
    const above = parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
    for (const folder of above) {
      const file = this.#named.get(folder);
      if (file !== undefined) throw taken(name, nodeId, `node ${file.nodeId} has written a file ${folder}`);
    }
    const file = this.#files.add(["files", ...parts]);
    for (const folder of above) if (!this.#folders.has(folder)) this.#folders.set(folder, nodeId);
    return file;
  }
}

function appendLine(file: AppendFile, line: LogLine): void {
  const text = JSON.stringify(line) + "\n";
  const buffer = file.open();
  buffer.reserve(text.length * 3);
  buffer.position += encoder.encodeInto(text, buffer.bytes.subarray(buffer.position)).written;
  file.close();
}

interface NamedFile {
  readonly nodeId: string;
  readonly file: AppendFile;
}

function taken(name: string, nodeId: string, by: string): TineError {
  return new TineError("file-name-taken", `node ${nodeId} cannot write the file ${JSON.stringify(name)}: ${by}`);
}
