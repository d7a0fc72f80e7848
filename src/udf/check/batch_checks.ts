import { groupOfBatch } from "../group.ts";
import { type Check, skip, warnOnly } from "./check.ts";
import type { Context } from "./context.ts";
import { fieldNames, pointsOf, requestsOf, sampleBatch, sampleUnits, type Unit } from "./data.ts";
import type { Probe } from "./probe.ts";

/** Batches, which Kapacitor trusts without looking: what is wrong with one crashes it or spoils all that follows. */
export const batchChecks: readonly Check[] = [
  {
    id: "batch-as-sent",
    title: "takes batches as Kapacitor sends them, their points without name and dimensions",
    run(context) {
      wantsBatches(context);
      // Its end never says byName, whatever its begin says.
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
    title: "takes batches that do not say their size, or whose size is wrong",
    run(context) {
      wantsBatches(context);
      // A node before the UDF may have filtered the points; Kapacitor does not correct the size.
      const units = [[0, 0], [1, 0], [5, 0], [5, 8], [0, 3], [5, 2]].map(([points, size], i): Unit => {
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
      // Nesting and size are watched over in every conversation; see Probe.
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
      // What the UDF adds by a clock of its own is no answer.
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
async function takes(context: Context, units: readonly Unit[]): Promise<void> {
  const probe: Probe = await context.start();
  await probe.send(...requestsOf(units));
  await probe.settle();
  await probe.finish();
}

function batch(context: Context, size: number, first: number): Unit {
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
