import { messageOf, TineError } from "../../base/errors.ts";
import type { Spread } from "../../flow/analysis/mod.ts";

/** Nanoseconds as microseconds, to the nanosecond. */
export function micros(nanos: number): number {
  return Math.round(nanos) / 1000;
}

/** A number with so many digits that nothing measured is lost; undefined stays so, and is left out of JSON. */
export function rounded(value: number | undefined): number | undefined {
  return value === undefined ? undefined : Number(value.toPrecision(10));
}

/**
 * A distribution of times under keys that carry their unit: `rttMinMicros`, `rttMedianMicros`, `rttP99Micros`...
 *
 * @param name what it is of: `rtt`
 * @returns no keys where nothing was measured, or where only the whole is known: no quantiles then
 */
export function quantileKeys(name: string, quantiles: Spread | undefined): Record<string, number> {
  if (quantiles === undefined) return {};
  const { min, mean, median, p99, p999, max } = quantiles;
  const named = { Min: min, Mean: mean, Median: median, P99: p99, P999: p999, Max: max };
  return Object.fromEntries(
    Object.entries(named).flatMap(([key, value]) =>
      value === undefined ? [] : [[`${name}${key}Micros`, micros(value)]]
    ),
  );
}

/** Why something failed; undefined if it did not, and left out of JSON. */
export function errorJson(error: unknown): object | undefined {
  if (error === undefined) return undefined;
  return { code: error instanceof TineError ? error.code : "failed", message: messageOf(error) };
}
