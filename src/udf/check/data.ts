import type { Batch, PointOrBatch } from "../batcher.ts";
import type { EdgeType, Option, Request } from "../messages.ts";
import { type FieldValue, Point } from "../point.ts";
import type { Check } from "./check.ts";

const SECOND = 1_000_000_000n;
const START = 1_700_000_000n * SECOND;
const HOSTS = ["a", "b", "c"];
const ROUNDS = 20;
const BATCHES = 2;

/** The requests that send these units. */
export function requestsOf(units: readonly PointOrBatch[]): Request[] {
  return units.flatMap((unit): Request[] => {
    if (unit.kind === "point") return [unit];
    const { begin, points, end } = unit.batch;
    return [
      { kind: "begin", begin },
      ...points.map((point): Request => ({ kind: "point", point })),
      { kind: "end", end },
    ];
  });
}

/** The points of a unit. */
export function pointsOf(unit: PointOrBatch): Point[] {
  return unit.kind === "point" ? [unit.point] : unit.batch.points;
}

/**
 * Data that a UDF with these options can be expected to take: measurement `cpu`, three groups by the tag `host`, and a
 * number in the field `value` and in each field that an option seems to name. Some values lie far from the others, and
 * no two points have the same time.
 */
export function sampleUnits(wants: EdgeType, options: readonly Option[]): PointOrBatch[] {
  const names = fieldNames(options);
  if (wants === "stream") {
    return Array.from({ length: ROUNDS * HOSTS.length }, (_, i) => ({
      kind: "point",
      point: samplePoint(HOSTS[i % HOSTS.length], i, names),
    }));
  }
  return Array.from({ length: BATCHES * HOSTS.length }, (_, i) => ({
    kind: "batch",
    batch: sampleBatch(HOSTS[i % HOSTS.length], ROUNDS / BATCHES, i * ROUNDS, names),
  }));
}

/**
 * Returns a batch of this number of points, as Kapacitor sends it: its points carry time, group, tags and fields, its
 * end no byName.
 */
export function sampleBatch(host: string, size: number, first: number, names: readonly string[] = ["value"]): Batch {
  const tags = new Map([["host", host]]);
  const points = Array.from({ length: size }, (_, i) => insideBatch(samplePoint(host, first + i, names)));
  const group = `host=${host}`;
  const tmax = START + BigInt(first + size) * SECOND;
  return {
    begin: { name: "cpu", group, tags, size: BigInt(size), byName: false },
    points,
    end: { name: "cpu", group, tmax, tags, byName: false },
  };
}

/** The names that options seem to give to fields. */
export function fieldNames(options: readonly Option[]): string[] {
  const named = options.flatMap(({ values }) => values)
    .flatMap((value) =>
      value.type === "string" && /^[\p{L}_][\p{L}\p{N}_.-]*$/u.test(value.value) ? [value.value] : []
    );
  return [...new Set(["value", ...named])];
}

/** Units with the same content, moved in time by `shift` ns and changed by `change`; the originals stay as they are. */
export function copyUnits(
  units: readonly PointOrBatch[],
  shift = 0n,
  change: (point: Point) => void = () => {},
): PointOrBatch[] {
  const copy = (point: Point) => {
    const copied = point.copy();
    copied.time = BigInt.asIntN(64, point.time + shift);
    change(copied);
    return copied;
  };
  return units.map((unit) => {
    if (unit.kind === "point") return { kind: "point", point: copy(unit.point) };
    const { begin, points, end } = unit.batch;
    const tmax = BigInt.asIntN(64, end.tmax + shift);
    return { kind: "batch", batch: { begin, points: points.map(copy), end: { ...end, tmax } } };
  });
}

/** Repeats the units, later each time, until there are at least this many points. */
export function repeatUnits(units: readonly PointOrBatch[], points: number): PointOrBatch[] {
  const repeated: PointOrBatch[] = [];
  const span = spanOf(units);
  for (let round = 0n, count = 0; count < points; round++) {
    const copies = copyUnits(units, round * span);
    repeated.push(...copies);
    count += Math.max(1, copies.reduce((sum, unit) => sum + pointsOf(unit).length, 0));
  }
  return repeated;
}

/** How far these units must be moved to lie behind themselves, in ns. */
export function spanOf(units: readonly PointOrBatch[]): bigint {
  let first: bigint | undefined, last: bigint | undefined;
  for (const { time } of units.flatMap(pointsOf)) {
    if (first === undefined || time < first) first = time;
    if (last === undefined || time > last) last = time;
  }
  return first === undefined ? SECOND : last! - first + SECOND;
}

/** Sets one field, of the type of its value; others stay. */
export function setField(point: Point, name: string, value: FieldValue): void {
  if (typeof value === "number") point.fieldsDouble.set(name, value);
  else if (typeof value === "bigint") point.fieldsInt.set(name, value);
  else if (typeof value === "string") point.fieldsString.set(name, value);
  else point.fieldsBool.set(name, value);
}

function samplePoint(host: string, i: number, names: readonly string[]): Point {
  const value = i % 9 === 4 ? 1000 : 10 + (i * 7 % 13) / 4;
  return new Point({
    time: START + BigInt(i) * SECOND,
    name: "cpu",
    database: "telegraf",
    retentionPolicy: "autogen",
    group: `host=${host}`,
    dimensions: ["host"],
    tags: new Map([["host", host], ["region", "eu"]]),
    fieldsDouble: new Map(names.map((name) => [name, value])),
  });
}

function insideBatch(point: Point): Point {
  const { time, group, tags, fieldsDouble } = point;
  return new Point({ time, group, tags, fieldsDouble });
}

/** The plainest conversation with data. A UDF that gets stuck in it would get stuck in nearly all others. */
export const dataCheck: Check = {
  id: "data",
  title: "takes ordinary data and ends with its input",
  async run(context) {
    const probe = await context.start();
    await probe.send(...requestsOf(context.subject.units()));
    await probe.settle();
    await probe.finish();
    return `${probe.outputs.length} answers`;
  },
};
