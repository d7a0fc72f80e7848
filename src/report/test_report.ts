import { TineError } from "../base/errors.ts";
import type { MeasuredPackets, MeasuredStream, TestResults } from "../result/mod.ts";
import { readFlows } from "../result/mod.ts";
import { roundTripsTable } from "../result/tables/packet_tables.ts";
import type { TableSource } from "../result/tables/source.ts";
import type { Table, Values } from "../result/tables/table.ts";
import { type Look, lookOf, type Plot, type Series } from "./plot.ts";
import { SeriesBuilder } from "./series_builder.ts";

/** What a page has of a test. */
export interface TestReport {
  readonly test: TestResults;
  /** The name of its run, where it is known. */
  readonly run?: string;
  readonly flows: readonly (MeasuredStream | MeasuredPackets)[];
  /** How each flow looks in all plots, by its id. */
  readonly looks: ReadonlyMap<string, Look>;
  readonly plots: readonly Plot[];
}

/**
 * Reads what a page has of a test from its results.
 *
 * @param test the results
 * @param run the name of the run, where it is known
 * @throws {TineError} `bad-results`, `bad-item`, `bad-records`, if they are damaged
 */
export async function readTestReport(test: TestResults, run?: string): Promise<TestReport> {
  const flows = await unlessEmpty(() => Array.fromAsync(readFlows(test.path)), []);
  const looks = new Map(flows.map(({ flow }, i) => [flow, lookOf(i)]));
  const source: TableSource = { test, run, idKeys: [] };
  const start = BigInt(Date.parse(test.summary.started)) * 1_000_000n;
  const duration = (test.summary.durationMs ?? 0) * 1000;
  const rtt = await seriesOf(roundTripsTable(source), "rtt_us", start, looks);
  const plots: Plot[] = [];
  if (rtt.length > 0) {
    plots.push({
      type: "time",
      id: "rtt",
      title: "Round-trip time",
      caption: "Round-trip time of each echo, from the least to the greatest a column, and the line of their means.",
      x: { title: "time", unit: "us", scale: "linear", min: 0, max: duration > 0 ? duration : undefined },
      y: { title: "RTT", unit: "us", scale: "linear", min: 0 },
      series: rtt,
    });
  }
  return { test, run, flows, looks, plots };
}

/** Makes a series a flow from a column of a table of samples. */
async function seriesOf(
  table: Table,
  column: string,
  start: bigint,
  looks: ReadonlyMap<string, Look>,
): Promise<Series[]> {
  const place = (name: string) => table.columns.findIndex((column) => column.name === name);
  const [time, flow, value] = [place("time"), place("flow"), place(column)];
  const builders = new Map<string, SeriesBuilder>();
  await unlessEmpty(async () => {
    for await (const { count, columns } of table.rows()) {
      const name = columns[flow].type === "constant" ? String(columns[flow].value) : "";
      let builder = builders.get(name);
      if (builder === undefined) builders.set(name, builder = new SeriesBuilder());
      addRows(builder, count, columns[time], columns[value], start);
    }
  }, undefined);
  return Array.from(builders, ([name, builder]): Series => ({
    name,
    flow: name,
    kind: "points",
    look: looks.get(name) ?? lookOf(0),
    data: builder.finish()[0],
    step: 0.001,
  }));
}

function addRows(builder: SeriesBuilder, count: number, times: Values, values: Values, start: bigint): void {
  if (times.type !== "time" || values.type !== "number") return;
  const base = Number(times.base - start);
  for (let i = 0; i < count; i++) builder.add((base + times.offsets[i]) / 1000, values.values[i]);
}

/** A test that has recorded nothing is no error. */
async function unlessEmpty<T>(read: () => Promise<T>, nothing: T): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (error instanceof TineError && error.code === "no-results") return nothing;
    throw error;
  }
}
