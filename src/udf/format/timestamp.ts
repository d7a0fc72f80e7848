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

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:[Zz]|([+-])(\d\d):(\d\d))$/;

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
  const match = RFC3339.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number);
  const offsetHours = Number(match[9] ?? 0), offsetMinutes = Number(match[10] ?? 0);
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const offset = (offsetHours * 60 + offsetMinutes) * (match[8] === "-" ? -1 : 1);
  const seconds = date.getTime() / 1000 + hour * 3600 + (minute - offset) * 60 + second;
  const time = BigInt(seconds) * 1_000_000_000n + BigInt((match[7] ?? "").padEnd(9, "0"));
  return isInt64(time) ? time : undefined;
}

/**
 * Writes a time in UTC with as many digits as it needs: none, three, six or nine.
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
