import { listProcesses } from "../base/process_table.ts";
import {
  giveWay,
  mayLeaveIdlePolicy,
  SCHED_IDLE,
  SCHED_OTHER,
  setGroupNice,
  setScheduling,
  type ThreadTimes,
  threadTimes,
} from "../sys/scheduling.ts";
import type { RunningUdf } from "../udf/running_udf.ts";

/** How often a UDF is looked at, in milliseconds. */
const LOOK_MS = 250;
/** For how long it may be silent before its time is measured, in milliseconds. */
const SILENT_MS = 500;
/** The same for one that has not answered yet: on a busy machine, it takes long to start. */
const STARTING_MS = 3000;
/** For how long the time of a silent UDF is measured, in milliseconds. */
const MEASURED_MS = 450;
/** The share of the time that a silent UDF runs, or waits for a processor, from which it is restrained. */
const SHARE = 0.5;
/** The nice value of a group of processes that gets a seventieth of what others get. */
const MAX_NICE = 19;

/** The threads of a UDF, and what becomes of them. */
export interface UdfThreads {
  /** Returns those that there are, with the times for which they have run or waited for a processor. */
  times(): ThreadTimes;
  /** Gives its group of processes its weight. */
  setGroup(restrained: boolean): void;
}

/**
 * Gives a UDF its weight once it has started, and restrains it while it computes and does not answer: all of its threads
 * give way to all others. They ask for long slices, so that others interrupt them, and are put to the policy SCHED_IDLE
 * where they may come back from it: the kernel then takes a processor that only they keep busy for a free one.
 *
 * @param onRestraint called each time
 */
export function restrained<U extends RunningUdf>(
  udf: U,
  threads: UdfThreads,
  onRestraint: (() => void) | undefined,
): U {
  const { connection } = udf;
  let owedSince: number | undefined;
  let started = false;
  const isSilent = () =>
    owedSince !== undefined && performance.now() - owedSince >= (started ? SILENT_MS : STARTING_MS);
  const restraint = new Restraint(threads, isSilent, onRestraint);
  void udf.ended.then(() => restraint[Symbol.dispose]());
  return {
    ...udf,
    connection: {
      async read(buffer) {
        const count = await connection.read(buffer);
        if (!started) threads.setGroup(false);
        started = true;
        owedSince = undefined;
        return count;
      },
      write(bytes) {
        owedSince ??= performance.now();
        return connection.write(bytes);
      },
      closeWrite: () => connection.closeWrite(),
      close: () => connection.close(),
    },
  };
}

class Restraint implements Disposable {
  readonly #threads: UdfThreads;
  readonly #isSilent: () => boolean;
  readonly #onRestraint: (() => void) | undefined;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Times while it is silent, and when they were taken. */
  #before: { readonly times: ThreadTimes; readonly at: number } | undefined;
  #restrained = false;

