import { isInt64 } from "./int64.ts";

const PLUS = 0x2b, MINUS = 0x2d, DOT = 0x2e, ZERO = 0x30;

/** Powers of ten that a double holds exactly. */
const POWERS = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));
/** Splits a double into halves of 26 bits (Dekker). */
const SPLIT = 2 ** 27 + 1;

/**
 * Reads decimal numbers from bytes without making text of them.
 *
 * @example
 * ```ts
 * import { NumberScanner } from "./number_scanner.ts";
 * const number = new NumberScanner();
 * const end = number.scan(new TextEncoder().encode("-1.25,"), 0);
 * console.assert(end === 5 && !number.integral && number.double() === -1.25);
 * ```
 */
export class NumberScanner {
  /** Whether there is neither a point nor an exponent. */
  integral = true;
  /** Whether there is a sign of either kind. */
  signed = false;
  /** Whether the first digit of several is 0. */
  padded = false;
  /** Whether there is a point. */
  pointed = false;
  /** Digits before the point and behind it. */
  whole = 0;
  decimals = 0;
  /** The upper and lower 32 bits of the integer that {@linkcode int64} has read. */
  high = 0;
  low = 0;

  #bytes: Uint8Array = new Uint8Array();
  #start = 0;
  #end = 0;
  #negative = false;
  /** The first ten digits, without leading zeros, */
  #first = 0;
  /** and up to nine more. */
  #rest = 0;
  #restDigits = 0;
  /** More digits than that. */
  #long = false;
  #exponent = false;

  /**
   * Reads an optional sign, digits with at most one point among them, and an optional exponent.
   *
   * @returns where it ends; `position` where there is no digit
   */
  scan(bytes: Uint8Array, position: number): number {
    const start = position;
    let byte = bytes[position];
    this.signed = byte === MINUS || byte === PLUS;
    this.#negative = byte === MINUS;
    if (this.signed) byte = bytes[++position];
    const digitsStart = position;
    const firstByte = byte;
    let first = 0, rest = 0, digits = 0, point = -1;
    for (;; byte = bytes[++position]) {
      const digit = byte - ZERO;
      if (digit >= 0 && digit <= 9) {
        if (digits === 0 && digit === 0) continue;
        if (digits < 10) first = first * 10 + digit;
        else if (digits < 19) rest = rest * 10 + digit;
        digits++;
      } else if (byte === DOT && point < 0) {
        point = position;
      } else {
        break;
      }
    }
    this.pointed = point >= 0;
    this.whole = (point < 0 ? position : point) - digitsStart;
    this.decimals = point < 0 ? 0 : position - point - 1;
    if (this.whole + this.decimals === 0) return start;
    this.padded = this.whole > 1 && firstByte === ZERO;
    this.#bytes = bytes;
    this.#start = start;
    this.#first = first;
    this.#rest = rest;
    this.#restDigits = digits > 10 ? digits - 10 : 0;
    this.#long = digits > 19;
    this.#exponent = false;
    if ((byte | 0x20) === 0x65) { // e
      let end = position + 1;
      if (bytes[end] === PLUS || bytes[end] === MINUS) end++;
      const exponentStart = end;
      while (isDigit(bytes[end])) end++;
      if (end > exponentStart) {
        this.#exponent = true;
        position = end;
      }
    }
    this.integral = point < 0 && !this.#exponent;
    this.#end = position;
    return position;
  }

  /** The number that was scanned as a double, which may be infinite: the nearest one, as `Number` gives it. */
  double(): number {
    const decimals = this.decimals;
    const restDigits = this.#restDigits;
    if (this.#exponent || decimals > 22 || restDigits > 8) return this.#slowDouble();
    const upper = this.#first * POWERS[restDigits]; // exact: 34 bits times 5^8, which has 19
    const rest = this.#rest;
    let value = upper + rest;
    if (decimals === 0 && value <= Number.MAX_SAFE_INTEGER) return this.#negative ? -value : value;
    const power = POWERS[decimals];
    if (value <= Number.MAX_SAFE_INTEGER) {
      value /= power; // both exact: rounded once
    } else {
      const lost = rest - (value - upper);
      // The quotient is near; what is missing is found by what remains, whose error is far below that of a double.
      const quotient = value / power;
      const product = quotient * power;
      let half = quotient * SPLIT;
      const quotientHigh = half - (half - quotient), quotientLow = quotient - quotientHigh;
      half = power * SPLIT;
      const powerHigh = half - (half - power), powerLow = power - powerHigh;
      const error = quotientLow * powerLow -
        (product - quotientHigh * powerHigh - quotientLow * powerHigh - quotientHigh * powerLow);
      const missing = (value - product - error + lost) / power;
      const doubt = missing * 1e-9;
      value = quotient + (missing + doubt);
      // Too near to the middle between two doubles.
      if (value !== quotient + (missing - doubt)) return this.#slowDouble();
    }
    return this.#negative ? -value : value;
  }

  /** Sets {@linkcode high} and {@linkcode low} from the integer that was scanned; false where it is out of range. */
  int64(): boolean {
    if (this.#long) return false;
    const power = POWERS[this.#restDigits];
    const first = this.#first;
    // first * power + rest in words of 32 bits; every step is exact in a double.
    const firstHigh = Math.floor(first / 0x10000);
    const upper = firstHigh * power;
    const upperHigh = Math.floor(upper / 0x10000);
    const lower = (upper - upperHigh * 0x10000) * 0x10000 + (first - firstHigh * 0x10000) * power + this.#rest;
    const carry = Math.floor(lower / 0x100000000);
    const high = upperHigh + carry;
    const low = (lower - carry * 0x100000000) >>> 0;
    if (high > 0x7fffffff && !(this.#negative && high === 0x80000000 && low === 0)) return false;
    if (this.#negative) {
      this.low = -low | 0;
      this.high = ~high + (low === 0 ? 1 : 0) | 0;
    } else {
      this.low = low | 0;
      this.high = high;
    }
    return true;
  }

  /** Sets {@linkcode high} and {@linkcode low}. */
  set(value: bigint): void {
    words.setBigInt64(0, value);
    this.high = words.getInt32(0);
    this.low = words.getInt32(4);
  }

  /** Multiplies the integer; false where it is out of range then. */
  scale(factor: bigint): boolean {
    words.setInt32(0, this.high);
    words.setInt32(4, this.low);
    const value = words.getBigInt64(0) * factor;
    this.set(value);
    return isInt64(value);
  }

  /**
   * Sets {@linkcode high} and {@linkcode low} to a time in ns since the epoch; false where it is out of range.
   *
   * @param seconds not negative
   * @param nanos below 10^9
   */
  setTime(seconds: number, nanos: number): boolean {
    this.#negative = false;
    this.#long = seconds > 9_223_372_036;
    this.#first = seconds;
    this.#rest = nanos;
    this.#restDigits = 9;
    return this.int64();
  }

  #slowDouble(): number {
    let text = "";
    for (let i = this.#start; i < this.#end; i++) text += String.fromCharCode(this.#bytes[i]);
    return Number(text);
  }
}

const words = new DataView(new ArrayBuffer(8));

function isDigit(byte: number): boolean {
  return byte >= ZERO && byte <= ZERO + 9;
}
