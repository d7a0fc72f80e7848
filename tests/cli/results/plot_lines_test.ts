import { assert, assertEquals } from "@std/assert";
import { textWidth } from "../../../src/base/text.ts";
import { plotLines } from "../../../src/cli/results/plot_lines.ts";
import type { PlotScreen } from "../../../src/cli/results/plot_pen.ts";
import { FlowLetters } from "../../../src/cli/results/curve_lines.ts";
import { lookOf, type Plot, type Series, type SeriesKind, type XYPlot } from "../../../src/report/plot.ts";

const BRAILLE: PlotScreen = { width: 30, unicode: true, colour: false };
const ASCII: PlotScreen = { width: 30, unicode: false, colour: false };

function series(name: string, index: number, points: readonly [x: number, y: number][], kind: SeriesKind = "points") {
  const [x, y] = [0, 1].map((i) => Float64Array.from(points, (point) => point[i]));
  return { name, flow: name, kind, look: lookOf(index), data: { type: "samples", x, y } } satisfies Series;
}

/** @param most where the axis of values ends, in milliseconds */
function rtts(most: number, ...all: Series[]): XYPlot {
  return {
    type: "time",
    id: "rtt",
    title: "Round-trip time",
    caption: "RTT of each echo.",
    x: { title: "time", unit: "us", scale: "linear", min: 0, max: 10e6 },
    y: { title: "RTT", unit: "us", scale: "linear", min: 0, max: most * 1000 },
    series: all,
  };
}

/** Samples of 10 s, a second apart, around a value. */
function samples(value: number): [number, number][] {
  return Array.from({ length: 11 }, (_, i) => [i * 1e6, value + 1000 * (i % 2)]);
}

Deno.test("plotLines() draws a curve in braille between axes with units", () => {
  const rising = Array.from({ length: 51 }, (_, i): [number, number] => [i * 2e5, i * 200]);
  assertEquals(plotLines(rtts(10, series("voip", 0, rising)), BRAILLE), [
    "Round-trip time, ms",
    " 10┤                        ⡠⠊",
    "   │                      ⡠⠊",
    "  8┤                   ⢀⠔⠉",
    "   │                 ⢀⠔⠁",
    "  6┤               ⢀a⠁",
    "   │            ⢀⣀⠔⠁",
    "   │          ⢀⠔⠁",
    "  4┤        ⢀⠔⠁",
    "   │      ⢀⠔⠁",
    "  2┤    ⣀⠔⠁",
    "   │  a⠊",
    "  0┤⡠⠊",
    "   └┬────────────┬───────────┬",
    "    0            5          10",
    "                       time, s",
    "  a voip",
    "RTT of each echo.",
  ]);
});

Deno.test("plotLines() draws letters where only ASCII can be shown", () => {
  const lines = plotLines(rtts(25, series("voip", 0, samples(5000)), series("bulk µ", 1, samples(20_000))), ASCII);
  assertEquals(lines.slice(1, -1), [
    " 25+",
    "   |",
    " 20+bbbbbbbbbbbbbbbbbbbbbbbbbb",
    "   |",
    " 15+",
    "   |",
    "   |",
    " 10+",
    "   | aaa  aaa   aa   aa   aa",
    "  5+a   aa   aaa  aaa  aaa  aa",
    "   |",
    "  0+",
    "   ++------------+-----------+",
    "    0            5          10",
    "                       time, s",
    "  a voip   b bulk µ",
  ]);
});

Deno.test("plotLines() shows a spike of one sample among many", () => {
  const many = Array.from({ length: 100_000 }, (_, i): [number, number] => [i * 100, i === 77_777 ? 50_000 : 1000]);
  const lines = plotLines(rtts(50, series("voip", 0, many)), { ...BRAILLE, width: 80 }).slice(1, 13);
  const column = lines[0].search(/[⠁-⣿]/);
  assert(column > 0, lines.join("\n"));
  assertEquals(
    lines.every((line) => /[⠁-⣿a]/.test(line[column])),
    true,
    "the spike reaches from the top to the others",
  );
});

Deno.test("plotLines() leaves gaps where nothing was measured", () => {
  const gap: [number, number][] = [[0, 5000], [1e6, 5000], [2e6, NaN], [8e6, 5000], [10e6, 5000]];
  const [line] = plotLines(rtts(10, series("bulk", 0, gap, "line")), { ...ASCII, width: 80 }).filter((line) =>
    /a a|aa/.test(line)
  );
  assertEquals(/a+( +)a+$/.exec(line)?.[1].length, 51);
});

