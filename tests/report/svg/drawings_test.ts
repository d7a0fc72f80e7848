import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { GanttPlot, Span, XYPlot } from "../../../src/report/plot.ts";
import { lookOf } from "../../../src/report/plot.ts";
import { layOutAxis } from "../../../src/report/svg/axis.ts";
import { relativePath } from "../../../src/report/svg/drawing.ts";
import { drawForPaper, drawPlot, sparkline } from "../../../src/report/svg/mod.ts";

function gantt(spans: readonly Partial<Span>[]): GanttPlot {
  return {
    type: "gantt",
    id: "gantt",
    title: "Runs",
    caption: "",
    x: { title: "time", unit: "us", scale: "linear", min: 0, max: 1e6 },
    spans: spans.map((span, i) => ({ name: `r${i}`, node: "a", path: `p${i}`, depth: 1, start: 0, ...span })),
  };
}

/** The places of all bars of a chart, from above. */
function rowsOf(svg: string): number[] {
  return [...svg.matchAll(/<rect[^>]* y="([\d.]+)"/g)].map(([, y]) => Number(y));
}

Deno.test("a Gantt chart has a row for what runs at once, and one row for what runs in turn", () => {
  const turn = gantt([{ start: 0, end: 3e5 }, { start: 4e5, end: 6e5 }, { start: 7e5, end: 9e5 }]);
  assertEquals(new Set(rowsOf(drawPlot(turn, 900, 0).text)).size, 1);
  const atOnce = gantt([{ start: 0, end: 9e5 }, { start: 1e5, end: 6e5 }, { start: 2e5 }]);
  assertEquals(new Set(rowsOf(drawPlot(atOnce, 900, 0).text)).size, 3);
  const nodes = gantt([{ start: 0, end: 1e5 }, { start: 5e5, end: 6e5, node: "b" }]);
  assertEquals(new Set(rowsOf(drawPlot(nodes, 900, 0).text)).size, 2);
});

Deno.test("a Gantt chart of a thousand runs at once stays on a screen, and says how many are left out", () => {
  const text = drawPlot(gantt(Array.from({ length: 1000 }, () => ({ start: 0, end: 9e5 }))), 900, 0).text;
  const [, height] = /height="(\d+)"/.exec(text)!;
  assert(Number(height) < 900, height);
  assertStringIncludes(text, "and 940 more at the same time");
});

Deno.test("a run that failed is marked, and its error is read where it is pointed at", () => {
  const text = drawPlot(gantt([{ end: 1e5, error: "it <broke>" }]), 900, 0).text;
  assertMatch(text, /<rect class="failed"/);
  assertStringIncludes(text, "it &lt;broke&gt;");
});

Deno.test("layOutAxis() has round ticks in a unit that suits the values", () => {
  const linear = layOutAxis({ title: "", unit: "bit/s", scale: "linear", min: 0 }, 0, 19.4e6, 5);
  assertEquals([linear.unit, linear.ticks.map(({ text }) => text)], ["Mbit/s", ["0", "5", "10", "15", "20"]]);
  const log = layOutAxis({ title: "", unit: "us", scale: "log" }, 48, 105_000, 5);
  assertEquals([log.unit, log.ticks.map(({ text }) => text)], ["ms", ["0.1", "1", "10", "100"]]);
  const short = layOutAxis({ title: "", unit: "s", scale: "log" }, 0.021, 0.55, 4);
  assertEquals([short.unit, short.ticks.map(({ text }) => text)], ["ms", ["20", "50", "100", "200", "500"]]);
  const tail = layOutAxis({ title: "", unit: "share", scale: "tail", max: 1 - 1 / 150 }, 0, 1, 5);
  assertEquals(tail.ticks.map(({ text }) => text), ["0", "50", "90", "99", "99.9"]);
  assertEquals([tail.place(0), tail.place(1)], [0, 1]);
  // Values that are all alike have a place, too.
  for (const scale of ["linear", "log"] as const) {
    for (const value of [0, 5, -5]) {
      const { place, ticks } = layOutAxis({ title: "", unit: "us", scale }, value, value, 5);
      assert(Number.isFinite(place(value)) && ticks.length > 0, `${scale} ${value}`);
    }
  }
});

Deno.test("what is drawn has its size and its looks in attributes, for where no style sheet applies", () => {
  const axis = { title: "RTT", unit: "us", scale: "linear" } as const;
  const data = { type: "samples", x: Float64Array.of(0, 1, 2), y: Float64Array.of(1, 3, 2) } as const;
  const plot: XYPlot = {
    type: "time",
    id: "rtt",
    title: "RTT",
    caption: "",
    x: axis,
    y: axis,
    series: [
      { name: "a", flow: "a", kind: "points", look: lookOf(0), data },
      { name: "b", flow: "b", kind: "line", look: lookOf(9), data },
    ],
  };
  const text = drawPlot(plot, 900, 220).text;
  assertMatch(text, /width="900" height="220"/);
  for (const [path] of text.matchAll(/<path[^>]*>/g)) assertMatch(path, /(stroke|fill)="#/);
  for (const [label] of text.matchAll(/<text[^>]*>/g)) assertMatch(label, /fill="#/);
  assertStringIncludes(text, 'stroke-dasharray="6 3"');
  const paper = drawForPaper(plot).text;
  assertStringIncludes(paper, 'fill="#ffffff"');
  for (const name of [">a<", ">b<"]) assertStringIncludes(paper, name);
});

Deno.test("sparkline() leaves gaps open, and draws nothing of nothing", () => {
  assertEquals(sparkline([NaN, NaN], lookOf(0), "x").text, "");
  const [, path] = / d="([^"]*)"/.exec(sparkline([1, 2, NaN, 1], lookOf(0), "x").text)!;
  assertEquals(path.match(/m/g)?.length, 2);
});

Deno.test("relativePath() leads through the same places, in less room", () => {
  assertEquals(relativePath("M10 20L10.5 19L11 19v3"), "m10 20 .5-1 .5 0v3");
  assertEquals(relativePath("M0.1 0.2L-0.3 5H7V2h1.5M1 1L2 2"), "m.1 .2-.4 4.8h7.3v-3h1.5m-7.5-1 1 1");
  assertEquals(relativePath("M1 1v2M2 1v2M2 2h0"), "m1 1v2m1-2v2m0-1h0");
  assertEquals(relativePath(""), "");
});
