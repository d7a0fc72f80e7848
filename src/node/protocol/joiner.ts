import { TineError } from "../../base/errors.ts";
import { type Frame, Kind, MAX_MESSAGE_BYTES, type Message } from "./frame.ts";

/** What a part takes besides its bytes, roughly; so that empty parts do not come for free. */
const OVERHEAD_BYTES = 128;

/**
 * Puts messages together that came in several frames. What is whole in each frame stays as it is: pieces of files, chunks of
 * records, several log entries.
 */
export class Joiner {
  readonly #maxBytes: number;
  readonly #parts = new Map<string, Uint8Array[]>();
  #bytes = 0;

  /** @param maxBytes what the parts of all messages may take together, with some overhead for each */
  constructor(maxBytes = MAX_MESSAGE_BYTES + 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  /**
   * Adds a frame.
   *
   * @returns the message that is whole with it; undefined, if more is to come
   * @throws {TineError} `message-too-large`
   */
  add(frame: Frame): Message | undefined {
    const { kind, origin, name, payload, more } = frame;
    if (kind === Kind.fileData || kind === Kind.records || kind === Kind.logs) return frame;
    const key = `${kind} ${origin}\0${name}`;
    const parts = this.#parts.get(key);
    if (parts === undefined && !more) return frame;
    this.#bytes += payload.length + OVERHEAD_BYTES;
    if (this.#bytes > this.#maxBytes) {
      throw new TineError(
        "message-too-large",
        `a message of kind ${kind} of node ${
          origin || "-"
        } does not end: more than ${this.#maxBytes} bytes of parts wait`,
      );
    }
    if (parts === undefined) {
      this.#parts.set(key, [payload]);
      return undefined;
    }
    parts.push(payload);
    if (more) return undefined;
    this.#parts.delete(key);
    this.#bytes -= parts.reduce((sum, part) => sum + part.length + OVERHEAD_BYTES, 0);
    return { kind, origin, name, payload: join(parts) };
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    joined.set(part, position);
    position += part.length;
  }
  return joined;
}
