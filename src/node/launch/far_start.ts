import { type Connection, readAhead } from "../../wire/connection.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import type { Node } from "../plan/types.ts";
import type { Host } from "./launcher.ts";

/** The size limit of the line, in bytes. */
const MAX_LINE_BYTES = 1024 * 1024;

/**
 * What `tine node serve ID --far` reads as a line of JSON before the protocol begins: what a launcher on its machine would
 * have done.
 */
export interface FarStart {
  /** The namespace that the node is to run in. */
  readonly netns?: Node["netns"];
  /** What is different in its environment. */
  readonly env?: Node["env"];
  /** The CPUs that it is to run on. */
  readonly cpu?: Node["cpu"];
  /** What the node must know of its machine; absent for the first node of a machine, which finds out. */
  readonly host?: Host;
}

/** The line for it. */
export function farStartLine(start: FarStart): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(start)}\n`);
}

/**
 * Reads the line.
 *
 * @returns what it holds, and the connection behind it
 * @throws {TineError} `bad-start`
 */
export async function readFarStart(connection: Connection): Promise<{ start: FarStart; connection: Connection }> {
  const buffer = new Uint8Array(64 * 1024);
  let text: Uint8Array = new Uint8Array();
  for (;;) {
    const length = await connection.read(buffer);
    if (length === null) {
      throw new TineError("bad-start", "the parent has ended the connection before it sent anything");
    }
    const newline = buffer.subarray(0, length).indexOf(NEWLINE);
    const more = new Uint8Array(text.length + (newline < 0 ? length : newline));
    more.set(text);
    more.set(buffer.subarray(0, newline < 0 ? length : newline), text.length);
    text = more;
    if (text.length > MAX_LINE_BYTES) throw new TineError("bad-start", "the first line of the parent is too long");
    if (newline >= 0) {
      return { start: parse(text), connection: readAhead(buffer.slice(newline + 1, length), connection) };
    }
  }
}

const NEWLINE = "\n".charCodeAt(0);

function parse(text: Uint8Array): FarStart {
  try {
    const start = JSON.parse(new TextDecoder().decode(text));
    if (typeof start === "object" && start !== null) return start;
    throw new TypeError("it is no object");
  } catch (error) {
    throw new TineError("bad-start", `the first line of the parent is broken: ${messageOf(error)}`, { cause: error });
  }
}
