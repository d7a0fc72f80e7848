/**
 * A small deterministic generator of pseudo-random values (mulberry32), so that a failing property test fails again.
 *
 * @example
 * ```ts
 * import { Random } from "./random.ts";
 * console.assert(new Random(1).below(100) === new Random(1).below(100));
 * ```
 */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    this.#state = this.#state + 0x6d2b79f5 >>> 0;
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return (mixed ^ mixed >>> 14) >>> 0;
  }

  /** An integer from 0 to `limit` - 1. */
  below(limit: number): number {
    return Math.floor(this.uint32() / 2 ** 32 * limit);
  }

  /** True once in `n` times. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  /** One of the values. */
  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)];
  }

  /** As many bytes as are asked for. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) bytes[i] = this.uint32();
    return bytes;
  }

  /** A signed 64-bit integer; often an extreme or small one. */
  int64(): bigint {
    if (this.oneIn(2)) return this.pick(INT64_EDGES);
    const value = BigInt.asIntN(64, BigInt(this.uint32()) << 32n | BigInt(this.uint32()));
    return value >> BigInt(this.below(64));
  }

  /** A double; often a special one. */
  double(): number {
    if (this.oneIn(2)) return this.pick(DOUBLE_EDGES);
    const view = new DataView(new ArrayBuffer(8));
    view.setUint32(0, this.uint32());
    view.setUint32(4, this.uint32());
    return view.getFloat64(0);
  }

  /** A string without lone surrogates; may be empty, seldom long. */
  string(): string {
    if (this.oneIn(200)) return this.pick(TEXTS).repeat(1 + this.below(4000));
    if (this.oneIn(12)) return "x".repeat(this.pick([47, 48, 49, 63, 64, 65, 126, 127, 128, 129, 300]));
    if (this.oneIn(2)) return this.pick(TEXTS);
    return Array.from({ length: this.below(12) }, () => String.fromCharCode(97 + this.below(26))).join("");
  }
}

/** Integers at which encodings change or numbers lose precision. */
export const INT64_EDGES: readonly bigint[] = [
  0n,
  1n,
  -1n,
  127n,
  128n,
  -128n,
  2n ** 28n - 1n,
  2n ** 28n,
  2n ** 31n,
  -(2n ** 31n),
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 52n - 1n,
  2n ** 52n,
  2n ** 53n + 1n,
  -(2n ** 53n) - 1n,
  2n ** 56n - 1n,
  2n ** 56n,
  1_700_000_000_123_456_789n,
  2n ** 63n - 1n,
  -(2n ** 63n),
];

/** Doubles that are easily lost. */
export const DOUBLE_EDGES: readonly number[] = [
  0,
  -0,
  1.5,
  -1,
  NaN,
  Infinity,
  -Infinity,
  Number.MAX_VALUE,
  Number.MIN_VALUE,
  Number.MAX_SAFE_INTEGER,
  0.1,
  1e21,
];

/** Texts that are easily mangled; all are valid UTF-16. */
export const TEXTS: readonly string[] = [
  "",
  "cpu",
  "host",
  "a=b,c",
  "line\nbreak\ttab",
  "\0",
  "Grüße",
  "日本語",
  "😀",
  "\ufeffbyte order mark",
  "\ufffd",
  "\u{10ffff}",
  "\u007f\u0080\u07ff\u0800\uffff",
  "constructor",
  "toString",
  "hasOwnProperty",
  "7",
  "007",
  '"quoted" \\ back',
];
