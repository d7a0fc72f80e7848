/**
 * A condition variable for one thread: lets callers wait for a change, such as room in a queue.
 *
 * A notification without waiters has no effect, and each waiter checks what it waits for again.
 *
 * @example
 * ```ts
 * import { Condition } from "./condition.ts";
 * const room = new Condition();
 * let waiting = 2;
 * const producer = (async () => {
 *   while (waiting > 1) await room.wait();
 * })();
 * waiting--;
 * room.notify();
 * await producer;
 * ```
 */
export class Condition {
  #change: PromiseWithResolvers<void> | undefined;

  /** Whether anything waits. */
  get awaited(): boolean {
    return this.#change !== undefined;
  }

  /** Resolves at the next {@linkcode notify}. */
  wait(): Promise<void> {
    return (this.#change ??= Promise.withResolvers()).promise;
  }

  /** Resolves all waits so far. */
  notify(): void {
    this.#change?.resolve();
    this.#change = undefined;
  }
}
