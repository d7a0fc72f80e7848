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
