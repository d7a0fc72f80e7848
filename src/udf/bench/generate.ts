import type { PointOrBatch } from "../batcher.ts";
import type { EdgeType } from "../messages.ts";
import { Point } from "../point.ts";

const START = 1_700_000_000_000_000_000n;
const STEP = 100_000_000n;

/** What is generated. */
export interface GenerateOptions {
  /** Groups, in turn. */
  groups: number;
  /** Points, or batches. */
  points: number;
  /** Names of fields that must be there, with a number each; `usage` is there in any case. */
  fields?: readonly string[];
}

/**
 * Generates points as a monitoring agent sends them: the measurement `cpu`, grouped by the tag `host`, which is one of
 * `groups` in turn; two more tags, `cpu` and `region`; the double `usage` and those that are asked for, the double
 * `idle`, the int `processes` and the string `state`. A point comes each 100 ms. It has 180 bytes, the length before it
 * included.
 *
 * @example
 * ```ts
 * import { generatePoints } from "./generate.ts";
 * const [unit] = generatePoints({ groups: 1, points: 1 });
 * console.assert(unit.kind === "point" && unit.point.group === "host=server00000");
 * ```
 */
export function generatePoints({ groups, points, fields = [] }: GenerateOptions): PointOrBatch[] {
  return Array.from({ length: points }, (_, i) => ({ kind: "point", point: pointOf(i, i % groups, fields) }));
}

/** Generates batches of such points, as Kapacitor sends them: a batch is of one group. */
export function generateBatches({ groups, points, fields = [] }: GenerateOptions, size: number): PointOrBatch[] {
  return Array.from({ length: points }, (_, batch): PointOrBatch => {
    const group = batch % groups;
    const points = Array.from({ length: size }, (_, i) => {
      const { time, group: id, tags, fieldsDouble, fieldsInt, fieldsString } = pointOf(batch * size + i, group, fields);
      return new Point({ time, group: id, tags, fieldsDouble, fieldsInt, fieldsString });
    });
    const tags = new Map([["host", hostName(group)]]);
    const of = { name: "cpu", group: `host=${hostName(group)}`, tags, byName: false };
    return {
      kind: "batch",
      batch: {
        begin: { ...of, size: BigInt(size) },
        points,
        end: { ...of, tmax: START + STEP * BigInt((batch + 1) * size) },
      },
    };
  });
}

/** Generates what a UDF wants. */
export function generateUnits(wants: EdgeType, options: GenerateOptions, batchSize: number): PointOrBatch[] {
  return wants === "batch" ? generateBatches(options, batchSize) : generatePoints(options);
}

function hostName(group: number): string {
  return `server${String(group).padStart(5, "0")}`;
}

function pointOf(i: number, group: number, fields: readonly string[]): Point {
  const usage = 40 + 25 * Math.sin(i / 50);
  return new Point({
    time: START + STEP * BigInt(i),
    name: "cpu",
    database: "telegraf",
    retentionPolicy: "autogen",
    group: `host=${hostName(group)}`,
    dimensions: ["host"],
    tags: new Map([["host", hostName(group)], ["cpu", `cpu${i % 16}`], ["region", `eu-west-${i % 7}`]]),
    fieldsDouble: new Map([...new Set(["usage", ...fields])].map((name) => [name, usage])).set("idle", 100 - usage),
    fieldsInt: new Map([["processes", BigInt(180 + i % 40)]]),
    fieldsString: new Map([["state", i % 9 === 0 ? "busy" : "running"]]),
  });
}
