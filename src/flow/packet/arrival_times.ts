import type { ClockBounds } from "./client_closing.ts";

/** So much a difference of delays counts in jitter: RFC 3550, 6.4.1. */
const JITTER_GAIN = 1 / 16;

/** What is known of many times where single ones are not kept; in nanoseconds. */
export interface TimeSpread {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}

/** When the packets of a sender arrived, all together. Times are nanoseconds. */
export interface ArrivalTotals {
  /** Arrived after one with a higher number: RFC 4737, 3. */
  readonly reordered: number;
  /** From sending to arrival, by the clock of each end. */
  readonly delay: TimeSpread;
  /**
   * The difference of the delays of neighbours by number that arrived one after the other, without its sign: RFC 3393;
   * absent if there were none.
   */
  readonly ipdv?: TimeSpread;
  /** Of neighbours by arrival: RFC 3550, 6.4.1. */
  readonly jitterNanos: number;
}

/** Follows when packets arrive, in memory that stays the same: it is for each packet that a server receives. */
export class ArrivalTimes {
  readonly #delays = new Sums();
  readonly #differences = new Sums();
  #reordered = 0;
  #jitter = 0;
  #highest = -1;
  #lastNumber = -2;
  #lastDelay = NaN;

  /**
   * Adds a packet that has not come before.
   *
   * @param delay from sending to arrival, by the clock of each end, in nanoseconds
   */
  add(number: number, delay: number): void {
    if (this.#lastNumber >= 0) {
      const difference = Math.abs(delay - this.#lastDelay);
      this.#jitter += (difference - this.#jitter) * JITTER_GAIN;
      if (number === this.#lastNumber + 1) this.#differences.add(difference);
    }
    this.#delays.add(delay);
    if (number > this.#highest) this.#highest = number;
    else this.#reordered++;
    this.#lastNumber = number;
    this.#lastDelay = delay;
  }

  /** What is known so far; undefined without packets. */
  get totals(): ArrivalTotals | undefined {
    const delay = this.#delays.spread;
    return delay && {
      reordered: this.#reordered,
      delay,
      ipdv: this.#differences.spread,
      jitterNanos: this.#jitter,
    };
  }
}

/** Sums of times. Clocks may be far apart: the mean is taken from the first one on. */
class Sums {
  #count = 0;
  #base = 0;
  #sum = 0;
  #min = Infinity;
  #max = -Infinity;

  add(value: number): void {
    if (this.#count++ === 0) this.#base = value;
    this.#sum += value - this.#base;
    if (value < this.#min) this.#min = value;
    if (value > this.#max) this.#max = value;
  }

  get spread(): TimeSpread | undefined {
    if (this.#count === 0) return undefined;
    return { count: this.#count, min: this.#min, mean: this.#base + this.#sum / this.#count, max: this.#max };
  }
}

/** When packets arrived at the server, as figures of a flow: under keys that carry their unit, and the sender's index. */
export function arrivalValues(sender: number, { reordered, delay, ipdv, jitterNanos }: ArrivalTotals) {
  const values: Record<string, number> = {
    ...spreadValues("delayToServer", sender, delay),
    ...ipdv && spreadValues("ipdvToServer", sender, ipdv),
  };
  values[`reorderedToServer.${sender}`] = reordered;
  values[`jitterToServerNanos.${sender}`] = jitterNanos;
  return values;
}

/** Reads such figures; undefined if they are not there. */
export function readArrivalValues(
  values: Readonly<Record<string, number>>,
  sender: number,
): ArrivalTotals | undefined {
  const delay = readSpread(values, "delayToServer", sender);
  return delay && {
    reordered: values[`reorderedToServer.${sender}`] ?? 0,
    delay,
    ipdv: readSpread(values, "ipdvToServer", sender),
    jitterNanos: values[`jitterToServerNanos.${sender}`] ?? 0,
  };
}

/** Reads what the server's answers at the end have said of its clock; undefined if nothing. */
export function readClockBounds(values: Readonly<Record<string, number>>): ClockBounds | undefined {
  const { clockAheadLeastNanos: least, clockAheadMostNanos: most } = values;
  return least === undefined || most === undefined ? undefined : { least, most };
}

function spreadValues(name: string, sender: number, { count, min, mean, max }: TimeSpread): Record<string, number> {
  return {
    [`${name}Count.${sender}`]: count,
    [`${name}MinNanos.${sender}`]: min,
    [`${name}MeanNanos.${sender}`]: mean,
    [`${name}MaxNanos.${sender}`]: max,
  };
}

function readSpread(values: Readonly<Record<string, number>>, name: string, sender: number): TimeSpread | undefined {
  const count = values[`${name}Count.${sender}`];
  if (!(count > 0)) return undefined;
  const [min, mean, max] = ["Min", "Mean", "Max"].map((key) => values[`${name}${key}Nanos.${sender}`]);
  return { count, min, mean, max };
}
