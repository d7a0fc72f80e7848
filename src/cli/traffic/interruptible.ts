import { TineError } from "../../base/errors.ts";
import { onInterrupt } from "../interrupts.ts";

/** Something that goes on until it is interrupted. */
export interface Interruptible extends Disposable {
  /** Aborted at the first signal. */
  readonly signal: AbortSignal;
  /** Whether a signal has come. */
  readonly interrupted: boolean;
  /** Aborts it for another reason. */
  abort(reason: unknown): void;
}

/**
 * Ends in order at the first SIGINT, SIGTERM or SIGHUP, at once at the second.
 *
 * @param exitCode of the program at the second
 */
export function interruptible(exitCode: number): Interruptible {
  const control = new AbortController();
  const interrupts = onInterrupt(
    () => control.abort(new TineError("interrupted", "it was interrupted")),
    () => Deno.exit(exitCode),
  );
  return {
    signal: control.signal,
    get interrupted() {
      return interrupts.interrupted;
    },
    abort: (reason) => control.abort(reason),
    [Symbol.dispose]: () => interrupts[Symbol.dispose](),
  };
}
