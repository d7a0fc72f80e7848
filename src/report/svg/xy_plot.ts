import { Html, html } from "../html.ts";
import { type Buckets, COLORS, type SampleSeries, type Series, type Shade, type XYPlot } from "../plot.ts";
import { type DrawnAxis, layOutAxis, ticksFor } from "./axis.ts";
import { type Area, areaOf, type DrawingSize, px, stroke, svg, TEXT, xTicks, yTicks, yTitle } from "./drawing.ts";
import { type Envelope, envelopeOf, indexRange } from "./envelope.ts";

/** Samples with less than this many pixels each are drawn by columns. */
const PIXELS_A_SAMPLE = 3;
/** A line shows its samples as dots where each has this many pixels. */
const PIXELS_A_DOT = 25;
/** About how wide a letter is, in pixels. */
const SHADE_LETTER = 7;
/** How high the bar of a column is at least: a lone sample has ink. */
const MIN_BAR = 1.5;

/** Where and how series are drawn. */
interface Frame {
  readonly area: Area;
  readonly x: DrawnAxis;
  /** How many columns of pixels there are; 0: each sample is drawn, since the axis is not one of time. */
  readonly columns: number;
  toX(value: number): number;
  toY(value: number): number;
}

/** A series, and which of its samples are drawn: those from an index on, before another. */
interface Part {
  readonly series: Series;
  readonly from: number;
  readonly to: number;
}

/** Draws series over an x axis. Where the axis has ends, what lies beyond them is cut. */
export function drawXY(plot: XYPlot, size: DrawingSize, area: Area = areaOf(size)): Html {
  const overTime = plot.type === "time";
  const shown = plot.series.filter(({ hidden }) => !hidden);
  const range = rangeOfPlaces(shown, overTime);
  const x = layOutAxis(plot.x, range.least, range.greatest, ticksFor(area.width));
  const parts = shown.map((series) => overTime ? partOf(series, x) : { series, from: 0, to: placesOf(series).length });
  const values = rangeOfValues(parts);
  const y = layOutAxis(plot.y, values.least, values.greatest, Math.max(2, Math.floor(area.height / 45)));
  const frame: Frame = {
    area,
    x,
    // A column of pixels each, or wider ones where many series would make the page large.
    columns: overTime ? Math.floor(area.width / (shown.length > 6 ? 2 : 1)) : 0,
    toX: (value) => px(area.left + x.place(value) * area.width),
    toY: (value) => px(area.top + area.height - y.place(value) * area.height),
  };
  const drawn = parts.map((part) => {
    const content = drawSeries(part, frame);
    const { flow } = part.series;
    return flow === undefined ? content : html`<g data-flow="${flow}">${content}</g>`;
  });
  return svg(
    plot.title,
    size,
    html`
      ${yTitle(plot.y.title, y.unit, area)}${yTicks(y, area)}${xTicks(
        x,
        area,
        plot.type === "xy" ? plot.x.title : "",
      )}${(plot.shades ?? []).map((shade) => drawShade(shade, frame))}
      ${range.least < x.min || range.greatest > x.max ? cut(drawn, area) : drawn}
    `,
  );
}

/** A light band behind the series, with its word where there is room. */
function drawShade({ from, to, text }: Shade, { area, x, toX }: Frame): Html {
  const [start, end] = [Math.max(from, x.min), Math.min(to, x.max)];
  if (!(start < end)) return html``;
  const left = toX(start), width = px(toX(end) - left);
  const { top, height } = area;
  const word = width < text.length * SHADE_LETTER
    ? ""
    : html`<text class="label" fill="${TEXT}" x="${left + 4}" y="${top + 12}">${text}</text>`;
  return html`
    <g class="shade"><title>${text}</title><rect
      x="${left}" y="${top}" width="${width}" height="${height}" fill="currentColor" fill-opacity="0.08"/>${word}</g>
  `;
}

/** Cuts what lies beside the area of a plot, and leaves strokes at its edges whole. */
function cut(drawn: readonly Html[], { left, top, width, height }: Area): Html {
  const box = `${left} ${top - 2} ${width} ${height + 4}`;
  return html`
    <svg
      x="${left}" y="${top - 2}" width="${width}" height="${height + 4}" viewBox="${box}" overflow="hidden">
      ${drawn}
    </svg>
  `;
}

function placesOf({ data }: Series): Float64Array {
  return data.type === "samples" ? data.x : data.times;
}

function partOf(series: Series, { min, max }: DrawnAxis): Part {
  return { series, ...indexRange(placesOf(series), min, max) };
}

