/**
 * HMAC-SHA256 for packets (RFC 2104, FIPS 180-4), synchronous and without allocation: both pads are hashed ahead, so
 * that a message of up to 55 bytes costs two rounds of SHA-256. The APIs of the platform take several times as long for
 * a message this short.
 *
 * @module
 */
import { TineError } from "../wire/errors.ts";

/** The length of a whole code in bytes. */
export const HMAC_BYTES = 32;
const BLOCK = 64;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const K = Int32Array.from(primes(64), (prime) => fraction(Math.cbrt(prime)));
/** Likewise of the square roots of the first 8. */
const START = Int32Array.from(primes(8), (prime) => fraction(Math.sqrt(prime)));

/** Signs and checks messages with one key. */
export class Hmac {
  readonly #inner = Int32Array.from(START);
  readonly #outer = Int32Array.from(START);
  readonly #state = new Int32Array(8);
  readonly #block = new Uint8Array(BLOCK);
  readonly #code = new Uint8Array(HMAC_BYTES);
  readonly #words = new Int32Array(64);

  /**
   * @param key of any length; 32 random bytes are best
   * @throws {TineError} `bad-key`, if it is empty
   */
  constructor(key: Uint8Array) {
    if (key.length === 0) throw new TineError("bad-key", "the key is empty");
    const padded = new Uint8Array(BLOCK);
    padded.set(key.length > BLOCK ? this.#hash(key) : key);
    compress(this.#inner, padded.map((byte) => byte ^ 0x36), this.#words);
    compress(this.#outer, padded.map((byte) => byte ^ 0x5c), this.#words);
  }

  /**
   * Signs `bytes[start, end)`.
   *
   * @param length of the code in bytes, 16 to 32: a shorter one is the beginning of the whole one
   * @param at where the code goes in `bytes`
   */
  sign(bytes: Uint8Array, start: number, end: number, at: number, length = HMAC_BYTES): void {
    this.#compute(bytes, start, end);
    for (let i = 0; i < length; i++) bytes[at + i] = this.#code[i];
  }

  /**
   * Whether the code at `at` is that of `bytes[start, end)`. Takes the same time wherever they differ.
   *
   * @param length of the code in bytes
   */
  verify(bytes: Uint8Array, start: number, end: number, at: number, length = HMAC_BYTES): boolean {
    this.#compute(bytes, start, end);
    let difference = 0;
    for (let i = 0; i < length; i++) difference |= bytes[at + i] ^ this.#code[i];
    return difference === 0;
  }

  /** The whole code of a message, such as a key that is derived from this one. */
  digest(message: Uint8Array): Uint8Array<ArrayBuffer> {
    this.#compute(message, 0, message.length);
    return this.#code.slice();
  }

  #compute(bytes: Uint8Array, start: number, end: number): void {
    const state = this.#state;
    state.set(this.#inner);
    this.#finish(bytes, start, end, BLOCK);
    const block = this.#block;
    block.fill(0);
    writeState(state, block);
    state.set(this.#outer);
    pad(block, HMAC_BYTES, BLOCK + HMAC_BYTES);
    compress(state, block, this.#words);
    writeState(state, this.#code);
  }

  #hash(bytes: Uint8Array): Uint8Array {
    this.#state.set(START);
    this.#finish(bytes, 0, bytes.length, 0);
    writeState(this.#state, this.#code);
    return this.#code;
  }

  /** Takes the last bytes of a message; `before` bytes were taken already. */
  #finish(bytes: Uint8Array, start: number, end: number, before: number): void {
    const total = before + end - start;
    const block = this.#block;
    for (; end - start >= BLOCK; start += BLOCK) {
      for (let i = 0; i < BLOCK; i++) block[i] = bytes[start + i];
      compress(this.#state, block, this.#words);
    }
    const rest = end - start;
    block.fill(0);
    for (let i = 0; i < rest; i++) block[i] = bytes[start + i];
    if (rest + 9 > BLOCK) {
      block[rest] = 0x80;
      compress(this.#state, block, this.#words);
      block.fill(0);
      writeLength(block, total);
    } else {
      pad(block, rest, total);
    }
    compress(this.#state, block, this.#words);
  }
}

function pad(block: Uint8Array, at: number, totalBytes: number): void {
  block[at] = 0x80;
  writeLength(block, totalBytes);
}

/** The length of the message in bits, the last 8 bytes of the last block. */
function writeLength(block: Uint8Array, totalBytes: number): void {
  let bits = totalBytes * 8;
  for (let i = BLOCK - 1; i >= BLOCK - 8; i--) {
    block[i] = bits % 256;
    bits = Math.floor(bits / 256);
  }
}

function writeState(state: Int32Array, bytes: Uint8Array): void {
  for (let i = 0; i < 8; i++) {
    const word = state[i];
    bytes[i * 4] = word >>> 24;
    bytes[i * 4 + 1] = word >>> 16;
    bytes[i * 4 + 2] = word >>> 8;
    bytes[i * 4 + 3] = word;
  }
}

/** A round of SHA-256 over one block; `w` is room for the message schedule. */
function compress(state: Int32Array, block: Uint8Array, w: Int32Array): void {
  for (let i = 0; i < 16; i++) {
    const at = i * 4;
    w[i] = block[at] << 24 | block[at + 1] << 16 | block[at + 2] << 8 | block[at + 3];
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15];
    const y = w[i - 2];
    const s0 = (x >>> 7 | x << 25) ^ (x >>> 18 | x << 14) ^ x >>> 3;
    const s1 = (y >>> 17 | y << 15) ^ (y >>> 19 | y << 13) ^ y >>> 10;
    w[i] = w[i - 16] + s0 + w[i - 7] + s1 | 0;
  }
  let a = state[0], b = state[1], c = state[2], d = state[3];
  let e = state[4], f = state[5], g = state[6], h = state[7];
  for (let i = 0; i < 64; i++) {
    const s1 = (e >>> 6 | e << 26) ^ (e >>> 11 | e << 21) ^ (e >>> 25 | e << 7);
    const t1 = h + s1 + (e & f ^ ~e & g) + K[i] + w[i] | 0;
    const s0 = (a >>> 2 | a << 30) ^ (a >>> 13 | a << 19) ^ (a >>> 22 | a << 10);
    const t2 = s0 + (a & b ^ a & c ^ b & c) | 0;
    h = g, g = f, f = e, e = d + t1 | 0, d = c, c = b, b = a, a = t1 + t2 | 0;
  }
  state[0] += a, state[1] += b, state[2] += c, state[3] += d;
  state[4] += e, state[5] += f, state[6] += g, state[7] += h;
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
