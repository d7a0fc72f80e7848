/** Writes a text somewhere, all of it. */
export type WriteText = (text: string) => Promise<void>;

/** Writes lines in order; calls do not wait. */
export class BackgroundWriter {
  readonly #write: WriteText;
  readonly #backlog: Backlog;
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param write where lines go; after it has failed, nothing more is written
   * @param notice returns the line that counts those that were left out
   */
  constructor(write: WriteText, notice: (leftOut: number) => string) {
    this.#write = write;
    this.#backlog = new Backlog(notice);
  }

  /** Writes a line. */
  line(text: string): void {
    if (this.#failure !== undefined) return;
    this.#backlog.add(text);
    this.#start();
  }

  /**
   * Writes a line, or leaves it out where the reader is far behind.
   *
   * @returns whether it will be written
   */
  offer(text: string): boolean {
    if (this.#failure !== undefined) return false;
    const added = this.#backlog.offer(text);
    this.#start();
    return added;
  }

  /**
   * Waits until everything was written.
   *
   * @throws what writing has thrown
   */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #start(): void {
    this.#writing ??= this.#drain().finally(() => this.#writing = undefined);
  }

  async #drain(): Promise<void> {
    // Events that come together are written together.
    await Promise.resolve();
    try {
      for (let text = this.#backlog.take(); text !== ""; text = this.#backlog.take()) await this.#write(text);
    } catch (error) {
      this.#failure = { error };
    }
  }
}

/** Text that may wait before more of it is left out, in UTF-16 code units. */
const MAX_WAITING = 1 << 20;

/** Lines that wait to be written. */
export class Backlog {
  readonly #notice: (leftOut: number) => string;
  #lines: string[] = [];
  #length = 0;
  #leftOut = 0;

  /** @param notice returns the line that counts those that were left out */
  constructor(notice: (leftOut: number) => string) {
    this.#notice = notice;
  }

  /** Adds a line. */
  add(line: string): void {
    this.#addNotice();
    this.#push(line);
  }

  /**
   * Adds a line, or leaves it out where too much waits already.
   *
   * @returns whether it was added
   */
  offer(line: string): boolean {
    if (this.#length > MAX_WAITING) {
      this.#leftOut++;
      return false;
    }
    this.add(line);
    return true;
  }

  /** Takes out all that waits, each line with its end; an empty text when nothing does. */
  take(): string {
    this.#addNotice();
    const text = this.#lines.join("");
    this.#lines = [];
    this.#length = 0;
    return text;
  }

  #addNotice(): void {
    if (this.#leftOut === 0) return;
    this.#push(this.#notice(this.#leftOut));
    this.#leftOut = 0;
  }

  #push(line: string): void {
    this.#lines.push(line + "\n");
    this.#length += line.length + 1;
  }
}