function drawSeries(part: Part, frame: Frame): Html {
  const { area, toX, toY } = frame;
  const { kind, data, look } = part.series;
  switch (kind) {
    case "points":
      return isDense(part, frame, PIXELS_A_SAMPLE)
        ? drawColumns(part, frame, 0.4)
        : data.type === "buckets"
        ? drawBuckets(part, frame, data)
        : drawSamples(part, frame, data);
    case "dots":
      return stroke(look, dotsPath(data, toX, toY), { width: 3, solid: true, opacity: 0.6, class: "dots" });
    case "ticks":
      return stroke(look, ticksPath(part, toX, area.top), { class: "marks", solid: true });
    case "band": {
      if (data.type !== "samples" || data.high === undefined) return html``;
      const d = isDense(part, frame, 1) ? columnBand(data, data.high, frame) : bandPath(part, data, data.high, frame);
      return new Html(`<path class="f${look.color}" fill="${COLORS[look.color]}" fill-opacity="0.2" d="${d}"/>`);
    }
    default:
      return isDense(part, frame, 0.5) ? drawColumns(part, frame, 1) : drawLine(part, frame);
  }
}

/** Whether samples have less than some pixels each. */
function isDense({ from, to }: Part, { area, columns }: Frame, pixels: number): boolean {
  return columns > 0 && (to - from) * pixels > area.width;
}

/** Many samples: a bar from least to greatest a pixel column, and the line of their means. */
function drawColumns({ series: { data, look } }: Part, { area, x, columns, toY }: Frame, opacity: number): Html {
  const { counts, least, greatest, sums } = envelopeOf(data, x.min, x.max, columns);
  const width = area.width / columns;
  const gap = longestGap(counts);
  let bars = "", line = "", dots = "";
  let last = -Infinity, pieces = 0;
  for (let i = 0; i <= columns; i++) {
    // The line of a column by itself has no ink.
    const ends = i === columns || counts[i] > 0 && i - last > gap;
    if (ends && pieces === 1) dots += dot(px(area.left + (last + 0.5) * width), toY(sums[last] / counts[last]));
    if (i === columns) break;
    const at = px(area.left + (i + 0.5) * width);
    if (least[i] <= greatest[i]) {
      const top = toY(greatest[i]);
      const length = px(toY(least[i]) - top);
      bars += length < MIN_BAR ? `M${at} ${px(top - MIN_BAR / 2)}v${MIN_BAR}` : `M${at} ${top}v${length}`;
    }
    if (counts[i] === 0) continue;
    line += `${ends ? "M" : "L"}${at} ${toY(sums[i] / counts[i])}`;
    pieces = ends ? 1 : pieces + 1;
    last = i;
  }
  return html`${stroke(look, bars, { class: "range", width: Math.max(1, px(width)), opacity, solid: true })}${
    stroke(look, line, { width: 1.25 })
  }${stroke(look, dots, dotsOf(PIXELS_A_SAMPLE))}`;
}

/** How many columns a line leads over: not many more than what usually lies between samples. */
function longestGap(counts: Envelope["counts"]): number {
  let used = 0, first = -1, end = -1;
  for (let i = 0; i < counts.length; i++) {
    if (counts[i] === 0) continue;
    used++;
    if (first < 0) first = i;
    end = i;
  }
  return 6 * (end - first + 1) / Math.max(1, used) + 2;
}

/** Few samples: a dot each, and a thin line that leads from one to the next. */
function drawSamples({ series: { look }, from, to }: Part, { area, toX, toY }: Frame, { x, y }: SampleSeries): Html {
  const usual = to - from > 1 ? (toX(x[to - 1]) - toX(x[from])) / (to - from - 1) : area.width;
  let line = "", dots = "";
  let last = -Infinity;
  for (let i = Math.max(0, from - 1); i < Math.min(x.length, to + 1); i++) {
    if (Number.isNaN(y[i])) {
      last = -Infinity;
      continue;
    }
    const at = toX(x[i]), value = toY(y[i]);
    line += `${at - last > 6 * usual + 2 ? "M" : "L"}${at} ${value}`;
    if (i >= from && i < to) dots += dot(at, value);
    last = at;
  }
  return html`${stroke(look, line, { width: 1, opacity: 0.5 })}${stroke(look, dots, dotsOf(usual))}`;
}

/** Few buckets: dots for the extremes when they were, a line between these, and the line of means. */
function drawBuckets({ series: { look }, from, to }: Part, { area, toX, toY }: Frame, data: Buckets): Html {
  const { times, means, least, leastAt, greatest, greatestAt } = data;
  let bars = "", dots = "", line = "";
  for (let i = Math.max(0, from - 1); i < Math.min(times.length, to + 1); i++) {
    const low = [toX(leastAt[i]), toY(least[i])] as const, high = [toX(greatestAt[i]), toY(greatest[i])] as const;
    bars += `M${low[0]} ${low[1]}L${high[0]} ${high[1]}`;
    dots += dot(...low) + dot(...high);
    line += `${line === "" ? "M" : "L"}${toX(times[i])} ${toY(means[i])}`;
  }
  return html`${stroke(look, bars, { class: "range", opacity: 0.4, solid: true })}${
    stroke(look, line, { width: 1.25 })
  }${stroke(look, dots, dotsOf(area.width / Math.max(1, to - from)))}`;
}

