import { assert, assertEquals } from "@std/assert";
import { LivePlots, type SeriesUpdate } from "../../../src/report/serve/live_series.ts";

/** Samples and buckets of an update, in all. */
function valuesIn(updates: readonly SeriesUpdate[]): number {
  return updates.reduce((sum, { samples = [], buckets = [] }) => sum + samples.length / 2 + buckets.length / 7, 0);
}

Deno.test("LivePlots.updates() has what has come since the last call, each sample of a few", () => {
  const plots = new LivePlots();
  plots.add("rtt", "voip", "points", 1000, 50.1234);
  plots.add("rtt", "voip", "ticks", 1500, NaN);
  plots.add("goodput", "bulk", "steps", 2000, 1e6);
  plots.add("goodput", "bulk", "steps", NaN, 1e6);
  plots.add("cwnd", "bulk", "steps", 2000, NaN);
  assertEquals(plots.updates(), [
    { plot: "rtt", name: "voip", look: 0, kind: "points", samples: [1000, 50.123] },
    { plot: "rtt", name: "voip: lost", look: 0, kind: "ticks", samples: [1500, 0] },
    { plot: "goodput", name: "bulk", look: 1, kind: "steps", samples: [2000, 1e6] },
  ]);
  assertEquals(plots.updates(), []);
  assertEquals(valuesIn(plots.snapshot()), 3);
});

Deno.test("LivePlots.updates() has buckets with exact extremes of many samples", () => {
  const plots = new LivePlots();
  for (let i = 0; i < 10_000; i++) plots.add("rtt", "voip", "points", i, i === 6789 ? 1e5 : 10);
  const [{ samples, buckets }] = plots.updates()!;
  assertEquals(samples, undefined);
  assert(buckets!.length / 7 <= 12, `${buckets!.length / 7} buckets`);
  assert(buckets!.includes(1e5) && buckets!.includes(6789));
  assertEquals(plots.updates(), []);
});

Deno.test("LivePlots shows more than 24 flows together, and has pages start anew once", () => {
  const plots = new LivePlots();
  for (let second = 0; second < 10; second++) {
    for (let flow = 0; flow < 24; flow++) plots.add("goodput", `f${flow}`, "steps", second * 1e6, flow);
  }
  assertEquals(plots.updates()!.length, 24);
  for (let second = 10; second < 20; second++) {
    for (let flow = 0; flow < 100; flow++) plots.add("goodput", `f${flow}`, "steps", second * 1e6, flow);
  }
  assertEquals(plots.updates(), undefined);
  const [spread, worst] = plots.snapshot();
  assertEquals([spread.name, worst.name], ["of all flows: p5 to p95, and mean", "worst flow of each half second"]);
  // What came before is there: a mean of 24 flows, then of 100.
  const rows = Array.from({ length: spread.buckets!.length / 7 }, (_, i) => spread.buckets!.slice(i * 7, i * 7 + 7));
  assertEquals(rows[0], [250_000, 24, 11.5, 1, 250_000, 22, 250_000]);
  assertEquals(rows.at(-1)!.slice(1, 6), [100, 49.5, 4, 17_250_000, 94]);
  assertEquals(worst.samples!.filter((_, i) => i % 2 === 1), rows.map(() => 0));
  assertEquals(plots.updates(), []);
});

Deno.test("LivePlots takes an hour of events in bounded memory", () => {
  const plots = new LivePlots();
  let updates = 0;
  // 8 flows with 40 round trips a second; pages get them twice a second.
  for (let tick = 0; tick < 3600 * 2; tick++) {
    for (let flow = 0; flow < 8; flow++) {
      for (let i = 0; i < 20; i++) plots.add("rtt", `f${flow}`, "points", tick * 500_000 + i * 10_000, 100 + i);
      plots.add("goodput", `f${flow}`, "steps", tick * 500_000, 1e6);
    }
    updates += valuesIn(plots.updates()!);
  }
  assertEquals(updates, 3600 * 2 * 8 * 21);
  const snapshot = plots.snapshot();
  assertEquals(snapshot.length, 16);
  for (const series of snapshot) assert(valuesIn([series]) <= 800, `${valuesIn([series])} values`);
  assert(JSON.stringify(snapshot).length < 2e6, `${JSON.stringify(snapshot).length} characters`);
});
