import { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";
import { Kind, type Message } from "./frame.ts";

// The field of LogEntries in node.proto: field number << 3 | wire type.
const ENTRIES = 1 << 3 | 2;
/** Tag and length of an entry. */
const HEAD_BYTES = 6;

/** What a batch takes at most, in bytes: with its envelope it fits into a frame. */
export const MAX_BATCH_BYTES = 48 * 1024;

/**
 * Log entries of one node that wait to be sent in one frame: a frame costs each node on its way as much as a whole batch
 * does.
 */
export class LogBatch {
  readonly #writer = new ByteWriter();
  #origin = "";
  #count = 0;
  /** Where the last entry starts, behind its length. */
  #last = 0;

  /** Adds a message; false, if it is no log entry or does not fit. */
  add({ kind, origin, name, payload }: Message): boolean {
    if (kind !== Kind.log || name !== "") return false;
    const writer = this.#writer;
    if (this.#count === 0) this.#origin = origin;
    if (origin !== this.#origin || writer.position + HEAD_BYTES + payload.length > MAX_BATCH_BYTES) return false;
    writer.uint32(ENTRIES);
    writer.uint32(payload.length);
    this.#last = writer.position;
    writer.raw(payload);
    this.#count++;
    return true;
  }

  /** Takes all out, as one message; undefined: there is nothing. Its payload holds until the next {@linkcode add}. */
  take(): Message | undefined {
    if (this.#count === 0) return undefined;
    const alone = this.#count === 1;
    const payload = this.#writer.written().subarray(alone ? this.#last : 0);
    this.#writer.position = this.#count = 0;
    return { kind: alone ? Kind.log : Kind.logs, origin: this.#origin, name: "", payload };
  }
}

/**
 * The log entries of a batch, each as a message of its own.
 *
 * @throws {WireError} if it is none
 *
 * @example
 * ```ts
 * import { Kind } from "./frame.ts";
 * import { LogBatch, splitLogs } from "./log_batch.ts";
 * const batch = new LogBatch();
 * for (let i = 0; i < 3; i++) batch.add({ kind: Kind.log, origin: "left", name: "", payload: new Uint8Array([i]) });
 * console.assert(splitLogs(batch.take()!).length === 3);
 * ```
 */
export function splitLogs({ origin, name, payload }: Message): Message[] {
  const reader = new ByteReader().reset(payload);
  const entries: Message[] = [];
  while (reader.position < reader.end) {
    const tag = reader.uint32();
    if (tag !== ENTRIES) {
      reader.skip(tag);
      continue;
    }
    const end = reader.delimited();
    entries.push({ kind: Kind.log, origin, name, payload: payload.subarray(reader.position, end) });
    reader.position = end;
  }
  return entries;
}

// The fields of LogEntry in node.proto: field number << 3 | wire type.
const TIME = 1 << 3 | 1, TAG = 2 << 3 | 2, TEXT = 3 << 3 | 2;

/** What a LogEntry message holds. */
export interface LogPayload {
  readonly time: bigint;
  readonly tag: string;
  readonly text: string;
}

const writer = new ByteWriter(1024);
const reader = new ByteReader();
const eight = new Uint8Array(8);
const eightView = new DataView(eight.buffer);
/** A writer that a long text has made larger than this is not kept. */
const KEEP_BYTES = 64 * 1024;

/** Encodes a LogEntry message. */
export function encodeLog({ time, tag, text }: LogPayload): Uint8Array {
  const out = text.length > KEEP_BYTES / 3 ? new ByteWriter(text.length + 64) : writer;
  out.position = 0;
  if (time !== 0n) {
    out.uint32(TIME);
    eightView.setBigInt64(0, time, true);
    out.raw(eight);
  }
  if (tag !== "") {
    out.uint32(TAG);
    out.string(tag);
  }
  if (text !== "") {
    out.uint32(TEXT);
    out.string(text);
  }
  return out === writer ? out.written().slice() : out.written();
}

/**
 * Decodes a LogEntry message; what is not valid UTF-8 in its texts becomes U+FFFD.
 *
 * @throws {WireError} if it is none
 */
export function decodeLog(payload: Uint8Array): LogPayload {
  reader.reset(payload);
  let time = 0n;
  let tag = "", text = "";
  while (reader.position < reader.end) {
    const field = reader.uint32();
    switch (field) {
      case TIME: {
        const { position } = reader;
        reader.skip(field);
        time = reader.view.getBigInt64(position, true);
        break;
      }
      case TAG:
        tag = reader.string();
        break;
      case TEXT:
        text = reader.string();
        break;
      default:
        reader.skip(field);
    }
  }
  return { time, tag, text };
}
