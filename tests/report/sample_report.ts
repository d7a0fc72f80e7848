/** A test's report whose plots are known to the sample, for pages in a browser. */

import type { GanttPlot, Look, Plot, SampleSeries, Series, SeriesKind, XYPlot } from "../../src/report/plot.ts";
import { lookOf } from "../../src/report/plot.ts";
import { readTestReport, type TestReport } from "../../src/report/mod.ts";
import { SeriesBuilder } from "../../src/report/series_builder.ts";
import { openResults } from "../../src/result/mod.ts";
import { errorMessage, fileData, item, log } from "../result/fixtures.ts";
import { info, node, record, recordsOf } from "../result/recorded_flows.ts";
import { Random } from "../support/random.ts";

/** Text that does something in a page that does not escape it. */
export const HOSTILE =
  `"'><img src=x onerror=alert(1)><script>alert(2)</script></script><svg onload=alert(3)>\${alert(4)}`;

/** How long the test took, in microseconds. */
export const END = 10_000_000;
/** When the RTT of `one` had its spike, and what it was, in microseconds. */
export const SPIKE = { at: 7_000_000, value: 250_000 } as const;
/** When the goodput and the RTT had a sample by itself between two gaps. */
export const LONE = 5_000_000;
/** When the run `two` was. */
export const RUN = { start: 2_000_000, end: 4_000_000 } as const;

const TIME = { title: "time", unit: "us", scale: "linear", min: 0, max: END } as const;

/** The RTTs of `one`: 40,000, to the nanosecond, with a spike and a silence that one of them interrupts. */
export const RTTS: SampleSeries = rtts();

/** Plots over time as tests have them; their names are hostile where they may come from records. */
export function samplePlots(): (XYPlot | GanttPlot)[] {
  const buckets = new SeriesBuilder(1, { maxSamples: 0, maxBuckets: 2000 });
  for (const [i, x] of RTTS.x.entries()) buckets.add(x, RTTS.y[i]);
  const goodput: SampleSeries = {
    type: "samples",
    x: Float64Array.of(0, 1e6, 2e6, 3e6, 4e6, LONE, 6e6, 7e6, 8e6),
    y: Float64Array.of(1e6, 2e6, 2e6, 1e6, NaN, 5e6, NaN, 1e6, 2e6),
  };
  const slow = RTTS.x.filter((_, i) => i % 40 === 0);
  return [
    {
      type: "gantt",
      id: "runs",
      title: "Runs",
      caption: HOSTILE,
      x: TIME,
      spans: [
        { name: "one", node: HOSTILE, path: "tests[0]", depth: 0, start: 0, end: END },
        { name: HOSTILE, node: "b", path: "tests[0].serial[0]", depth: 1, ...RUN },
        { name: "failed", node: "b", path: "tests[0].serial[1]", depth: 1, start: 5e6, end: 6e6, error: HOSTILE },
      ],
    },
    overTime("rtt", "RTT", "us", [
      series("one", 0, "points", RTTS),
      series("two", 1, "points", { type: "samples", x: slow, y: slow.map((x) => 30_000 + x % 7000) }),
      series("two", 1, "ticks", { type: "samples", x: Float64Array.of(1e6, 9e6), y: Float64Array.of(0, 0) }),
    ]),
    overTime("goodput", "Goodput", "bit/s", [series("one", 0, "steps", goodput), series(HOSTILE, 2, "line", goodput)]),
    overTime("crowd", "Crowd", "us", crowd()),
    overTime("lateness", "Lateness", "us", [series("one", 0, "points", buckets.finish()[0])]),
  ];
}

/** A band over 30 flows, which are drawn where the reader asks for them. */
function crowd(): Series[] {
  const x = Float64Array.from({ length: 100 }, (_, i) => i / 100 * END);
  const values = (i: number) => x.map((_, at) => i + at % 7);
  const band: SampleSeries = { type: "samples", x, y: values(0), high: values(29) };
  return [
    { name: "30 flows", kind: "band", look: lookOf(0), data: band },
    ...Array.from({ length: 30 }, (_, i): Series => ({
      ...series(`f${i}`, i, "line", { type: "samples", x, y: values(i) }),
      hidden: true,
    })),
  ];
}

