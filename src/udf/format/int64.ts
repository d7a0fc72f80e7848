const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/** Whether the integer fits into 64 bits with a sign. */
export function isInt64(value: bigint): boolean {
  return value >= MIN && value <= MAX;
}

/**
 * Reads the decimal integer, with an optional sign, that is `text[start, end)`.
 *
 * @returns undefined if there is something else, or if it does not fit into 64 bits
 */
export function parseInt64(text: string, start = 0, end = text.length): bigint | undefined {
  const sign = text.charCodeAt(start);
  const first = sign === 0x2d || sign === 0x2b ? start + 1 : start;
  if (first >= end) return undefined;
  // In two numbers of up to 10 and 9 digits, since BigInt on a text costs five times as much.
  const middle = end - 9;
  let high = 0, low = 0;
  for (let i = first; i < end; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (!(digit >= 0 && digit <= 9)) return undefined;
    if (i < middle) high = high * 10 + digit;
    else low = low * 10 + digit;
  }
  if (high > 9_223_372_036) return undefined;
  const negative = sign === 0x2d;
  if (high < 9_000_000) {
    const value = high * 1e9 + low;
    return BigInt(negative ? -value : value);
  }
  // high * 10^9 + low in two words of 32 bits; every step is exact in a double.
  const upper = Math.floor(high / 0x10000) * 1e9;
  const lower = upper % 0x10000 * 0x10000 + high % 0x10000 * 1e9 + low;
  words.setUint32(0, Math.floor(upper / 0x10000) + Math.floor(lower / 0x100000000));
  words.setUint32(4, lower % 0x100000000);
  const value = words.getBigUint64(0);
  if (negative) return -value < MIN ? undefined : -value;
  return value > MAX ? undefined : value;
}

const words = new DataView(new ArrayBuffer(8));

/**
 * Turns pieces of UTF-8 into text, without the byte order mark at its start, and counts what is not UTF-8.
 *
 * @example
 * ```ts
 * import { Utf8Decoder } from "./int64.ts";
 * const decoder = new Utf8Decoder();
 * console.assert(decoder.decode(new Uint8Array([0x61, 0xff])) + decoder.end() === "a\ufffd");
 * console.assert(decoder.invalid === 1);
 * ```
 */
export class Utf8Decoder {
  // A decoder that drops the mark also drops it where a later piece starts with one.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  /** Whether a byte order mark may come, which is no text. */
  #atStart: boolean;
  /** The last two bytes of the piece before. */
  #last: readonly number[] = [];

  /** @param options whether a byte order mark at the start is text like any other */
  constructor({ ignoreBOM = false } = {}) {
    this.#atStart = !ignoreBOM;
  }

  /** How many U+FFFD were put in place of bytes that are not UTF-8. */
  invalid = 0;

  /** The text that is complete with this piece. */
  decode(piece: Uint8Array): string {
    const text = this.#decoder.decode(piece, { stream: true });
    this.#count(text, piece);
    this.#last = [...this.#last, ...piece.subarray(-2)].slice(-2);
    if (!this.#atStart || text === "") return text;
    this.#atStart = false;
    return text.startsWith("\ufeff") ? text.slice(1) : text;
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
