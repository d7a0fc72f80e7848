import { lossesTable } from "../../result/tables/packet_tables.ts";
import type { Series } from "../plot.ts";
import { SeriesBuilder } from "../series_builder.ts";
import { flowName, flowsOfSeveral, lookIn, type PlotContext } from "./context.ts";
import { numberAt, rowsOf, textAt, timeAt } from "./rows.ts";

/** Losses of a flow that are kept one by one; more of them are a line of marks anyway. */
const LIMITS = { maxSamples: 20_000, maxBuckets: 8192 };

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
      if (builder === undefined) found.set(name, builder = new SeriesBuilder(1, LIMITS));
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
