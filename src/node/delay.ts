/** The longest that a timer can be set to. */
const LONGEST_TIMER = 2 ** 31 - 1;

/**
 * Waits.
 *
 * @param ms for this long, in milliseconds; of any length
 * @param signal ends the wait early
 * @throws the signal's reason
 */
export async function delay(ms: number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + ms;
  for (;;) {
    signal.throwIfAborted();
    const left = end - performance.now();
    if (left <= 0) return;
    await timer(Math.min(left, LONGEST_TIMER), signal);
  }
}

function timer(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(id);
      reject(signal.reason);
    };
    const id = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal.addEventListener("abort", stop, { once: true });
  });
}
