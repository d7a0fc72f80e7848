import type { ReadyHandler, Watch } from "../../sys/poller.ts";
import { SockAddr } from "../../sys/address.ts";
import { errnoOf, SystemError } from "../../sys/errno.ts";
import { messageOf, TineError } from "../../base/errors.ts";
import { MAX_TIMER_MS } from "../../base/time.ts";
import type { FlowKinds, Timer } from "../engine/engine_flow.ts";
import type { FlowThread } from "../engine/flow_pool.ts";
import type { FlowMessage, FlowOrder } from "../engine/messages.ts";
import { type FlowLoop, WorkerEngine } from "../engine/worker_engine.ts";

/** Runs flows in the thread that asks for them: their loop is the event loop. */
export class PortableThread implements FlowThread {
  load = 0;
  readonly #engine: WorkerEngine;

  /**
   * @param kinds what can be started, over ports of this loop
   * @param onMessage takes the messages of the flows
   */
  constructor(kinds: (loop: EventLoop) => FlowKinds, onMessage: (message: FlowMessage) => void) {
    const loop = new EventLoop();
    this.#engine = new WorkerEngine(loop, kinds(loop), (messages) => {
      for (const message of messages) onMessage(message);
    });
  }

  send(order: FlowOrder): void {
    this.#engine.obey(order);
  }

  warmUp(): Promise<void> {
    return Promise.resolve(); // Times to a millisecond need no warm-up.
  }

  hold(): void {
    // No warm-up runs here that orders would have to wait for.
  }

  stop(): Promise<void> {
    this.#engine.stop();
    return Promise.resolve();
  }
}

/**
 * The event loop, as the loop of flows. It watches ports, which set when they are ready, in place of files of the kernel;
 * as with poll(2), a handler is called again as long as it leaves something to do.
 */
export class EventLoop implements FlowLoop {
  readonly #files = new Map<number, LoopFile>();
  #lastFd = 0;

  now(): number {
    return Math.round(nowNanos());
  }

  timer(handler: () => void): Timer {
    return new LoopTimer(() => this.now(), handler);
  }

  watch(fd: number, interest: number, handler: ReadyHandler): Watch {
    const file = this.#files.get(fd);
    if (file === undefined) throw new Error(`there is no port with the number ${fd} to watch`);
    return file.watch(interest, handler);
  }

  /** Opens a file that can be watched; it must be closed. */
  open(): LoopFile {
    const file: LoopFile = new LoopFile(++this.#lastFd, () => this.#files.delete(file.fd));
    this.#files.set(file.fd, file);
    return file;
  }
}

/** The file of a port in the event loop. */
export class LoopFile {
  readonly #onClose: () => void;
  readonly #watches = new Set<LoopWatch>();
  #ready = 0;
  #scheduled = false;

  constructor(readonly fd: number, onClose: () => void) {
    this.#onClose = onClose;
  }

  /** What it is ready for: bits of READABLE and WRITABLE. */
  get ready(): number {
    return this.#ready;
  }

  set ready(bits: number) {
    this.#ready = bits;
    this.schedule();
  }

  /** Watches it. */
  watch(interest: number, handler: ReadyHandler): Watch {
    const watch = new LoopWatch(this, interest, handler, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    this.schedule();
    return watch;
  }

  /** Ends all watches. */
  close(): void {
    this.#watches.clear();
    this.#onClose();
  }

  /** Calls handlers soon, if it is ready for what they are interested in. */
  schedule(): void {
    if (this.#scheduled || !this.#isWanted()) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      for (const watch of [...this.#watches]) {
        const ready = watch.interest & this.#ready;
        if (ready !== 0 && this.#watches.has(watch)) watch.handler(ready);
      }
      this.schedule();
    });
  }

  #isWanted(): boolean {
    for (const { interest } of this.#watches) if ((interest & this.#ready) !== 0) return true;
    return false;
  }
}

class LoopWatch implements Watch {
  readonly #file: LoopFile;
  readonly #onClose: () => void;
  #interest: number;

  constructor(file: LoopFile, interest: number, readonly handler: ReadyHandler, onClose: () => void) {
    this.#file = file;
    this.#interest = interest;
    this.#onClose = onClose;
  }

  get interest(): number {
    return this.#interest;
  }

  set interest(bits: number) {
    this.#interest = bits;
    this.#file.schedule();
  }

  close(): void {
    this.#interest = 0;
    this.#onClose();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A timer of the event loop, which counts milliseconds, and may be early. */
class LoopTimer implements Timer {
  readonly #now: () => number;
  readonly #handler: () => void;
  #at = Infinity;
  #id: ReturnType<typeof setTimeout> | undefined;

  constructor(now: () => number, handler: () => void) {
    this.#now = now;
    this.#handler = handler;
  }

  set(atNanos: number): void {
    this.clear();
    this.#at = atNanos;
    if (atNanos === Infinity) return;
    this.#id = setTimeout(() => this.#fire(), Math.min(MAX_TIMER_MS, Math.max(0, (atNanos - this.#now()) / 1e6)));
  }

  clear(): void {
    clearTimeout(this.#id);
    this.#at = Infinity;
  }

  #fire(): void {
    if (this.#now() < this.#at) return this.set(this.#at);
    this.#at = Infinity;
    this.#handler();
  }
}

/** An address of Deno's network API. */
export function addressOf({ hostname, port }: Deno.NetAddr): SockAddr {
  return SockAddr.of(hostname, port).unmapped();
}

/** Nanoseconds of the main thread's monotonic clock. */
export function nowNanos(): number {
  return performance.now() * 1e6;
}

/** Nanoseconds since 1970, to a microsecond, as the wall clock was at the start of the program. */
export function wallNanos(): bigint {
  return BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000)) * 1000n;
}

/**
 * Turns an error of Deno's network API into that of the system call.
 *
 * @param call the system call
 * @param place what it was called upon, e.g. `to 127.0.0.1:9`
 * @returns a SystemError; a TineError `network-failed` where Deno names no error number
 */
export function systemError(error: unknown, call: string, place = ""): TineError {
  const errno = errnoOf((error as { readonly code?: string }).code ?? "");
  if (errno !== undefined) return new SystemError(call, errno, place);
  return new TineError("network-failed", `${`${call} ${place}`.trim()}: ${messageOf(error)}`, { cause: error });
}

/**
 * Refuses settings that Deno's network API does not have.
 *
 * @param keys names of the settings that were asked for
 * @throws {TineError} `ffi-unavailable`, if there are any
 */
export function refuseSettings(keys: readonly string[]): void {
  if (keys.length === 0) return;
  throw new TineError(
    "ffi-unavailable",
    `${keys.join(" and ")} cannot be set: raw sockets are not available here, only Deno's own network API`,
  );
}
