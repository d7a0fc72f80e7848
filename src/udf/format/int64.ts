const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/** Whether the integer fits into 64 bits with a sign. */
export function isInt64(value: bigint): boolean {
  return value >= MIN && value <= MAX;
}

/**
 * Reads a decimal integer.
 *
 * @param text digits with an optional sign; anything else must have been refused before
 * @returns undefined if it does not fit into 64 bits
 */
export function parseInt64(text: string): bigint | undefined {
  if (text.length < 16) return BigInt(+text);
  // Long zeros in front would make BigInt slow on hostile input; 20 is the length of the lowest int64.
  if (text.length > 20) text = text.replace(/^([+-]?)0+(?=\d)/, "$1");
  if (text.length > 20) return undefined;
  const value = BigInt(text);
  return text.length < 19 || isInt64(value) ? value : undefined;
}
