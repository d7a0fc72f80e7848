import { TineError } from "../../base/errors.ts";
import { onInterrupt } from "../interrupts.ts";
import { writeStdout } from "../terminal.ts";

/**
 * What a command prints that runs until it is interrupted: by a signal, or since its output can no longer be written.
 * At a second signal, the program exits at once. Calls that print do not wait.
 */
export class InterruptibleOutput implements Disposable {
  readonly #control = new AbortController();
  readonly #interrupts: ReturnType<typeof onInterrupt>;
  #done: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;

  /** @param exitCode that of the program at a second signal */
  constructor(exitCode: number) {
    this.#interrupts = onInterrupt(
      () => this.#control.abort(new TineError("interrupted", "it was interrupted")),
      () => Deno.exit(exitCode),
    );
  }

  /** Aborted at the first SIGINT, SIGTERM or SIGHUP, and when nothing can be printed any more. */
  get signal(): AbortSignal {
    return this.#control.signal;
  }

  /** Whether a signal has come. */
  get interrupted(): boolean {
    return this.#interrupts.interrupted;
  }

  /** Prints lines. */
  lines(lines: readonly string[]): void {
    const text = lines.map((line) => line + "\n").join("");
    this.#done = this.#done.then(() => this.#failure === undefined ? writeStdout(text) : undefined).catch((error) => {
      this.#failure ??= { error };
      this.#control.abort(error);
    });
  }

  /** Prints an object as a line of JSON. */
  json(value: unknown): void {
    this.lines([JSON.stringify(value)]);
  }

  /**
   * Waits until all is printed.
   *
   * @throws {TineError} `stdout-closed` or `cannot-write`
   */
  async flush(): Promise<void> {
    await this.#done;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  [Symbol.dispose](): void {
    this.#interrupts[Symbol.dispose]();
  }
}
