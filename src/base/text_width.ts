/** Characters that take two columns, and those of which it depends on the terminal. */
const WIDE = new RegExp(
  "[\\p{Emoji_Presentation}\\p{Regional_Indicator}\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}" +
    "\\p{Script=Hangul}\\p{Script=Bopomofo}\\p{Script=Yi}\\p{Script=Tangut}\\p{Script=Nushu}" +
    "\\u3000-\\u303e\\uff01-\\uff60\\uffe0-\\uffe6]",
  "u",
);
// A selector makes some characters wider, so that it counts as one column.
const NARROW = /[\p{Mn}\p{Me}\u200b-\u200d\u2060\ufeff]/u;
const SELECTOR = "\ufe0f";

/**
 * How many columns a text takes on a terminal, at most: for what terminals disagree about, the larger number.
 *
 * @param text without control characters
 */
export function displayWidth(text: string): number {
  if (isAscii(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/**
 * A text that takes so many columns at most; one that is cut ends with `...`.
 *
 * @param text without control characters
 * @param columns 0 or more
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
  if (shorter === text && displayWidth(text) <= columns) return text;
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
  if (character < "\u0300") return 1;
  if (character !== SELECTOR && NARROW.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

function isAscii(text: string): boolean {
  return /^[\0-\x7f]*$/.test(text);
}
