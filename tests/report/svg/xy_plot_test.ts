import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { lookOf, type SampleSeries, type SeriesKind, type XYPlot } from "../../../src/report/plot.ts";
import { layOutAxis } from "../../../src/report/svg/axis.ts";
import { areaOf } from "../../../src/report/svg/drawing.ts";
import { drawXY } from "../../../src/report/svg/xy_plot.ts";

const SIZE = { width: 960, height: 240 };
const AREA = areaOf(SIZE);

Deno.test("drawXY() draws a spike of one sample of many at its height", () => {
  const x = Float64Array.from({ length: 100_000 }, (_, i) => i);
  const y = x.map((at) => at === 70_000 ? 100 : 1);
  const bars = pathOf(draw("points", { type: "samples", x, y }, 0, 100_000), "range");
  const [at, top] = bars.find(([, y]) => y < AREA.top + AREA.height / 2)!;
  assertAlmostEquals(at, AREA.left + 0.7 * AREA.width, 1);
  assertAlmostEquals(top, heightOf(100, 1, 100), 0.1);
});

Deno.test("drawXY() draws a dot for each sample where they are few, where it is", () => {
  const x = Float64Array.from({ length: 1000 }, (_, i) => i);
  const drawn = draw("points", { type: "samples", x, y: x.map((at) => at % 7) }, 100, 110);
  const dots = pathOf(drawn, "dots");
  assertEquals(dots.length, 11);
  for (const [i, [x, y]] of dots.entries()) {
    assertAlmostEquals(x, AREA.left + i / 10 * AREA.width, 0.1);
    assertAlmostEquals(y, heightOf((100 + i) % 7, 0, 6), 0.1);
  }
});

Deno.test("drawXY() draws a dot for a sample of a line between two gaps", () => {
  for (const kind of ["line", "steps", "points"] as const) {
    const y = Float64Array.of(1, 2, NaN, 5, NaN, 3, 3);
    const drawn = draw(kind, { type: "samples", x: Float64Array.of(0, 1, 2, 3, 4, 5, 6), y }, 0, 6);
    const at = AREA.left + AREA.width / 2;
    assert(pathOf(drawn, "dots").some(([x]) => x === at), kind);
  }
});

Deno.test("drawXY() cuts a line where the axis ends, and draws what crosses it without a sample on it", () => {
  const samples: SampleSeries = { type: "samples", x: Float64Array.of(0, 10), y: Float64Array.of(4, 6) };
  assert(!draw("line", samples, 0, 10).includes("overflow"));
  const drawn = draw("line", samples, 4, 5);
  assert(drawn.includes('overflow="hidden"'));
  assert(pathOf(drawn, "s0").length === 2, drawn);
});

Deno.test("drawXY() fits its y axis to what is shown", () => {
  const x = Float64Array.from({ length: 100 }, (_, i) => i);
  const samples: SampleSeries = { type: "samples", x, y: x.map((at) => at === 90 ? 5000 : 5) };
  assert(draw("points", samples, 0, 99).includes(">4000<"));
  assert(draw("points", samples, 0, 50).includes(">4<"));
});

const Y = { title: "value", unit: "", scale: "linear", min: 0 } as const;

/** Where a value is drawn, on an axis of values from `least` to `greatest`. */
function heightOf(value: number, least: number, greatest: number): number {
  const { place } = layOutAxis(Y, least, greatest, Math.floor(AREA.height / 45));
  return AREA.top + AREA.height * (1 - place(value));
}

/** A plot of one series, whose x axis has the given ends. */
function draw(kind: SeriesKind, data: SampleSeries, min: number, max: number): string {
  const plot: XYPlot = {
    type: "time",
    id: "p",
    title: "P",
    caption: "",
    x: { title: "time", unit: "", scale: "linear", min, max },
    y: Y,
    series: [{ name: "s", kind, look: lookOf(0), data }],
  };
  return drawXY(plot, SIZE).text;
}

/** Places of the commands with two coordinates in the path of a class. */
function pathOf(drawn: string, name: string): [number, number][] {
  const path = [...drawn.matchAll(/class="([^"]*)"[^>]* d="([^"]*)"/g)].find(([, names]) =>
    names.split(" ").includes(name)
  );
  let x = 0, y = 0;
  const places: [number, number][] = [];
  for (const [, command, rest] of (path?.[2] ?? "").matchAll(/([mhv])([^mhv]*)/g)) {
    const numbers = rest.match(/-?(?:\d+\.?\d*|\.\d+)/g)!.map(Number);
    for (let i = 0; i < numbers.length;) {
      if (command !== "v") x += numbers[i++];
      if (command !== "h") y += numbers[i++];
      [x, y] = [x, y].map((place) => Math.round(place * 10) / 10);
      if (command === "m") places.push([x, y]);
    }
  }
  return places;
}

Deno.test("drawXY() shades parts of the x axis behind the series, with their word where there is room", () => {
  const axis = { title: "", unit: "us", scale: "linear" } as const;
  const data: SampleSeries = { type: "samples", x: Float64Array.of(0, 50, 100), y: Float64Array.of(1, 2, 3) };
  const shaded = (from: number, to: number) =>
    drawXY({
      ...{ type: "time", id: "a", title: "a", caption: "", y: axis, x: { ...axis, min: 0, max: 100 } },
      series: [{ name: "s", kind: "line", look: lookOf(0), data }],
      shades: [{ from, to, text: "warm-up" }],
    }, SIZE).text;
  const half = shaded(-10, 50);
  const [, left, width] = /<rect\s+x="([\d.]+)" y="[\d.]+" width="([\d.]+)"/.exec(half)!;
  assertAlmostEquals(Number(left), AREA.left, 0.1);
  assertAlmostEquals(Number(width), AREA.width / 2, 0.1);
  assert(half.includes(">warm-up</text>") && half.indexOf("<rect") < half.lastIndexOf("<path"));
  const narrow = shaded(10, 11);
  assert(narrow.includes("<title>warm-up</title>") && !narrow.includes(">warm-up</text>"));
  assert(!shaded(200, 300).includes("<rect"));
});
