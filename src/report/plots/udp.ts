import { Distribution } from "../../flow/analysis/mod.ts";
import { lossesTable, roundTripsTable } from "../../result/tables/packet_tables.ts";
import { valueAt } from "../../result/tables/table.ts";
import type { Buckets, SampleSeries, Series } from "../plot.ts";
import { SeriesBuilder, type SeriesLimits } from "../series_builder.ts";
import { flowName, flowsOfSeveral, lookIn, type PlotContext } from "./context.ts";
import { numberAt, rowsOf, textAt, timeAt } from "./rows.ts";

/** The echoes of a flow, or of one of its senders. */
export interface FlowEchoes {
  readonly name: string;
  readonly rtt: SampleSeries | Buckets;
  readonly toServer: SampleSeries | Buckets;
  readonly fromServer: SampleSeries | Buckets;
  readonly lateness: SampleSeries | Buckets;
  /** Round-trip times, in nanoseconds. */
  readonly distribution: Distribution;
  /** How much one-way delays may be off, in microseconds; NaN: not known. */
  readonly boundUs: number;
}

interface Collected {
  readonly rtt: SeriesBuilder;
  readonly others: SeriesBuilder;
  readonly distribution: Distribution;
  boundUs: number;
}

/** Of these, more values than the page has room for go into buckets. */
const SERIES = 4;
/** What a bucket takes of the page, in values. */
const BUCKET_VALUES = 3;
/** What any series gets, so that it keeps its shape. */
const MIN_BUCKETS = 2048;

/**
 * Goes through the echoes of a test once.
 *
 * @param context of the test
 * @param alone whether single values are wanted, rather than distributions alone
 */
export async function readEchoes(context: PlotContext, alone: boolean): Promise<FlowEchoes[]> {
  const several = flowsOfSeveral(context.flows);
  const [forRtt, forOthers] = limitsOf(context);
  const found = new Map<string, Collected>();
  const columns = [
    "time",
    "flow",
    "sender",
    "rtt_us",
    "to_server_us",
    "from_server_us",
    "one_way_bound_us",
    "lateness_us",
    "warmup",
  ] as const;
  for await (const { count, values } of rowsOf(roundTripsTable(context.source), columns)) {
    for (let i = 0; i < count; i++) {
      const flow = textAt(values.flow, i) ?? "";
      const name = flowName(flow, numberAt(values.sender, i), several.has(flow));
      let of = found.get(name);
      if (of === undefined) {
        of = {
          rtt: new SeriesBuilder(1, forRtt),
          others: new SeriesBuilder(3, forOthers),
          distribution: new Distribution(),
          boundUs: NaN,
        };
        found.set(name, of);
      }
      const rtt = numberAt(values.rtt_us, i);
      if (valueAt(values.warmup, i) !== true) of.distribution.add(Math.round(rtt * 1000));
      of.boundUs = numberAt(values.one_way_bound_us, i);
      if (!alone) continue;
      const time = timeAt(values.time, i, context.start);
      of.rtt.add(time, rtt);
      of.others.add(
        time,
        numberAt(values.to_server_us, i),
        numberAt(values.from_server_us, i),
        numberAt(values.lateness_us, i),
      );
    }
  }
  return Array.from(found, ([name, { rtt, others, distribution, boundUs }]): FlowEchoes => {
    const [toServer, fromServer, lateness] = others.finish();
    return { name, rtt: rtt.finish()[0], toServer, fromServer, lateness, distribution, boundUs };
  });
}

/**
 * How many values series may keep: all of them where that is not too much for the page, and of round trips rather than
 * of the others. Counts are those of the figures, which are known by now.
 */
function limitsOf({ flows, maxValues }: PlotContext): [SeriesLimits, SeriesLimits] {
  let echoes = 0, senders = 0;
  for (const flow of flows) {
    if (flow.protocol !== "udp") continue;
    for (const { rtt } of flow.figures.senders) {
      if (rtt === undefined) continue;
      echoes += rtt.count;
      senders++;
    }
  }
  const exact = { maxSamples: Infinity };
  if (echoes * SERIES <= maxValues) return [exact, exact];
  const buckets = (values: number, series: number): SeriesLimits => ({
    maxSamples: 0,
    maxBuckets: Math.min(131_072, Math.max(MIN_BUCKETS, Math.floor(values / (series * BUCKET_VALUES)))),
  });
  if (echoes <= maxValues) return [exact, buckets((maxValues - echoes) / 2, senders * (SERIES - 1))];
  return [buckets(maxValues / 2, senders), buckets(maxValues / 2, senders * (SERIES - 1))];
}

/** Losses of a flow that are kept one by one; more of them are a line of marks anyway. */
const LOSSES = { maxSamples: 20_000, maxBuckets: 8192 };

/** Reads when packets were lost, as marks. */
export async function readLosses(context: PlotContext): Promise<Series[]> {
  // Most tests lose nothing, which figures know.
  const lossy = context.flows.some((flow) =>
    flow.protocol === "udp" &&
    flow.figures.senders.some(({ toServer, fromServer }) =>
      [toServer, fromServer].some((path) => path !== undefined && path.lost !== 0)
    )
  );
  if (!lossy) return [];
  const several = flowsOfSeveral(context.flows);
  const found = new Map<string, SeriesBuilder>();
  for await (const { count, values } of rowsOf(lossesTable(context.source), ["time", "flow", "sender", "seq"])) {
    for (let i = 0; i < count; i++) {
      const flow = textAt(values.flow, i) ?? "";
      const name = flowName(flow, numberAt(values.sender, i), several.has(flow));
      let builder = found.get(name);
      if (builder === undefined) found.set(name, builder = new SeriesBuilder(1, LOSSES));
      builder.add(timeAt(values.time, i, context.start), numberAt(values.seq, i));
    }
  }
  return Array.from(found, ([name, builder]): Series => ({
    name: `${name}: lost`,
    flow: name,
    kind: "ticks",
    look: lookIn(context, name),
    data: builder.finish()[0],
  }));
}
