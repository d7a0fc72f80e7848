/**
 * HMAC-SHA256 for packets (RFC 2104, FIPS 180-4), synchronous and without allocation: both pads are hashed ahead, so
 * that a message of up to 55 bytes costs two rounds of SHA-256. The APIs of the platform take several times as long for
 * a message this short.
 *
 * @module
 */
import { TineError } from "../base/errors.ts";

/** The length of a whole code in bytes. */
export const HMAC_BYTES = 32;
const BLOCK = 64;
const BLOCK_WORDS = 16;
const STATE_WORDS = 8;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const K = Int32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)));
/** Likewise of the square roots of the first 8. */
const START = Int32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)));

/** The first byte after a message. */
const END_MARK = 0x80;

/** Signs and checks messages with one key. */
export class Hmac {
  readonly #inner = Int32Array.from(START);
  readonly #outer = Int32Array.from(START);
  readonly #state = new Int32Array(STATE_WORDS);
  readonly #words = new Int32Array(64);

  /**
   * @param key of any length; 32 random bytes are best
   * @throws {TineError} `bad-key`, if it is empty
   */
  constructor(key: Uint8Array) {
    if (key.length === 0) throw new TineError("bad-key", "the key is empty");
    const padded = new Uint8Array(BLOCK);
    padded.set(key.length > BLOCK ? this.#hash(key) : key);
    for (const [state, pad] of [[this.#inner, 0x36], [this.#outer, 0x5c]] as const) {
      readWords(this.#words, padded.map((byte) => byte ^ pad), 0, BLOCK_WORDS);
      compress(state, state, this.#words);
    }
  }

  /**
   * Signs `bytes[start, end)`.
   *
   * @param length of the code in bytes, 16 to 32, a multiple of 4: a shorter one is the beginning of the whole one
   * @param at where the code goes in `bytes`
   */
  sign(bytes: Uint8Array, start: number, end: number, at: number, length = HMAC_BYTES): void {
    this.#compute(bytes, start, end);
    this.#write(bytes, at, length);
  }

  /**
   * Whether the code at `at` is that of `bytes[start, end)`. Takes the same time wherever they differ.
   *
   * @param length of the code in bytes, a multiple of 4
   */
  verify(bytes: Uint8Array, start: number, end: number, at: number, length = HMAC_BYTES): boolean {
    this.#compute(bytes, start, end);
    let difference = 0;
    for (let i = 0; i < length / 4; i++) difference |= readWord(bytes, at + 4 * i) ^ this.#state[i];
    return difference === 0;
  }

  /** The whole code of a message, such as a key that is derived from this one. */
  digest(message: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#compute(message, 0, message.length);
    return this.#code();
  }

  #compute(bytes: Uint8Array, start: number, end: number): void {
    const state = this.#state, words = this.#words;
    this.#finish(this.#inner, bytes, start, end, BLOCK);
    for (let i = 0; i < STATE_WORDS; i++) words[i] = state[i];
    words[STATE_WORDS] = END_MARK << 24;
    for (let i = STATE_WORDS + 1; i < BLOCK_WORDS - 1; i++) words[i] = 0;
    words[BLOCK_WORDS - 1] = (BLOCK + HMAC_BYTES) * 8;
    compress(this.#outer, state, words);
  }

  #hash(bytes: Uint8Array): Uint8Array {
    this.#finish(START, bytes, 0, bytes.length, 0);
    return this.#code();
  }

  #code(): Uint8Array<ArrayBuffer> {
    const code = new Uint8Array(HMAC_BYTES);
    this.#write(code, 0, HMAC_BYTES);
    return code;
  }

  #write(bytes: Uint8Array, at: number, length: number): void {
    for (let i = 0; i < length / 4; i++, at += 4) {
      const word = this.#state[i];
      bytes[at] = word >>> 24;
      bytes[at + 1] = word >>> 16;
      bytes[at + 2] = word >>> 8;
      bytes[at + 3] = word;
    }
  }

  /** Takes the last bytes of a message; `from` is the state after the `before` bytes that were taken already. */
  #finish(from: Int32Array, bytes: Uint8Array, start: number, end: number, before: number): void {
    const state = this.#state, words = this.#words;
    const bits = (before + end - start) * 8;
    for (; end - start >= BLOCK; start += BLOCK, from = state) {
      readWords(words, bytes, start, BLOCK_WORDS);
      compress(from, state, words);
    }
    const whole = end - start >> 2;
    readWords(words, bytes, start, whole);
    let last = 0;
    for (let i = start + 4 * whole, shift = 24; i <= end; i++, shift -= 8) {
      last |= (i < end ? bytes[i] : END_MARK) << shift;
    }
    words[whole] = last;
    let i = whole + 1;
    if (i > BLOCK_WORDS - 2) {
      // The length has no room.
      if (i < BLOCK_WORDS) words[i] = 0;
      compress(from, state, words);
      from = state;
      i = 0;
    }
    for (; i < BLOCK_WORDS - 2; i++) words[i] = 0;
    words[BLOCK_WORDS - 2] = bits / 2 ** 32;
    words[BLOCK_WORDS - 1] = bits;
    compress(from, state, words);
  }
}

function readWords(words: Int32Array, bytes: Uint8Array, at: number, count: number): void {
  for (let i = 0; i < count; i++, at += 4) words[i] = readWord(bytes, at);
}

function readWord(bytes: Uint8Array, at: number): number {
  return bytes[at] << 24 | bytes[at + 1] << 16 | bytes[at + 2] << 8 | bytes[at + 3];
}

/**
 * SHA-256 of one block, the first 16 of the words `w`; the others are room. `to` may be `from`. Eight steps are a turn of
 * the loop, after which each variable has its part again: to move them, or to call a step a function, takes half as long
 * again.
 */
function compress(from: Int32Array, to: Int32Array, w: Int32Array): void {
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15], y = w[i - 2];
    const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3;
    const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1 | 0;
  }
  let a = from[0], b = from[1], c = from[2], d = from[3];
  let e = from[4], f = from[5], g = from[6], h = from[7];
  for (let i = 0; i < 64; i += 8) {
    h = h + K[i] + w[i] + (g ^ e & (f ^ g)) | 0;
    h = h + ((e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7)) | 0, d = d + h | 0;
    h = h + (a & b | c & (a | b)) + ((a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10)) | 0;
    g = g + K[i + 1] + w[i + 1] + (f ^ d & (e ^ f)) | 0;
    g = g + ((d >>> 6 | d << 26) ^ (d >>> 11 | d << 21) ^ (d >>> 25 | d << 7)) | 0, c = c + g | 0;
    g = g + (h & a | b & (h | a)) + ((h >>> 2 | h << 30) ^ (h >>> 13 | h << 19) ^ (h >>> 22 | h << 10)) | 0;
    f = f + K[i + 2] + w[i + 2] + (e ^ c & (d ^ e)) | 0;
    f = f + ((c >>> 6 | c << 26) ^ (c >>> 11 | c << 21) ^ (c >>> 25 | c << 7)) | 0, b = b + f | 0;
    f = f + (g & h | a & (g | h)) + ((g >>> 2 | g << 30) ^ (g >>> 13 | g << 19) ^ (g >>> 22 | g << 10)) | 0;
    e = e + K[i + 3] + w[i + 3] + (d ^ b & (c ^ d)) | 0;
    e = e + ((b >>> 6 | b << 26) ^ (b >>> 11 | b << 21) ^ (b >>> 25 | b << 7)) | 0, a = a + e | 0;
    e = e + (f & g | h & (f | g)) + ((f >>> 2 | f << 30) ^ (f >>> 13 | f << 19) ^ (f >>> 22 | f << 10)) | 0;
    d = d + K[i + 4] + w[i + 4] + (c ^ a & (b ^ c)) | 0;
    d = d + ((a >>> 6 | a << 26) ^ (a >>> 11 | a << 21) ^ (a >>> 25 | a << 7)) | 0, h = h + d | 0;
    d = d + (e & f | g & (e | f)) + ((e >>> 2 | e << 30) ^ (e >>> 13 | e << 19) ^ (e >>> 22 | e << 10)) | 0;
    c = c + K[i + 5] + w[i + 5] + (b ^ h & (a ^ b)) | 0;
    c = c + ((h >>> 6 | h << 26) ^ (h >>> 11 | h << 21) ^ (h >>> 25 | h << 7)) | 0, g = g + c | 0;
    c = c + (d & e | f & (d | e)) + ((d >>> 2 | d << 30) ^ (d >>> 13 | d << 19) ^ (d >>> 22 | d << 10)) | 0;
    b = b + K[i + 6] + w[i + 6] + (a ^ g & (h ^ a)) | 0;
    b = b + ((g >>> 6 | g << 26) ^ (g >>> 11 | g << 21) ^ (g >>> 25 | g << 7)) | 0, f = f + b | 0;
    b = b + (c & d | e & (c | d)) + ((c >>> 2 | c << 30) ^ (c >>> 13 | c << 19) ^ (c >>> 22 | c << 10)) | 0;
    a = a + K[i + 7] + w[i + 7] + (h ^ f & (g ^ h)) | 0;
    a = a + ((f >>> 6 | f << 26) ^ (f >>> 11 | f << 21) ^ (f >>> 25 | f << 7)) | 0, e = e + a | 0;
    a = a + (b & c | d & (b | c)) + ((b >>> 2 | b << 30) ^ (b >>> 13 | b << 19) ^ (b >>> 22 | b << 10)) | 0;
  }
  to[0] = from[0] + a, to[1] = from[1] + b, to[2] = from[2] + c, to[3] = from[3] + d;
  to[4] = from[4] + e, to[5] = from[5] + f, to[6] = from[6] + g, to[7] = from[7] + h;
}

function primes(count: number): number[] {
  const found: number[] = [];
  for (let n = 2; found.length < count; n++) if (found.every((prime) => n % prime !== 0)) found.push(n);
  return found;
}

/** The first 32 bits behind the point. */
function fraction(value: number): number {
  return (value - Math.floor(value)) * 2 ** 32 | 0;
}
