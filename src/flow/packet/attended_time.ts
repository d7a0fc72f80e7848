/** A server looks after its flows every second; so much later it may be before that counts as standing still. */
const MAX_STEP_NANOS = 2e9;

/**
 * A time that goes on only while a server attends to its socket. Where the server itself was stopped, or got no turn,
 * what its clients sent meanwhile waits unread: that is no silence of theirs.
 *
 * @example
 * ```ts
 * import { AttendedTime } from "./attended_time.ts";
 * const time = new AttendedTime();
 * console.assert(time.at(1e9) === 1e9);
 * console.assert(time.at(61e9) === 3e9);
 * ```
 */
export class AttendedTime {
  #last = 0;
  #attended = 0;

  /**
   * To be called at least every second.
   *
   * @param t nanoseconds since the server began
   * @returns how many of them it has attended to
   */
  at(t: number): number {
    this.#attended += Math.max(0, Math.min(t - this.#last, MAX_STEP_NANOS));
    this.#last = t;
    return this.#attended;
  }
}
