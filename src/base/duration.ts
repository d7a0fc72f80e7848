/**
 * An amount of time in milliseconds. Plans write it as `500ms` or `1m30s`; every whole nanosecond up to
 * {@link MAX_DURATION} is kept.
 */
export type Duration = number;

/** The longest duration of a plan: 24 days in milliseconds. */
export const MAX_DURATION: Duration = 24 * 86_400_000;

/** How durations are written: amounts with units, such as `1m30s`, or 0; `us` also with either of the signs for micro. */
export const DURATION_PATTERN = /^(?:0|(?:\d{1,16}(?:\.\d{1,9})?(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h|d)){1,7})$/;

const UNITS = [
  ["d", 86_400_000_000_000],
  ["h", 3_600_000_000_000],
  ["m", 60_000_000_000],
  ["s", 1_000_000_000],
  ["ms", 1_000_000],
  ["us", 1000],
  ["ns", 1],
] as const;
const nanosecondsPer = new Map<string, number>([...UNITS, ["\u00b5s", 1000], ["\u03bcs", 1000]]);

/**
 * Reads a duration.
 *
 * @param options `longest`: the longest accepted duration, in milliseconds; {@link MAX_DURATION} by default
 * @returns milliseconds; undefined for any other text, and beyond `longest`
 *
 * @example
 * ```ts
 * import { parseDuration } from "./duration.ts";
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
  for (const [unit, factor] of UNITS) {
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
