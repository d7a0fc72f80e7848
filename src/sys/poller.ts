import { TineError } from "../base/errors.ts";
import { Clock, TimeBase } from "./clock.ts";
import { POLLNVAL } from "./constants.ts";
import { EpollSet, READABLE, type ReadyHandler, type Watch } from "./epoll.ts";
import { pollfd, timespec } from "./layouts.ts";
import { type Libc, libc } from "./libc.ts";

export { FAILED, READABLE, type ReadyHandler, type Watch, WRITABLE } from "./epoll.ts";

/**
 * So many files are given to the kernel anew at each call, which costs least for a few. For more of them that costs more
 * with each: they are in an EpollSet, which counts as one file.
 */
const MAX_DIRECT = 16;
const NO_FILE = -1;

/**
 * Waits for many files at once, and for a time in nanoseconds, ppoll(2) and epoll(7).
 *
 * @example
 * ```ts
 * import { EventFd } from "./event_fd.ts";
 * import { Poller, READABLE } from "./poller.ts";
 * using wakeUp = EventFd.open();
 * const poller = new Poller();
 * let canceled = false;
 * poller.watch(wakeUp.fd, READABLE, () => canceled = wakeUp.clear());
 * wakeUp.signal();
 * while (!canceled) poller.poll(Infinity);
 * ```
 */
export class Poller {
  readonly #libc: Libc = libc();
  readonly #clock = new Clock("monotonic");
  readonly #base = new TimeBase(this.#clock.now());
  /** The seconds and nanoseconds to wait for, each of 64 bits. */
  readonly #timeout = new Uint32Array(timespec.sizeBytes / 4);
  #watches: (FileWatch | undefined)[] = [];
  /** The last place is that of the EpollSet. */
  readonly #memory = new PollMemory(MAX_DIRECT + 1);
  readonly #more = new EpollSet();
  /** The number of watches that have ended since the last poll. */
  #holes = 0;

  /** The number of files that it watches. */
  get size(): number {
    return this.#watches.length - this.#holes + this.#more.size;
  }

  /**
   * Watches a file.
   *
   * @param interest READABLE, WRITABLE, both or 0
   * @param onReady called from poll() when the file has a state of interest; it may start and end watches
   */
  watch(fd: number, interest: number, onReady: ReadyHandler): Watch {
    const index = this.#watches.length;
    if (index === MAX_DIRECT) return this.#more.watch(fd, interest, onReady);
    const watch = new FileWatch(index, onReady, {
      interest: (at) => this.#memory.shorts[4 * at + EVENTS],
      setInterest: (at, bits) => this.#memory.setInterest(at, bits),
      close: (at) => this.#remove(at),
    });
    this.#watches.push(watch);
    this.#memory.set(index, fd, interest);
    return watch;
  }

