/**
 * Turns pieces of UTF-8 into text, without the byte order mark at its start, and counts what is not UTF-8.
 *
 * @example
 * ```ts
 * import { Utf8Decoder } from "./utf8_decoder.ts";
 * const decoder = new Utf8Decoder();
 * console.assert(decoder.decode(new Uint8Array([0x61, 0xff])) + decoder.end() === "a\ufffd");
 * console.assert(decoder.invalid === 1);
 * ```
 */
export class Utf8Decoder {
  readonly #decoder = new TextDecoder();
  /** The last two bytes of the piece before. */
  #last: readonly number[] = [];

  /** How many U+FFFD were put in place of bytes that are not UTF-8. */
  invalid = 0;

  /** The text that is complete with this piece. */
  decode(piece: Uint8Array): string {
    const text = this.#decoder.decode(piece, { stream: true });
    this.#count(text, piece);
    this.#last = [...this.#last, ...piece.subarray(-2)].slice(-2);
    return text;
  }

  /** What an unfinished character at the end becomes. */
  end(): string {
    const text = this.#decoder.decode();
    this.#count(text, new Uint8Array());
    return text;
  }

  /** Adds the U+FFFD in the text that do not stand in the input as such, which is EF BF BD. */
  #count(text: string, piece: Uint8Array): void {
    let found = 0;
    for (let i = text.indexOf("\ufffd"); i >= 0; i = text.indexOf("\ufffd", i + 1)) found++;
    if (found === 0) return;
    const bytes = new Uint8Array([...this.#last, ...piece]);
    for (let i = bytes.indexOf(0xef); i >= 0; i = bytes.indexOf(0xef, i + 1)) {
      if (bytes[i + 1] === 0xbf && bytes[i + 2] === 0xbd) found--;
    }
    this.invalid += found;
  }
}
