import type { ArrivalTotals, TimeSpread } from "./arrival_times.ts";
import type { ClockBounds } from "./client_closing.ts";

/** When packets arrived at the server, as figures of a flow: under keys that carry their unit, and the sender's index. */
export function arrivalValues(sender: number, { reordered, delay, ipdv, jitterNanos }: ArrivalTotals) {
  const values: Record<string, number> = {
    ...spreadValues("delayToServer", sender, delay),
    ...ipdv && spreadValues("ipdvToServer", sender, ipdv),
  };
  values[`reorderedToServer.${sender}`] = reordered;
  values[`jitterToServerNanos.${sender}`] = jitterNanos;
  return values;
}

/** Reads such figures; undefined if they are not there. */
export function readArrivalValues(
  values: Readonly<Record<string, number>>,
  sender: number,
): ArrivalTotals | undefined {
  const delay = readSpread(values, "delayToServer", sender);
  return delay && {
    reordered: values[`reorderedToServer.${sender}`] ?? 0,
    delay,
    ipdv: readSpread(values, "ipdvToServer", sender),
    jitterNanos: values[`jitterToServerNanos.${sender}`] ?? 0,
  };
}

/** Reads what the server's answers at the end have said of its clock; undefined if nothing. */
export function readClockBounds(values: Readonly<Record<string, number>>): ClockBounds | undefined {
  const { clockAheadLeastNanos: least, clockAheadMostNanos: most } = values;
  return least === undefined || most === undefined ? undefined : { least, most };
}

function spreadValues(name: string, sender: number, { count, min, mean, max }: TimeSpread): Record<string, number> {
  return {
    [`${name}Count.${sender}`]: count,
    [`${name}MinNanos.${sender}`]: min,
    [`${name}MeanNanos.${sender}`]: mean,
    [`${name}MaxNanos.${sender}`]: max,
  };
}

function readSpread(values: Readonly<Record<string, number>>, name: string, sender: number): TimeSpread | undefined {
  const count = values[`${name}Count.${sender}`];
  if (!(count > 0)) return undefined;
  const [min, mean, max] = ["Min", "Mean", "Max"].map((key) => values[`${name}${key}Nanos.${sender}`]);
  return { count, min, mean, max };
}
