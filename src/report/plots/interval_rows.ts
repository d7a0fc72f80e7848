import { intervalsTable } from "../../result/tables/intervals_table.ts";
import { valueAt } from "../../result/tables/table.ts";
import { flowName, flowsOfSeveral, type PlotContext } from "./context.ts";
import type { CrowdSeries } from "./crowd.ts";
import { numberAt, rowsOf, textAt, timeAt } from "./rows.ts";

/** Columns of the table `intervals` that plots are made from. */
const COLUMNS = [
  "goodput_bits_per_second",
  "rtt_mean_us",
  "to_server_mean_us",
  "from_server_mean_us",
  "srtt_us",
  "cwnd_bytes",
  "retransmits_segments",
  "latency_median_us",
] as const;

/** A column of the table `intervals` that plots are made from. */
export type IntervalColumn = typeof COLUMNS[number];

/** What a flow did by interval. */
export interface FlowIntervals {
  readonly name: string;
  /** Starts of the intervals, in microseconds since the start of the test. */
  readonly times: readonly number[];
  /** Values by interval; NaN where there is none. */
  readonly values: Readonly<Record<IntervalColumn, readonly number[]>>;
  /** From when to when it warmed up, in the same time; absent: it did not. */
  readonly warmUp?: { readonly from: number; readonly to: number };
}

/** Reads what flows did by interval. */
export async function readIntervals(context: PlotContext): Promise<FlowIntervals[]> {
  const several = flowsOfSeveral(context.flows);
  const table = intervalsTable({ ...context.source, intervalMs: context.intervalMs });
  const found = new Map<
    string,
    { times: number[]; values: Record<IntervalColumn, number[]>; warmUp?: { from: number; to: number } }
  >();
  for await (const { count, values } of rowsOf(table, ["time", "flow", "sender", "warmup", ...COLUMNS])) {
    for (let i = 0; i < count; i++) {
      const flow = textAt(values.flow, i) ?? "";
      const name = flowName(flow, numberAt(values.sender, i), several.has(flow));
      let of = found.get(name);
      if (of === undefined) {
        const columns = Object.fromEntries(COLUMNS.map((column) => [column, [] as number[]]));
        found.set(name, of = { times: [], values: columns as Record<IntervalColumn, number[]> });
      }
      const time = timeAt(values.time, i, context.start);
      of.times.push(time);
      if (valueAt(values.warmup, i) === true) {
        of.warmUp = { from: of.warmUp?.from ?? time, to: time + context.intervalMs * 1000 };
      }
      for (const column of COLUMNS) of.values[column].push(numberAt(values[column], i));
    }
  }
  return Array.from(found, ([name, of]) => ({ name, ...of }));
}

/**
 * Returns a column of intervals as lines: what is between the intervals of a flow is a gap, and a last value ends where
 * its interval does.
 */
export function intervalLine(
  { times, values }: FlowIntervals,
  column: IntervalColumn,
  intervalUs: number,
): { readonly type: "samples"; readonly x: Float64Array; readonly y: Float64Array } {
  const x: number[] = [], y: number[] = [];
  const close = (end: number) => {
    if (y.length === 0 || Number.isNaN(y.at(-1)!)) return;
    x.push(end, end);
    y.push(y.at(-1)!, NaN);
  };
  let end = NaN;
  for (const [i, time] of times.entries()) {
    const value = values[column][i];
    if (Number.isNaN(value) || time > end + intervalUs / 2) close(end);
    if (Number.isNaN(value)) continue;
    x.push(time);
    y.push(value);
    end = time + intervalUs;
  }
  close(end);
  return { type: "samples", x: Float64Array.from(x), y: Float64Array.from(y) };
}

/** Returns a column as a crowd has it: by intervals from the start of the test on. */
export function crowdOf(flows: readonly FlowIntervals[], column: IntervalColumn, intervalUs: number): CrowdSeries[] {
  return flows.flatMap(({ name, times, values }) => {
    const known = new Map<number, number>();
    for (const [i, time] of times.entries()) {
      const value = values[column][i];
      if (!Number.isNaN(value)) known.set(Math.round(time / intervalUs), value);
    }
    return known.size === 0 ? [] : [{ name, values: known }];
  });
}
