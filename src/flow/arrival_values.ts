/**
 * When packets arrived, as the numbers of a report.
 *
 * @module
 */
import type { ArrivalTotals, GroupReception, TimeSpread } from "./report.ts";
import { countOf, knownCount, numberOf, type ReportValues } from "./report_numbers.ts";

/**
 * Writes when the packets of a sender arrived.
 *
 * @param sender its index
 */
export function encodeArrivals(values: Record<string, number>, sender: number, arrivals: ArrivalTotals): void {
  const { delay, ipdv, reordered, jitterNanos } = arrivals;
  setSpread(values, "delayToServer", sender, delay);
  if (ipdv !== undefined) setSpread(values, "ipdvToServer", sender, ipdv);
  values[`reorderedToServer.${sender}`] = reordered;
  values[`jitterToServerNanos.${sender}`] = jitterNanos;
}

function setSpread(values: Record<string, number>, name: string, sender: number, spread: TimeSpread): void {
  values[`${name}Count.${sender}`] = spread.count;
  values[`${name}MinNanos.${sender}`] = spread.min;
  values[`${name}MeanNanos.${sender}`] = spread.mean;
  values[`${name}MaxNanos.${sender}`] = spread.max;
}

/** Reads when the packets of a sender arrived; undefined where a report does not have it. */
export function decodeArrivals(values: ReportValues, i: number): ArrivalTotals | undefined {
  const delay = decodeSpread(values, "delayToServer", i);
  if (delay === undefined) return undefined;
  const ipdv = decodeSpread(values, "ipdvToServer", i);
  return {
    reordered: countOf(values, `reorderedToServer.${i}`),
    delay,
    ...ipdv === undefined ? {} : { ipdv },
    jitterNanos: countOf(values, `jitterToServerNanos.${i}`),
  };
}

function decodeSpread(values: ReportValues, name: string, sender: number): TimeSpread | undefined {
  const count = knownCount(values, `${name}Count.${sender}`) ?? 0;
  if (count === 0) return undefined;
  // Delays are by two clocks, which may be apart either way.
  const [min, mean, max] = ["Min", "Mean", "Max"].map((part) => numberOf(values, `${name}${part}Nanos.${sender}`));
  return { count, min, mean, max };
}

/** Writes what a receiver of a group knows. */
export function encodeReception(values: Record<string, number>, { expected, arrivals, clock }: GroupReception): void {
  values.expected = expected;
  if (arrivals !== undefined) encodeArrivals(values, 0, arrivals);
  if (clock === undefined) return;
  values.clockAheadLeastNanos = clock.least;
  values.clockAheadMostNanos = clock.most;
}

/** Reads what a receiver of a group knows; empty for the server of a client. */
export function decodeReception(values: ReportValues): { readonly group?: GroupReception } {
  const expected = knownCount(values, "expected");
  if (expected === undefined) return {};
  const arrivals = decodeArrivals(values, 0);
  const { clockAheadLeastNanos: least, clockAheadMostNanos: most } = values;
  return {
    group: {
      expected,
      ...arrivals !== undefined && { arrivals },
      ...least !== undefined && most !== undefined && { clock: { least, most } },
    },
  };
}
