import type { ReadyHandler, Watch } from "../../sys/poller.ts";
import type { Scope, Timer, TimerOptions } from "./engine_flow.ts";
import type { PollLoop } from "./poll_loop.ts";

/** A part of a loop: what its handlers throw goes to one place, and all of it ends together. */
export class LoopScope implements Scope {
  readonly #loop: PollLoop;
  readonly #onError: (error: unknown) => void;
  readonly #onClose: () => void;
  readonly #watches = new Set<Watch>();
  readonly #timers = new Set<Timer>();
  readonly #scopes = new Set<LoopScope>();
  #closed = false;

  /**
   * @param onError gets what a handler throws
   * @param onClose called when it is closed
   */
  constructor(loop: PollLoop, onError: (error: unknown) => void, onClose: () => void = () => {}) {
    this.#loop = loop;
    this.#onError = onError;
    this.#onClose = onClose;
  }

  now(): number {
    return this.#loop.now();
  }

  watch(fd: number, interest: number, handler: ReadyHandler): Watch {
    this.#mustBeOpen();
    const watch = this.#loop.watch(fd, interest, (ready) => {
      try {
        handler(ready);
      } catch (error) {
        this.#onError(error);
      }
    });
    const scoped = new ScopedWatch(watch, this.#watches);
    this.#watches.add(scoped);
    return scoped;
  }

  timer(handler: () => void, options?: TimerOptions): Timer {
    this.#mustBeOpen();
    const timer = this.#loop.timer(() => {
      try {
        handler();
      } catch (error) {
        this.#onError(error);
      }
    }, options);
    const scoped: Timer = {
      set: (at) => {
        if (!this.#closed) timer.set(at);
      },
      clear: () => timer.clear(),
    };
    this.#timers.add(scoped);
    return scoped;
  }

  scope(onError: (error: unknown) => void): LoopScope {
    this.#mustBeOpen();
    const scope: LoopScope = new LoopScope(this.#loop, onError, () => this.#scopes.delete(scope));
    this.#scopes.add(scope);
    return scope;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const scope of this.#scopes) scope.close();
    for (const watch of this.#watches) watch.close();
    for (const timer of this.#timers) timer.clear();
    this.#onClose();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error("a scope that has ended was asked for more");
  }
}

/** A watch that leaves its scope when it ends. */
class ScopedWatch implements Watch {
  readonly #watch: Watch;
  readonly #all: Set<Watch>;

  constructor(watch: Watch, all: Set<Watch>) {
    this.#watch = watch;
    this.#all = all;
  }

  get interest(): number {
    return this.#watch.interest;
  }

  set interest(bits: number) {
    this.#watch.interest = bits;
  }

  close(): void {
    this.#watch.close();
    this.#all.delete(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
