import { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter, writeString } from "../../wire/byte_writer.ts";
import { TineError } from "../../base/errors.ts";
import { Kind, type Message } from "./frame.ts";

// The field of LogEntries in node.proto: field number << 3 | wire type.
const ENTRIES = 1 << 3 | 2;
/** Tag and length of an entry. */
const HEAD_BYTES = 6;

/** The size limit of a batch, in bytes: it fits into a frame with its envelope. */
export const MAX_BATCH_BYTES = 48 * 1024;

/**
 * Log entries of one node that wait to be sent in one frame: each node on the way does as much work for a frame of one
 * entry as for a whole batch.
 */
export class LogBatch {
  readonly #writer = new ByteWriter();
  #origin = "";
  #count = 0;
  /** Where the last entry starts, behind its length. */
  #last = 0;

  /** Adds a message. Returns false if it is not a log entry, or does not fit. */
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

  /** Takes all entries, as one message. Its payload is valid until the next {@linkcode add}. */
  take(): Message | undefined {
    if (this.#count === 0) return undefined;
    const alone = this.#count === 1;
    const payload = this.#writer.written().subarray(alone ? this.#last : 0);
    this.#writer.position = this.#count = 0;
    return { kind: alone ? Kind.log : Kind.logs, origin: this.#origin, name: "", payload };
  }
}

/**
 * Splits a batch of log entries into a message for each.
 *
 * @throws {WireError} if the payload is not a batch
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

/** The fields of a LogEntry message. */
export interface LogPayload {
  readonly time: bigint;
  readonly tag: string;
  readonly text: string;
}

const writer = new ByteWriter(1024);
const reader = new ByteReader();

/**
 * Encodes a LogEntry message.
 *
 * @throws {TineError} `bad-item`, if the time does not fit into 64 bits
 */
export function encodeLog({ time, tag, text }: LogPayload): Uint8Array {
  if (BigInt.asIntN(64, time) !== time) {
    throw new TineError("bad-item", `time is ${time}, expected an integer of 64 bits`);
  }
  writer.position = 0;
  if (time !== 0n) {
    writer.uint32(TIME);
    writer.fixed64(time);
  }
  writeString(writer, 2, tag);
  writeString(writer, 3, text);
  return writer.written().slice();
}

/**
 * Decodes a LogEntry message. Invalid UTF-8 in its texts becomes U+FFFD.
 *
 * @throws {WireError} if the payload is not a LogEntry
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
