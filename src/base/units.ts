/**
 * An amount of time in milliseconds. Plans write it as `500ms` or `1m30s`; every whole nanosecond up to
 * {@link MAX_DURATION} is kept.
 */
export type Duration = number;

/** The longest duration of a plan, 100 days in milliseconds: whole nanoseconds are exact. */
export const MAX_DURATION: Duration = 100 * 86_400_000;

/** How durations are written: amounts with units, such as `1m30s`, or 0; `us` also with either of the signs for micro. */
export const DURATION_PATTERN = /^(?:0|(?:\d{1,16}(?:\.\d{1,9})?(?:ns|us|µs|μs|ms|s|m|h|d)){1,7})$/;

const DURATION_UNITS = [
  ["d", 86_400_000_000_000],
  ["h", 3_600_000_000_000],
  ["m", 60_000_000_000],
  ["s", 1_000_000_000],
  ["ms", 1_000_000],
  ["us", 1000],
  ["ns", 1],
] as const;
const nanosecondsPer = new Map<string, number>([...DURATION_UNITS, ["\u00b5s", 1000], ["\u03bcs", 1000]]);

/**
 * Reads a duration.
 *
 * @param options `longest`: the longest accepted duration, in milliseconds; {@link MAX_DURATION} by default
 * @returns milliseconds; undefined for any other text, and beyond `longest`
 *
 * @example
 * ```ts
 * import { parseDuration } from "./units.ts";
 * console.assert(parseDuration("1m30s") === 90_000);
 * ```
 */
export function parseDuration(text: string, { longest = MAX_DURATION } = {}): Duration | undefined {
  if (!DURATION_PATTERN.test(text)) return undefined;
  let sum = 0;
  for (const [, amount, unit] of text.matchAll(/([\d.]+)([^\d.]+)/g)) sum += Number(amount) * nanosecondsPer.get(unit)!;
  const duration = Math.round(sum) / 1e6;
  return duration <= longest ? duration : undefined;
}

/**
 * Writes a duration with the fewest units that are exact: `1m30s`.
 *
 * @param duration milliseconds, 0 to {@link MAX_DURATION}
 */
export function formatDuration(duration: Duration): string {
  let rest = Math.round(duration * 1e6);
  if (rest === 0) return "0s";
  let text = "";
  for (const [unit, factor] of DURATION_UNITS) {
    const amount = Math.floor(rest / factor);
    if (amount > 0) text += amount + unit;
    rest -= amount * factor;
  }
  return text;
}

/**
 * Formats a measured time for people, with two or three digits: `0.35s`, `1.2s`, `42s`, `2m05s`, `3h07m`.
 *
 * @param ms milliseconds
 */
export function elapsed(ms: number): string {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 0.995) return `${seconds.toFixed(2)}s`;
  if (seconds < 9.95) return `${seconds.toFixed(1)}s`;
  return wholeSeconds(Math.round(seconds) * 1000);
}

/**
 * Formats a running time in whole seconds, rounded down as clocks do: `0s`, `42s`, `2m05s`, `3h07m`.
 *
 * @param ms milliseconds
 */
