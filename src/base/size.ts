/** An amount of data in whole bytes. Plans write it as `64KiB` or `10MB`. */
export type Size = number;

/** How sizes are written: an amount with a unit, such as `64KiB`, or 0. */
export const SIZE_PATTERN = /^(?:0|\d{1,16}(?:\.\d{1,9})?(?:B|kB|MB|GB|TB|KiB|MiB|GiB|TiB))$/;

const UNITS = [
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
const bytesPer = new Map<string, number>(UNITS);

/**
 * Reads a size.
 *
 * @returns bytes; undefined for any other text, for fractions of bytes, and beyond 2^53
 *
 * @example
 * ```ts
 * import { parseSize } from "./size.ts";
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
  const [unit, factor] = UNITS.find(([, factor]) => size !== 0 && size % factor === 0) ?? ["B", 1];
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
 * import { byteAmount } from "./size.ts";
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
