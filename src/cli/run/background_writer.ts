import { Backlog } from "./backlog.ts";

/** Writes a text somewhere, all of it. */
export type WriteText = (text: string) => Promise<void>;

/** Writes lines in order without making anybody wait. */
export class BackgroundWriter {
  readonly #write: WriteText;
  readonly #backlog: Backlog;
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param write where lines go; after it has failed, nothing more is written
   * @param notice the line that tells how many lines were left out
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
