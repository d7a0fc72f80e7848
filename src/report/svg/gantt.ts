import { Html, html } from "../html.ts";
import { COLORS, type GanttPlot, type Span } from "../plot.ts";
import { type DrawnAxis, layOutAxis, ticksFor } from "./axis.ts";
import { areaOf, type DrawingSize, FAINT, px, svg, TEXT, xTicks } from "./drawing.ts";

/** How rows are drawn, in pixels: of many, they are narrow. */
interface RowStyle {
  readonly row: number;
  readonly bar: number;
  readonly font: number;
}

const WIDE: RowStyle = { row: 20, bar: 14, font: 11 };
const NARROW: RowStyle = { row: 12, bar: 9, font: 8.5 };
/** With more rows than these they are narrow, and of more than those the rest is left out. */
const MAX_WIDE = 20;
const MAX_ROWS = 60;
/** About what a character takes, in pixels. */
const CHARACTER = 6.2;
/** Text that would go further is cut. */
const MAX_TEXT = 40;

/** A row of runs that do not overlap. */
interface Lane {
  readonly node: string;
  readonly spans: Span[];
}

/** How large a Gantt chart is: a row for what runs at once on a node. */
export function ganttSize(plot: GanttPlot, width: number): DrawingSize {
  const { lanes, style, leftOut } = rowsOf(plot, width);
  return { width, height: 30 + style.row * Math.max(1, lanes.length + (leftOut > 0 ? 1 : 0)) + 26 };
}

/**
 * Draws runs over time, by node; what runs at once has rows of its own.
 *
 * @param shown the part of time that is seen; all of it by default
 */
export function drawGantt(
  plot: GanttPlot,
  size: DrawingSize,
  shown?: { readonly min: number; readonly max: number },
): Html {
  const area = areaOf(size);
  const { lanes, style, leftOut } = rowsOf(plot, size.width);
  const axis = layOutAxis({ ...plot.x, ...shown }, 0, greatestOf(plot), ticksFor(area.width));
  const toX = (value: number) => px(area.left + axis.place(value) * area.width);
  const grid = axis.ticks.map(({ value }) => `M${toX(value)} ${area.top}v${area.height}`).join("");
  return svg(
    plot.title,
    size,
    html`
      <text class="label" fill="${TEXT}" x="${area.left}" y="${area.top - 14}" font-weight="600">${plot.title}</text>
      <path class="grid" stroke="#e1e5ea" d="${grid}" />${xTicks(axis, area)}${lanes.map(({ node, spans }, row) => {
        const y = area.top + style.row * row;
        const isFirst = row === 0 || lanes[row - 1].node !== node;
        return html`${
          isFirst &&
          html`<text class="name" fill="${FAINT}" x="${area.left - 8}" y="${y + style.row / 2 + 4}" text-anchor="end">${
            cut(node, 9)
          }</text>${
            row > 0 && html`
              <path class="grid" stroke="#e1e5ea" d="M${area.left} ${y}h${area.width}" />
            `
          }`
        }${
          spans.filter(({ start, end = axis.max }) => start <= axis.max && end >= axis.min).map((span, i, seen) =>
            drawSpan(span, seen[i + 1], y + (style.row - style.bar) / 2, area.left + area.width, toX, axis, style)
          )
        }`;
      })}${leftOut > 0 &&
        html`<text class="tick" fill="${FAINT}" x="${area.left}" y="${
          area.top + style.row * lanes.length + 10
        }">and ${leftOut} more at the same time</text>`}
    `,
  );
}

function drawSpan(
  span: Span,
  next: Span | undefined,
  y: number,
  right: number,
  toX: (x: number) => number,
  { min, max }: Pick<DrawnAxis, "min" | "max">,
  { bar, font }: RowStyle,
): Html {
  const character = CHARACTER * font / WIDE.font;
  const { name, start, end = max, error, look } = span;
  const x = toX(Math.max(min, start)), width = Math.max(2, px(toX(Math.min(max, end)) - x));
  const fill = error !== undefined ? "#c6362c" : look === undefined ? "#aab3bd" : COLORS[look.color];
  const kind = error !== undefined ? "failed" : look === undefined ? "plain" : `f${look.color}`;
  const room = (next === undefined ? right : toX(next.start)) - x;
  const inside = cut(name, MAX_TEXT).length * character + 8 <= width;
  const text = inside || name.length * character + width + 6 <= room
    ? cut(name, MAX_TEXT)
    : cut(name, Math.floor((room - width - 8) / character));
  return html`
    <g class="span" data-path="${span.path}"><title>${titleOf(span)}</title>${new Html(
      `<rect class="${kind}" x="${x}" y="${
        px(y)
      }" width="${width}" height="${bar}" rx="2" fill="${fill}" fill-opacity="0.55"${
        span.end === undefined ? ` stroke="${fill}" stroke-dasharray="3 2"` : ""
      }/>`,
    )}${text.length > 1 &&
      html`<text class="name" fill="${TEXT}" font-size="${font}" x="${px(inside ? x + 4 : x + width + 4)}" y="${
        px(y + bar / 2 + font * 0.36)
      }">${text}</text>`}</g>
  `;
}

function titleOf({ name, node, path, start, end, error }: Span): string {
  const time = (us: number) => `${(us / 1e6).toFixed(3)} s`;
  const span = end === undefined ? `from ${time(start)}, not ended` : `${time(start)} to ${time(end)}`;
  return `${name} on ${node}, ${span}\n${path}${error === undefined ? "" : `\n${error}`}`;
}

function greatestOf({ spans }: GanttPlot): number {
  return spans.reduce((most, { start, end = start }) => Math.max(most, end), 0);
}

/** The rows of a chart. */
function rowsOf(plot: GanttPlot, width: number): { lanes: readonly Lane[]; style: RowStyle; leftOut: number } {
  const all = lanesOf(plot, width);
  const lanes = all.slice(0, MAX_ROWS);
  return {
    lanes,
    style: all.length > MAX_WIDE ? NARROW : WIDE,
    leftOut: all.slice(MAX_ROWS).reduce((sum, { spans }) => sum + spans.length, 0),
  };
}

/** Puts runs into rows, node by node: each into the first one with room for its bar and some of its text. */
function lanesOf(plot: GanttPlot, width: number): Lane[] {
  const area = areaOf({ width, height: 0 });
  const perPixel = (plot.x.max ?? greatestOf(plot)) / area.width || 1;
  const lanes: Lane[] = [];
  for (const [node, spans] of Map.groupBy(plot.spans, ({ node }) => node)) {
    const own: { lane: Lane; end: number }[] = [];
    for (const span of spans.toSorted((a, b) => a.start - b.start)) {
      const { start, end = Infinity, name } = span;
      let row = own.find(({ end }) => end <= start);
      if (row === undefined) {
        row = { lane: { node, spans: [] }, end: 0 };
        own.push(row);
        lanes.push(row.lane);
      }
      row.lane.spans.push(span);
      const text = Math.min(name.length, 12) * CHARACTER * perPixel;
      row.end = Math.max(end + 2 * perPixel, end - start < text ? start + text : 0);
    }
  }
  return lanes;
}

function cut(text: string, most: number): string {
  const characters = [...text];
  if (characters.length <= most) return text;
  return most < 3 ? "" : `${characters.slice(0, most - 1).join("")}…`;
}
