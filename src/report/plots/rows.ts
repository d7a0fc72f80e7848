import { TineError } from "../../base/errors.ts";
import { isPresent, type Table, type Values } from "../../result/tables/table.ts";

/** Rows of a table, by the names of its columns. */
export interface Rows<C extends string> {
  readonly count: number;
  readonly values: Readonly<Record<C, Values>>;
}

/**
 * Reads some columns of a table. One whose test has recorded nothing has no rows.
 *
 * @param names of columns, all of which it has
 */
export async function* rowsOf<const C extends string>(table: Table, names: readonly C[]): AsyncGenerator<Rows<C>> {
  const places = names.map((name) => [name, table.columns.findIndex((column) => column.name === name)] as const);
  try {
    for await (const { count, columns } of table.rows()) {
      yield {
        count,
        values: Object.fromEntries(places.map(([name, place]) => [name, columns[place]])) as Record<C, Values>,
      };
    }
  } catch (error) {
    if (!(error instanceof TineError) || error.code !== "no-results") throw error;
  }
}

/** Returns a number of a row; NaN where it has none. */
export function numberAt(values: Values, i: number): number {
  switch (values.type) {
    case "number":
      return values.present === undefined || values.present[i] === 1 ? values.values[i] : NaN;
    case "bigint":
      return values.present === undefined || values.present[i] === 1 ? Number(values.values[i]) : NaN;
    case "constant":
      return typeof values.value === "number" || typeof values.value === "bigint" ? Number(values.value) : NaN;
    default:
      return NaN;
  }
}

/** Returns a text of a row; undefined where it has none. */
export function textAt(values: Values, i: number): string | undefined {
  const text = values.type === "constant" ? values.value : values.type === "text" ? values.values[i] : undefined;
  return typeof text === "string" ? text : undefined;
}

/** Returns a time of a row in microseconds since a start, in nanoseconds since 1970; NaN where it has none. */
export function timeAt(values: Values, i: number, start: bigint): number {
  if (values.type === "time") return (Number(values.base - start) + values.offsets[i]) / 1000;
  if (values.type === "bigint") return isPresent(values, i) ? Number(values.values[i] - start) / 1000 : NaN;
  return values.type === "constant" && typeof values.value === "bigint" ? Number(values.value - start) / 1000 : NaN;
}
