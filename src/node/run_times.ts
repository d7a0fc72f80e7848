import { messageOf } from "../base/errors.ts";
import { shorten } from "../base/shorten.ts";
import { now, startLongTimer } from "../base/time.ts";
import type { Activity, RunTime } from "./item.ts";
import type { Unsigned } from "./runner.ts";

/** The shortest time between two reports. */
const INTERVAL_MS = 100;
/** With more runs or characters, a report does not wait. */
const MAX_RUNS = 500;
const MAX_CHARS = 32 * 1024;
/** Longer texts are cut: errors stand in the log as well. */
const MAX_NAME_BYTES = 256;
const MAX_ERROR_BYTES = 4096;

/**
 * Reports when runs start and end, several at a time, so that many short runs cost little: what starts after a pause is
 * reported at once, what follows within 100 ms together.
 *
 * @example
 * ```ts
 * import type { RunTime } from "./item.ts";
 * import { RunTimesReporter } from "./run_times.ts";
 * const reported: RunTime[] = [];
 * const times = new RunTimesReporter((runs) => reported.push(...runs));
 * const ended = times.start("tests[0]", "sleep");
 * ended();
 * times.flush();
 * console.assert(reported.length === 1 && reported[0].end! >= reported[0].start);
 * ```
 */
export class RunTimesReporter {
  readonly #report: (runs: readonly RunTime[]) => void;
  /** By path: a run that ends before its start is reported is reported once. */
  #waiting = new Map<string, RunTime>();
  #chars = 0;
  #timer: Disposable | undefined;
  #reportedMs = -Infinity;

  constructor(report: (runs: readonly RunTime[]) => void) {
    this.#report = report;
  }

  /**
   * Notes that a run starts.
   *
   * @param path the place of the run in its plan
   * @returns a function to call at its end, with the error if it failed
   */
  start(path: string, name: string): (failure?: { readonly error: unknown }) => void {
    const started: RunTime = { path, name: shorten(name, MAX_NAME_BYTES), start: now() };
    this.#add(started);
    return (failure) => {
      const ended = { ...started, end: now() };
      if (failure === undefined) this.#add(ended);
      else this.#add({ ...ended, error: shorten(messageOf(failure.error), MAX_ERROR_BYTES) });
    };
  }

  /** Reports what waits. */
  flush(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#waiting.size === 0) return;
    const runs = [...this.#waiting.values()];
    this.#waiting = new Map();
    this.#chars = 0;
    this.#reportedMs = performance.now();
    this.#report(runs);
  }

  #add(run: RunTime): void {
    const full = this.#waiting.size >= MAX_RUNS || this.#chars >= MAX_CHARS;
    // The end of a run that waits belongs beside its start.
    if (full && !this.#waiting.has(run.path)) this.flush();
    this.#waiting.set(run.path, run);
    this.#chars += run.path.length + run.name.length + (run.error?.length ?? 0);
    const waitMs = Math.max(0, this.#reportedMs + INTERVAL_MS - performance.now());
    this.#timer ??= startLongTimer(waitMs, () => this.flush());
  }
}

/** The shortest time between two reports of what a node does. */
const ACTIVITY_INTERVAL_MS = 200;
/** The most runs that a report names; it counts the others. */
const MAX_NAMED = 8;

/** Counts the runs of a node, and reports changes a few times a second. */
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
    this.#timer = startLongTimer(ACTIVITY_INTERVAL_MS, () => {
      this.#timer = undefined;
      const running = Array.from(this.#running.values().take(MAX_NAMED));
      this.#report({ type: "activity", running, more: this.#running.size - running.length, ended: this.#ended });
    });
  }
}
