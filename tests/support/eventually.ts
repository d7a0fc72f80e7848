/**
 * Waits until something holds, for what other processes do in their own time.
 *
 * @param what for the message, if it does not
 * @param holds looked at again and again
 * @param withinMs how long it may take
 */
export async function eventually(what: string, holds: () => boolean, withinMs = 20_000): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`${what}: not within ${withinMs / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
