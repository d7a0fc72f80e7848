import { isInt64, parseInt64 } from "./int64.ts";

/** The unit of times that are written as integers. */
export type Precision = "ns" | "us" | "ms" | "s" | "m" | "h";

/** The units of time in the order of their size. */
export const PRECISIONS: readonly Precision[] = ["ns", "us", "ms", "s", "m", "h"];

const NANOSECONDS: Record<Precision, bigint> = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

/** RFC 3339 allows less than Temporal reads: there are always seconds, and no names of time zones. */
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:[0-5]\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** The nanoseconds of one unit. */
export function nanosecondsOf(precision: Precision): bigint {
  return NANOSECONDS[precision];
}

/**
 * Reads a time written as an integer.
 *
 * @param unit ns, see {@linkcode nanosecondsOf}
 * @returns ns since the epoch; undefined if it is no integer or does not fit into 64 bits
 */
export function parseTime(text: string, unit: bigint): bigint | undefined {
  const value = parseInt64(text);
  if (value === undefined || unit === 1n) return value;
  const time = value * unit;
  return isInt64(time) ? time : undefined;
}

/**
 * Reads a time like `2024-05-01T12:00:00.123456789Z` or with an offset like `+02:00`. Up to nine digits of a second
 * count, the T may be a space.
 *
 * Format: https://www.rfc-editor.org/rfc/rfc3339
 *
 * @returns ns since the epoch; undefined if it is no such time or does not fit into 64 bits
 *
 * @example
 * ```ts
 * import { parseRfc3339 } from "./timestamp.ts";
 * console.assert(parseRfc3339("1970-01-01T00:00:01.5Z") === 1_500_000_000n);
 * ```
 */
export function parseRfc3339(text: string): bigint | undefined {
  if (!RFC3339.test(text)) return undefined;
  let time: bigint;
  try {
    time = Temporal.Instant.from(text).epochNanoseconds;
  } catch {
    return undefined; // a day or an hour that does not exist
  }
  return isInt64(time) ? time : undefined;
}

/**
 * Writes a time in UTC with as many digits as it needs: zero, three, six or nine. `Temporal` has no such form, and
 * takes up to twice as long.
 *
 * @param time ns since the epoch
 *
 * @example
 * ```ts
 * import { formatRfc3339 } from "./timestamp.ts";
 * console.assert(formatRfc3339(1_500_000_000n) === "1970-01-01T00:00:01.500Z");
 * ```
 */
export function formatRfc3339(time: bigint): string {
  let fraction = time % 1_000_000_000n;
  if (fraction < 0n) fraction += 1_000_000_000n;
  const seconds = new Date(Number((time - fraction) / 1_000_000n)).toISOString().slice(0, -5);
  if (fraction === 0n) return seconds + "Z";
  let digits = fraction.toString().padStart(9, "0");
  while (digits.endsWith("000")) digits = digits.slice(0, -3);
  return `${seconds}.${digits}Z`;
}
