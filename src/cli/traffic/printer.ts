import { writeStdout } from "../terminal.ts";

/** Prints lines one after another, from code that cannot wait; what goes wrong is thrown by {@linkcode flush}. */
export class Printer {
  readonly #onFailure: (error: unknown) => void;
  #done: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;

  /** @param onFailure is told at once when nothing can be printed any more, such as when the reader has gone */
  constructor(onFailure: (error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Prints lines. */
  lines(lines: readonly string[]): void {
    const text = lines.map((line) => line + "\n").join("");
    this.#done = this.#done.then(() => this.#failure === undefined ? writeStdout(text) : undefined).catch((error) => {
      this.#failure ??= { error };
      this.#onFailure(error);
    });
  }

  /** Prints an object as a line of JSON. */
  json(value: unknown): void {
    this.lines([JSON.stringify(value)]);
  }

  /** Waits until all is printed; throws what went wrong. */
  async flush(): Promise<void> {
    await this.#done;
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
