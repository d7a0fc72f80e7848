import type { TestSummary } from "../../result/mod.ts";
import type { GateVerdict } from "../../result/gates/mod.ts";
import { elapsed } from "../../base/units.ts";
import { type Html, html } from "../html.ts";
import { lookOf, type Plot } from "../plot.ts";
import { sparkline } from "../svg/mod.ts";
import { envelopeOf } from "../svg/envelope.ts";
import { figureCell, groupHeads } from "./figure_table.ts";
import { TEST_COLUMNS, type TestFigures } from "./test_figures.ts";
import { headingOf, statusLabel } from "./test_page.ts";

/** Values of a sparkline. */
const POINTS = 48;
const MIN_SAMPLES = 4;

/** A test in the index of its run. */
export interface IndexRow {
  /** Where its page is: `#test-1`, or a file. */
  readonly href: string;
  readonly summary: Pick<TestSummary, "id" | "status" | "durationMs">;
  readonly figures: TestFigures;
  /** The verdicts of its gates. */
  readonly gates: readonly Pick<GateVerdict, "gate" | "status">[];
  readonly spark: Html;
}

/** Returns the tests of a run as a table that leads to their pages: the keys of their ids, and the figures that differ. */
export function indexTable(rows: readonly IndexRow[]): Html {
  const keys = [...new Set(rows.flatMap(({ summary }) => Object.keys(summary.id)))];
  // A key that is alike in all tests says nothing, unless it is the only one.
  const differing = keys.filter((key) => new Set(rows.map(({ summary }) => summary.id[key])).size > 1);
  const shown = differing.length === 0 ? keys.slice(0, 1) : differing;
  const columns = TEST_COLUMNS.filter(({ value }) => {
    const values = new Set(rows.map(({ figures }) => value(figures)));
    return values.size > 1 || rows.length === 1 && !values.has(undefined);
  });
  const hasGates = rows.some(({ gates }) => gates.length > 0);
  const hasSparks = rows.some(({ spark }) => spark.text !== "");
  return html`
    <div class="table" tabindex="0" role="group" aria-label="Tests">
      <table class="sortable index">
        <thead>
          ${groupHeads(columns, shown.length + (hasGates ? 3 : 2), hasSparks ? 1 : 0)}
    <tr>${shown.map((key) => html`<th scope="col">${key}</th>`)}<th scope="col">status</th>${hasGates &&
      html`<th scope="col">gates</th>`}<th scope="col" class="num">took</th>${columns.map(({ head, definition }) =>
        html`<th scope="col" class="num"><dfn title="${definition}">${head}</dfn></th>`
      )}${hasSparks && html`<th scope="col">course</th>`}</tr>
        </thead>
        <tbody>
    ${rows.map(({ href, summary: { id, status, durationMs }, figures, gates, spark }) => {
      const cells = shown.map((key, i) =>
        i === 0
          ? html`<th scope="row"><a href="${href}">${id[key] ?? headingOf(id)}</a></th>`
          : html`<td>${id[key]}</td>`
      );
      return html`
        <tr>${cells}<td>${statusLabel(
          status,
        )}</td>${hasGates &&
          html`<td>${gatesLabel(gates)}</td>`}<td class="num"><data value="${durationMs}">${durationMs !== undefined &&
          elapsed(durationMs)}</data></td>${columns.map(({ unit, value }) =>
            figureCell(value(figures), unit)
          )}${hasSparks && html`<td>${spark}</td>`}</tr>
      `;
    })}
        </tbody>
      </table>
    </div>
  `;
}

/** Returns how many gates pass; the others are named where a pointer rests. */
function gatesLabel(gates: IndexRow["gates"]): Html {
  if (gates.length === 0) return html``;
  const others = gates.filter(({ status }) => status !== "pass");
  if (others.length === 0) return html`<span class="status ok">${gates.length} pass</span>`;
  const worst = others.every(({ status }) => status === "undecided") ? "canceled" : "failed";
  const counts = Map.groupBy(others, ({ status }) => status);
  return html`<span class="status ${worst}" title="${
    others.map(({ gate, status }) => `${status}: ${gate}`).join("\n")
  }">${
    Array
      .from(counts, ([status, those]) => `${those.length} ${status}`).join(", ")
  }</span> <span class="note">of ${gates.length}</span>`;
}

/** Draws the course of round-trip times, or else of goodput, as small as a word. */
export function sparkOf(plots: readonly Plot[]): Html {
  for (const [id, what] of [["rtt", "Course of round-trip times"], ["goodput", "Course of goodput"]]) {
    const plot = plots.find((plot) => plot.id === id);
    if (plot?.type !== "time") continue;
    const lines = plot.series.filter(({ kind, hidden }) => kind !== "ticks" && kind !== "band" && !hidden);
    // A few samples are no course. The one with the greatest values is the one that was under load.
    const courses = lines.filter(({ data }) => (data.type === "samples" ? data.x : data.counts).length >= MIN_SAMPLES)
      .map(({ data }) => {
        const end = plot.x.max ?? (data.type === "samples" ? data.x.at(-1) : data.times.at(-1)) ?? 1;
        const { counts, sums } = envelopeOf(data, 0, Math.max(1, end), POINTS);
        return { values: Array.from(counts, (count, i) => count === 0 ? NaN : sums[i] / count) };
      });
    const greatest = ({ values }: { values: number[] }) =>
      Math.max(0, ...values.filter((value) => !Number.isNaN(value)));
    if (courses.length === 0) continue;
    const { values } = courses.reduce((a, b) => greatest(b) > greatest(a) ? b : a);
    return sparkline(values, lookOf(0), what);
  }
  return html``;
}
