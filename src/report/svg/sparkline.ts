import { type Html, html } from "../html.ts";
import type { Look } from "../plot.ts";
import { px, stroke } from "./drawing.ts";

const WIDTH = 96;
const HEIGHT = 22;

/**
 * Draws the course of a quantity, as small as a word.
 *
 * @param values evenly spaced; NaN is a gap
 * @param title what it shows, for screen readers
 */
export function sparkline(values: readonly number[], look: Look, title: string): Html {
  const known = values.filter((value) => !Number.isNaN(value));
  if (known.length === 0) return html``;
  const most = Math.max(...known, Number.MIN_VALUE);
  let d = "", on = false;
  for (const [i, value] of values.entries()) {
    if (Number.isNaN(value)) {
      on = false;
      continue;
    }
    const x = px(1 + i * (WIDTH - 2) / Math.max(1, values.length - 1));
    d += `${on ? "L" : "M"}${x} ${px(HEIGHT - 2 - value / most * (HEIGHT - 4))}${on ? "" : "h.1"}`;
    on = true;
  }
  return html`
    <svg
      class="spark" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img"
      aria-label="${title}">${stroke(look, d, { width: 1.5, solid: true })}</svg>
  `;
}
