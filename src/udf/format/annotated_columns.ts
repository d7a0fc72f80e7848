import { parseDuration } from "../../base/units.ts";
import { type FieldMaps, quoted } from "./input_item.ts";
import { type FieldColumnType, setTyped } from "./field_column.ts";
import { parseRfc3339, parseTime } from "./timestamp.ts";

/** What a column of annotated CSV is for. */
export type ColumnPart = "measurement" | "tag" | "field" | "time" | "fieldName" | "fieldValue" | "ignored";

/** What the annotations and the header define of a column. */
export interface AnnotatedColumn {
  label: string;
  /** The type without its format; "": not given. */
  type: string;
  /** What follows the type behind a colon, such as `RFC3339`. */
  format: string;
  /** What an empty cell stands for. */
  default: string;
  /** Whether the column is part of the group key. */
  isGroup: boolean;
  part: ColumnPart;
}

const TYPES = new Set([
  ...["string", "double", "boolean", "long", "unsignedLong", "duration", "base64Binary", "dateTime", "time"],
  ...["measurement", "tag", "field", "ignore", "ignored", ""],
]);

/** Labels of times in results of queries. */
const TIMES = new Set(["_time", "_start", "_stop"]);

/** Reads `type:format|default`, as in `#datatype` and behind a name in the header of `influx write`. */
export function setType(column: AnnotatedColumn, text: string): void {
  const bar = text.indexOf("|");
  if (bar > 0) column.default ||= text.slice(bar + 1);
  const rest = bar > 0 ? text.slice(0, bar) : text;
  const colon = rest.indexOf(":");
  column.type = colon < 0 ? rest : rest.slice(0, colon);
  column.format = colon < 0 ? "" : rest.slice(colon + 1);
}

/**
 * Decides what the columns of a table are for.
 *
 * @returns why the table cannot be read, or ""
 */
export function assignParts(columns: readonly AnnotatedColumn[], hasMeasurement: boolean): string {
  const hasFieldName = columns.some(({ label }) => label === "_field");
  // A result of a query begins with an empty column, the name of the result and the number of the table.
  const isResult = columns[0]?.label === "" && columns[1]?.label === "result" && columns[2]?.label === "table";
  for (const [i, column] of columns.entries()) {
    const { label, type } = column;
    if (!TYPES.has(type)) return `the column ${quoted(label)} has the unknown type ${quoted(type)}`;
    if (type === "ignore" || type === "ignored" || label.trim() === "" || isResult && (i === 1 || i === 2)) {
      column.part = "ignored";
    } else if (label === "_measurement" || type === "measurement") {
      column.part = "measurement";
    } else if (type === "dateTime" || type === "time" || TIMES.has(label)) {
      if (!/^(?:RFC3339(?:Nano)?|number)?$/.test(column.format)) {
        return `the times of the column ${quoted(label)} have the layout ${
          quoted(column.format)
        }: RFC3339, RFC3339Nano ` +
          "and number can be read";
      }
      column.part = "time";
    } else if (label === "_field") {
      column.part = "fieldName";
    } else if (label === "_value" && hasFieldName) {
      column.part = "fieldValue";
    } else if (type === "tag" || column.isGroup || hasFieldName && (type === "string" || type === "")) {
      column.part = "tag";
    } else {
      column.part = "field";
    }
  }
  keepOneTime(columns);
  if (!hasMeasurement && !columns.some(({ part }) => part === "measurement")) {
    return "there is no column of the measurement (_measurement, or the type measurement), and no measurement is given";
  }
  if (hasFieldName && !columns.some(({ part }) => part === "fieldValue")) {
    return 'there is a column "_field", but no "_value"';
  }
  return "";
}

/** Of several times, `_time` is that of the point; `_start` and `_stop` are the range of the query. */
function keepOneTime(columns: readonly AnnotatedColumn[]): void {
  const times = columns.filter(({ part }) => part === "time");
  const kept = times.find(({ label }) => label === "_time") ??
    times.find(({ label }) => label !== "_start" && label !== "_stop") ?? times.find(({ label }) => label === "_stop");
  for (const column of times) if (column !== kept) column.part = "ignored";
}