  /**
   * Waits until a file is ready or the time is over, and calls the handlers of those that are ready. What a handler
   * throws is thrown; the files after it are reported at the next call.
   *
   * @param timeoutNanos the longest wait, in nanoseconds; 0 or less: does not wait; Infinity: without limit
   * @returns how many files were ready
   * @throws {SystemError}
   * @throws {TineError} `closed-file`: a file was closed while it was watched
   * @throws {RangeError} for NaN, which would make a loop spin
   */
  poll(timeoutNanos: number): number {
    if (Number.isNaN(timeoutNanos)) throw new RangeError("a poller cannot wait for NaN nanoseconds");
    if (this.#holes > 0) this.#compact();
    const count = this.#watches.length, hasMore = this.#more.fd >= 0;
    if (hasMore) this.#memory.set(count, this.#more.fd, READABLE);
    const ready = this.#wait(hasMore ? count + 1 : count, timeoutNanos);
    const moreReady = hasMore && ready > 0 && this.#memory.shorts[4 * count + REVENTS] !== 0;
    // Handlers may add watches, which have no result yet: the count of ready files keeps the loop from reaching them.
    for (let i = 0, left = moreReady ? ready - 1 : ready; left > 0; i++) {
      const bits = this.#memory.shorts[4 * i + REVENTS];
      if (bits === 0) continue;
      left--;
      const watch = this.#watches[i];
      if (watch === undefined) continue; // A handler before has ended it.
      if ((bits & POLLNVAL) !== 0) {
        throw new TineError("closed-file", `file ${this.#memory.words[2 * i]} was closed while it was watched`);
      }
      watch.onReady(bits);
    }
    // Handlers may have ended all that were in it.
    return moreReady && this.#more.fd >= 0 ? ready - 1 + this.#more.dispatch() : ready;
  }

  #wait(files: number, timeoutNanos: number): number {
    const { calls, errno } = this.#libc;
    const { bytes } = this.#memory, count = BigInt(files);
    const forever = timeoutNanos === Infinity;
    const timed = !forever && timeoutNanos > 0;
    const end = timed ? this.#clock.since(this.#base) + timeoutNanos : 0;
    let left = Math.max(0, timeoutNanos);
    for (;;) {
      const ready = calls.ppoll(bytes, count, forever ? null : this.#timespec(left), null);
      if (ready >= 0) return ready;
      this.#libc.interrupted(errno[0], "ppoll");
      if (timed) left = Math.max(0, end - this.#clock.since(this.#base));
    }
  }

  #timespec(nanos: number): Uint32Array<ArrayBuffer> {
    // More than a century fits.
    const seconds = Math.min(Math.floor(nanos / 1e9), 0xffff_ffff);
    this.#timeout[0] = seconds;
    this.#timeout[2] = Math.floor(nanos - seconds * 1e9);
    return this.#timeout;
  }

  #remove(index: number): void {
    this.#watches[index] = undefined;
    // The kernel passes over negative numbers.
    this.#memory.words[2 * index] = NO_FILE;
    this.#holes++;
  }

  #compact(): void {
    let to = 0;
    for (const [from, watch] of this.#watches.entries()) {
      if (watch === undefined) continue;
      this.#memory.move(from, to);
      watch.index = to;
      this.#watches[to++] = watch;
    }
    this.#watches.length = to;
    this.#holes = 0;
  }
}

/** The places of the events in a pollfd, in units of 16 bits. */
const EVENTS = pollfd.at.events / 2;
const REVENTS = pollfd.at.revents / 2;

/** An array of struct pollfd. */
class PollMemory {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Two a file; the first is its number. */
  readonly words: Int32Array;
  /** Four a file. */
  readonly shorts: Int16Array;

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity * pollfd.sizeBytes);
    this.words = new Int32Array(this.bytes.buffer);
    this.shorts = new Int16Array(this.bytes.buffer);
  }

  set(index: number, fd: number, events: number): void {
    this.words[2 * index] = fd;
    this.shorts[4 * index + REVENTS] = 0;
    this.setInterest(index, events);
  }

  setInterest(index: number, events: number): void {
    const fd = this.words[2 * index];
    // The kernel ignores negative numbers, and the complement can be undone.
    this.words[2 * index] = (fd < 0) === (events === 0) ? fd : ~fd;
    this.shorts[4 * index + EVENTS] = events;
  }

  move(from: number, to: number): void {
    this.words.copyWithin(2 * to, 2 * from, 2 * from + 2);
  }
}

/** What a watch may do with its poller. */
interface Slots {
  interest(index: number): number;
  setInterest(index: number, bits: number): void;
  close(index: number): void;
}

class FileWatch implements Watch {
  #closed = false;

  constructor(public index: number, readonly onReady: ReadyHandler, readonly slots: Slots) {}

  get interest(): number {
    return this.#closed ? 0 : this.slots.interest(this.index);
  }

  set interest(bits: number) {
    if (!this.#closed) this.slots.setInterest(this.index, bits);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.slots.close(this.index);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
