import { GIVEN_TYPES, type GivenType } from "../../udf/format/field_column.ts";
import { INPUT_FORMATS } from "../../udf/format/formats.ts";
import type { ReadPointsOptions } from "../../udf/format/point_reader.ts";
import { UsageError } from "../errors.ts";
import { choice, type Flag, flag, type FlagValues, list, section, text } from "../flags.ts";
import { escape } from "../terminal.ts";

/** How points are read, wherever a command does. */
export const inputFlags = section("Input", {
  input: list({ value: "FILE", short: "i", complete: "file", help: "read points from a file; - or none: stdin" }),
  inputFormat: choice(INPUT_FORMATS, {
    value: "FORMAT",
    help: "default: what the input looks like; tine help formats",
  }),
  precision: choice(["ns", "us", "ms", "s", "m", "h"], {
    help: "unit of times that are integers (default: ns; telegraf-json: s)",
  }),
  measurement: text({ value: "NAME", help: "name of points that have none" }),
  database: text({ value: "NAME", help: "database of points that name none" }),
  retentionPolicy: text({ value: "NAME", help: "retention policy of points that name none" }),
  tagColumns: text({ value: "NAME,NAME", help: "CSV, Parquet: the columns that are tags" }),
  timeColumn: text({ value: "NAME", help: "CSV, Parquet: the column of the time (default: time)" }),
  types: typesFlag(),
  pivot: flag({ help: "join points of the same series and time, as exports have one for each field" }),
});

/** The names of the flags. */
export const inputFlagNames = Object.keys(inputFlags) as readonly (keyof typeof inputFlags)[];

/** The values of the flags. */
export type InputFlags = FlagValues<typeof inputFlags>;

/** How the flags have points read, for any input. */
export function readPointsOptions(
  { precision, measurement, database, retentionPolicy, tagColumns, timeColumn, types, pivot }: InputFlags,
): Omit<ReadPointsOptions, "format"> {
  return {
    precision,
    measurement,
    database,
    retentionPolicy,
    tagColumns: splitNames(tagColumns),
    timeColumn,
    types,
    pivot,
  };
}

/** The names of a list with commas between them. */
export function splitNames(names: string | undefined): string[] {
  return names === undefined || names === "" ? [] : names.split(",").map((name) => name.trim());
}

/** `--types usage=double,host=tag`; the flag may be given several times. */
function typesFlag(): Flag<ReadonlyMap<string, GivenType> | undefined> {
  const words = GIVEN_TYPES.join("|");
  return {
    value: "NAME=TYPE,...",
    help: `the types of fields: ${words}`,
    repeatable: true,
    read(given, name) {
      if (given.length === 0) return undefined;
      const types = new Map<string, GivenType>();
      for (const item of given.flatMap((text) => text.split(","))) {
        const equals = item.lastIndexOf("=");
        const type = GIVEN_TYPES.find((type) => type === item.slice(equals + 1).trim());
        const field = item.slice(0, Math.max(0, equals)).trim();
        if (field === "" || type === undefined) {
          throw new UsageError(`${name}: expected NAME=${words}, such as usage=double, not "${escape(item)}"`);
        }
        if ((types.get(field) ?? type) !== type) {
          throw new UsageError(`${name}: ${escape(field)} is given both as ${types.get(field)} and as ${type}`);
        }
        types.set(field, type);
      }
      return types;
    },
  };
}
