const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** Signals that a command takes care of, until it is disposed. */
export interface Interrupts extends Disposable {
  /** Whether one has come. */
  readonly interrupted: boolean;
}

/**
 * Calls `first` at the first SIGINT or SIGTERM, `second` at the next one.
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
  const listener = () => {
    count++;
    if (count === 1) first();
    else second();
  };
  for (const signal of SIGNALS) Deno.addSignalListener(signal, listener);
  return {
    get interrupted() {
      return count > 0;
    },
    [Symbol.dispose]() {
      for (const signal of SIGNALS) Deno.removeSignalListener(signal, listener);
    },
  };
}
