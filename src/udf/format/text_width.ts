// deno-lint-ignore no-control-regex
const PLAIN = /^[\x00-\xff]*$/;
const ZERO = /^[\p{M}\p{Cf}]$/u;
const WIDE = new RegExp(
  "^[\\p{Emoji_Presentation}\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Yi}\\p{Script=Tangut}" +
    "\\u1100-\\u115f\\u2e80-\\u303e\\u3041-\\u33ff\\ua960-\\ua97f\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe30-\\ufe6f" +
    "\\uff01-\\uff60\\uffe0-\\uffe6]$",
  "u",
);

/**
 * How many columns of a terminal printable text takes: two for wide characters of East Asia and emoji, none for
 * combining ones.
 *
 * In place of `unicodeWidth` of @std/cli, whose npm copy lacks its data file and cannot be loaded.
 *
 * Source: https://www.unicode.org/reports/tr11/
 *
 * @example
 * ```ts
 * import { textWidth } from "./text_width.ts";
 * console.assert(textWidth("温度") === 4);
 * ```
 */
export function textWidth(text: string): number {
  if (PLAIN.test(text)) return text.length;
  let width = 0;
  for (const character of text) {
    if (character < "\u0300") width++;
    // Half-width Katakana are Katakana, but narrow.
    else if (character >= "\uff61" && character <= "\uffdc") width++;
    else if (!ZERO.test(character)) width += WIDE.test(character) ? 2 : 1;
  }
  return width;
}
