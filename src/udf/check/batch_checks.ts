import type { PointOrBatch } from "../batcher.ts";
import { groupId, groupOfBatch, groupOfPoint, sortDimensions } from "../group.ts";
import { type Check, skip, warnOnly } from "./check.ts";
import type { Context } from "./context.ts";
import { copyUnits, fieldNames, pointsOf, requestsOf, sampleBatch, sampleUnits, spanOf } from "./data.ts";
import type { Probe } from "./probe.ts";

/** Batches, which Kapacitor trusts without looking: what is wrong with one crashes it or spoils all that follows. */
export const batchChecks: readonly Check[] = [
  {
    id: "batch-as-sent",
    title: "takes batches as Kapacitor sends them, their points without name and dimensions",
    run(context) {
      wantsBatches(context);
      // The end of a batch never has byName, whatever the begin has.
      const [{ begin, points, end }] = [batchOf(context, 5)];
      const tags = end.tags;
      const group = groupOfBatch({ byName: true }, end);
      const bare = points.map((point) => {
        point.group = group;
        return point;
      });
      return takes(context, [
        { kind: "batch", batch: { begin: { ...begin, group, byName: true }, points: bare, end: { ...end, group } } },
        { kind: "batch", batch: { begin, points: batchOf(context, 5, 40).points, end: { ...end, tags } } },
      ]);
    },
  },
  {
    id: "batch-empty",
    title: "takes batches without points",
    run(context) {
      wantsBatches(context);
      return takes(context, [batch(context, 0, 0), batch(context, 5, 10), batch(context, 0, 20)]);
    },
  },
  {
    id: "batch-small",
    title: "takes batches of 1, 2 and 3 points",
    run(context) {
      wantsBatches(context);
      return takes(context, [1, 2, 3].map((size) => batch(context, size, 10 * size)));
    },
  },
  {
    id: "batch-size-hint",
    title: "takes batches without their size, or with a wrong one",
    run(context) {
      wantsBatches(context);
      // A node before the UDF may have filtered the points; Kapacitor does not correct the size.
      const units = [[0, 0], [1, 0], [5, 0], [5, 8], [0, 3], [5, 2]].map(([points, size], i): PointOrBatch => {
        const made = batchOf(context, points, 10 * i);
        return { kind: "batch", batch: { ...made, begin: { ...made.begin, size: BigInt(size) } } };
      });
      return takes(context, units);
    },
  },
  {
    id: "batch-begin-end",
    title: "sends batches whose begin, points and end agree, with their exact size",
    async run(context) {
      providesBatches(context);
      // Every conversation watches nesting and size; see Probe.
      const probe = await context.start();
      await probe.send(...requestsOf(context.subject.units()));
      await probe.finish();
      const batches = probe.outputs.flatMap((output) => output.kind === "batch" ? [output.batch] : []);
      if (batches.length === 0) throw skip("it sends no batch for this data; give it data of your own with --input");
      for (const { begin, end } of batches) {
        const [first, last] = [begin, end].map(({ name, tags }) =>
          `name ${name}, tags ${JSON.stringify([...tags].sort())}`
        );
        if (first === last) continue;
        throw probe.fail(
          "the end of a batch does not repeat its name and tags, from which Kapacitor takes them",
          `an end with ${first}`,
          `an end with ${last}`,
        );
      }
    },
  },
  {
    id: "wrong-edge",
    title: "refuses data of the wrong edge with an error",
    async run(context) {
      const { wants } = context.subject.info!;
      const probe = await context.start();
      const other = sampleUnits(wants === "stream" ? "batch" : "stream", context.subject.needOptions()).slice(0, 1);
      // Kapacitor compares edges when a task is defined, so it takes a mistake of a person to get here.
      try {
        await probe.send(...requestsOf(other));
        const end = await probe.dismiss();
        if (end !== undefined && probe.error === undefined) {
          throw probe.fail(`it ${end}`, "an error response, or silence");
        }
      } catch (error) {
        if (probe.error === undefined) throw warnOnly(error);
      }
      // Points that the UDF adds by its own clock are no answer.
      const times = new Set(other.flatMap(pointsOf).map(({ time }) => time));
      const answers = probe.points().filter(({ time }) => times.has(time));
      if (probe.error === undefined && answers.length > 0) {
        const came = `${answers.length} points`;
        throw probe.warn("it answers data of an edge that it does not want", "an error, or silence", came);
      }
      return probe.error === undefined ? "ignored" : `refused: ${probe.error}`;
    },
  },
];

/** Sends batches and sees that what comes back is in order. */
async function takes(context: Context, units: readonly PointOrBatch[]): Promise<void> {
  const probe: Probe = await context.start();
  await probe.send(...requestsOf(units));
  await probe.settle();
  await probe.finish();
}

function batch(context: Context, size: number, first: number): PointOrBatch {
  return { kind: "batch", batch: batchOf(context, size, first) };
}

