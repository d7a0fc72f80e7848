import { eastAsianWidth } from "get-east-asian-width";

// deno-lint-ignore no-control-regex
const LATIN_1 = /^[\x00-\xff]*$/;
const ZERO_WIDTH = /[\p{Mn}\p{Me}\p{Default_Ignorable_Code_Point}]/u;
/** Halves of flags: some terminals show a pair in two columns, others in four. */
const REGIONAL_INDICATOR = /\p{Regional_Indicator}/u;
/** Asks for the presentation of the character before it as emoji, which takes a second column. */
const EMOJI_SELECTOR = "\ufe0f";

/**
 * Counts the columns of a terminal that a text takes: two for wide characters of East Asia and emoji, zero for combining
 * marks. Where terminals differ, it is the larger number.
 *
 * Of the libraries, `get-east-asian-width` has the table of Unicode and is as fast as regular expressions about scripts
 * (0.4 us for 18 columns of Chinese), which are wrong for a thousand characters; `string-width` takes ten times as long
 * and 40 ms to load.
 *
 * Source: https://www.unicode.org/reports/tr11/
 *
 * @param text without control characters
 *
 * @example
 * ```ts
 * import { textWidth } from "./text.ts";
 * console.assert(textWidth("温度") === 4);
 * ```
 */
export function textWidth(text: string): number {
  if (LATIN_1.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/**
 * Cuts a text to a number of columns; one that is cut ends with `...`.
 *
 * @param text without control characters
 * @param columns the most that the result takes, 0 or more
 *
 * @example
 * ```ts
 * import { cutToWidth } from "./text.ts";
 * console.assert(cutToWidth("goodput", 6) === "goo...");
 * ```
 */
export function cutToWidth(text: string, columns: number): string {
  // Marks take no column: without a limit of their own, thousands could stand in one.
  const shorter = text.length > columns * 8 ? text.slice(0, columns * 8) : text;
  if (shorter === text && textWidth(text) <= columns) return text;
  const dots = "...".slice(0, columns);
  let width = dots.length;
  let end = 0;
  for (const character of shorter) {
    width += characterWidth(character);
    if (width > columns) break;
    end += character.length;
  }
  return shorter.slice(0, end) + dots;
}

function characterWidth(character: string): number {
  if (character < "\u0300" || character === EMOJI_SELECTOR) return 1;
  if (ZERO_WIDTH.test(character)) return 0;
  return REGIONAL_INDICATOR.test(character) ? 2 : eastAsianWidth(character.codePointAt(0)!);
}

// deno-lint-ignore no-control-regex
const DECORATION = /\x1b\[[\d;]*m/g;

/**
 * Returns how many columns text takes on a terminal; escape sequences for colours take no column.
 *
 * @example
 * ```ts
 * import { visibleWidth } from "./text.ts";
 * console.assert(visibleWidth("\x1b[1mgoodput\x1b[22m") === 7);
 * ```
 */
export function visibleWidth(text: string): number {
  return textWidth(text.replace(DECORATION, ""));
}

/**
 * Breaks text between words.
 *
 * @param text words with single blanks between them
 * @param width how many columns a line may take; a wider word gets its own line
 *
 * @example
 * ```ts
 * import { wrap } from "./text.ts";
 * console.assert(wrap("drive a UDF with points", 12).join("|") === "drive a UDF|with points");
 * ```
 */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && visibleWidth(longer) > width) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}

/**
 * Formats a table: the first column to the left, others to the right, at least two blanks between columns.
 *
 * @param rows of the same length; plain ASCII
 * @param widths the minimum widths of the columns, for tables that are printed row by row
 *
 * @example
 * ```ts
 * import { tableLines } from "./text.ts";
 * console.assert(tableLines([["flow", "lost"], ["up", "3"]])[1] === "up       3");
 * ```
 */
export function tableLines(rows: readonly (readonly string[])[], widths: readonly number[] = []): string[] {
  const columns = rows[0]?.length ?? 0;
  const wide = Array.from(
    { length: columns },
    (_, i) => Math.max(widths[i] ?? 0, ...rows.map((row) => row[i].length)),
  );
  return rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(wide[i]) : cell.padStart(wide[i])).join("  ").trimEnd()
  );
}
