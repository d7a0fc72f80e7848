/**
 * Waits. In contrast to `delay` of @std/async, the wait may be of any length, and loads no timers of Node.js, see
 * {@linkcode startLongTimer}.
 *
 * @param ms the length of the wait, in milliseconds
 * @param signal ends the wait early
 * @throws the signal's reason
 */
export async function delay(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (ms <= 0) return;
  const over = Promise.withResolvers<void>();
  const stop = () => over.reject(signal.reason);
  using _timer = startLongTimer(ms, over.resolve);
  signal.addEventListener("abort", stop, { once: true });
  try {
    await over.promise;
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/**
 * Waits for a promise, but not longer than a time.
 *
 * @param ms milliseconds
 * @returns whether the promise was settled in time
 * @throws what the promise rejects with in time
 *
 * @example
 * ```ts
 * import { settlesWithin } from "./time.ts";
 * console.assert(!await settlesWithin(10, new Promise(() => {})));
 * ```
 */
export async function settlesWithin(ms: number, promise: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  using _timer = startLongTimer(ms, () => late.resolve(false));
  return await Promise.race([promise.then(() => true), late.promise]);
}

/** The longest time of a timer of the runtime, in milliseconds: a longer one fires at once. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls back once, after a time of any length, and never early. The process stays alive until then, or until the timer
 * is disposed.
 *
 * The timer is that of `AbortSignal.timeout()`: the first `setTimeout` of a process loads the timers of Node.js, which
 * takes 10 ms and 1.4 MB (Deno 2.9.6), a third of what a node takes to start.
 *
 * @param ms milliseconds, 0 or more; Infinity: never
 * @returns a timer that disposing stops
 *
 * @example
 * ```ts
 * import { startLongTimer } from "./time.ts";
 * using _timer = startLongTimer(30 * 86_400_000, () => console.log("a month later"));
 * ```
 */
export function startLongTimer(ms: number, callback: () => void): Disposable {
  const end = performance.now() + ms;
  let signal = start(ms);
  function start(ms: number): AbortSignal {
    // It takes whole milliseconds only.
    const signal = AbortSignal.timeout(Math.ceil(Math.min(Math.max(0, ms), MAX_TIMER_MS)));
    signal.addEventListener("abort", go, { once: true });
    return signal;
  }
  function go(): void {
    const left = end - performance.now();
    if (left > 0) signal = start(left);
    else callback();
  }
  // A signal without listeners does not keep the process alive.
  return { [Symbol.dispose]: () => signal.removeEventListener("abort", go) };
}

/**
 * Returns the time by this machine's clock, in nanoseconds since 1970, to the microsecond.
 *
 * Steps of the clock during the life of the process have no effect, so entries of a log keep their order.
 */
export function now(): bigint {
  const ms = performance.timeOrigin + performance.now();
  return BigInt(Math.round(ms * 1000)) * 1000n;
}
