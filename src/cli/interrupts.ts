import { TineError } from "../base/errors.ts";
import { writeStdout } from "./terminal.ts";

const SIGNALS: readonly Deno.Signal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** Signals that a command takes care of, until it is disposed. */
export interface Interrupts extends Disposable {
  /** Whether one has come. */
  readonly interrupted: boolean;
}

/**
 * Calls `first` at the first SIGINT, SIGTERM or SIGHUP, `second` at the next one. A hangup that is ignored, as under
 * nohup(1), stays ignored.
 *
 * @example
 * ```ts
 * import { onInterrupt } from "./interrupts.ts";
 * using interrupts = onInterrupt(() => console.error("stopping"), () => Deno.exit(130));
 * console.assert(!interrupts.interrupted);
 * ```
 */
export function onInterrupt(first: () => void, second: () => void): Interrupts {
  let count = 0;
  const interrupt = () => {
    count++;
    if (count === 1) first();
    else second();
  };
  // Any listener makes Deno forget that a hangup is ignored: so there is one for it in any case.
  const listeners = new Map(SIGNALS.map((signal) => [signal, interrupt]));
  if (ignoresHangup()) listeners.set("SIGHUP", () => {});
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    get interrupted() {
      return count > 0;
    },
    [Symbol.dispose]() {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}

function ignoresHangup(): boolean {
  try {
    const [, mask] = /^SigIgn:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
    return mask !== undefined && (BigInt(`0x${mask}`) & 1n) === 1n;
  } catch {
    return false; // this system has no such file, or this process may not read it
  }
}

/**
 * What a command prints that runs until it is interrupted: by a signal, or since its output can no longer be written.
 * At a second signal, the program exits at once. Calls that print do not wait.
 */
export class InterruptibleOutput implements Disposable {
  readonly #control = new AbortController();
  readonly #finish = new AbortController();
  readonly #interrupts: ReturnType<typeof onInterrupt>;
  #done: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | undefined;
  #interrupted = false;

  /**
   * @param exitCode that of the program at the last signal
   * @param options `graceful`: the first signal asks the command to finish, and only the next one interrupts it
   */
  constructor(exitCode: number, { graceful = false } = {}) {
    const interrupt = () => {
      this.#interrupted = true;
      this.#control.abort(new TineError("interrupted", "it was interrupted"));
    };
    this.#interrupts = onInterrupt(
      () => graceful ? this.#finish.abort() : interrupt(),
      () => graceful && !this.#interrupted ? interrupt() : Deno.exit(exitCode),
    );
  }

  /** Aborted when a signal interrupts the command, and when nothing can be printed any more. */
  get signal(): AbortSignal {
    return this.#control.signal;
  }

  /** Aborted when a signal asks the command to finish. */
  get finish(): AbortSignal {
    return this.#finish.signal;
  }

  /** Whether a signal has interrupted the command. */
  get interrupted(): boolean {
    return this.#interrupted;
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
