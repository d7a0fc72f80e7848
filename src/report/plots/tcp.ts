import { tcpInfoTable } from "../../result/tables/raw_tables.ts";
import type { Buckets, SampleSeries } from "../plot.ts";
import { SeriesBuilder } from "../series_builder.ts";
import type { PlotContext } from "./context.ts";
import { numberAt, rowsOf, textAt, timeAt } from "./rows.ts";

/** What the kernel of a TCP flow's sender reported. */
export interface FlowKernel {
  readonly flow: string;
  /** The smoothed round-trip time, in microseconds. */
  readonly rtt: SampleSeries | Buckets;
  /** The congestion window, in bytes. */
  readonly cwnd: SampleSeries | Buckets;
  /** When segments had been sent again since the sample before. */
  readonly resent: SampleSeries | Buckets;
}

/** Values of each series that are kept one by one; kernels are asked a few times a second. */
const MAX_SAMPLES = 50_000;
const MAX_BUCKETS = 8192;

/** Reads what the kernels of senders reported. */
export async function readKernels(context: PlotContext): Promise<FlowKernel[]> {
  const found = new Map<string, { values: SeriesBuilder; resent: SeriesBuilder; total: number }>();
  const columns = [
    "time",
    "flow",
    "rtt_us",
    "cwnd_segments",
    "snd_mss_bytes",
    "total_retrans_segments",
  ] as const;
  const limits = { maxSamples: MAX_SAMPLES, maxBuckets: MAX_BUCKETS };
  for await (const { count, values } of rowsOf(tcpInfoTable(context.source), columns)) {
    for (let i = 0; i < count; i++) {
      const flow = textAt(values.flow, i) ?? "";
      let of = found.get(flow);
      if (of === undefined) {
        of = { values: new SeriesBuilder(2, limits), resent: new SeriesBuilder(1, limits), total: 0 };
        found.set(flow, of);
      }
      const time = timeAt(values.time, i, context.start);
      const rtt = numberAt(values.rtt_us, i), total = numberAt(values.total_retrans_segments, i);
      // The kernel counts the window in segments.
      const cwnd = numberAt(values.cwnd_segments, i) * numberAt(values.snd_mss_bytes, i);
      of.values.add(time, rtt > 0 ? rtt : NaN, cwnd > 0 ? cwnd : NaN);
      if (total > of.total) {
        of.resent.add(time, total - of.total);
        of.total = total;
      }
    }
  }
  return Array.from(found, ([flow, { values, resent }]): FlowKernel => {
    const [rtt, cwnd] = values.finish();
    return { flow, rtt, cwnd, resent: resent.finish()[0] };
  });
}
