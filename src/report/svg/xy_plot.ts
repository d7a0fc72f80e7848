import { Html, html } from "../html.ts";
import { type Buckets, COLORS, type Samples, type Series, type XYPlot } from "../plot.ts";
import { type DrawnAxis, layOutAxis } from "./axis.ts";
import { type Area, areaOf, px, type Size, stroke, svg, xTicks, yTicks, yTitle } from "./drawing.ts";
import { envelopeOf } from "./envelope.ts";

/** Draws series over an x axis. */
export function drawXY(plot: XYPlot, size: Size, area: Area = areaOf(size)): Html {
  const shown = plot.series.filter(({ hidden }) => !hidden);
  const range = rangeOf(shown);
  const x = layOutAxis(plot.x, range.x.least, range.x.greatest, Math.max(2, Math.floor(area.width / 100)));
  const y = layOutAxis(plot.y, range.y.least, range.y.greatest, Math.max(2, Math.floor(area.height / 45)));
  // A column of pixels each, or wider ones where many series would make the page large.
  const columns = Math.floor(area.width / (shown.length > 6 ? 2 : 1));
  return svg(
    plot.title,
    size,
    html`
      ${yTitle(plot.y.title, y.unit, area)}${yTicks(y, area)}${xTicks(x, area, plot.type === "xy" ? plot.x.title : "")}
      ${shown.map((series) => drawSeries(series, area, x, y, columns))}
    `,
  );
}

function drawSeries(series: Series, area: Area, x: DrawnAxis, y: DrawnAxis, columns: number): Html {
  const { kind, data, look } = series;
  const toX = (value: number) => px(area.left + x.place(value) * area.width);
  const toY = (value: number) => px(area.top + area.height - y.place(value) * area.height);
  switch (kind) {
    case "points":
      return drawPoints(series, area, x, toY, columns);
    case "dots":
      return stroke(look, dotsPath(data, toX, toY), { width: 3, solid: true, opacity: 0.6, class: "dots" });
    case "ticks":
      return stroke(look, ticksPath(data, toX, area.top), { class: "marks", solid: true });
    case "band": {
      if (data.type !== "samples" || data.high === undefined) return html``;
      const d = bandPath(data.x, data.y, data.high, toX, toY);
      return new Html(`<path class="f${look.color}" fill="${COLORS[look.color]}" fill-opacity="0.2" d="${d}"/>`);
    }
    default:
      return stroke(look, linePath(data, toX, toY, kind === "steps"), {});
  }
}

/** Many samples: a bar from least to greatest a pixel column, and the line of their means. */
function drawPoints(
  { data, look }: Series,
  area: Area,
  x: DrawnAxis,
  toY: (value: number) => number,
  columns: number,
): Html {
  const { counts, least, greatest, sums } = envelopeOf(data, x.min, x.max, columns);
  const width = area.width / columns;
  let bars = "", line = "";
  let last = -Infinity;
  // A line leads over gaps that are no longer than what usually lies between samples.
  let used = 0, first = -1, end = -1;
  for (let i = 0; i < columns; i++) {
    if (counts[i] === 0) continue;
    used++;
    if (first < 0) first = i;
    end = i;
  }
  const gap = 6 * (end - first + 1) / Math.max(1, used) + 2;
  for (let i = 0; i < columns; i++) {
    const at = px(area.left + (i + 0.5) * width);
    if (least[i] <= greatest[i]) {
      const top = toY(greatest[i]);
      // A lone sample has ink too.
      const length = Math.max(1.5, px(toY(least[i]) - top));
      bars += `M${at} ${length === 1.5 ? px(top - 0.75) : top}v${length}`;
    }
    if (counts[i] === 0) continue;
    line += `${i - last > gap ? "M" : "L"}${at} ${toY(sums[i] / counts[i])}`;
    last = i;
  }
  return html`${stroke(look, bars, { class: "range", width: Math.max(1, px(width)), opacity: 0.4, solid: true })}${
    stroke(look, line, { width: 1.25 })
  }`;
}

function linePath(
  data: Samples | Buckets,
  toX: (x: number) => number,
  toY: (y: number) => number,
  steps: boolean,
): string {
  const [xs, ys] = data.type === "samples" ? [data.x, data.y] : [data.times, data.means];
  let text = "", on = false, lastX = NaN, lastY = NaN;
  for (let i = 0; i < xs.length; i++) {
    if (Number.isNaN(ys[i])) {
      on = false;
      continue;
    }
    const at = toX(xs[i]), value = toY(ys[i]);
    // What does not move is not written.
    if (on && at === lastX && value === lastY) continue;
    if (!on) text += `M${at} ${value}`;
    else if (!steps) text += `L${at} ${value}`;
    else text += value === lastY ? `H${at}` : `H${at}V${value}`;
    on = true;
    [lastX, lastY] = [at, value];
  }
  return text;
}

function dotsPath(data: Samples | Buckets, toX: (x: number) => number, toY: (y: number) => number): string {
  const [xs, ys] = data.type === "samples" ? [data.x, data.y] : [data.times, data.means];
  const places = new Set<string>();
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isNaN(ys[i])) places.add(`M${Math.round(toX(xs[i])) - 1.5} ${Math.round(toY(ys[i]))}h3`);
  }
  return [...places].join("");
}

function ticksPath(data: Samples | Buckets, toX: (x: number) => number, top: number): string {
  const places = new Set((data.type === "samples" ? data.x : data.times).values().map((x) => Math.round(toX(x))));
  return Array.from(places, (at) => `M${at} ${top}v7`).join("");
}

function bandPath(
  xs: Float64Array,
  low: Float64Array,
  high: Float64Array,
  toX: (x: number) => number,
  toY: (y: number) => number,
): string {
  let text = "";
  for (let start = 0; start < xs.length;) {
    if (Number.isNaN(low[start])) {
      start++;
      continue;
    }
    let end = start;
    while (end < xs.length && !Number.isNaN(low[end])) end++;
    for (let i = start; i < end; i++) text += `${i === start ? "M" : "L"}${toX(xs[i])} ${toY(high[i])}`;
    for (let i = end - 1; i >= start; i--) text += `L${toX(xs[i])} ${toY(low[i])}`;
    text += "Z";
    start = end;
  }
  return text;
}

/** The least and the greatest x and y of all series. */
function rangeOf(series: readonly Series[]) {
  const x = { least: Infinity, greatest: -Infinity }, y = { least: Infinity, greatest: -Infinity };
  const add = (range: { least: number; greatest: number }, values: Float64Array) => {
    for (const value of values) {
      if (value < range.least) range.least = value;
      if (value > range.greatest) range.greatest = value;
    }
  };
  for (const { data, kind } of series) {
    add(x, data.type === "samples" ? data.x : data.times);
    if (kind === "ticks") continue;
    if (data.type === "samples") {
      add(y, data.y);
      if (data.high !== undefined) add(y, data.high);
    } else {
      add(y, data.least);
      add(y, data.greatest);
    }
  }
  return { x, y };
}
