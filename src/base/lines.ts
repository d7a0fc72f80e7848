/** The longest line that stays in one piece. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Splits bytes into lines of text, however they are divided when they come. What is not UTF-8 becomes U+FFFD; a line over
 * the limit comes in pieces, each of whole characters, so that a peer that never ends a line costs no memory.
 *
 * @example
 * ```ts
 * import { LineSplitter } from "./lines.ts";
 * const splitter = new LineSplitter();
 * console.assert([...splitter.push(new TextEncoder().encode("a\nb"))].join() === "a");
 * console.assert([...splitter.end()].join() === "b");
 * ```
 */
export class LineSplitter {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #maxBytes: number;
  /** The start of a line whose end has not come, with room for the byte that shows that it is over the limit. */
  #rest: Uint8Array | undefined;
  #restLength = 0;

  /** @param maxBytes the longest line that stays in one piece, without its end; at least 4 */
  constructor(maxBytes = MAX_LINE_BYTES) {
    this.#maxBytes = Math.max(4, maxBytes);
  }

  /** Adds bytes, and yields the lines that end in them, without their ends. To be read to its end before the next call. */
  *push(bytes: Uint8Array): Generator<string, void> {
    for (let start = 0; start < bytes.length;) {
      const newline = bytes.indexOf(0x0a, start);
      const end = newline < 0 ? bytes.length : newline;
      if (newline >= 0 && this.#restLength === 0 && end - start <= this.#maxBytes) {
        yield this.#lineOf(bytes.subarray(start, end));
        start = end + 1;
        continue;
      }
      this.#rest ??= new Uint8Array(this.#maxBytes + 1);
      const part = bytes.subarray(start, Math.min(end, start + this.#rest.length - this.#restLength));
      this.#rest.set(part, this.#restLength);
      this.#restLength += part.length;
      start += part.length;
      if (this.#restLength > this.#maxBytes) {
        yield this.#piece(this.#rest);
      } else if (start === newline) {
        yield this.#takeRest(this.#rest);
        start++;
      }
    }
  }

  /** Yields the last line, if it has no end. */
  *end(): Generator<string, void> {
    if (this.#rest !== undefined && this.#restLength > 0) yield this.#takeRest(this.#rest);
  }

  /** Takes a piece off a line over the limit, up to the last place where a character may begin. */
  #piece(rest: Uint8Array): string {
    let length = this.#maxBytes;
    for (let back = 0; back <= 3; back++) {
      if ((rest[this.#maxBytes - back] & 0xc0) !== 0x80) {
        length = this.#maxBytes - back;
        break;
      }
    }
    const piece = this.#decoder.decode(rest.subarray(0, length));
    rest.copyWithin(0, length, this.#restLength);
    this.#restLength -= length;
    return piece;
  }

  #takeRest(rest: Uint8Array): string {
    const line = this.#lineOf(rest.subarray(0, this.#restLength));
    this.#restLength = 0;
    return line;
  }

  #lineOf(bytes: Uint8Array): string {
    return this.#decoder.decode(bytes.at(-1) === 0x0d ? bytes.subarray(0, -1) : bytes);
  }
}

/**
 * Splits a byte stream into lines as {@linkcode LineSplitter} does.
 *
 * @param maxBytes the longest line that stays in one piece, without its end
 *
 * @example
 * ```ts
 * import { lines } from "./lines.ts";
 * for await (const line of lines(new Blob(["a\nb"]).stream())) console.log(line);
 * ```
 */
export async function* lines(stream: ReadableStream<Uint8Array>, maxBytes = MAX_LINE_BYTES): AsyncGenerator<string> {
  const splitter = new LineSplitter(maxBytes);
  for await (const chunk of stream) yield* splitter.push(chunk);
  yield* splitter.end();
}
