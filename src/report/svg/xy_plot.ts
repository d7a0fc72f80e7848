import { Html, html } from "../html.ts";
import { type Buckets, COLORS, DASHES, type Look, type Samples, type Series, type XYPlot } from "../plot.ts";
import { type DrawnAxis, layOutAxis } from "./axis.ts";
import { envelopeOf } from "./envelope.ts";

/** The size of a drawing, in its own units: pixels of a page. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The space around what is drawn. All plots have the same at their sides, so that those of one page are aligned. */
export const MARGIN = { left: 56, right: 16, top: 26, bottom: 28 } as const;

const TEXT = "#1f2328";
const FAINT = "#59636e";
const GRID = "#dde1e6";
const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** Draws series over an x axis. */
export function drawXY(plot: XYPlot, { width, height }: Size): Html {
  const area = {
    left: MARGIN.left,
    top: MARGIN.top,
    width: width - MARGIN.left - MARGIN.right,
    height: height - MARGIN.top - MARGIN.bottom,
  };
  const range = rangeOf(plot.series);
  const x = layOutAxis(plot.x, range.x.least, range.x.greatest, Math.max(2, Math.floor(area.width / 90)));
  const y = layOutAxis(plot.y, range.y.least, range.y.greatest, Math.max(2, Math.floor(area.height / 40)));
  const drawn = plot.series.map((series) => drawSeries(series, area, x, y));
  return svg(
    plot.title,
    { width, height },
    html`${axes(plot, area, x, y)}
${drawn}`,
  );
}

/** Wraps what is drawn: it keeps its size and its looks where no style sheet applies. */
export function svg(title: string, { width, height }: Size, content: Html): Html {
  return html`
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"
      role="img" font-family="${FONT}" font-size="12"><title>${title}</title>
    ${content}</svg>
  `;
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function axes({ x, y }: XYPlot, area: Area, onX: DrawnAxis, onY: DrawnAxis): Html {
  const bottom = area.top + area.height, right = area.left + area.width;
  const rows = onY.ticks.map(({ value, text }) => {
    const at = px(bottom - onY.place(value) * area.height);
    return html`
      <path class="grid" stroke="${GRID}" d="M${area.left} ${at}H${right}" />
      <text class="tick" fill="${FAINT}" x="${area.left - 8}" y="${at + 4}" text-anchor="end">${text}</text>
    `;
  });
  const columns = onX.ticks.map(({ value, text }) => {
    const at = px(area.left + onX.place(value) * area.width);
    return html`
      <path class="axis" stroke="${FAINT}" d="M${at} ${bottom}v4" />
      <text class="tick" fill="${FAINT}" x="${at}" y="${bottom + 18}" text-anchor="middle">${text}</text>
    `;
  });
  return html`
    <text class="label" fill="${TEXT}" x="${area.left}" y="14" font-weight="600">${y.title}${onY.unit !== "" &&
      html`<tspan class="tick" fill="${FAINT}" font-weight="400" dx="6">${onY.unit}</tspan>`}</text>
    ${rows}<path class="axis" stroke="${FAINT}" d="M${area.left} ${bottom}H${right}" />${columns}<text
      class="tick" fill="${FAINT}" x="${right}" y="${area.top - 12}" text-anchor="end">${x.title}${onX.unit !== "" &&
        `, ${onX.unit}`}</text>
  `;
}

function drawSeries(series: Series, area: Area, x: DrawnAxis, y: DrawnAxis): Html {
  const { kind, data } = series;
  const toX = (value: number) => px(area.left + x.place(value) * area.width);
  const toY = (value: number) => px(area.top + area.height - y.place(value) * area.height);
  switch (kind) {
    case "points":
      return drawPoints(series, area, x, toY);
    case "ticks":
      return path(series.look, ticksPath(data, toX, area.top), { class: "loss" });
    case "band":
      return data.type === "samples" && data.high !== undefined
        ? html`
          <path class="b${series.look.color}" fill="${COLORS[series.look.color]}" fill-opacity="0.18" d="${bandPath(
            data.x,
            data.y,
            data.high,
            toX,
            toY,
          )}" />
        `
        : html``;
    default:
      return path(series.look, linePath(data, toX, toY, kind === "steps"), {});
  }
}

/** Many samples: a bar from least to greatest a pixel column, and the line of their means. */
function drawPoints({ data, look }: Series, area: Area, x: DrawnAxis, toY: (value: number) => number): Html {
  const columns = Math.floor(area.width);
  const { counts, least, greatest, sums } = envelopeOf(data, x.min, x.max, columns);
  let bars = "", line = "";
  let last: readonly [number, number] = [-Infinity, 0];
  // A line leads over gaps that are no longer than what usually lies between samples.
  const gap = 4 * columns / Math.max(1, counts.reduce((n, count) => n + (count > 0 ? 1 : 0), 0)) + 2;
  for (let i = 0; i < columns; i++) {
    const at = px(area.left + (i + 0.5) * area.width / columns);
    if (least[i] <= greatest[i]) {
      const top = toY(greatest[i]), length = px(toY(least[i]) - top);
      // A lone sample has ink too.
      if (counts[i] === 1 && length === 0) bars += `M${at} ${px(top - 0.75)}v1.5`;
      else bars += `M${at} ${top}v${Math.max(1, length)}`;
    }
    if (counts[i] === 0) continue;
    const value = toY(sums[i] / counts[i]);
    line += `${i - last[0] > gap ? "M" : "L"}${at} ${value}`;
    last = [i, value];
  }
  return html`${path(look, bars, { class: "range", width: 1, opacity: 0.45, solid: true })}${
    path(look, line, { width: 1.25 })
  }`;
}

function linePath(data: Samples | Buckets, toX: (x: number) => number, toY: (y: number) => number, steps: boolean) {
  const [xs, ys] = data.type === "samples" ? [data.x, data.y] : [data.times, data.means];
  let text = "", on = false;
  for (let i = 0; i < xs.length; i++) {
    if (Number.isNaN(ys[i])) on = false;
    else {
      const at = toX(xs[i]), value = toY(ys[i]);
      text += !on ? `M${at} ${value}` : steps ? `H${at}V${value}` : `L${at} ${value}`;
      on = true;
    }
  }
  return text;
}

function ticksPath(data: Samples | Buckets, toX: (x: number) => number, top: number): string {
  const places = new Set((data.type === "samples" ? data.x : data.times).values().map(toX));
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
  for (let i = 0; i < xs.length; i++) text += `${i === 0 ? "M" : "L"}${toX(xs[i])} ${toY(high[i])}`;
  for (let i = xs.length - 1; i >= 0; i--) text += `L${toX(xs[i])} ${toY(low[i])}`;
  return text === "" ? "" : `${text}Z`;
}

function path(
  { color, dash }: Look,
  d: string,
  options: { class?: string; width?: number; opacity?: number; solid?: boolean },
): Html {
  if (d === "") return html``;
  const dashes = options.solid ? "" : DASHES[dash];
  return html`
    <path class="s${color}${options.class !== undefined &&
      ` ${options.class}`}" fill="none" stroke="${COLORS[color]}" stroke-width="${options.width ??
      1.5}" ${options.opacity !== undefined && new Html(` stroke-opacity="${options.opacity}"`)}${dashes !== "" &&
      new Html(` stroke-dasharray="${dashes}"`)}
      stroke-linejoin="round" d="${d}" />
  `;
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

/** A place in a drawing, to a tenth of a pixel. */
function px(value: number): number {
  return Math.round(value * 10) / 10;
}
