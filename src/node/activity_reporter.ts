import { startLongTimer } from "../base/time.ts";
import type { Activity } from "./item.ts";
import type { Unsigned } from "./runner.ts";

/** How often a node tells what it does at most. */
const INTERVAL_MS = 200;
/** So many runs are told by name; the others are counted. */
const MOST_NAMED = 8;

/** Keeps count of the runs of a node, and tells of changes a few times a second. */
export class ActivityReporter implements Disposable {
  readonly #running = new Map<symbol, string>();
  readonly #report: (report: Unsigned<Activity>) => void;
  #ended = 0;
  #timer: Disposable | undefined;
  #disposed = false;

  constructor(report: (report: Unsigned<Activity>) => void) {
    this.#report = report;
  }

  /**
   * A run starts; it ends when what is returned is disposed.
   *
   * @param options `counted`: whether it is one of the runs that have ended then; true by default
   */
  start(name: string, { counted = true } = {}): Disposable {
    const key = Symbol(name);
    this.#running.set(key, name);
    this.#changed();
    return {
      [Symbol.dispose]: () => {
        this.#running.delete(key);
        if (counted) this.#ended++;
        this.#changed();
      },
    };
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    this.#timer?.[Symbol.dispose]();
  }

  #changed(): void {
    if (this.#timer !== undefined || this.#disposed) return;
    this.#timer = startLongTimer(INTERVAL_MS, () => {
      this.#timer = undefined;
      const running = Array.from(this.#running.values().take(MOST_NAMED));
      this.#report({ type: "activity", running, more: this.#running.size - running.length, ended: this.#ended });
    });
  }
}
