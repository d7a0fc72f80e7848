/** Less time than this says nothing about a share, in hundredths of a second of one processor. */
const LEAST_TICKS = 50;
/** Where idle time and waits for disks stand among the times; guests' times, behind the 8th, are in others as well. */
const [IDLE, IOWAIT, TIMES] = [3, 4, 8];

/** Watches how busy the processors of this machine are, with whatever; on systems without /proc it knows nothing. */
export class BusyProcessors {
  readonly #before = readTimes();

  /** The share of all processors' time since the start that was not idle, 0 to 1; undefined if unknown. */
  get share(): number | undefined {
    const now = readTimes();
    if (this.#before === undefined || now === undefined) return undefined;
    const all = now.all - this.#before.all;
    return all < LEAST_TICKS ? undefined : Math.max(0, 1 - (now.idle - this.#before.idle) / all);
  }
}

function readTimes(): { readonly all: number; readonly idle: number } | undefined {
  let text: string;
  try {
    text = Deno.readTextFileSync("/proc/stat");
  } catch {
    return undefined; // there is none, or it may not be read
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
