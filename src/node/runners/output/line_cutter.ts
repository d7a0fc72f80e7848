/** The longest line that stays in one piece. */
const MAX_LINE_BYTES = 64 * 1024;

/**
 * Cuts bytes into lines of text, however they are divided when they come. What is not UTF-8 becomes U+FFFD; a line that
 * is too long comes in pieces, none of which ends within a character.
 *
 * @example
 * ```ts
 * import { LineCutter } from "./line_cutter.ts";
 * const cutter = new LineCutter();
 * console.assert([...cutter.push(new TextEncoder().encode("a\nb"))].join() === "a");
 * console.assert([...cutter.end()].join() === "b");
 * ```
 */
export class LineCutter {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #maxBytes: number;
  /** The start of a line whose end has not come, with room for the byte that shows that it is too long. */
  #rest: Uint8Array | undefined;
  #restLength = 0;

  /** @param maxBytes the longest line that stays in one piece, without its end; at least 4 */
  constructor(maxBytes = MAX_LINE_BYTES) {
    this.#maxBytes = Math.max(4, maxBytes);
  }

  /** Takes bytes, and gives the lines that end in them, without their ends. Run through it before the next call. */
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

  /** Gives the last line, if it has no end. */
  *end(): Generator<string, void> {
    if (this.#rest !== undefined && this.#restLength > 0) yield this.#takeRest(this.#rest);
  }

  /** Takes a piece off a line that is too long, up to the last place where a character may begin. */
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
