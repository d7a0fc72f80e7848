import type { PointOrBatch } from "../../udf/batcher.ts";
import { TineError } from "../../base/errors.ts";
import { grouped } from "../../base/units.ts";
import type { InfoResponse } from "../../udf/messages.ts";
import { CommandFailure } from "../errors.ts";
import { type InputFlags, readPointsOptions, splitNames } from "./input_flags.ts";
import { escape } from "../terminal.ts";

/** The flags that say what is read, and how it becomes what a UDF wants. */
export interface UnitFlags extends InputFlags {
  readonly groupBy?: string;
  /** Points in a batch. */
  readonly batchSize: number;
}

/**
 * Reads data of one's own into what a UDF wants: points, or batches.
 *
 * @param options `command`: the name of the command, for warnings; `most`: points that are used, the first ones
 * @throws {TineError} `bad-line`, `cannot-read`; `no-data` where there are no points
 */
export async function readUnits(
  flags: UnitFlags,
  info: InfoResponse,
  { command, most }: { command: string; most: number },
): Promise<PointOrBatch[]> {
  const { openInputs } = await import("../host/input.ts");
  const { readPoints } = await import("../../udf/format/point_reader.ts");
  const { Feeder } = await import("../../udf/feeder.ts");
  const units: PointOrBatch[] = [];
  let count = 0;
  const feeder = new Feeder({
    point(point) {
      if (++count <= most) units.push({ kind: "point", point });
    },
    batch(batch) {
      count += batch.points.length;
      if (count <= most || units.length === 0) units.push({ kind: "batch", batch });
      return Promise.resolve();
    },
  }, {
    wants: info.wants,
    groupBy: splitNames(flags.groupBy),
    batches: { size: flags.batchSize },
    onBad(bad) {
      throw new TineError("bad-line", `${current} line ${bad.line}: ${bad.reason}: ${bad.text}`);
    },
  });
  let current = "";
  for (const input of await openInputs(flags.input, flags.inputFormat)) {
    current = input.name;
    const warn = (message: string) => console.error(`tine ${command}: ${escape(input.name)} ${message}`);
    const { name, format, likelyFormat, again } = input;
    const options = { ...readPointsOptions(flags), name, format, likelyFormat, again, warn };
    for await (const items of readPoints(options, input.stream)) await feeder.feed(items);
  }
  await feeder.end();
  if (units.length === 0) throw new CommandFailure("no-data", `there are no points in ${flags.input.join(", ")}`, 1);
  if (count > most) {
    console.error(`tine ${command}: only the first ${grouped(most)} of ${grouped(count)} points are used`);
  }
  return units;
}
