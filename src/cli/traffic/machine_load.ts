import { messageOf } from "../../base/errors.ts";
import type { MachineLoad } from "../../flow/analysis/mod.ts";

/**
 * Begins to watch this machine.
 *
 * @returns a function that returns its load since then
 */
export function watchMachine(): () => MachineLoad {
  const thread = new BusiestThread(), processors = new BusyProcessors();
  return () => ({ busiestThread: thread.share, processors: processors.share });
}

/** CPU times in these files count hundredths of a second on all of Linux's platforms. */
const TICK_MS = 10;
/** The minimum time for a share, in milliseconds. */
const MIN_MS = 500;

/** Watches how busy the threads of this process are; its share is unknown on systems without /proc. */
class BusiestThread {
  readonly #start = performance.now();
  readonly #before = threadTicks();

  /** The share of the time since the start that the busiest thread has computed, 0 to 1; undefined if unknown. */
  get share(): number | undefined {
    const elapsed = performance.now() - this.#start;
    if (this.#before === undefined || elapsed < MIN_MS) return undefined;
    let most = 0;
    for (const [thread, ticks] of threadTicks() ?? []) most = Math.max(most, ticks - (this.#before.get(thread) ?? 0));
    return Math.min(1, most * TICK_MS / elapsed);
  }
}

/** How long each thread has computed, in program and kernel. */
function threadTicks(): Map<string, number> | undefined {
  try {
    const ticks = new Map<string, number>();
    for (const { name } of Deno.readDirSync("/proc/self/task")) {
      const stat = readStat(name);
      if (stat !== undefined) ticks.set(name, stat);
    }
    return ticks;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotCapable) return undefined;
    throw new Error(`cannot read /proc/self/task: ${messageOf(error)}`, { cause: error });
  }
}

/** Undefined for a thread that has just ended. */
function readStat(thread: string): number | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync(`/proc/self/task/${thread}/stat`);
  } catch {
    return undefined; // it has ended since the folder was read
  }
  // The name, in parentheses, may hold anything; behind it, utime and stime are the 12th and 13th fields.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

/** The minimum time for a share, in hundredths of a second of one processor. */
const MIN_TICKS = 50;
/** Where idle time and waits for disks stand among the times; guests' times, behind the 8th, are in others as well. */
const [IDLE, IOWAIT, TIMES] = [3, 4, 8];

/**
 * Watches how busy the processors of this machine are, with all processes; its share is unknown on systems without
 * /proc.
 */
export class BusyProcessors {
  readonly #before = readTimes();

  /** The share of all processors' time since the start that was not idle, 0 to 1; undefined if unknown. */
  get share(): number | undefined {
    const now = readTimes();
    if (this.#before === undefined || now === undefined) return undefined;
    const all = now.all - this.#before.all;
    return all < MIN_TICKS ? undefined : Math.max(0, 1 - (now.idle - this.#before.idle) / all);
  }
}

function readTimes(): { readonly all: number; readonly idle: number } | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync("/proc/stat");
  } catch {
    return undefined; // the file is missing, or may not be read
  }
  return parseTimes(text);
}

/**
 * Reads /proc/stat, proc(5).
 *
 * @returns the times of all processors together; undefined if they are not there
 */
export function parseTimes(text: string): { readonly all: number; readonly idle: number } | undefined {
  const [name, ...fields] = text.slice(0, text.indexOf("\n")).split(/ +/);
  const times = fields.slice(0, TIMES).map(Number);
  if (name !== "cpu" || times.length <= IOWAIT || times.some(Number.isNaN)) return undefined;
  return { all: times.reduce((sum, time) => sum + time), idle: times[IDLE] + times[IOWAIT] };
}