  constructor(threads: UdfThreads, isSilent: () => boolean, onRestraint: (() => void) | undefined) {
    this.#threads = threads;
    this.#isSilent = isSilent;
    this.#onRestraint = onRestraint;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
    Deno.unrefTimer(Number(this.#timer));
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#release();
  }

  #look(): void {
    if (!this.#isSilent()) {
      this.#before = undefined;
      this.#release();
      return;
    }
    const before = this.#before;
    const now = { times: this.#threads.times(), at: performance.now() };
    if (before === undefined) {
      this.#before = now;
      return;
    }
    if (now.at - before.at < MEASURED_MS) return;
    this.#before = now;
    const least = SHARE * 1e6 * (now.at - before.at);
    let spent = 0;
    for (const [tid, nanos] of now.times) spent += nanos - (before.times.get(tid) ?? 0);
    if (spent >= least) this.#restrain(now.times.keys());
  }

  #restrain(tids: Iterable<number>): void {
    if (!this.#restrained) {
      this.#threads.setGroup(true);
      this.#onRestraint?.();
    }
    this.#restrained = true;
    const policy = mayLeaveIdlePolicy() ? SCHED_IDLE : SCHED_OTHER;
    forEach(tids, (tid) => giveWay(tid, policy));
  }

  #release(): void {
    if (!this.#restrained) return;
    this.#restrained = false;
    this.#threads.setGroup(false);
    // Those that it has started meanwhile are as it was.
    forEach(this.#threads.times().keys(), (tid) => setScheduling(tid, { policy: SCHED_OTHER, sliceNanos: 0n }));
  }
}

function forEach(tids: Iterable<number>, schedule: (tid: number) => void): void {
  for (const tid of tids) {
    try {
      schedule(tid);
    } catch {
      // It has ended, or system calls cannot be made here: then the weight of its group has to do.
    }
  }
}

/** The threads of a program, and of all that it has started. */
export class ProgramThreads implements UdfThreads {
  readonly #pid: number;
  readonly #nice: number;

  /**
   * @param pid of the program, which leads a session
   * @param nice the usual nice value of its group
   */
  constructor(pid: number, nice: number) {
    this.#pid = pid;
    this.#nice = nice;
  }

  times(): ThreadTimes {
    return new Map(this.#processes().flatMap((pid) => [...threadTimes(pid)]));
  }

  setGroup(restrained: boolean): void {
    for (const pid of this.#processes()) setGroupNice(pid, restrained ? MAX_NICE : this.#nice);
  }

  /** Those in its session, and descendants that have left it. Source: proc(5), /proc/PID/stat. */
  #processes(): number[] {
    const processes = new Map(listProcesses().map((one) => [one.pid, one]));
    const belongs = (pid: number): boolean => {
      const one = processes.get(pid);
      return pid === this.#pid || one !== undefined && (one.session === this.#pid || belongs(one.parent));
    };
    return [...processes.keys()].filter(belongs);
  }
}

/** Points that may come back for a row. */
const POINTS_PER_ROW = 16;
/** Points that may come at once, beyond those. */
const FREE_POINTS = 100_000;
/** Points that may come each second, beyond those: a hundredth of what a processor reads. */
const POINTS_PER_SECOND = 20_000;
/** The longest pause, in milliseconds: what ends the UDF has to wait for it. */
const MAX_PAUSE_MS = 500;

/**
 * What a UDF may return at full speed: more points a row than a reasonable UDF needs, and some without any row. One
 * that floods is read slowly, since reading all that it can write would keep processors busy that the test needs.
 *
 * @example
 * ```ts
 * import { OutputAllowance } from "./restraint.ts";
 * const allowance = new OutputAllowance(0);
 * console.assert(allowance.pauseMs({ rows: 1000, points: 1000 }, 10) === 0);
 * console.assert(allowance.pauseMs({ rows: 1000, points: 1_000_000 }, 20) > 0);
 * ```
 */
export class OutputAllowance {
  /** Points beyond what rows and time make up for. */
  #excess = 0;
  #points = 0;
  #rows = 0;
  #nowMs: number;

  /** @param nowMs a clock that is never set, in milliseconds */
  constructor(nowMs = performance.now()) {
    this.#nowMs = nowMs;
  }

  /**
   * Returns how long nothing more is to be read, in milliseconds; 0: the UDF may go on.
   *
   * @param counts the rows that it has got so far, and the points that it has returned
   */
  pauseMs({ rows, points }: { readonly rows: number; readonly points: number }, nowMs = performance.now()): number {
    const free = POINTS_PER_ROW * (rows - this.#rows) + POINTS_PER_SECOND * (nowMs - this.#nowMs) / 1000;
    this.#excess = Math.max(0, this.#excess + points - this.#points - free);
    [this.#rows, this.#points, this.#nowMs] = [rows, points, nowMs];
    if (this.#excess <= FREE_POINTS) return 0;
    return Math.min(MAX_PAUSE_MS, (this.#excess - FREE_POINTS) / POINTS_PER_SECOND * 1000);
  }
}