/**
 * Reads the time of a cell.
 *
 * @param unit ns of times that are integers
 */
export function timeOfCell(cell: string, { format }: AnnotatedColumn, unit: bigint): bigint | undefined {
  const text = cell.trim();
  const number = format.startsWith("RFC3339") ? undefined : parseTime(text, unit);
  return number ?? (format === "number" ? undefined : parseRfc3339(text));
}

/** The decimal point, and what may stand between digits, unless a column has a format of its own. */
const SEPARATORS = ". _\t\r\n";
const PLAIN_NUMBER = /^[-+\d.eE]+$/;

const TYPE_OF: Readonly<Record<string, FieldColumnType>> = {
  string: "string",
  base64Binary: "string",
  double: "double",
  boolean: "bool",
  long: "int",
  unsignedLong: "int",
  tag: "string",
};

/**
 * Sets a field from a cell that has a value, by the type of its column.
 *
 * @returns why the cell cannot be used, or ""; undefined: the column has no type
 */
export function setAnnotated(
  fields: FieldMaps,
  name: string,
  { type, format }: AnnotatedColumn,
  cell: string,
): string | undefined {
  switch (type) {
    case "":
      return undefined;
    case "field":
      return setRaw(fields, name, cell.trim());
    case "duration": {
      const text = cell.trim();
      const ms = parseDuration(text.replace(/^-/, ""), { longest: Infinity });
      if (ms === undefined) return `the field ${quoted(name)} is no duration such as 1h30m: ${quoted(cell)}`;
      const ns = BigInt(Math.round(ms * 1e6));
      fields.setInt(name, text.startsWith("-") ? -ns : ns);
      return "";
    }
    case "boolean":
      return format === "" ? setBoolean(fields, name, cell.trim()) : setWords(fields, name, cell, format);
    case "double":
      return setTyped(fields, name, "double", plainNumber(cell, format || SEPARATORS));
    case "long":
    case "unsignedLong": {
      const separators = format.replace(/^strict/, "");
      return setTyped(fields, name, "int", plainNumber(cell, separators || SEPARATORS));
    }
    default:
      return setTyped(fields, name, TYPE_OF[type] ?? "string", cell);
  }
}

/** A value as line protocol writes it: `12i`, `1.5`, `true` or `"text"`. */
function setRaw(fields: FieldMaps, name: string, cell: string): string {
  if (cell.length > 1 && cell.startsWith('"') && cell.endsWith('"')) {
    fields.setString(name, cell.slice(1, -1).replace(/\\(["\\])/g, "$1"));
    return "";
  }
  if (/[iu]$/.test(cell)) return setTyped(fields, name, "int", cell.slice(0, -1));
  return setTyped(fields, name, /^(?:t|f|true|false)$/i.test(cell) ? "bool" : "double", cell);
}

/** Only the first letter counts, as in InfluxDB. */
function setBoolean(fields: FieldMaps, name: string, cell: string): string {
  if (!/^[tTyY1fFnN0]/.test(cell)) return `the field ${quoted(name)} is no boolean: ${quoted(cell)}`;
  fields.setBool(name, /^[tTyY1]/.test(cell));
  return "";
}

/** `boolean:yes,ja:no,nein`; an empty list stands for all that is not in the other. */
function setWords(fields: FieldMaps, name: string, cell: string, format: string): string {
  const [truths, falsehoods] = format.split(":").map((words) => words === "" ? [] : words.split(","));
  if (falsehoods?.includes(cell)) fields.setBool(name, false);
  else if (truths.includes(cell)) fields.setBool(name, true);
  else if (falsehoods?.length === 0) fields.setBool(name, false);
  else if (truths.length === 0) fields.setBool(name, true);
  else return `the field ${quoted(name)} is ${quoted(cell)}, which is not among ${quoted(format)}`;
  return "";
}

/** A number with another decimal sign, the first of `separators`; the others stand between digits and do not count. */
function plainNumber(cell: string, separators: string): string {
  if (separators === SEPARATORS && PLAIN_NUMBER.test(cell)) return cell;
  const [decimal, ...ignored] = separators;
  return Array.from(cell).filter((sign) => !ignored.includes(sign)).join("").replace(decimal, ".");
}
