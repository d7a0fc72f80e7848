import { figureText } from "../../flow/analysis/mod.ts";
import { countersTable } from "../../result/tables/counters_table.ts";
import { lookOf, type Series, type XYPlot } from "../plot.ts";
import { SeriesBuilder } from "../series_builder.ts";
import { MAX_SINGLE, type PlotContext, timeAxis } from "./context.ts";
import { numberAt, rowsOf, textAt, timeAt } from "./rows.ts";

/** Values of a queue that are kept one by one. */
const LIMITS = { maxSamples: 20_000, maxBuckets: 8192 };

/** A queue that has had something in it. */
interface Queue {
  readonly name: string;
  readonly backlog: SeriesBuilder;
  greatest: number;
  drops: number;
  firstDrops: number | undefined;
}

/** Plots what waited in the queues of nodes, as the runner counters has read it; undefined where nothing ever did. */
export async function queuesPlot(context: PlotContext): Promise<XYPlot | undefined> {
  const found = new Map<string, Queue>();
  const names = ["time", "node", "counter", "device", "queue", "backlog_bytes", "drops_packets"];
  for await (const { count, values } of rowsOf(countersTable(context.source), names)) {
    for (let i = 0; i < count; i++) {
      if (textAt(values.counter, i) !== "qdisc") continue;
      const name = ["node", "device", "queue"].map((column) => textAt(values[column], i) ?? "").join(" ");
      let queue = found.get(name);
      if (queue === undefined) {
        found.set(
          name,
          queue = { name, backlog: new SeriesBuilder(1, LIMITS), greatest: 0, drops: 0, firstDrops: undefined },
        );
      }
      const backlog = numberAt(values.backlog_bytes, i), drops = numberAt(values.drops_packets, i);
      queue.backlog.add(timeAt(values.time, i, context.start), backlog);
      queue.greatest = Math.max(queue.greatest, backlog);
      queue.firstDrops ??= drops;
      queue.drops = drops - queue.firstDrops;
    }
  }
  const queues = [...found.values()].filter(({ greatest, drops }) => greatest > 0 || drops > 0)
    .sort((a, b) => b.greatest - a.greatest);
  if (queues.length === 0) return undefined;
  const shown = queues.slice(0, MAX_SINGLE);
  const words = shown.map(({ name, greatest, drops }) =>
    `${name}: at most ${figureText(greatest, "byte")}, ${figureText(drops, "packet")} dropped`
  );
  return {
    type: "time",
    id: "queues",
    title: "Queues",
    caption: `What waited in queueing disciplines. ${words.join("; ")}.${
      queues.length > shown.length ? ` The ${shown.length} longest of ${queues.length} are shown.` : ""
    }`,
    x: timeAxis(context),
    y: { title: "Backlog", unit: "byte", scale: "linear", min: 0 },
    series: shown.map(({ name, backlog }, i): Series => ({
      name,
      kind: "line",
      look: lookOf(context.looks.size + i),
      data: backlog.finish()[0],
    })),
  };
}
