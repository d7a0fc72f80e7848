import { type Look, lookOf, type Series } from "../plot.ts";

/** The look of what is of all flows together. */
const ALL: Look = { color: 0, dash: 0 };
const WORST: Look = { color: 1, dash: 0 };

/** A series of a crowd: values by interval of time, all of one grid. */
export interface CrowdSeries {
  readonly name: string;
  /** By the number of the interval, from the start of the test on; what is missing is a gap. */
  readonly values: ReadonlyMap<number, number>;
}

/**
 * Makes of many flows what can be read: the band from the 5th to the 95th percentile over flows, their mean, and the
 * worst one. The flows themselves are there for readers that ask for them.
 *
 * @param intervalUs the length of the intervals, in microseconds
 * @param worst whether the worst flow is the one with the greatest or the least mean
 */
export function crowdSeries(
  crowd: readonly CrowdSeries[],
  intervalUs: number,
  worst: "greatest" | "least",
  kind: "line" | "steps",
): Series[] {
  const byInterval = new Map<number, number[]>();
  let most: CrowdSeries | undefined, mostMean = NaN;
  for (const series of crowd) {
    let sum = 0;
    for (const [interval, value] of series.values) {
      const values = byInterval.get(interval);
      if (values === undefined) byInterval.set(interval, [value]);
      else values.push(value);
      sum += value;
    }
    const mean = sum / series.values.size;
    if (series.values.size > 0 && !(worst === "greatest" ? mean <= mostMean : mean >= mostMean)) {
      [most, mostMean] = [series, mean];
    }
  }
  if (most === undefined) return [];
  const intervals = [...byInterval.keys()].sort((a, b) => a - b);
  // A gap between intervals is one in the band.
  const places = intervals.flatMap((interval, i) =>
    i > 0 && intervals[i - 1] < interval - 1 ? [interval - 1, interval] : [interval]
  );
  const x = Float64Array.from(places, (place) => place * intervalUs);
  const sorted = places.map((place) => Float64Array.from(byInterval.get(place) ?? []).sort());
  // The smallest value with at least this share of all values at or below it: RFC 2330 (11.3).
  const share = (part: number) =>
    Float64Array.from(sorted, (values) => values[Math.max(1, Math.ceil(part * values.length)) - 1] ?? NaN);
  const mean = Float64Array.from(
    sorted,
    (values) => values.length === 0 ? NaN : values.reduce((sum, value) => sum + value) / values.length,
  );
  const name = `${crowd.length} flows`;
  return [
    {
      name: `${name}, p5 to p95`,
      kind: "band",
      look: ALL,
      data: { type: "samples", x, y: share(0.05), high: share(0.95) },
    },
    { name: `${name}, mean`, kind, look: ALL, data: { type: "samples", x, y: mean } },
    { ...seriesOf(most, intervalUs, kind, WORST), name: `worst: ${most.name}` },
    ...crowd.map((series, i) => ({ ...seriesOf(series, intervalUs, kind, lookOf(i)), hidden: true })),
  ];
}

function seriesOf({ name, values }: CrowdSeries, intervalUs: number, kind: "line" | "steps", look: Look): Series {
  const intervals = [...values.keys()].sort((a, b) => a - b);
  return {
    name,
    flow: name,
    kind,
    look,
    data: {
      type: "samples",
      x: Float64Array.from(intervals, (interval) => interval * intervalUs),
      y: Float64Array.from(intervals, (interval) => values.get(interval)!),
    },
  };
}
