/**
 * How a recording lies in its file: a line `tine recording 1`, a line of JSON, then records.
 *
 * A record is a byte for its kind, the time since the first record in ns (64 bits, little-endian), the number of bytes
 * (32 bits, little-endian), and the bytes as they crossed the connection. Records are appended as things happen and
 * frames may span them, so a file that was cut anywhere is readable up to the last whole frame.
 *
 * @module
 */

/** What every recording begins with, whatever its version. */
export const MAGIC = "tine recording ";
/** The version that is written and read. */
export const VERSION = 1;
/** Bytes of a record before its content. */
export const RECORD_HEAD_BYTES = 13;
/** The longest first and second line. */
export const MAX_HEADER_BYTES = 64 * 1024;

/** What a record holds; the numbers stand in files. */
export const RecordKind = {
  /** Bytes from the host to the UDF. */
  REQUESTS: 1,
  /** Bytes from the UDF to the host. */
  RESPONSES: 2,
  /** The host has ended its output. */
  END_OF_REQUESTS: 3,
  /** The UDF has ended its output. */
  END_OF_RESPONSES: 4,
} as const;

/** One of {@linkcode RecordKind}. */
export type RecordKind = typeof RecordKind[keyof typeof RecordKind];

/** Which end of the connection was recorded: what the host's end writes are requests, what the UDF's end writes are responses. */
export type RecordingSide = "host" | "udf";

/** What the first line of a recording holds. */
export interface RecordingHeader {
  /** When it was opened, ISO 8601. */
  readonly started: string;
  /** The version of tine that recorded. */
  readonly tine: string;
  /** Which end of the connection recorded. */
  readonly side: RecordingSide;
  /** The UDF, for people: a handler's name, a command line, an address. */
  readonly udf: string;
}
