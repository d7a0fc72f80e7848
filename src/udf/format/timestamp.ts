import { isInt64, parseInt64 } from "./int64.ts";
import type { NumberScanner } from "./number_scanner.ts";

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

/**
 * Reads a time as {@linkcode parseRfc3339} does, from bytes, into the words of `into`.
 *
 * @returns where it ends; -1 where it is something else or before 1970: that is for {@linkcode parseRfc3339} to judge
 */
export function scanRfc3339(bytes: Uint8Array, start: number, into: NumberScanner): number {
  const year = digits(bytes, start, 4), month = digits(bytes, start + 5, 2), day = digits(bytes, start + 8, 2);
  const hour = digits(bytes, start + 11, 2),
    minute = digits(bytes, start + 14, 2),
    second = digits(bytes, start + 17, 2);
  const letter = bytes[start + 10];
  const isTime = bytes[start + 4] === 0x2d && bytes[start + 7] === 0x2d && bytes[start + 13] === 0x3a &&
    bytes[start + 16] === 0x3a && (letter === 0x54 || letter === 0x74 || letter === 0x20) &&
    year >= 1970 && month >= 1 && month <= 12 && day >= 1 && hour >= 0 && hour < 24 && minute >= 0 && minute < 60 &&
    second >= 0 && second < 60;
  if (!isTime) return -1;
  const isLeap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  if (day > DAYS[month] + (month === 2 && isLeap ? 1 : 0)) return -1;
  // Days since 1970: those of whole years with their leap days, of whole months, and of this one.
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400) - 477;
  const days = (year - 1970) * 365 + leapDays + DAYS_BEFORE[month] + (month > 2 && isLeap ? 1 : 0) + day - 1;
  let position = start + 19;
  let nanos = 0;
  if (bytes[position] === 0x2e) { // a point
    let scale = 100_000_000;
    const first = ++position;
    for (;; position++) {
      const digit = bytes[position] - 0x30;
      if (!(digit >= 0 && digit <= 9)) break;
      nanos += digit * scale;
      scale /= 10;
    }
    if (position === first || position > first + 9) return -1;
  }
  let offset = 0;
  const zone = bytes[position++];
  if (zone === 0x2b || zone === 0x2d) {
    const hours = digits(bytes, position, 2), minutes = digits(bytes, position + 3, 2);
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || bytes[position + 2] !== 0x3a) return -1;
    offset = (hours * 60 + minutes) * (zone === 0x2b ? 60 : -60);
    position += 5;
  } else if (zone !== 0x5a && zone !== 0x7a) {
    return -1;
  }
  const seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
  return seconds >= 0 && into.setTime(seconds, nanos) ? position : -1;
}

/** Days of each month, and before it, without a leap day. */
const DAYS = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DAYS_BEFORE = DAYS.map((_, month) => DAYS.slice(0, month).reduce((sum, days) => sum + days, 0));

/** The value of this many digits, or -1. */
function digits(bytes: Uint8Array, start: number, count: number): number {
  let value = 0;
  for (let i = start; i < start + count; i++) {
    const digit = bytes[i] - 0x30;
    if (!(digit >= 0 && digit <= 9)) return -1;
    value = value * 10 + digit;
  }
  return value;
}