/** A batch with points like those of the data. */
function batchOf(context: Context, size: number, first = 0) {
  const [sample] = context.subject.units();
  const made = sampleBatch("a", size, first, fieldNames(context.subject.needOptions()));
  if (sample?.kind !== "batch" || sample.batch.points.length === 0) return made;
  // Data of one's own knows its names, tags and fields better.
  const { begin, points, end } = sample.batch;
  const like = made.points.map(({ time }, i) => {
    const source = points[i % points.length];
    const copy = source.copy();
    copy.time = time;
    return copy;
  });
  return { begin: { ...begin, size: BigInt(size) }, points: like, end: { ...end, tmax: made.end.tmax } };
}

function wantsBatches({ subject }: Context): void {
  if (subject.info?.wants !== "batch") throw skip("it wants single points");
  subject.needOptions();
}

function providesBatches({ subject }: Context): void {
  if (subject.info?.provides !== "batch") throw skip("it provides single points");
  subject.needOptions();
}

/** Groupings that scripts ask for: no grouping, by name, by tags, by a tag that is absent. */
const GROUPINGS = [
  { byName: false, dimensions: [] },
  { byName: true, dimensions: [] },
  { byName: false, dimensions: ["host"] },
  { byName: true, dimensions: ["host", "region"] },
  { byName: false, dimensions: ["host", "tine_absent"] },
];

/** Groups, which Kapacitor computes anew for all that comes back. */
export const groupChecks: readonly Check[] = [
  {
    id: "group-ids",
    title: "sends data with the group that Kapacitor computes",
    async run(context) {
      const probe = await context.start();
      const units = grouped(context);
      await probe.send(...requestsOf(units));
      await probe.settle();
      await probe.finish();
      const sources = new Map(units.flatMap(pointsOf).map((point) => [point.time, point]));
      let seen = 0;
      for (const output of probe.outputs) {
        seen++;
        if (output.kind === "point") {
          const { point } = output;
          const source = sources.get(point.time);
          const lost = point.dimensions.find((name) => !point.tags.has(name) && (source?.tags.has(name) ?? true));
          if (lost !== undefined) {
            throw probe.fail(
              `a point names the dimension ${lost} and has no such tag: Kapacitor puts all such points into one group`,
              `the tag ${lost} on the point at ${point.time}`,
              `dimensions ${point.dimensions} with tags ${[...point.tags.keys()]}`,
            );
          }
        }
        const computed = output.kind === "point"
          ? groupOfPoint(output.point)
          : groupOfBatch(output.batch.begin, output.batch.end);
        const claims = output.kind === "point" ? [output.point] : [output.batch.begin, output.batch.end];
        const wrong = claims.find(({ group }) => group !== computed);
        if (wrong === undefined) continue;
        throw probe.warn(
          "it names a group that is not the one of name, tags and dimensions; Kapacitor ignores the group and goes by those",
          `the group ${JSON.stringify(computed)}`,
          `the group ${JSON.stringify(wrong.group)}`,
        );
      }
      if (seen === 0) return "it sends nothing back for this data";
    },
  },
  {
    id: "order",
    title: "keeps the order of time within a group",
    async run(context) {
      const probe = await context.start();
      await probe.send(...requestsOf(context.subject.units()));
      await probe.finish();
      const units = context.subject.units();
      const first = units.flatMap(pointsOf).reduce((least, { time }) => time < least ? time : least, 2n ** 63n);
      const end = first + 2n * spanOf(units);
      const latest = new Map<string, bigint>();
      for (const output of probe.outputs) {
        const { name, time, group } = output.kind === "point"
          ? { ...headOf(output.point), group: groupOfPoint(output.point) }
          : { ...headOf(output.batch.end), group: groupOfBatch(output.batch.begin, output.batch.end) };
        // Points by a clock of the UDF's own are now, while samples lie in the past.
        if (time < first || time > end) continue;
        const key = JSON.stringify([name, group]);
        const before = latest.get(key);
        if (before !== undefined && time < before) {
          throw probe.warn(
            `it goes back in time within a group, which windows and joins behind it do not expect`,
            `nothing of group ${JSON.stringify(group)} before ${before}, as in its input`,
            `${time} after ${before}`,
          );
        }
        latest.set(key, time);
      }
    },
  },
];

function headOf(item: { name: string; time: bigint } | { name: string; tmax: bigint }): { name: string; time: bigint } {
  return { name: item.name, time: "time" in item ? item.time : item.tmax };
}

/** The data, grouped in each way in turn. */
function grouped(context: Context): PointOrBatch[] {
  return context.subject.units().map((unit, i) => {
    const { byName, dimensions } = GROUPINGS[i % GROUPINGS.length];
    const [copy] = copyUnits([unit], 0n, (point) => {
      if (unit.kind === "batch") return;
      point.byName = byName;
      point.dimensions = [...dimensions];
      point.group = groupOfPoint(point);
    });
    if (copy.kind === "point") return copy;
    const { begin, points, end } = copy.batch;
    const tags = new Map(dimensions.map((name) => [name, begin.tags.get(name) ?? ""]));
    const group = groupId({ name: begin.name, byName, dimensions: sortDimensions(tags.keys()), tags });
    for (const point of points) {
      for (const [name, value] of tags) if (value !== "") point.tags.set(name, value);
      point.group = group;
    }
    return { kind: "batch", batch: { begin: { ...begin, tags, group, byName }, points, end: { ...end, tags, group } } };
  });
}
