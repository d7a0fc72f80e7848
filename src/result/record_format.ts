/**
 * The raw results of a test, `records.tine`: a line of text, then frames of node.proto, each with its length before it.
 * It is only appended to, and readable up to the last whole frame. Logs and files of nodes are kept apart.
 *
 * @module
 */

/** The file, in the folder of its test. */
export const RECORD_FILE = "records.tine";

/** What it starts with: that it is one, and the version of the format. */
export const RECORD_HEADER = "tine records 1\n";

/** What it starts with in any version. */
export const RECORD_MAGIC = "tine records ";
