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
 * import { textWidth } from "./text_width.ts";
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
 * import { cutToWidth } from "./text_width.ts";
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
