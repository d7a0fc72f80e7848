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
 * import { parseRate } from "./rate.ts";
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

/** Writes a rate with the largest unit that is not too large: `10Mbps`. */
export function formatRate(rate: Rate): string {
  if (rate === "max") return rate;
  const [perSecond, unit] = "bitsPerSecond" in rate ? [rate.bitsPerSecond, "bps"] : [rate.packetsPerSecond, "pps"];
  const [prefix, factor] = Object.entries(FACTORS).findLast(([, factor]) => perSecond >= factor) ?? ["", 1];
  return `${perSecond / factor}${prefix}${unit}`;
}
