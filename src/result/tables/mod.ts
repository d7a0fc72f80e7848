/**
 * The tables of a test, by name.
 *
 * @module
 */

import { nearest } from "../../base/nearest.ts";
import { TineError } from "../../base/errors.ts";
import { countersTable } from "./counters_table.ts";
import { flowsTable } from "./flows_table.ts";
import { intervalsTable } from "./intervals_table.ts";
import { errorsTable, logsTable } from "./log_tables.ts";
import { runsTable } from "./runs_table.ts";
import { packetsTable, streamIoTable, tcpInfoTable, transactionsTable } from "./raw_tables.ts";
import { lossesTable, roundTripsTable } from "./packet_tables.ts";
import type { TableSource } from "./source.ts";
import { UDF_TABLE_PREFIX, unknownUdf } from "../udf_output.ts";
import { udfTable } from "./udf_table.ts";
import type { LiveRows } from "./live.ts";
import type { RowChunk, Table } from "./table.ts";

/** Makes a table of a test. */
export type MakeTable = (source: TableSource) => Table;

/** All tables, in the order of the manual. */
export const TABLES: ReadonlyMap<string, MakeTable> = new Map<string, MakeTable>([
  ["flows", flowsTable],
  ["intervals", intervalsTable],
  ["round_trips", roundTripsTable],
  ["losses", lossesTable],
  ["packets", packetsTable],
  ["transactions", transactionsTable],
  ["stream_io", streamIoTable],
  ["tcp_info", tcpInfoTable],
  ["counters", countersTable],
  ["runs", runsTable],
  ["logs", logsTable],
  ["errors", errorsTable],
]);

/**
 * Finds a table; `udf.NAME` is what the UDF of this name returned.
 *
 * @throws {TineError} `unknown-table`, with the nearest name
 */
export function tableNamed(name: string): MakeTable {
  const table = TABLES.get(name);
  if (table !== undefined) return table;
  if (name.startsWith(UDF_TABLE_PREFIX)) {
    const udf = name.slice(UDF_TABLE_PREFIX.length);
    return (source) => {
      if (!source.udfs?.has(udf)) throw unknownUdf(udf, [...source.udfs?.keys() ?? []]);
      return udfTable(udf, source);
    };
  }
  const near = nearest(name, TABLES.keys());
  const hint = near === undefined ? `expected one of ${[...TABLES.keys()].join(", ")}` : `did you mean ${near}?`;
  throw new TineError("unknown-table", `there is no table "${name}": ${hint}`);
}

/**
 * Takes some columns of a table, in the order in which they are named.
 *
 * @param names of columns
 * @throws {TineError} `unknown-column`, with the nearest name
 */
export function selectColumns(table: Table, names: readonly string[]): Table {
  const places = placesOf(table, names);
  const select = ({ count, columns }: RowChunk): RowChunk => ({
    count,
    columns: places.map((place) => columns[place]),
  });
  return {
    name: table.name,
    row: table.row,
    columns: places.map((place) => table.columns[place]),
    async *rows() {
      for await (const chunk of table.rows()) yield select(chunk);
    },
    live: table.live && selectLive(table.live, select),
  };
}

function selectLive(live: LiveRows, select: (chunk: RowChunk) => RowChunk): LiveRows {
  const where = (chunk: RowChunk | undefined) => chunk && select(chunk);
  switch (live.of) {
    case "samples":
      return {
        of: "samples",
        start(...args) {
          const rows = live.start(...args);
          return rows && {
            get count() {
              return rows.count;
            },
            add: (chunk) => rows.add(chunk),
            end: () => rows.end(),
            take: () => where(rows.take()),
          };
        },
      };
    case "chunk":
      return { of: "chunk", rows: (...args) => where(live.rows(...args)) };
    case "flow":
      return { of: "flow", rows: (...args) => Iterator.from(live.rows(...args)).map(select) };
    case "message":
      return {
        of: "message",
        start(flows) {
          const rows = live.start(flows);
          return { add: (message) => where(rows.add(message)), end: () => where(rows.end()) };
        },
      };
    case "lines":
      return { of: "lines", wanted: live.wanted, rows: (...args) => select(live.rows(...args)) };
  }
}

function placesOf(table: Table, names: readonly string[]): number[] {
  const known = table.columns.map(({ name }) => name);
  return names.map((name) => {
    const place = known.indexOf(name);
    if (place >= 0) return place;
    throw new TineError("unknown-column", `the table ${table.name} has no column "${name}": ${hintFor(name, known)}`);
  });
}

/** Longer lists of columns are not read in a message. */
const MAX_LISTED = 20;
/** Columns that may have been meant. */
const MAX_MEANT = 4;

/** Names what was meant, or else where to look. */
function hintFor(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `did you mean ${near}?`;
  // Such as rtt_us, which flows have as rtt_median_us and others.
  const words = name.split(/[^a-z0-9]+/i).filter((word) => word.length > 1);
  const meant = known.filter((column) => words.length > 0 && words.every((word) => column.includes(word)));
  if (meant.length > MAX_MEANT) {
    return `did you mean ${meant.slice(0, MAX_MEANT).join(", ")} or a similar one?`;
  }
  if (meant.length > 0) return `did you mean ${meant.join(" or ")}?`;
  return known.length > MAX_LISTED
    ? `\`tine help tables\` lists its ${known.length} columns`
    : `it has ${known.join(", ")}`;
}
