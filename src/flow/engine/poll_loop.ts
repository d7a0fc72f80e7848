import { Clock, TimeBase } from "../../sys/clock.ts";
import { Poller, type ReadyHandler, type Watch } from "../../sys/poller.ts";
import type { TimerOptions } from "./engine_flow.ts";
import { type HeapTimer, TimerHeap } from "./timer_heap.ts";

/** Bounds of a {@linkcode WakeMargin}. */
const MOST_NANOS = 50_000;
const LEAST_NANOS = 3_000;
/** A wake that is later than this was kept from the processor by others: no margin helps against that. */
const HELPLESS_NANOS = 2 * MOST_NANOS;
/** The margin grows by so much for each wake that it did not cover, */
const STEP_NANOS = 5_000;
/** and one of so many is not covered. */
const ONE_OF = 10;

/**
 * How long before a precise timer a loop stops sleeping, since the kernel wakes a thread late: 5 µs on some machines, 30
 * on others. What is left of it is spent looking at the clock, which keeps a processor busy, so it is no longer than
 * most wakes need: a quantile of their lateness, followed by steps up and down.
 */
export class WakeMargin {
  #nanos = MOST_NANOS;

  /** The margin, in nanoseconds. */
  get nanos(): number {
    return this.#nanos;
  }

  /** Learns from a wake that came `lateNanos` after its time. */
  woken(lateNanos: number): void {
    if (lateNanos > HELPLESS_NANOS) return;
    this.#nanos = lateNanos > this.#nanos
      ? Math.min(MOST_NANOS, this.#nanos + STEP_NANOS)
      : Math.max(LEAST_NANOS, this.#nanos - STEP_NANOS / ONE_OF);
  }
}

/** Waits for files and times, and calls the handlers; these must not throw. */
export class PollLoop {
  readonly #poller = new Poller();
  readonly #clock = new Clock("monotonic");
  readonly #base = new TimeBase(this.#clock.now());
  readonly #timers = new TimerHeap();
  readonly #due: HeapTimer[] = [];
  readonly #margin = new WakeMargin();
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
      const first = this.#timers.first;
      if (first === undefined) this.#poller.poll(Infinity);
      else this.#waitFor(first);
      this.#callTimers();
    }
  }

  /** Ends {@linkcode PollLoop.run} once the handlers that are due have been called. */
  stop(): void {
    this.#stopped = true;
  }

  /** Sleeps until files are ready, or it is nearly time for a timer. */
  #waitFor({ at, precise }: HeapTimer): void {
    const wake = precise ? at - this.#margin.nanos : at;
    const left = wake - this.now();
    const ready = this.#poller.poll(left);
    if (precise && left > 0 && ready === 0) this.#margin.woken(this.now() - wake);
  }

  #callTimers(): void {
    // A timer that is due again by the end of its call must keep neither others nor files waiting.
    const due = this.#due;
    this.#timers.takeDue(this.now(), due);
    for (let i = 0; i < due.length; i++) if (due[i].isDue()) due[i].handler();
    due.length = 0;
  }
}
