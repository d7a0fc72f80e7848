/** The longest that a timer of the runtime can be set to, in milliseconds: one beyond fires at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * Calls back once, after a time of any length, and never early.
 *
 * @param ms milliseconds; Infinity: never
 * @returns a timer that disposing stops
 *
 * @example
 * ```ts
 * import { startLongTimer } from "./long_timer.ts";
 * using _timer = startLongTimer(30 * 86_400_000, () => console.log("a month later"));
 * ```
 */
export function startLongTimer(ms: number, callback: () => void): Disposable {
  const end = performance.now() + ms;
  const start = (ms: number) => setTimeout(go, Math.min(ms, LONGEST_TIMER_MS));
  let id = start(ms);
  function go(): void {
    const left = end - performance.now();
    if (left > 0) id = start(left);
    else callback();
  }
  return { [Symbol.dispose]: () => clearTimeout(id) };
}
