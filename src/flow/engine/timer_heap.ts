import type { Timer } from "./engine_flow.ts";

/** In place of an index in the heap. */
const NOT_SET = -1;
const DUE = -2;

/** Timers by their time: a binary heap in which each knows its place, so that all operations are logarithmic. */
export class TimerHeap {
  readonly #heap: HeapTimer[] = [];

  /** How many timers are set. */
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
