import { Clock, TimeBase } from "../../sys/clock.ts";
import { Poller, type ReadyHandler, type Watch } from "../../sys/poller.ts";
import type { Timer, TimerOptions } from "./engine_flow.ts";

/** Bounds of a {@linkcode WakeMargin}. */
const MAX_MARGIN_NANOS = 50_000;
const MIN_MARGIN_NANOS = 3_000;
/** How much the margin grows for each wake that it did not cover. */
const STEP_NANOS = 5_000;
/** How many wakes there are for each that is not covered. */
const UNCOVERED_ONE_OF = 10;
/** The part of a wait that may be spent awake. */
const AWAKE_ONE_OF = 25;

/**
 * The time before a precise timer at which a loop stops sleeping, since the kernel wakes a thread late: by 5 µs on some
 * machines, by 30 on others. The loop spends the rest of the margin looking at the clock, which keeps a processor busy,
 * so the margin is no longer than most wakes need: a quantile of their lateness, followed by steps up and down.
 */
export class WakeMargin {
  #nanos = MAX_MARGIN_NANOS;

  /** The margin, in nanoseconds. */
  get nanos(): number {
    return this.#nanos;
  }

  /**
   * Returns the margin before a timer. A thread that has slept for long finds caches cold, and takes some 10 µs longer
   * to send a packet after it has looked at the clock: before long waits, the margin is longer than wakes need, up to a
   * 25th of the wait.
   *
   * @param waitNanos until the timer is due
   */
  before(waitNanos: number): number {
    return Math.max(this.#nanos, Math.min(MAX_MARGIN_NANOS, waitNanos / AWAKE_ONE_OF));
  }

  /** Learns from a wake that came `lateNanos` after its time. */
  woken(lateNanos: number): void {
    this.#nanos = lateNanos > this.#nanos
      ? Math.min(MAX_MARGIN_NANOS, this.#nanos + STEP_NANOS)
      : Math.max(MIN_MARGIN_NANOS, this.#nanos - STEP_NANOS / UNCOVERED_ONE_OF);
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
    const now = this.now();
    const wake = precise ? at - this.#margin.before(at - now) : at;
    const left = wake - now;
    const ready = this.#poller.poll(left);
    if (precise && left > 0 && ready === 0) this.#margin.woken(this.now() - wake);
  }

  #callTimers(): void {
    // A timer that is due again by the end of its call must not keep others or files waiting.
    const due = this.#due;
    this.#timers.takeDue(this.now(), due);
    for (let i = 0; i < due.length; i++) if (due[i].isDue()) due[i].handler();
    due.length = 0;
  }
}

/** In place of an index in the heap. */
const NOT_SET = -1;
const DUE = -2;

/** Timers by their time: a binary heap in which each knows its place, so that all operations are logarithmic. */
export class TimerHeap {
  readonly #heap: HeapTimer[] = [];

  /** The number of timers that are set. */
  get size(): number {
    return this.#heap.length;
  }

  /** The earliest timer. */
  get first(): HeapTimer | undefined {
    return this.#heap[0];
  }

  /**
   * Makes a timer that is not set.
   *
   * @param precise see TimerOptions
   */
  timer(handler: () => void, precise = false): HeapTimer {
    return new HeapTimer(this, handler, precise);
  }

  /**
   * Takes out all timers whose time is not after this one, the earliest first. Each {@linkcode HeapTimer.isDue} until it
   * is set or cleared.
   *
   * @param into gets them, behind what it has
   */
  takeDue(now: number, into: HeapTimer[]): void {
    for (;;) {
      const first = this.#heap[0];
      if (first === undefined || first.at > now) return;
      this.remove(first);
      first.index = DUE;
      into.push(first);
    }
  }

  /** Puts a timer where its time belongs. */
  put(timer: HeapTimer, at: number): void {
    if (Number.isNaN(at)) throw new RangeError("a timer cannot be set to NaN");
    timer.at = at;
    if (timer.index < 0) {
      timer.index = this.#heap.length;
      this.#heap.push(timer);
    }
    this.#settle(timer);
  }

  /** Takes a timer out, if it is set. */
  remove(timer: HeapTimer): void {
    const { index } = timer;
    timer.index = NOT_SET;
    if (index < 0) return;
    const last = this.#heap.pop()!;
    if (last === timer) return;
    this.#heap[index] = last;
    last.index = index;
    this.#settle(last);
  }

  #settle(timer: HeapTimer): void {
    const heap = this.#heap;
    let { index } = timer;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (heap[parent].at <= timer.at) break;
      this.#place(heap[parent], index);
      index = parent;
    }
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1].at < heap[child].at) child++;
      if (heap[child].at >= timer.at) break;
      this.#place(heap[child], index);
      index = child;
    }
    this.#place(timer, index);
  }

  #place(timer: HeapTimer, index: number): void {
    this.#heap[index] = timer;
    timer.index = index;
  }
}

/** A timer of a heap. */
export class HeapTimer implements Timer {
  /** In nanoseconds, while it is set. */
  at = Infinity;
  /** Its place in the heap, NOT_SET or DUE. */
  index = NOT_SET;
  readonly #heap: TimerHeap;

  constructor(heap: TimerHeap, readonly handler: () => void, readonly precise: boolean) {
    this.#heap = heap;
  }

  /** Whether it was taken out of the heap to be called, and was neither set nor cleared since. Asked once for each. */
  isDue(): boolean {
    if (this.index !== DUE) return false;
    this.index = NOT_SET;
    return true;
  }

  set(atNanos: number): void {
    this.#heap.put(this, atNanos);
  }

  clear(): void {
    this.#heap.remove(this);
  }
}
