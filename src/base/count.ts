/**
 * Formats a number for people, with digits in groups: `1,234,567`.
 *
 * `toLocaleString` does the same, and loads the tables of all languages at its first call: 12 ms, a tenth of a short run.
 *
 * @example
 * ```ts
 * import { grouped } from "./count.ts";
 * console.assert(grouped(1234567) === "1,234,567");
 * ```
 */
export function grouped(n: number): string {
  return String(n).replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/**
 * Formats a count of things: `1 test`, `12,000 tests`.
 *
 * @param n a whole number
 */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${grouped(n)} ${n === 1 ? one : many}`;
}
