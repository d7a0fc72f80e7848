/** More lines than these in one second are counted only. */
const MOST_LINES = 1000;
/** So many of the last lines tell why a process has ended, each of so many characters. */
const LAST_LINES = 3;
const LAST_CHARS = 300;

/** Passes lines on that another process writes, but not without bound, and keeps the last ones. */
export class LineLimit {
  /** The last lines that were not empty. */
  readonly last: string[] = [];
  readonly #onLine: (line: string) => void;
  #second = 0;
  #count = 0;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** The next line. */
  add(line: string): void {
    const text = line.trim();
    if (text !== "") {
      this.last.push(text.slice(0, LAST_CHARS));
      if (this.last.length > LAST_LINES) this.last.shift();
    }
    const second = Math.floor(performance.now() / 1000);
    if (second !== this.#second) {
      this.#tellDropped();
      this.#second = second;
      this.#count = 0;
    }
    if (++this.#count <= MOST_LINES) this.#onLine(line);
  }

  /** There are no more. */
  end(): void {
    this.#tellDropped();
    this.#count = 0;
  }

  #tellDropped(): void {
    const dropped = this.#count - MOST_LINES;
    if (dropped > 0) this.#onLine(`(${dropped} more lines were left out)`);
  }
}