export function wholeSeconds(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m${twoDigits(seconds % 60)}s`;
  return `${Math.floor(minutes / 60)}h${twoDigits(minutes % 60)}m`;
}

function twoDigits(n: number): string {
  return String(n).padStart(2, "0");
}

/** An amount of data in whole bytes. Plans write it as `64KiB` or `10MB`. */
export type Size = number;

/** How sizes are written: an amount with a unit, such as `64KiB`, or 0. */
export const SIZE_PATTERN = /^(?:0|\d{1,16}(?:\.\d{1,9})?(?:B|kB|MB|GB|TB|KiB|MiB|GiB|TiB))$/;

const SIZE_UNITS = [
  ["TiB", 2 ** 40],
  ["TB", 1e12],
  ["GiB", 2 ** 30],
  ["GB", 1e9],
  ["MiB", 2 ** 20],
  ["MB", 1e6],
  ["KiB", 2 ** 10],
  ["kB", 1e3],
  ["B", 1],
] as const;
const bytesPer = new Map<string, number>(SIZE_UNITS);

/**
 * Reads a size.
 *
 * @returns bytes; undefined for any other text, for fractions of bytes, and beyond 2^53
 *
 * @example
 * ```ts
 * import { parseSize } from "./units.ts";
 * console.assert(parseSize("64KiB") === 65_536);
 * ```
 */
export function parseSize(text: string): Size | undefined {
  if (!SIZE_PATTERN.test(text)) return undefined;
  const [, amount, unit] = /^([\d.]+)(\w*)$/.exec(text)!;
  const bytes = Number(amount) * (bytesPer.get(unit) ?? 1);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/**
 * Writes a size with the largest unit that is exact: `64KiB`.
 *
 * @param size whole bytes, at least 0
 */
export function formatSize(size: Size): string {
  const [unit, factor] = SIZE_UNITS.find(([, factor]) => size !== 0 && size % factor === 0) ?? ["B", 1];
  return `${size / factor}${unit}`;
}

const PREFIXES = ["kB", "MB", "GB", "TB"];

/**
 * Formats an amount of bytes for people, with three digits: `831 B`, `1.00 kB`, `26.6 MB`.
 *
 * `format` of @std/fmt/bytes writes `1 kB` and `1000 kB`, not always three digits.
 *
 * @example
 * ```ts
 * import { byteAmount } from "./units.ts";
 * console.assert(byteAmount(26_601_920) === "26.6 MB");
 * ```
 */
export function byteAmount(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let amount = bytes / 1000;
  let unit = 0;
  // From here on three digits would round to 1000.
  for (; amount >= 999.5 && unit < PREFIXES.length - 1; unit++) amount /= 1000;
  return `${amount >= 999.5 ? Math.round(amount) : amount.toPrecision(3)} ${PREFIXES[unit]}`;
}

/** The rate of packets: bits of packets a second, packets a second, or as fast as possible. */
export type Rate = { readonly bitsPerSecond: number } | { readonly packetsPerSecond: number } | "max";

/** How rates are written. */
export const RATE_PATTERN = /^(?:max|(\d{1,12}(?:\.\d{1,9})?)([kMG]?)(bps|pps))$/;

const FACTORS: Readonly<Record<string, number>> = { "": 1, k: 1e3, M: 1e6, G: 1e9 };

/**
 * Reads a rate: `10Mbps`, `1000pps`, `max`.
 *
 * @returns undefined for any other text, and for 0
 *
 * @example
 * ```ts
 * import { parseRate } from "./units.ts";
 * console.log(parseRate("10Mbps")); // { bitsPerSecond: 10000000 }
 * ```
 */
export function parseRate(text: string): Rate | undefined {
  const match = RATE_PATTERN.exec(text);
  if (match === null) return undefined;
  if (text === "max") return "max";
  const perSecond = Number(match[1]) * FACTORS[match[2]];
  if (perSecond === 0) return undefined;
  return match[3] === "bps" ? { bitsPerSecond: perSecond } : { packetsPerSecond: perSecond };
}

/**
 * Returns the mean rate of a transfer in bits a second; 0 where no time has passed.
 *
 * @param nanos its duration, in nanoseconds
 */
export function bitsPerSecond(bytes: number, nanos: number): number {
  return nanos > 0 ? bytes * 8e9 / nanos : 0;
}

/** Writes a rate with the largest unit that is not too large: `10Mbps`. */
export function formatRate(rate: Rate): string {
  if (rate === "max") return rate;
  const [perSecond, unit] = "bitsPerSecond" in rate ? [rate.bitsPerSecond, "bps"] : [rate.packetsPerSecond, "pps"];
  const [prefix, factor] = Object.entries(FACTORS).findLast(([, factor]) => perSecond >= factor) ?? ["", 1];
  return `${perSecond / factor}${prefix}${unit}`;
}

/**
 * Formats a number for people, with digits in groups: `1,234,567`.
 *
 * `toLocaleString` does the same, and loads the tables of all languages at its first call: 12 ms, a tenth of a short run.
 *
 * @param n a number, or the text of one with decimals
 *
 * @example
 * ```ts
 * import { grouped } from "./units.ts";
 * console.assert(grouped(1234567) === "1,234,567");
 * ```
 */
export function grouped(n: number | string): string {
  return String(n).replace(/\B(?<!\.\d*)(?=(?:\d{3})+(?:\.|$))/g, ",");
}

/**
 * Formats a count of things: `1 test`, `12,000 tests`.
 *
 * @param n a whole number
 */
export function formatCount(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}