Deno.test("plotLines() tells series apart by colours, and by letters where colours repeat", () => {
  const all = Array.from({ length: 9 }, (_, i) => series(`flow.${i}`, i, samples(1000 + i * 4000)));
  const lines = plotLines(rtts(40, ...all), { width: 100, unicode: true, colour: true });
  const keys = lines.filter((line) => line.includes("flow.")).join(" ");
  assert(keys.includes("\x1b[94m━━\x1b[39m flow.0") && keys.includes("\x1b[94mi\x1b[39m flow.8"), keys);
  assert(lines.some((line) => line.includes("\x1b[31m") && /[⠁-⣿]/.test(line)));
});

Deno.test("plotLines() marks losses on the axis, and fills bands", () => {
  const lost = series("lost", 0, [[2e6, 0], [7e6, 0]], "ticks");
  const band: Series = {
    ...series("p5 to p95", 1, [], "band"),
    data: {
      type: "samples",
      x: Float64Array.of(0, 10e6),
      y: Float64Array.of(2000, 2000),
      high: Float64Array.of(8000, 8000),
    },
  };
  const lines = plotLines(rtts(8, series("mean", 2, samples(5000)), band, lost), ASCII);
  assertEquals(lines[13], "  ++----x-------+----x-------+");
  assertEquals(lines.filter((line) => line.includes(":::")).length, 9);
  assertEquals(lines.slice(-3, -1), ["  a mean   : p5 to p95", "  x lost"]);
});

Deno.test("plotLines() draws boxes and runs beside their names", () => {
  const look = lookOf(0);
  const box: Plot = {
    type: "box",
    id: "rtt-box",
    title: "RTT by flow",
    caption: "",
    y: { title: "RTT", unit: "us", scale: "linear", min: 0, max: 10_000 },
    boxes: [
      { name: "voip", look, min: 1000, q1: 2000, median: 3000, q3: 4000, p99: 6000, max: 10_000, mean: 3100 },
      { name: "x", look, min: 10, q1: 10, median: 10, q3: 10, p99: 10, max: 10, mean: 10 },
    ],
  };
  assertEquals(
    plotLines(box, ASCII).slice(0, 5),
    [
      "RTT by flow",
      "voip |  |--==#==----|        x",
      "x    |#",
      "     ++-----------+----------+",
      "      0           5         10",
    ],
  );
  const gantt: Plot = {
    type: "gantt",
    id: "runs",
    title: "Runs",
    caption: "",
    x: { title: "time", unit: "us", scale: "linear", min: 0, max: 10e6 },
    spans: [
      { name: "serial", node: "-", path: "tests[0]", depth: 0, start: 0, end: 10e6 },
      { name: "sleep", node: "-", path: "tests[0].serial[0]", depth: 1, start: 5e6 },
    ],
  };
  assertEquals(plotLines(gantt, ASCII).slice(1, 3), [
    "serial  |=====================",
    "  sleep |          ===========",
  ]);
});

Deno.test("plotLines() fits any width, and what was recorded writes nothing but text", () => {
  const evil = "\x1b]0;x\x07温度".repeat(40);
  for (const width of [40, 41, 60, 133]) {
    for (const unicode of [true, false]) {
      const plot = {
        ...rtts(10, series(evil, 0, samples(5000)), series(evil + 2, 8, samples(7000), "steps")),
        caption: evil,
      };
      for (const line of plotLines(plot, { width, unicode, colour: false })) {
        // deno-lint-ignore no-control-regex
        assert(textWidth(line) <= width && !/[\x00-\x1f\x7f]/.test(line), line);
      }
    }
  }
});

Deno.test("plotLines() says that nothing was measured", () => {
  assertEquals(plotLines({ ...rtts(1), caption: "" }, BRAILLE).slice(0, 2), [
    "Round-trip time",
    "  nothing was measured",
  ]);
  const none = rtts(1, series("voip", 0, [[0, NaN]]));
  assertEquals(plotLines(none, BRAILLE)[1], "  nothing was measured");
});

Deno.test("plotLines() gives a flow the same letter in all plots of a test", () => {
  const letters = new FlowLetters();
  const legendOf = (...all: Series[]) => plotLines(rtts(25, ...all), ASCII, letters).at(-2);
  const [voip, bulk] = [series("voip", 0, samples(5000)), series("bulk", 1, samples(20_000))];
  const smoothed = { ...bulk, name: "bulk: TCP" };
  const back = { ...voip, name: "voip: back", look: { ...voip.look, dash: voip.look.dash + 1 } };
  assertEquals(legendOf(voip, bulk), "  a voip   b bulk");
  assertEquals(legendOf(smoothed, voip), "  b bulk: TCP   a voip");
  assertEquals(legendOf(bulk), "  b bulk");
  assertEquals(legendOf(voip, back), "  a voip   c voip: back");
  assertEquals(legendOf(voip, { ...voip, name: "voip: mean", look: lookOf(2) }), "  a voip   d voip: mean");
});
