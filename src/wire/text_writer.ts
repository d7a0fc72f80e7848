const encoder = new TextEncoder();

const ZERO = 0x30, MINUS = 0x2d, POINT = 0x2e, BACKSLASH = 0x5c;
/** Longer texts are encoded by the runtime, shorter ones unit by unit. */
const SHORT = 48;
const NANOS = 1e9;

/**
 * A growing buffer of UTF-8 text. Printing numbers and short texts straight into bytes takes a fraction of the time
 * that joining strings and encoding them takes.
 *
 * @example
 * ```ts
 * import { TextWriter } from "./text_writer.ts";
 * const writer = new TextWriter();
 * writer.text("rtt=");
 * writer.double(12.5);
 * console.assert(new TextDecoder().decode(writer.take()) === "rtt=12.5");
 * ```
 */
export class TextWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #position = 0;

  /** @param capacity bytes to start with */
  constructor(capacity = 64 * 1024) {
    this.#bytes = new Uint8Array(capacity);
  }

  /** Bytes that were written and not taken. */
  get length(): number {
    return this.#position;
  }

  /** Takes out what was written; the bytes are valid until the next write. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.subarray(0, this.#position);
    this.#position = 0;
    return taken;
  }

  /** Goes back to an earlier length: what was written since is gone. */
  truncate(length: number): void {
    this.#position = Math.min(length, this.#position);
  }

  /** Writes a byte of ASCII. */
  byte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#position++] = byte;
  }

  /** Replaces a byte that was written and not taken. */
  replace(position: number, byte: number): void {
    this.#bytes[position] = byte;
  }

  /** Writes bytes that are UTF-8 already. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    if (length < SHORT) {
      // A call of set() takes longer than this.
      const to = this.#bytes;
      const position = this.#position;
      for (let i = 0; i < length; i++) to[position + i] = bytes[i];
    } else {
      this.#bytes.set(bytes, this.#position);
    }
    this.#position += length;
  }

  /** Writes `bytes[start, end)`, which are UTF-8 already. */
  slice(bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.#reserve(length);
    const to = this.#bytes;
    const position = this.#position;
    if (length < SHORT) { for (let i = 0; i < length; i++) to[position + i] = bytes[start + i]; }
    else to.set(bytes.subarray(start, end), position);
    this.#position = position + length;
  }

  /**
   * Writes `bytes[start, end)`, with a backslash before each byte that the table marks with 1.
   *
   * @param marks for each byte 0, 1, or 2: that is not to be written
   * @returns false, with some of them written, at a byte that is marked with 2
   */
  escaped(bytes: Uint8Array, start: number, end: number, marks: Uint8Array): boolean {
    this.#reserve(2 * (end - start));
    const to = this.#bytes;
    let position = this.#position;
    for (let i = start; i < end; i++) {
      const byte = bytes[i];
      const mark = marks[byte];
      if (mark !== 0) {
        if (mark === 2) return false;
        to[position++] = BACKSLASH;
      }
      to[position++] = byte;
    }
    this.#position = position;
    return true;
  }

  /** Writes a text; lone surrogates become U+FFFD. */
  text(text: string): void {
    const { length } = text;
    this.#reserve(length * 3);
    if (length < SHORT) {
      const bytes = this.#bytes;
      let position = this.#position;
      let i = 0;
      for (; i < length; i++) {
        const unit = text.charCodeAt(i);
        if (unit > 0x7f) break;
        bytes[position++] = unit;
      }
      if (i === length) {
        this.#position = position;
        return;
      }
    }
    this.#position += encoder.encodeInto(text, this.#bytes.subarray(this.#position)).written;
  }

  /** Writes a whole number of at most 53 bits. */
  integer(value: number): void {
    if (value < 0) {
      this.byte(MINUS);
      value = -value;
    }
    this.#digits(value, digitsOf(value));
  }

  /**
   * Writes a double with the fewest digits that read back as the same value, as JavaScript does; negative zero as `-0`.
   *
   * Values of at most six decimals and 15 digits, which times in microseconds and rounded figures are, take a short
   * way: no two decimals with this few digits are the same double, so these digits are the shortest.
   */
  double(value: number): void {
    if (this.#decimal(value, 1e3, 3) || this.#decimal(value, 1e6, 6)) return;
    this.text(Object.is(value, -0) ? "-0" : String(value));
  }

  /** Writes a value that is a multiple of a thousandth or a millionth, and not zero; else returns false. */
  #decimal(value: number, scale: number, digits: number): boolean {
    const scaled = Math.round(value * scale);
    const magnitude = Math.abs(scaled);
    if (scaled / scale !== value || magnitude > 1e15 || magnitude === 0) return false;
    if (value < 0) this.byte(MINUS);
    const whole = Math.floor(magnitude / scale);
    this.#digits(whole, digitsOf(whole));
    let fraction = magnitude - whole * scale;
    if (fraction === 0) return true;
    this.byte(POINT);
    while (fraction % 10 === 0) {
      fraction /= 10;
      digits--;
    }
    this.#digits(fraction, digits);
    return true;
  }

  /**
   * Writes a signed integer of 64 bits, without making a bigint of it.
   *
   * @param high its upper 32 bits
   * @param low its lower 32 bits
   */
  int64(high: number, low: number): void {
    high |= 0;
    low >>>= 0;
    if (high < 0) {
      this.byte(MINUS);
      low = -low >>> 0;
      high = ~high + (low === 0 ? 1 : 0);
    }
    high >>>= 0; // of the least integer, whose magnitude needs all 64 bits
    if (high < 0x200000) {
      const value = high * 0x100000000 + low;
      this.#digits(value, digitsOf(value));
      return;
    }
    // Divided by 10^9 in three steps, each exact in a double.
    const first = Math.floor(high / NANOS);
    const upper = (high - first * NANOS) * 0x10000 + (low >>> 16);
    const second = Math.floor(upper / NANOS);
    const lower = (upper - second * NANOS) * 0x10000 + (low & 0xffff);
    const third = Math.floor(lower / NANOS);
    const whole = first * 0x100000000 + second * 0x10000 + third;
    this.#digits(whole, digitsOf(whole));
    this.#digits(lower - third * NANOS, 9);
  }

  /**
   * Writes a time in nanoseconds of more than 53 bits, without making a bigint of it.
   *
   * @param seconds whole seconds since 1970
   * @param nanos any whole number of nanoseconds to add
   */
  nanoseconds(seconds: number, nanos: number): void {
    const carry = Math.floor(nanos / NANOS);
    const whole = seconds + carry;
    const rest = nanos - carry * NANOS;
    if (whole < 0) {
      this.text(String(BigInt(whole) * 1_000_000_000n + BigInt(rest)));
      return;
    }
    if (whole === 0) {
      this.#digits(rest, digitsOf(rest));
      return;
    }
    this.#digits(whole, digitsOf(whole));
    this.#digits(rest, 9);
  }

  #digits(value: number, count: number): void {
    this.#reserve(count);
    const bytes = this.#bytes;
    let position = this.#position + count;
    this.#position = position;
    // Beyond 2^31 divisions are of doubles, which are slower: three digits at a time.
    while (value > 0x7fffffff) {
      const rest = Math.floor(value / 1000);
      let part = value - rest * 1000;
      for (let i = 0; i < 3; i++) {
        const tens = part / 10 | 0;
        bytes[--position] = ZERO + part - tens * 10;
        part = tens;
      }
      value = rest;
      count -= 3;
    }
    let small = value | 0;
    while (count-- > 0) {
      const tens = small / 10 | 0;
      bytes[--position] = ZERO + small - tens * 10;
      small = tens;
    }
  }

  #reserve(length: number): void {
    const needed = this.#position + length;
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#position));
    this.#bytes = grown;
  }
}

/** How many decimal digits a whole number has that is not negative. */
function digitsOf(value: number): number {
  let digits = 1;
  for (let limit = 10; value >= limit; limit *= 10) digits++;
  return digits;
}

/**
 * Returns as text what a function writes.
 *
 * @example
 * ```ts
 * import { textOf } from "./text_writer.ts";
 * console.assert(textOf((out) => out.integer(5)) === "5");
 * ```
 */
export function textOf(write: (out: TextWriter) => void): string {
  const out = new TextWriter(256);
  write(out);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(out.take());
}
