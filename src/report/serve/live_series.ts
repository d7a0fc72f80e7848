import type { PlotUnit, SeriesKind } from "../plot.ts";
import { type BucketRow, GrowingBuckets } from "./growing_buckets.ts";

/** A plot of a live page. */
export interface LivePlotHead {
  /** As in the page of a test that has ended: `rtt`. */
  readonly id: string;
  readonly title: string;
  readonly y: { readonly title: string; readonly unit: PlotUnit };
  /** Of many flows, which one is the worst. */
  readonly worst: "least" | "greatest";
  /** The plot that has what it was made of, which is drawn below. */
  readonly under?: string;
}

/** The plots of a live page, in order. */
export const LIVE_PLOTS = [
  { id: "goodput", title: "Goodput", y: { title: "Goodput", unit: "bit/s" }, worst: "least" },
  { id: "rtt", title: "Round-trip time", y: { title: "RTT", unit: "us" }, worst: "greatest" },
  { id: "cwnd", title: "Congestion window", y: { title: "Congestion window", unit: "byte" }, worst: "least" },
] as const satisfies readonly LivePlotHead[];

/** An update of a series: all of it at first, then what has come since. */
export interface SeriesUpdate {
  readonly plot: string;
  /** As the legend has it. */
  readonly name: string;
  /** Index of the flow among those of the test, from which its look follows. */
  readonly look: number;
  readonly kind: SeriesKind;
  /** Times and values in turn, of samples by themselves. */
  readonly samples?: readonly number[];
  /** Buckets one behind the other, each as {@linkcode BucketRow} has it. */
  readonly buckets?: readonly number[];
}

/** Buckets of a series that a page gets when it opens: about one a pixel. */
const MAX_BUCKETS = 800;
/** More samples than this between two updates travel in buckets. */
const MAX_SAMPLES = 24;
/** Buckets of an update, at most. */
const UPDATE_BUCKETS = 12;
/** More flows than this are shown together. */
const MAX_SINGLE = 24;
/** The length of the intervals in which many flows are taken together, in microseconds. */
const SLOT_US = 500_000;
/** An interval is closed when samples are this much later. */
const SLOT_LATE_US = 1_500_000;
/** The maximum number of flows in an interval. */
const MAX_FLOWS = 20_000;

/** A series, and what has come since the last update. */
class LiveSeries {
  readonly #all = new GrowingBuckets(MAX_BUCKETS);
  #new: number[] = [];
  #newRows: BucketRow[] = [];

  constructor(readonly head: Pick<SeriesUpdate, "plot" | "name" | "look" | "kind">) {}

  add(time: number, value: number): void {
    this.#all.addSample(time, value);
    this.#new.push(time, value);
  }

  addRow(row: BucketRow): void {
    this.#all.add(row);
    this.#newRows.push(row);
  }

  snapshot(): SeriesUpdate {
    const rows = this.#all.rows();
    return this.#updateOf(
      rows.filter((row) => row[1] === 1).flatMap(([time, , value]) => [time, value]),
      rows.filter((row) => row[1] > 1),
    );
  }

  /** What has come since the last call; undefined: nothing. */
  update(): SeriesUpdate | undefined {
    const [samples, rows] = [this.#new, this.#newRows];
    if (samples.length === 0 && rows.length === 0) return undefined;
    [this.#new, this.#newRows] = [[], []];
    if (samples.length <= 2 * MAX_SAMPLES) return this.#updateOf(samples, rows);
    const buckets = new GrowingBuckets(UPDATE_BUCKETS);
    for (let i = 0; i < samples.length; i += 2) buckets.addSample(samples[i], samples[i + 1]);
    return this.#updateOf([], buckets.rows());
  }

  #updateOf(samples: readonly number[], rows: readonly BucketRow[]): SeriesUpdate {
    return {
      ...this.head,
      ...samples.length > 0 && { samples: samples.map(shortened) },
      ...rows.length > 0 && { buckets: rows.flat().map(shortened) },
    };
  }
}

/** A nanosecond is enough of a time in microseconds, and three digits behind the point of anything else. */
function shortened(value: number): number {
  return Math.round(value * 1000) / 1000;
}

/** The distribution over many flows: intervals of time, and in each the mean of each flow. */
class Crowd {
  readonly #open = new Map<number, Map<string, { sum: number; count: number }>>();
  readonly #spread: LiveSeries;
  readonly #worst: LiveSeries;
  #reached = -Infinity;
  #closed = -Infinity;

