/**
 * Tests that need the processors for themselves: exact rates, lateness, stamps of programs held against the kernel's.
 * A machine that is busy with other work makes them fail without a fault of the program.
 *
 * @module
 */

import { formatPutOff, INCONCLUSIVE, PUT_OFF } from "../../scripts/test/summary.ts";

/** How often a test is tried on a machine that is busy. */
const TRIES = 3;
/** The share of the processors that other work may have, and the machine still is quiet. */
const OTHERS = 0.1;
/** Times of processes are counted in hundredths of a second: a shorter look says little. */
const LOOK_MS = 300;
/** How a machine is watched. */
export interface WatchOptions {
  /** Begins to watch, until its result is called: what kept the machine busy, or undefined. */
  readonly watch?: () => () => Promise<string | undefined>;
  /** How long the next try waits for a machine that is quiet, in ms. Default: 3000 */
  readonly patienceMs?: number;
}

/** A test or a step. */
export interface QuietTest {
  readonly name: string;
  readonly fn: (t: Deno.TestContext) => Promise<void>;
}

/**
 * Makes a test, or a step, that needs the processors for itself.
 *
 * A failure counts when this machine was quiet meanwhile. When others had more than a tenth of its processors, the test
 * is tried again, up to three times, and then is inconclusive: it passes, and a line on standard output names it.
 * Where all tests run, it is put off until the others have ended.
 *
 * @example
 * ```ts ignore
 * Deno.test({ ...needsProcessors("a timer is on time", () => assert(lateMs() < 1)), ignore: !linux });
 * ```
 */
export function needsProcessors(name: string, fn: () => void | Promise<void>): QuietTest {
  return {
    name,
    async fn(t) {
      if (Deno.env.get(PUT_OFF)) return console.log(putOff(t));
      const why = await tryOnQuietMachine(async () => await fn());
      if (why !== undefined) console.log(`${INCONCLUSIVE[t.parent === undefined ? "test" : "step"]}${name}: ${why}`);
    },
  };
}

function putOff(t: Deno.TestContext): string {
  let test = t;
  while (test.parent !== undefined) test = test.parent;
  return formatPutOff({ origin: t.origin, name: test.name, ...test === t ? {} : { step: t.name } });
}

/**
 * Runs a test until it passes, at most three times.
 *
 * @returns undefined: it has passed; otherwise why it is inconclusive
 * @throws what the test throws on a machine that is not busy
 */
export async function tryOnQuietMachine(
  test: () => Promise<void>,
  { watch = watchMachine, patienceMs = 3000 }: WatchOptions = {},
): Promise<string | undefined> {
  for (let attempt = 1;; attempt++) {
    const busy = watch();
    try {
      await test();
      return undefined;
    } catch (error) {
      const why = await busy();
      if (why === undefined) throw error;
      const message = Error.isError(error) ? error.message || error.name : String(error);
      if (attempt === TRIES) return `failed ${TRIES} times while ${why}; last: ${firstLine(message)}`;
    }
    for (let waited = 0; waited < patienceMs && await watch()() !== undefined; waited += LOOK_MS);
  }
}

/** Ticks that processors, a hundred a second each, spent on this and that. */
export interface ProcessorTimes {
  /** All of them. */
  readonly all: number;
  /** In any process, or taken away by the host of a virtual machine. */
  readonly busy: number;
  /** In a process and those below it, also in those that have ended. */
  readonly own: number;
}

/**
 * Reads processor times of the kernel.
 *
 * Source: proc(5), /proc/stat and /proc/PID/stat.
 *
 * @param stat the text of /proc/stat
 * @param processes the texts of /proc/PID/stat
 * @param pid the id of the process whose times, and those of its descendants, are the own ones
 */
export function processorTimes(stat: string, processes: readonly string[], pid: number): ProcessorTimes {
  const [user, nice, system, idle, iowait, irq, softirq, steal] = stat.split("\n", 1)[0].trim().split(/\s+/).slice(1)
    .map(Number);
  return {
    all: user + nice + system + idle + iowait + irq + softirq + steal,
    // Interrupts are no process's, and traffic of the test causes most of them.
    busy: user + nice + system + steal,
    own: familyTicks(processes, pid),
  };
}

/** Ticks of a process, of its living descendants, and of those that these have waited for. */
function familyTicks(processes: readonly string[], pid: number): number {
  const parents = new Map<number, number>(), ticks = new Map<number, number>();
  for (const text of processes) {
    const id = parseInt(text);
    // The name of a program may have blanks and parentheses in it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ").map(Number);
    parents.set(id, fields[1]);
    ticks.set(id, fields.slice(11, 15).reduce((sum, value) => sum + value, 0));
  }
  let sum = 0;
  for (const [id, own] of ticks) {
    let above: number | undefined = id;
    while (above !== undefined && above !== pid) above = parents.get(above);
    if (above === pid) sum += own;
  }
  return sum;
}

/** What kept the processors busy between two looks; undefined: not enough to matter. */
export function whyBusy(before: ProcessorTimes, after: ProcessorTimes): string | undefined {
  const share = (after.busy - before.busy - (after.own - before.own)) / (after.all - before.all);
  return share > OTHERS ? `other work had ${Math.round(share * 100)}% of the processors` : undefined;
}

/** Watches this machine until the result is called, and for long enough; where nothing can be known, it is quiet. */
function watchMachine(): () => Promise<string | undefined> {
  const before = look();
  const started = performance.now();
  return async () => {
    const left = LOOK_MS - (performance.now() - started);
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
    const after = look();
    return before === undefined || after === undefined ? undefined : whyBusy(before, after);
  };
}

function look(): ProcessorTimes | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const processes = [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    try {
      return /^\d+$/.test(name) ? Deno.readTextFileSync(`/proc/${name}/stat`) : [];
    } catch {
      return []; // it has just ended
    }
  });
  return processorTimes(Deno.readTextFileSync("/proc/stat"), processes, Deno.pid);
}

/** Messages of assertions are long, and begin with what was given to them. */
function firstLine(text: string): string {
  // deno-lint-ignore no-control-regex
  return text.replaceAll(/\x1b\[[0-9;]*m/g, "").trim().split("\n", 1)[0].slice(0, 200);
}
