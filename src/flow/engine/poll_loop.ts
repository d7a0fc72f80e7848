import { Clock, TimeBase } from "../../sys/clock.ts";
import { Poller, type ReadyHandler, type Watch } from "../../sys/poller.ts";
import type { TimerOptions } from "./engine_flow.ts";
import { type HeapTimer, TimerHeap } from "./timer_heap.ts";

/** So long before a precise timer the loop stops sleeping: the kernel wakes a thread some ten microseconds late. */
const SPIN_NANOS = 50_000;

/** Waits for files and times, and calls the handlers; these must not throw. */
export class PollLoop {
  readonly #poller = new Poller();
  readonly #clock = new Clock("monotonic");
  readonly #base = new TimeBase(this.#clock.now());
  readonly #timers = new TimerHeap();
  readonly #due: HeapTimer[] = [];
  #stopped = false;

  /** Nanoseconds of CLOCK_MONOTONIC since the loop was made. */
  now(): number {
    return this.#clock.since(this.#base);
  }

  /** See Poller. */
  watch(fd: number, interest: number, handler: ReadyHandler): Watch {
    return this.#poller.watch(fd, interest, handler);
  }

  /** Makes a timer that is not set. */
  timer(handler: () => void, { precise }: TimerOptions = {}): HeapTimer {
    return this.#timers.timer(handler, precise);
  }

  /** Runs until {@linkcode PollLoop.stop}. */
  run(): void {
    while (!this.#stopped) {
      this.#poller.poll(this.#patience());
      this.#callTimers();
    }
  }

  /** Ends {@linkcode PollLoop.run} once the handlers that are due have been called. */
  stop(): void {
    this.#stopped = true;
  }

  #patience(): number {
    const first = this.#timers.first;
    if (first === undefined) return Infinity;
    const left = first.at - this.now();
    return first.precise ? left - SPIN_NANOS : left;
  }

  #callTimers(): void {
    // A timer that is due again by the end of its call must keep neither others nor files waiting.
    const due = this.#due;
    this.#timers.takeDue(this.now(), due);
    for (let i = 0; i < due.length; i++) if (due[i].isDue()) due[i].handler();
    due.length = 0;
  }
}