  constructor(readonly plot: LivePlotHead) {
    const head = { plot: plot.id, kind: "points" } as const;
    this.#spread = new LiveSeries({ ...head, name: "of all flows: p5 to p95, and mean", look: 0 });
    this.#worst = new LiveSeries({ ...head, name: "worst flow of each half second", look: 1 });
  }

  add(flow: string, time: number, value: number): void {
    const slot = Math.floor(time / SLOT_US);
    if (slot <= this.#closed) return;
    let flows = this.#open.get(slot);
    if (flows === undefined) this.#open.set(slot, flows = new Map());
    const of = flows.get(flow);
    if (of !== undefined) {
      of.sum += value;
      of.count++;
    } else if (flows.size < MAX_FLOWS) flows.set(flow, { sum: value, count: 1 });
    if (time <= this.#reached) return;
    this.#reached = time;
    this.#close();
  }

  *series(): Generator<LiveSeries, void, void> {
    yield this.#spread;
    yield this.#worst;
  }

  #close(): void {
    for (const slot of [...this.#open.keys()].sort((a, b) => a - b)) {
      if ((slot + 1) * SLOT_US > this.#reached - SLOT_LATE_US) return;
      const means = Float64Array.from(this.#open.get(slot)!.values(), ({ sum, count }) => sum / count).sort();
      this.#open.delete(slot);
      this.#closed = slot;
      const time = (slot + 0.5) * SLOT_US;
      // The smallest value with at least this share of all values at or below it: RFC 2330 (11.3).
      const share = (part: number) => means[Math.max(1, Math.ceil(part * means.length)) - 1];
      const mean = means.reduce((sum, value) => sum + value) / means.length;
      this.#spread.addRow([time, means.length, mean, share(0.05), time, share(0.95), time]);
      this.#worst.add(time, this.plot.worst === "least" ? means[0] : means[means.length - 1]);
    }
  }
}

/** The series of the plots of a running test: one a flow, or of many flows those of all together. */
export class LivePlots {
  readonly #flows = new Map<string, number>();
  readonly #single = new Map<string, LiveSeries>();
  readonly #crowds = new Map<string, Crowd>();
  readonly #firstLook: number;
  #crowded = false;
  #changed = false;

  /**
   * @param plots those that there are from the start
   * @param firstLook the look of the first flow
   */
  constructor(plots: readonly LivePlotHead[] = LIVE_PLOTS, firstLook = 0) {
    this.#firstLook = firstLook;
    for (const plot of plots) this.addPlot(plot);
  }

  /** Adds a plot that there is not yet. */
  addPlot(plot: LivePlotHead): void {
    this.#crowds.set(plot.id, new Crowd(plot));
  }

  /**
   * Adds a value.
   *
   * @param plot the id of a plot that there is
   * @param flow its name, as the legend has it
   * @param time microseconds since the start of the test
   * @param kind how its series is drawn
   */
  add(plot: string, flow: string, kind: SeriesKind, time: number, value: number): void {
    if (Number.isNaN(time) || kind !== "ticks" && Number.isNaN(value)) return;
    let look = this.#flows.get(flow);
    if (look === undefined) {
      this.#flows.set(flow, look = this.#firstLook + this.#flows.size);
      if (this.#flows.size > MAX_SINGLE && !this.#crowded) {
        this.#crowded = true;
        this.#changed = true;
        this.#single.clear();
      }
    }
    if (kind !== "ticks") this.#crowds.get(plot)!.add(flow, time, value);
    if (this.#crowded) return;
    const key = `${plot} ${kind} ${flow}`;
    let series = this.#single.get(key);
    if (series === undefined) {
      const name = kind === "ticks" ? `${flow}: lost` : flow;
      this.#single.set(key, series = new LiveSeries({ plot, name, look, kind }));
    }
    series.add(time, kind === "ticks" ? 0 : value);
  }

  /** All that there is, for a page that opens. */
  snapshot(): SeriesUpdate[] {
    return Array.from(this.#series(), (series) => series.snapshot());
  }

  /** What has come since the last call; undefined: pages have to start anew from a snapshot. */
  updates(): SeriesUpdate[] | undefined {
    const updates = Array.from(this.#series(), (series) => series.update()).filter((update) => update !== undefined);
    // Until there are many flows, what they do together is kept and not sent.
    if (!this.#crowded) {
      for (const crowd of this.#crowds.values()) for (const series of crowd.series()) series.update();
    }
    if (!this.#changed) return updates;
    this.#changed = false;
    return undefined;
  }

  *#series(): Generator<LiveSeries, void, void> {
    if (!this.#crowded) yield* this.#single.values();
    else for (const crowd of this.#crowds.values()) yield* crowd.series();
  }
}
