import type { ComparedRow, Comparison, Comparisons } from "../../result/compare/mod.ts";
import { isRelative, remarksOn, rowText, valueWithUnit } from "../../result/compare/mod.ts";
import { type Html, html } from "../html.ts";
import { px } from "../svg/drawing.ts";
import { pageScript } from "../page_script.ts";
import { documentEnd, documentStart } from "./document.ts";
import type { PageOptions } from "./test_page.ts";

/**
 * Makes the page of a comparison: a table with a row a figure, the interval of the difference and the repeats drawn.
 *
 * @returns its text
 */
export async function comparePage(
  comparisons: Comparisons,
  { title, script = true }: Pick<PageOptions, "title" | "script"> = {},
): Promise<string> {
  const code = script ? pageScript() : undefined;
  const { comparisons: sides, warnings } = comparisons;
  const heading = title ?? `${sides.map(({ other }) => other).join(", ")} against ${sides[0].base}`;
  return [
    await documentStart(heading, code),
    html`
      <header>
        <p class="crumbs">Comparison</p>
        <h1>${heading}</h1>
      </header>
      <main>
      ${warnings.length > 0 && html`
        <section class="alert">
          <p>What else differs, and what is left out:</p>
          <ul>${warnings.map((warning) => html`<li>${warning}</li>`)}</ul>
        </section>
      `}
      ${sides.map((side, i) => section(side, `side-${i + 1}`, sides.length > 1))}
      <section>
        <h2>How to read it</h2>
        <ul class="note">${[...remarksOn(comparisons), ...NOTES].map((remark) => html`<li>${remark}</li>`)}</ul>
      </section>
      </main>
    `,
    documentEnd(code),
  ].join("\n");
}

const NOTES: readonly string[] = [
  "base, new: the median over the repeats, and its interval",
  "difference: the Hodges-Lehmann shift and its interval; the bar shows it beside no difference, the line in the middle",
  "p: of the exact Mann-Whitney test, adjusted for the number of rows",
];

function section({ base, other, rows }: Comparison, id: string, several: boolean): Html {
  const limits = rows.flatMap((row) => relativeShift(row) ?? []).flatMap(({ low, high }) => [low, high]);
  const most = Math.max(1e-9, ...limits.map(Math.abs));
  const caption = `${other} against ${base}`;
  const heads = ["figure", "verdict", "difference", "", "base", "new", "repeats"];
  const parts = [...Map.groupBy(rows, (row) => rowText(row).what)];
  return html`
    <section id="${id}">
      <h2>${several ? caption : "Figures"}</h2>
      ${parts.map(([what, rows]) =>
        html`
          <div class="table" tabindex="0" role="group" aria-label="${what}">
            <table>
              <caption>${what}</caption>
              <thead>
                <tr>${heads.map((head, i) =>
                  head === ""
                    ? html`<td></td>`
                    : html`<th scope="col" class="${i > 1 && i !== 6 && "num"}">${head}</th>`
                )}</tr>
              </thead>
              <tbody>
          ${rows.map((row) => tableRow(row, most))}
              </tbody>
            </table>
          </div>
        `
      )}
    </section>
  `;
}

function tableRow(row: ComparedRow, most: number): Html {
  const { figure, base, other, difference, p, verdict } = rowText(row);
  const mark = verdict === "better" ? "passed" : verdict === "worse" ? "failed" : "";
  const word = mark === "" ? verdict : html`<span class="verdict">${verdict}</span>`;
  return html`
    <tr
      class="${mark}"><th scope="row">${figure}</th><td>${word}${p !== "" &&
        html`<br><span class="note">p ${p}</span>`}</td>${cell(row.difference.shift, difference)}<td>${forest(
          row,
          most,
        )}</td>${cell(row.base.median, base)}${cell(row.other.median, other)}<td>${strip(row)}</td></tr>
  `;
}

/** A value, and below it its interval. */
function cell(value: number, text: string): Html {
  const [shown, interval] = text.split(/ (?=[[(])/);
  return html`<td class="num"><data value="${String(value)}">${shown}</data>${
    interval !== undefined && html`<br><span class="note">${interval}</span>`
  }</td>`;
}

const FOREST = { width: 100, height: 18 } as const;

/** A difference as a share of the base; undefined of what is not shown as one. */
function relativeShift(row: ComparedRow) {
  const { base, difference: { low, high, shift } } = row;
  if (!isRelative(row)) return undefined;
  const scale = Math.abs(base.median);
  return { low: low / scale, high: high / scale, shift: shift / scale };
}

/** The interval of a difference, beside the line of no difference; all rows have one scale. */
function forest(row: ComparedRow, most: number): Html {
  const relative = relativeShift(row);
  if (relative === undefined) return html``;
  const { width, height } = FOREST;
  const x = (share: number) => width / 2 + Math.max(-1, Math.min(1, share / most)) * (width / 2 - 4);
  const middle = height / 2;
  const [low, high, shift] = [relative.low, relative.high, relative.shift].map((share) => px(x(share)));
  return html`
    <svg class="spark" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"
      aria-label="${rowText(row).difference}">
      <path class="axis" fill="none" d="M${px(width / 2)} 0V${height}" />
      <path class="s0" fill="none" stroke-width="2"
        d="M${low} ${middle}H${high}M${low} ${middle - 4}v8M${high} ${middle - 4}v8" />
      <circle class="f0" cx="${shift}" cy="${middle}"
        r="3.5" />
    </svg>
  `;
}

const STRIP = { width: 110, height: 24 } as const;

/** Each repeat as a dot: those of the base above, the new ones below. */
function strip({ base, other, figure: { unit } }: ComparedRow): Html {
  const { width, height } = STRIP;
  const values = [...base.values, ...other.values];
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const x = (value: number) => px(4 + (greatest === least ? 0.5 : (value - least) / (greatest - least)) * (width - 8));
  const dots = (values: readonly number[], look: string, y: number) =>
    values.map((value) =>
      html`
        <circle class="${look}" fill-opacity="0.6" cx="${x(value)}" cy="${y}" r="3" />
      `
    );
  const label = `${values.length} repeats from ${valueWithUnit(least, unit)} to ${valueWithUnit(greatest, unit)}`;
  return html`
    <svg class="spark" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img"
      aria-label="${label}">${dots(base.values, "f0", 7)}${dots(other.values, "f1", 17)}</svg>
  `;
}
