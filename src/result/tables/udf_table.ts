import type { FieldValue } from "../../udf/point.ts";
import { findUdfFile, readUdfPoints, type ReturnedPoint, UDF_TABLE_PREFIX } from "../udf_output.ts";
import type { UdfColumn } from "../udf_columns.ts";
import { constantValue, returnedColumns, type TableSource, testValues, TIME } from "./source.ts";
import type { Column, RowChunk, Table, Values } from "./table.ts";

/** Rows of a chunk. */
const CHUNK_ROWS = 4096;

/**
 * What a UDF of the plan returned, in the order in which it came: a point is a row. Its tags and fields are the columns,
 * as far as the source lists them. The tags run and those of the test's id are the table's own, and a field that has the
 * name of a tag, or a tag that has that of another column, gets `_field` or `_tag` behind it.
 *
 * @param name of the UDF
 */
export function udfTable(name: string, source: TableSource): Table {
  const all = source.udfs?.get(name) ?? [];
  const head = returnedColumns(source, new Set(all.flatMap(({ name, tag }) => tag ? [name] : [])));
  const own = new Set(head.slice(1).map(({ name }) => name));
  const listed = all.filter(({ name, tag }) => !tag || !own.has(name));
  return {
    name: UDF_TABLE_PREFIX + name,
    row: `a point that the UDF ${name} returned`,
    columns: [...head, ...namedApart(head, listed)],
    async *rows() {
      const path = source.returned === undefined ? (await findUdfFile(source.test.path, name))?.path : "";
      if (path === undefined) return;
      let waiting: ReturnedPoint[] = [];
      for await (const points of source.returned ?? readUdfPoints(path)) {
        waiting = waiting.length === 0 ? points : waiting.concat(points);
        let start = 0;
        for (; waiting.length - start >= CHUNK_ROWS; start += CHUNK_ROWS) {
          yield chunkOf(waiting.slice(start, start + CHUNK_ROWS), listed, source);
        }
        waiting = waiting.slice(start);
      }
      if (waiting.length > 0) yield chunkOf(waiting, listed, source);
    },
  };
}

/**
 * What a UDF returned by itself, without a test: the same as {@linkcode udfTable}, with the points' names in place of
 * what identifies a test. Times are exact, and may lie before 1970.
 *
 * @param path of the file
 * @param listed the tags and fields that are columns
 */
export function pointsTable(path: string, listed: readonly UdfColumn[]): Table {
  const head: Column[] = [TIME_OF_POINT, NAME_OF_POINT];
  return {
    name: "points",
    row: "a point",
    columns: [...head, ...namedApart(head, listed)],
    async *rows() {
      for await (const points of readUdfPoints(path)) {
        for (let start = 0; start < points.length; start += CHUNK_ROWS) {
          const some = points.slice(start, start + CHUNK_ROWS);
          const names = some.map(({ point, batch }) => point.name || (batch?.name ?? ""));
          yield {
            count: some.length,
            columns: [
              timesOf(some),
              { type: "text", values: names },
              ...listed.map((column) => valuesOf(some, column)),
            ],
          };
        }
      }
    },
  };
}

const TIME_OF_POINT: Column = { ...TIME, definition: "Nanoseconds since 1970-01-01 UTC." };
const NAME_OF_POINT: Column = { name: "name", type: "text", tag: true, definition: "Name of the point." };

/** Tags and fields as columns; one that has the name of a column before it gets `_tag` or `_field` behind it. */
function namedApart(head: readonly Column[], listed: readonly UdfColumn[]): Column[] {
  const names = new Set(head.map(({ name }) => name));
  return listed.map((column) => {
    let called = column.name;
    while (names.has(called)) called += column.tag ? "_tag" : "_field";
    names.add(called);
    return {
      name: called,
      type: column.type,
      ...(column.tag && { tag: true }),
      definition: column.tag ? `Tag ${column.name} of the point.` : `Field ${column.name} of the point.`,
    };
  });
}

/** Makes rows of points. */
export function chunkOf(
  points: readonly ReturnedPoint[],
  columns: readonly UdfColumn[],
  source: TableSource,
): RowChunk {
  return {
    count: points.length,
    columns: [timesOf(points), ...testValues(source), ...columns.map((column) => valuesOf(points, column))],
  };
}

/** The times of points, which a UDF may choose as it likes. */
function timesOf(points: readonly ReturnedPoint[]): Values {
  let [least, greatest] = [points[0].point.time, points[0].point.time];
  for (const { point: { time } } of points) {
    if (time < least) least = time;
    else if (time > greatest) greatest = time;
  }
  if (least >= 0n && greatest - least <= BigInt(Number.MAX_SAFE_INTEGER)) {
    return { type: "time", base: least, offsets: Float64Array.from(points, ({ point }) => Number(point.time - least)) };
  }
  return { type: "bigint", values: BigInt64Array.from(points, ({ point }) => point.time) };
}

function valuesOf(points: readonly ReturnedPoint[], { name, type, tag }: UdfColumn): Values {
  if (tag) {
    const texts = points.map(({ point, batch }) => point.tags.get(name) ?? batch?.tags.get(name));
    return texts.every((text) => text === texts[0]) ? constantValue(texts[0]) : { type: "text", values: texts };
  }
  const fields = points.map(({ point }) => point.field(name));
  const present = () => Uint8Array.from(fields, (field) => field === undefined ? 0 : 1);
  switch (type) {
    case "double":
      return { type: "number", values: Float64Array.from(fields, (field) => Number(field ?? NaN)), present: present() };
    case "int":
      return {
        type: "bigint",
        values: BigInt64Array.from(fields, (field) => typeof field === "bigint" ? field : 0n),
        present: present(),
      };
    case "bool":
      return {
        type: "bool",
        values: Uint8Array.from(fields, (field) => field === undefined ? 2 : field === true ? 1 : 0),
      };
    case "text":
      return { type: "text", values: fields.map(textOf) };
  }
}

function textOf(field: FieldValue | undefined): string | undefined {
  return field === undefined ? undefined : String(field);
}