function overTime(id: string, title: string, unit: "us" | "bit/s", all: readonly Series[]): XYPlot {
  const y = { title, unit, scale: "linear", min: 0 } as const;
  return { type: "time", id, title, caption: `${title} of the sample.`, x: TIME, y, series: all };
}

function series(flow: string, look: number, kind: SeriesKind, data: Series["data"]): Series {
  return { name: flow, flow, kind, look: lookOf(look), data };
}

function rtts(): SampleSeries {
  const random = new Random(3);
  const x: number[] = [], y: number[] = [];
  for (let at = 0; at < END; at += 250) {
    if (Math.abs(at - LONE) < 200_000 && at !== LONE) continue;
    x.push(at + random.below(100));
    y.push(at === SPIKE.at ? SPIKE.value : 20_000 + random.below(5_000_000) / 1000);
  }
  return { type: "samples", x: Float64Array.from(x), y: Float64Array.from(y) };
}

/**
 * Stores a test and reads its report, with the plots of {@linkcode samplePlots} in place of its own.
 *
 * @param out the folder of results
 */
export async function sampleReport(out: string): Promise<TestReport> {
  const test = await openResults(await recordSample(out));
  if (test.kind !== "test") throw new Error("no test");
  const report = await readTestReport(test);
  const looks = new Map<string, Look>([["one", lookOf(0)], ["two", lookOf(1)], [HOSTILE, lookOf(2)]]);
  return { ...report, looks, timePlots: samplePlots() as readonly Plot[] };
}

/** Stores a test of three calls, each twice as long as before, with logs and errors; returns its folder. */
export async function recordSample(out: string): Promise<string> {
  return await record(out, sampleMessages());
}

/** What the nodes of the sample send. */
export function* sampleMessages() {
  yield node("a", HOSTILE);
  for (const [flow, packets] of [["one", 10], ["two", 40], ["ten", 20]] as const) {
    yield info("packetInfo", "a", flow, { tinit: 1_000n, values: {} });
    yield info("packetInfo", "a", flow, { tinit: 1_000n, server: true, values: {} });
    const samples = Array.from({ length: packets }).flatMap((_, seq) => {
      const t = seq * 20_000_000, rtt = 900_000 + 1000 * seq * packets;
      return [
        { t, scheduled: t, seq, len: 172, flag: 1, sent: 1, packets: 1 },
        { t: t + rtt, seq, len: 172, flag: 2, packets: 1, serverReceived: -rtt / 2, serverCount: seq + 1 },
      ];
    });
    yield* recordsOf("a", flow, "packetIO", samples);
  }
  yield log("a", 5_000n, "the first line", "one");
  yield log("a", 6_000n, `a second line: ${HOSTILE}`, HOSTILE);
  yield log("a", 7_000n, "the FIRST again", "two");
  yield errorMessage("a", HOSTILE);
  const versions = { tine: HOSTILE, deno: HOSTILE, kernel: HOSTILE };
  const clock = { offsetNs: 0, errorNs: 0 };
  yield item({
    type: "nodeInfo",
    nodeId: "b",
    platform: HOSTILE,
    hostname: HOSTILE,
    bootId: HOSTILE,
    clock,
    pid: 1,
    versions,
  });
  yield item({ type: "sysInfo", nodeId: "a", sections: { [HOSTILE]: HOSTILE, kernel: { [HOSTILE]: HOSTILE } } });
  yield item({ type: "missing", nodeId: "a", from: "c", what: HOSTILE });
  const run = { name: HOSTILE, start: 1_000n, end: 900_000_000n, error: HOSTILE };
  yield item({ type: "runTimes", nodeId: "a", runs: [{ ...run, path: "tests[0]" }, { ...run, path: HOSTILE }] });
  yield fileData("a", `${HOSTILE.replaceAll("/", "")}.txt`);
}
