import { groupId, groupOfBatch, groupOfPoint, sortDimensions } from "../group.ts";
import type { Check } from "./check.ts";
import type { Context } from "./context.ts";
import { copyUnits, pointsOf, requestsOf, spanOf, type Unit } from "./data.ts";

/** Groupings that scripts ask for: none, by name, by tags, by a tag that is absent. */
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
    title: "sends data whose group is the one that Kapacitor computes",
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
function grouped(context: Context): Unit[] {
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
