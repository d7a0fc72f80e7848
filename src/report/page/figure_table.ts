import { type Figure, figureText, type FigureUnit, rounded, type SpreadPart } from "../../flow/analysis/mod.ts";
import { type Html, html } from "../html.ts";
import type { Look } from "../plot.ts";
import { swatch } from "../svg/mod.ts";

/** More rows than these scroll in a box, so that what comes behind them is found. */
const LONG = 24;

/** A column of figures. */
export interface PageColumn<T> {
  readonly head: string;
  /** What several columns have in common, above their heads. */
  readonly group?: string;
  readonly unit: FigureUnit;
  readonly definition: string;
  value(of: T): number | boolean | undefined;
}

/** A row of figures. */
export interface FigureRow<T> {
  /** The name of the flow in legends, by which rows are filtered. */
  readonly flow?: string;
  readonly look?: Look;
  /** What stands before the figures. */
  readonly names: readonly (string | Html)[];
  readonly of: T;
}

/** A table of figures. */
export interface FigureTable<T> {
  readonly caption: string;
  /** Whether a heading above has it already, so that it is not shown. */
  readonly captioned?: boolean;
  /** The heads of what stands before the figures. */
  readonly names: readonly string[];
  readonly columns: readonly PageColumn<T>[];
  readonly rows: readonly FigureRow<T>[];
}

/**
 * Returns the column of a figure, or of a part of a distribution.
 *
 * @param head its head
 * @param group what it has in common with its neighbours, with their unit
 */
export function pageColumn<T>(
  head: string,
  { unit, definition, value }: Figure<T>,
  part?: SpreadPart,
  group?: string,
): PageColumn<T> {
  return { head, group, unit, definition, value: (of) => value(of, part) };
}

/** Returns a table of figures that can be sorted. Columns of which no row has a value are left out. */
export function figureRows<T>({ caption, captioned = false, names, columns, rows }: FigureTable<T>): Html {
  const shown = columns.filter(({ value }) => rows.some(({ of }) => value(of) !== undefined));
  return html`
    <div class="${rows.length > LONG ? "table long" : "table"}" tabindex="0" role="group" aria-label="${caption}">
      <table class="sortable">
        ${!captioned && html`<caption>${caption}</caption>`}
        <thead>
    ${groupHeads(shown, names.length)}
    <tr>${names.map((name) => name === "" ? html`<td></td>` : html`<th scope="col">${name}</th>`)}${shown.map((
      { head, definition },
    ) => html`<th scope="col" class="num"><dfn title="${definition}">${head}</dfn></th>`)}</tr>
        </thead>
        <tbody>
    ${rows.map(({ flow, look, names: [name, ...others], of }) =>
      html`
        <tr data-flow="${flow}"><th scope="row">${look && swatch(look)}${name}</th>${others.map((text) =>
          html`<td>${text}</td>`
        )}${shown
          .map(({ unit, value }) => figureCell(value(of), unit))}</tr>
      `
    )}
        </tbody>
      </table>
    </div>
  `;
}

/**
 * Returns what columns have in common, above their heads; nothing where that is nothing.
 *
 * @param before how many columns stand before them
 * @param after and behind them
 */
export function groupHeads(
  columns: readonly Pick<PageColumn<never>, "group">[],
  before: number,
  after = 0,
): Html {
  const groups: { title: string | undefined; columns: number }[] = [];
  for (const { group } of columns) {
    const last = groups.at(-1);
    if (group !== undefined && last?.title === group) last.columns++;
    else groups.push({ title: group, columns: 1 });
  }
  if (groups.every(({ title }) => title === undefined)) return html``;
  return html`
    <tr class="groups"><td colspan="${before}"></td>${groups.map(({ title, columns }) =>
      title === undefined
        ? html`<td colspan="${columns}"></td>`
        : html`<th scope="colgroup" colspan="${columns}">${title}</th>`
    )}${after > 0 && html`<td colspan="${after}"></td>`}</tr>
  `;
}

/** Returns a figure, and what programs read of it: its value as JSON has it. */
export function figureCell(value: number | boolean | undefined, unit: FigureUnit): Html {
  return value === undefined
    ? html`<td class="num none">–</td>`
    : html`<td class="num">${figureData(value, unit)}</td>`;
}

/** Returns a figure as text, with its value as JSON has it. */
export function figureData(value: number | boolean, unit: FigureUnit): Html {
  const exact = typeof value === "number" ? rounded(value, unit) : value;
  return html`<data value="${String(exact)}">${figureText(value, unit)}</data>`;
}
