const UNITS = ["kB", "MB", "GB", "TB"];

/**
 * An amount of bytes for people, with three digits: `831 B`, `1.00 kB`, `26.6 MB`.
 *
 * @example
 * ```ts
 * import { byteAmount } from "./byte_amount.ts";
 * console.assert(byteAmount(26_601_920) === "26.6 MB");
 * ```
 */
export function byteAmount(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  let amount = bytes / 1000;
  let unit = 0;
  // From here on three digits would round to 1000.
  for (; amount >= 999.5 && unit < UNITS.length - 1; unit++) amount /= 1000;
  return `${amount >= 999.5 ? Math.round(amount) : amount.toPrecision(3)} ${UNITS[unit]}`;
}
