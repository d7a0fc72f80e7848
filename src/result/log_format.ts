/**
 * Logs as they are stored: an object in JSON a line. They are only appended to, and readable up to the last whole line.
 *
 * A node's entries stand in a file of their own, in the order in which it made them. Errors overtake entries on their
 * way to the root, so that they would break that order: they stand in another file, those of all nodes together.
 *
 * @module
 */

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
