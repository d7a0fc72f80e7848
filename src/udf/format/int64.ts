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
