import { ByteReader } from "../../wire/byte_reader.ts";
import { ByteWriter } from "../../wire/byte_writer.ts";

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
