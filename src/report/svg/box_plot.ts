import { Html, html } from "../html.ts";
import { type Box, type BoxPlot, COLORS } from "../plot.ts";
import { layOutAxis, ticksFor } from "./axis.ts";
import { areaOf, type DrawingSize, FAINT, px, stroke, svg, xTicks } from "./drawing.ts";

const ROW = 30;
const MAX_LABEL = 26;

/** How large a box plot is: a row a box. */
export function boxSize({ boxes }: BoxPlot, width: number): DrawingSize {
  return { width, height: 30 + ROW * boxes.length + 26 };
}

/**
 * Draws boxes, each on a row of its own below its name: from the first quartile to the third with the median in it, whiskers to the least
 * value and the 99th percentile, a dot for the mean and one for the greatest value.
 */
export function drawBoxes(plot: BoxPlot, size: DrawingSize): Html {
  const longest = Math.min(MAX_LABEL, Math.max(4, ...plot.boxes.map(({ name }) => [...name].length)));
  const whole = areaOf(size);
  const left = Math.max(whole.left, 16 + longest * 7);
  const area = { ...whole, left, width: whole.left + whole.width - left };
  const least = Math.min(...plot.boxes.map(({ min }) => min));
  const greatest = Math.max(...plot.boxes.map(({ max }) => max));
  const axis = layOutAxis(plot.y, least, greatest, ticksFor(area.width));
  const toX = (value: number) => px(area.left + axis.place(value) * area.width);
  const grid = axis.ticks.map(({ value }) => `M${toX(value)} ${area.top}v${area.height}`).join("");
  return svg(
    plot.title,
    size,
    html`
      <text class="label" fill="#1b1f24" x="${area.left}" y="${area.top - 14}"
        font-weight="600">${plot.y
          .title}<tspan class="tick" fill="${FAINT}" font-weight="400">${axis.unit !== "" &&
          `, ${axis.unit}`}</tspan></text>
      <path class="grid" stroke="#e1e5ea" d="${grid}" />${xTicks(axis, area)}${plot.boxes.map((box, i) =>
        drawBox(box, area.top + ROW * (i + 0.5), area.left, toX)
      )}
    `,
  );
}

function drawBox(
  { name, flow = name, look, min, q1, median, q3, p99, max, mean }: Box,
  y: number,
  left: number,
  toX: (value: number) => number,
): Html {
  const [a, b] = [toX(q1), toX(q3)];
  const color = COLORS[look.color];
  const text = [...name].length > MAX_LABEL ? `${[...name].slice(0, MAX_LABEL - 1).join("")}…` : name;
  return html`
    <g data-flow="${flow}">
    <text class="name" fill="#1b1f24" x="${left - 10}" y="${y + 4}" text-anchor="end">${text}</text>
    ${stroke(look, `M${toX(min)} ${y}H${a}M${b} ${y}H${toX(p99)}M${toX(min)} ${y - 4}v8M${toX(p99)} ${y - 4}v8`, {
      solid: true,
    })}
    ${new Html(
      `<path class="f${look.color} s${look.color}" fill="${color}" fill-opacity="0.25" stroke="${color}" stroke-width="1.5" d="M${a} ${
        y - 8
      }H${Math.max(b, a + 1)}v16H${a}z"/>`,
    )}${stroke(look, `M${toX(median)} ${y - 8}v16`, { width: 3, solid: true })}${new Html(
      `<circle class="f${look.color}" fill="${color}" cx="${
        toX(max)
      }" cy="${y}" r="2.5"/><circle class="mean" fill="#ffffff" stroke="${color}" cx="${
        toX(mean)
      }" cy="${y}" r="2.5"/>`,
    )}
    </g>
  `;
}
