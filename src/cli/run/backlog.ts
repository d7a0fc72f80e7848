/** As much text may wait before more of it is left out, in UTF-16 code units. */
const MOST_WAITING = 1 << 20;

/** Lines that wait to be written. */
export class Backlog {
  readonly #notice: (leftOut: number) => string;
  #lines: string[] = [];
  #length = 0;
  #leftOut = 0;

  /** @param notice the line that tells how many lines were left out */
  constructor(notice: (leftOut: number) => string) {
    this.#notice = notice;
  }

  /** Adds a line. */
  add(line: string): void {
    this.#tellLeftOut();
    this.#push(line);
  }

  /**
   * Adds a line, or leaves it out where too much waits already.
   *
   * @returns whether it was added
   */
  offer(line: string): boolean {
    if (this.#length > MOST_WAITING) {
      this.#leftOut++;
      return false;
    }
    this.add(line);
    return true;
  }

  /** Takes out all that waits, each line with its end; an empty text when nothing does. */
  take(): string {
    this.#tellLeftOut();
    const text = this.#lines.join("");
    this.#lines = [];
    this.#length = 0;
    return text;
  }

  #tellLeftOut(): void {
    if (this.#leftOut === 0) return;
    this.#push(this.#notice(this.#leftOut));
    this.#leftOut = 0;
  }

  #push(line: string): void {
    this.#lines.push(line + "\n");
    this.#length += line.length + 1;
  }
}
