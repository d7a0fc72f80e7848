import { quantilesOf } from "../../flow/analysis/mod.ts";
import { grouped } from "../../base/units.ts";
import type { ComparedFigure, RawRow } from "../../result/compare/mod.ts";
import type { Measurement } from "../../udf/bench/mod.ts";

/** A figure of a UDF. */
export interface BenchFigure extends ComparedFigure {
  /** Returns its value in one repeat; undefined where it was not measured. */
  value(of: Measurement): number | undefined;
}

/**
 * All figures of UDFs, in the order of tables. Memory has one for each number of groups that was reached.
 *
 * @param measurements of all UDFs, by which the numbers of groups are known
 */
export function benchFigures(measurements: readonly Measurement[]): BenchFigure[] {
  const numbers = new Set(measurements.flatMap(({ memory }) => memory?.map(({ groups }) => groups) ?? []));
  const at = measurements.find(({ snapshot }) => snapshot !== undefined)?.snapshot?.groups ?? 0;
  const title = `snapshot of ${groupsText(at)}`;
  // One of fewer groups is no smaller one, and a UDF without a state has none.
  const taken = ({ snapshot }: Measurement) => snapshot?.groups === at && snapshot.bytes > 0 ? snapshot : undefined;
  return [
    { name: "pointsPerSecond", title: "points/s", unit: "1/s", better: "more", value: (of) => of.pointsPerSecond },
    {
      name: "roundTripMedianMicros",
      title: "round trip, median",
      unit: "us",
      better: "less",
      value: ({ tripsMs }) => micros(quantilesOf(tripsMs ?? [])?.median),
    },
    {
      name: "roundTripP99Micros",
      title: "round trip, p99",
      unit: "us",
      better: "less",
      value: ({ tripsMs }) => micros(quantilesOf(tripsMs ?? [])?.p99),
    },
    { name: "startMicros", title: "start", unit: "us", better: "less", value: ({ startMs }) => micros(startMs) },
    ...[...numbers].sort((a, b) => a - b).map((groups): BenchFigure => ({
      name: `memoryAt${groups}Bytes`,
      title: groups === 0 ? "memory, no points" : `memory, ${groupsText(groups)}`,
      unit: "byte",
      better: "less",
      value: ({ memory }) => memory?.find((look) => look.groups === groups)?.bytes,
    })),
    { name: "snapshotBytes", title, unit: "byte", better: "less", value: (of) => taken(of)?.bytes },
    {
      name: "snapshotMicros",
      title: `${title}, taken`,
      unit: "us",
      better: "less",
      value: (of) => micros(taken(of)?.ms),
    },
    {
      name: "restoreMicros",
      title: `${title}, restored`,
      unit: "us",
      better: "less",
      value: (of) => micros(taken(of)?.restoreMs),
    },
  ];
}

/** Returns the values that a figure has in repeats. */
export function valuesIn(figure: BenchFigure, measurements: readonly Measurement[]): number[] {
  return measurements.map((of) => figure.value(of)).filter((value) => value !== undefined);
}

/** Returns a row for each figure that both UDFs have. */
export function comparedRows(what: string, base: readonly Measurement[], other: readonly Measurement[]): RawRow[] {
  return benchFigures([...base, ...other]).flatMap((figure): RawRow[] => {
    const [baseValues, otherValues] = [valuesIn(figure, base), valuesIn(figure, other)];
    if (baseValues.length === 0 || otherValues.length === 0) return [];
    return [{ test: {}, flow: what, flows: 1, figure, baseValues, otherValues }];
  });
}

function micros(ms: number | undefined): number | undefined {
  return ms === undefined ? undefined : Math.round(ms * 1e6) / 1e3;
}

function groupsText(groups: number): string {
  return `${grouped(groups)} ${groups === 1 ? "group" : "groups"}`;
}
