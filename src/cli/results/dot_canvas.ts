/** A cell of a canvas. */
export interface Cell {
  readonly text: string;
  /** Of the series that was drawn there last; undefined: nothing was. */
  readonly series: number | undefined;
}

/** Braille dots of a cell by column and row, as bits of the code point. */
const DOTS = [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]] as const;
const BRAILLE = 0x2800;

/**
 * A rectangle of cells of a terminal to draw curves on: of 2 by 4 dots each in braille, or of one character each where
 * only ASCII can be shown.
 *
 * Source of the code points: The Unicode Standard, Braille Patterns, https://www.unicode.org/charts/PDF/U2800.pdf
 *
 * @example
 * ```ts
 * import { DotCanvas } from "./dot_canvas.ts";
 * const canvas = new DotCanvas(2, 1, true);
 * canvas.line(0, 0, 3, 3, 0);
 * console.assert(canvas.rows()[0].map(({ text }) => text).join("") === "⠑⢄");
 * ```
 */
export class DotCanvas {
  /** Dots from left to right. */
  readonly width: number;
  /** Dots from top to bottom. */
  readonly height: number;
  readonly #perColumn: number;
  readonly #perRow: number;
  readonly #bits: Uint8Array;
  /** One more than the index of the series that was drawn last. */
  readonly #series: Uint16Array;
  readonly #marks = new Map<number, string>();

  /**
   * @param columns cells from left to right
   * @param lines cells from top to bottom
   * @param braille whether cells have dots
   */
  constructor(readonly columns: number, readonly lines: number, readonly braille: boolean) {
    [this.#perColumn, this.#perRow] = braille ? [2, 4] : [1, 1];
    this.width = columns * this.#perColumn;
    this.height = lines * this.#perRow;
    this.#bits = new Uint8Array(columns * lines);
    this.#series = new Uint16Array(columns * lines);
  }

  /** Sets a dot, from the left and from the top; what lies outside is left out. */
  dot(x: number, y: number, series: number): void {
    const cell = this.#cellAt(x, y);
    if (cell === undefined) return;
    this.#bits[cell] |= this.braille ? DOTS[x % 2][y % 4] : 1;
    this.#series[cell] = series + 1;
  }

  /** Draws a line between two dots, by Bresenham's algorithm. */
  line(x: number, y: number, toX: number, toY: number, series: number): void {
    const [dx, dy] = [Math.abs(toX - x), -Math.abs(toY - y)];
    const [stepX, stepY] = [Math.sign(toX - x), Math.sign(toY - y)];
    for (let error = dx + dy;;) {
      this.dot(x, y, series);
      if (x === toX && y === toY) return;
      const twice = 2 * error;
      if (twice >= dy) {
        error += dy;
        x += stepX;
      }
      if (twice <= dx) {
        error += dx;
        y += stepY;
      }
    }
  }

  /** Puts a character in place of the dots of the cell that a dot lies in. */
  mark(x: number, y: number, character: string, series: number): void {
    const cell = this.#cellAt(x, y);
    if (cell === undefined) return;
    this.#marks.set(cell, character);
    this.#series[cell] = series + 1;
  }

  /**
   * Returns the cells, row by row.
   *
   * @param characterOf returns what stands for a series where there are no dots
   */
  rows(characterOf: (series: number) => string = () => "*"): Cell[][] {
    return Array.from({ length: this.lines }, (_, line) =>
      Array.from({ length: this.columns }, (_, column): Cell => {
        const cell = line * this.columns + column;
        const series = this.#series[cell] === 0 ? undefined : this.#series[cell] - 1;
        const mark = this.#marks.get(cell);
        if (series === undefined) return { text: " ", series };
        if (mark !== undefined) return { text: mark, series };
        return { text: this.braille ? String.fromCharCode(BRAILLE + this.#bits[cell]) : characterOf(series), series };
      }));
  }

  #cellAt(x: number, y: number): number | undefined {
    if (!(x >= 0 && x < this.width && y >= 0 && y < this.height)) return undefined;
    return Math.floor(y / this.#perRow) * this.columns + Math.floor(x / this.#perColumn);
  }
}
