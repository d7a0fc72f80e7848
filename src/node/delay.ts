import { startLongTimer } from "../wire/long_timer.ts";

/**
 * Waits.
 *
 * @param ms for this long, in milliseconds; of any length
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
