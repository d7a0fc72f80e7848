import { Html, html } from "../html.ts";
import { COLORS, DASHES, type Look } from "../plot.ts";
import type { DrawnAxis } from "./axis.ts";

/** The size of a drawing, in its own units: pixels of a page. */
export interface DrawingSize {
  readonly width: number;
  readonly height: number;
}

/** Where values are drawn: what is left of a drawing without its margins. */
export interface Area extends DrawingSize {
  readonly left: number;
  readonly top: number;
}

/** The space around what is drawn. All plots have the same at their sides, so that those of one page are aligned. */
const MARGIN = { left: 60, right: 34, top: 30, bottom: 26 } as const;

/** Looks of what is no series; a style sheet may change them by their classes. */
export const TEXT = "#1b1f24";
export const FAINT = "#5b6570";
const GRID = "#e1e5ea";
const AXIS = "#9aa4af";
export const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

/** Returns where values are drawn. */
export function areaOf({ width, height }: DrawingSize): Area {
  return {
    left: MARGIN.left,
    top: MARGIN.top,
    width: width - MARGIN.left - MARGIN.right,
    height: height - MARGIN.top - MARGIN.bottom,
  };
}

/** Wraps what is drawn: it keeps its size and its looks where no style sheet applies. */
export function svg(title: string, { width, height }: DrawingSize, content: Html): Html {
  return html`
    <svg
      xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"
      role="img" aria-label="${title}" font-family="${FONT}" font-size="12">
      ${content}
    </svg>
  `;
}

/** Draws the title of the y axis, at the top of the drawing, with its unit. */
export function yTitle(title: string, unit: string, { left, top }: Area): Html {
  return html`
    <text class="label" fill="${TEXT}" x="${left}" y="${top - 14}" font-weight="600">${title}<tspan
      class="tick" fill="${FAINT}" font-weight="400">${unit !== "" && `, ${unit}`}</tspan></text>
  `;
}

/** Draws the y axis: a line across the area, and a text, at each tick. */
export function yTicks(axis: DrawnAxis, area: Area): Html {
  const bottom = area.top + area.height;
  const marks = axis.ticks.map(({ value, text }) => {
    const at = px(bottom - axis.place(value) * area.height);
    return html`
      <text class="tick" fill="${FAINT}" x="${area.left - 8}" y="${px(at + 4)}" text-anchor="end">${text}</text>
    `;
  });
  const lines = axis.ticks.map(({ value }) =>
    `M${area.left} ${px(bottom - axis.place(value) * area.height)}h${area.width}`
  );
  return html`
    <path class="grid" stroke="${GRID}" d="${lines.join("")}" />${marks}
  `;
}

/** Draws the x axis: its line, and its ticks; the last one has the unit. */
export function xTicks(axis: DrawnAxis, area: Area, title = ""): Html {
  const bottom = area.top + area.height;
  const lines = axis.ticks.map(({ value }) => `M${px(area.left + axis.place(value) * area.width)} ${bottom}v4`);
  const last = axis.ticks.length - 1;
  const marks = axis.ticks.map(({ value, text }, i) => {
    const at = px(area.left + axis.place(value) * area.width);
    const unit = i === last && axis.unit !== "" ? `\u00a0${axis.unit}` : "";
    // The number is in the middle, whatever the unit is.
    const [x, anchor] = unit === "" ? [at, "middle"] : [px(at - text.length * 3.5), "start"];
    return html`
      <text class="tick" fill="${FAINT}" x="${x}" y="${bottom + 18}"
        text-anchor="${anchor}">${text}${unit}</text>
    `;
  });
  return html`
    <path class="axis" stroke="${AXIS}" d="M${area.left} ${bottom}h${area.width}${lines.join("")}" />${marks}${title !==
        "" &&
      html`<text class="tick" fill="${FAINT}" x="${area.left + area.width}" y="${
        area.top - 14
      }" text-anchor="end">${title}</text>`}
  `;
}

/** How a stroke is drawn, beside its colour. */
export interface Stroke {
  readonly class?: string;
  readonly width?: number;
  readonly opacity?: number;
  /** Whether the dash pattern is left out. */
  readonly solid?: boolean;
  /** Whether lines have round ends. */
  readonly round?: boolean;
}

/** Draws a stroke in the colour and the dash pattern of a series. */
export function stroke({ color, dash }: Look, d: string, options: Stroke = {}): Html {
  if (d === "") return html``;
  const dashes = options.solid ? "" : DASHES[dash];
  const attributes = [
    `class="s${color}${options.class === undefined ? "" : ` ${options.class}`}" fill="none" stroke="${COLORS[color]}"`,
    `stroke-width="${options.width ?? 1.5}" stroke-linejoin="round"`,
    ...options.opacity === undefined ? [] : [`stroke-opacity="${options.opacity}"`],
    ...options.round ? [`stroke-linecap="round"`] : [],
    ...dashes === "" ? [] : [`stroke-dasharray="${dashes}"`],
  ];
  return new Html(`<path ${attributes.join(" ")} d="${relativePath(d)}"/>`);
}

const COMMAND = /([MLHVhv])(-?[\d.]+)(?: (-?[\d.]+))?/g;

/**
 * Writes a path with distances in place of places, which takes a third less room. Places are rounded to a tenth.
 *
 * Source: SVG 1.1, section 8.3.
 *
 * @param d of M, L, H, V, h and v alone, each with its letter
 *
 * @example
 * ```ts
 * import { relativePath } from "./drawing.ts";
 * console.assert(relativePath("M10 20L10.5 19L11 19v3") === "m10 20 .5-1 .5 0v3");
 * ```
 */
export function relativePath(d: string): string {
  // In tenths, so that distances add up exactly.
  let x = 0, y = 0, last = "", path = "";
  for (const [, command, first, second] of d.matchAll(COMMAND)) {
    const a = Math.round(Number(first) * 10), b = Math.round(Number(second) * 10);
    const kind = command.toLowerCase();
    const isVertical = kind === "v", isAlone = kind === "v" || kind === "h";
    const moved = isAlone ? a - (command === kind ? 0 : isVertical ? y : x) : a - x;
    const numbers = isAlone ? tenths(moved) : tenths(moved) + separated(tenths(b - y));
    // More numbers behind an m are lines.
    const repeats = kind === last || kind === "l" && last === "m";
    path += repeats && kind !== "m" ? separated(numbers) : kind + numbers;
    if (isVertical) y += moved;
    else x += moved;
    if (!isAlone) y = b;
    last = kind;
  }
  return path;
}

/** Returns a number of tenths as a number, without a zero in front of its point. */
function tenths(value: number): string {
  return String(value / 10).replace(/^(-?)0\./, "$1.");
}

/** Puts a space before a number that has no sign. */
function separated(number: string): string {
  return number.startsWith("-") ? number : ` ${number}`;
}

/** Draws a short line as a series looks, for legends and tables. */
export function swatch(look: Look): Html {
  return html`
    <svg class="swatch" viewBox="0 0 22 8" width="22" height="8" aria-hidden="true">${stroke(look, "M0 4h22", {
      width: 2.5,
    })}</svg>
  `;
}

/** Draws a piece of a band, for legends. */
export function bandSwatch({ color }: Look): Html {
  return new Html(
    `<svg class="swatch" viewBox="0 0 22 8" width="22" height="8" aria-hidden="true"><path class="f${color}" fill="${
      COLORS[color]
    }" fill-opacity="0.25" d="M0 0h22v8H0z"/></svg>`,
  );
}

/** A place in a drawing, to a tenth of a pixel. */
export function px(value: number): number {
  return Math.round(value * 10) / 10;
}
