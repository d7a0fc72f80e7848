import { displayWidth } from "../../base/text_width.ts";

/**
 * Lines at the end of a terminal that are drawn again and again, and lines above them that stay.
 *
 * The cursor always rests at the start of the line below, so that a program that is killed leaves it in order. On a
 * terminal that was made narrower, lines take more rows than before; that is reckoned with.
 */
export class LiveArea {
  /** Columns that each drawn line takes. */
  #drawn: number[] = [];

  /**
   * What to write to the terminal next.
   *
   * @param above text that stays, each line with its end
   * @param lines the lines to draw in place of those before; each is narrower than the terminal
   * @param columns how wide the terminal is now
   */
  frame(above: string, lines: readonly string[], columns: number): string {
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    this.#drawn = lines.map((line) => displayWidth(withoutStyle(line)));
    const up = rows > 0 ? `\x1b[${rows}A` : "";
    // What is drawn again is written over, since a terminal that is cleared first flickers.
    const clear = above === "" ? "" : "\x1b[J";
    return `${up}\r${clear}${above}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`;
  }

  /** Whether anything is drawn. */
  get drawn(): boolean {
    return this.#drawn.length > 0;
  }
}

function withoutStyle(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/\x1b\[\d+m/g, "");
}
