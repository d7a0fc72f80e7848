import { textWidth } from "../../base/text_width.ts";

// deno-lint-ignore no-control-regex
const DECORATION = /\x1b\[[\d;]*m/g;

/**
 * Returns how many columns text takes on a terminal; escape sequences for colours take no column.
 *
 * @example
 * ```ts
 * import { visibleWidth } from "./wrap.ts";
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
 * import { wrap } from "./wrap.ts";
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