/** A line or steps from sample to sample. */
function drawLine({ series: { data, kind, look }, from, to }: Part, { area, toX, toY }: Frame): Html {
  const [xs, ys] = data.type === "samples" ? [data.x, data.y] : [data.times, data.means];
  const few = kind !== "steps" && (to - from) * PIXELS_A_DOT < area.width;
  let line = "", dots = "", on = false, lastX = NaN, lastY = NaN;
  for (let i = Math.max(0, from - 1); i < Math.min(xs.length, to + 1); i++) {
    if (Number.isNaN(ys[i])) {
      on = false;
      continue;
    }
    const at = toX(xs[i]), value = toY(ys[i]);
    // A line to nowhere has no ink.
    if (few || !on && !(i + 1 < xs.length && !Number.isNaN(ys[i + 1]))) dots += dot(at, value);
    // What does not move is not written.
    if (on && at === lastX && value === lastY) continue;
    if (!on) line += `M${at} ${value}`;
    else if (kind !== "steps") line += `L${at} ${value}`;
    else line += value === lastY ? `H${at}` : `H${at}V${value}`;
    on = true;
    [lastX, lastY] = [at, value];
  }
  return html`${stroke(look, line, {})}${stroke(look, dots, dotsOf(PIXELS_A_DOT))}`;
}

/** A line of no length, of which the round ends make a dot. */
function dot(x: number, y: number): string {
  return `M${x} ${y}h0`;
}

/** How dots are drawn that have some pixels each. */
function dotsOf(pixels: number) {
  return { class: "dots", width: pixels >= 12 ? 5 : 3, solid: true, round: true };
}

function dotsPath(data: SampleSeries | Buckets, toX: (x: number) => number, toY: (y: number) => number): string {
  const [xs, ys] = data.type === "samples" ? [data.x, data.y] : [data.times, data.means];
  const places = new Set<string>();
  for (let i = 0; i < xs.length; i++) {
    if (!Number.isNaN(ys[i])) places.add(`M${Math.round(toX(xs[i])) - 1.5} ${Math.round(toY(ys[i]))}h3`);
  }
  return [...places].join("");
}

function ticksPath({ series, from, to }: Part, toX: (x: number) => number, top: number): string {
  const places = new Set(placesOf(series).subarray(from, to).values().map((x) => Math.round(toX(x))));
  return Array.from(places, (at) => `M${at} ${top}v7`).join("");
}

function bandPath({ from, to }: Part, { x, y: low }: SampleSeries, high: Float64Array, { toX, toY }: Frame): string {
  let text = "";
  const first = Math.max(0, from - 1), last = Math.min(x.length, to + 1);
  for (let start = first; start < last;) {
    if (Number.isNaN(low[start])) {
      start++;
      continue;
    }
    let end = start;
    while (end < last && !Number.isNaN(low[end])) end++;
    for (let i = start; i < end; i++) text += `${i === start ? "M" : "L"}${toX(x[i])} ${toY(high[i])}`;
    for (let i = end - 1; i >= start; i--) text += `L${toX(x[i])} ${toY(low[i])}`;
    text += "Z";
    start = end;
  }
  return text;
}

/** A band of many samples, by columns. */
function columnBand(data: SampleSeries, high: Float64Array, { area, x, columns, toY }: Frame): string {
  const { counts, least } = envelopeOf(data, x.min, x.max, columns);
  const { greatest } = envelopeOf({ ...data, y: high }, x.min, x.max, columns);
  const used = Array.from(counts.keys()).filter((i) => counts[i] > 0);
  const at = (i: number) => px(area.left + (i + 0.5) * area.width / columns);
  const edges = [
    ...used.map((i) => `${at(i)} ${toY(greatest[i])}`),
    ...used.toReversed().map((i) => `${at(i)} ${toY(least[i])}`),
  ];
  return edges.length === 0 ? "" : `M${edges.join("L")}Z`;
}

/** The least and the greatest of some numbers. */
interface Range {
  least: number;
  greatest: number;
}

/** The range of all places on the x axis. */
function rangeOfPlaces(all: readonly Series[], ascending: boolean): Range {
  const range = { least: Infinity, greatest: -Infinity };
  for (const series of all) {
    const places = placesOf(series);
    if (ascending) widen(range, Float64Array.from([places[0], places[places.length - 1]]));
    else widen(range, places);
  }
  return range;
}

/** The range of the values that are drawn. */
function rangeOfValues(parts: readonly Part[]): Range {
  const range = { least: Infinity, greatest: -Infinity };
  for (const { series: { data, kind }, from, to } of parts) {
    if (kind === "ticks") continue;
    // A line leads on to the samples beside those that are seen.
    const start = kind === "points" ? from : Math.max(0, from - 1), end = kind === "points" ? to : to + 1;
    const edges = data.type === "samples" ? [data.y, data.high] : [data.least, data.greatest];
    for (const values of edges) if (values !== undefined) widen(range, values.subarray(start, end));
  }
  return range;
}

function widen(range: Range, values: Float64Array): void {
  let { least, greatest } = range;
  for (let i = 0; i < values.length; i++) {
    if (values[i] < least) least = values[i];
    if (values[i] > greatest) greatest = values[i];
  }
  [range.least, range.greatest] = [least, greatest];
}
