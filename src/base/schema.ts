/**
 * Building blocks of schemas: the functions of zod that are used here, durations, sizes and rates, and what messages are
 * made of.
 *
 * This module loads zod, which takes 30 ms and more. A module that a served node loads imports only types from it.
 *
 * @module
 */
import * as zod from "zod";
import { nearest } from "./nearest.ts";
import {
  type Duration,
  DURATION_PATTERN,
  formatDuration,
  formatRate,
  formatSize,
  MAX_DURATION,
  parseDuration,
  parseRate,
  parseSize,
  type Rate,
  RATE_PATTERN,
  type Size,
  SIZE_PATTERN,
} from "./units.ts";

/** A type that is readonly at all levels. */
export type Immutable<T> = T extends object ? { readonly [K in keyof T]: Immutable<T[K]> } : T;

/** The functions of zod that schemas here are made of. */
type SchemaFunctions =
  | "array"
  | "boolean"
  | "codec"
  | "enum"
  | "int"
  | "literal"
  | "number"
  | "record"
  | "strictObject"
  | "string"
  | "union"
  | "unknown";

/**
 * The functions of zod that schemas here are made of. Each is named, so that a bundler leaves out the rest: messages in
 * fifty languages alone are half a megabyte, which every `tine run` would load.
 */
export const z: Pick<typeof zod, SchemaFunctions> = {
  array: zod.array,
  boolean: zod.boolean,
  codec: zod.codec,
  enum: zod.enum,
  int: zod.int,
  literal: zod.literal,
  number: zod.number,
  record: zod.record,
  strictObject: zod.strictObject,
  string: zod.string,
  union: zod.union,
  unknown: zod.unknown,
};

/** Returns a value as a message shows it: short, and recognizable. */
export function show(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "an object";
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? text.slice(0, 57) + "..." : text;
}

/** Returns a sentence that names what was expected and the value that came instead. */
export function expected(what: string, value: unknown): string {
  return value === undefined ? `missing, expected ${what}` : `expected ${what}, not ${show(value)}`;
}

/**
 * Makes the message of a schema: what it expects, in place of the message of zod.
 *
 * @param what completes "expected ..."
 */
export function expects(what: string): { error: (issue: { code?: string; input?: unknown }) => string | undefined } {
  // The validation reports unknown keys, since it knows the known ones.
  return { error: ({ code, input }) => code === "unrecognized_keys" ? undefined : expected(what, input) };
}

/** What zod hands over of an issue before it has a message. */
interface RawIssue {
  code: string;
  input: unknown;
  keys?: readonly string[];
  inst?: { _zod: { def: { shape?: object } } };
}

/** Returns the message of an issue that the schema has no message for. */
function message({ code, input, keys, inst }: RawIssue): string | undefined {
  if (code === "unrecognized_keys") {
    const known = Object.keys(inst?._zod.def.shape ?? {});
    return keys!.slice(0, 5).map((key) => {
      const guess = nearest(key, known);
      return `unknown key ${show(key)}, ` + (guess ? `did you mean ${guess}?` : `known are ${known.join(", ")}`);
    }).join("; ");
  }
  return code === "too_small" ? `expected more than ${show(input)}` : undefined;
}

/**
 * What `parse` of a schema gets besides the value: the messages of unknown keys and limits.
 *
 * zod can generate code for a schema; for one file, even a large one, that takes longer than it saves.
 */
export const SCHEMA_CONTEXT = { error: message as never, jitless: true };

/** A text of a pattern; `what` completes "expected ...". */
export function pattern(what: string, pattern: RegExp): zod.ZodString {
  return z.string(expects(what)).regex(pattern, expects(what));
}

/** The arguments of `refine`: whether a value fits, and the message where it does not. */
type Refinement<T> = [
  fits: (value: T) => boolean,
  options: { path: string[]; error: (issue: { input?: unknown }) => string | undefined },
];

/**
 * Makes a refinement whose message reports what it found.
 *
 * @param problem returns what is wrong with a value; undefined: nothing
 * @param path the field to blame
 */
export function refinement<T>(problem: (value: T) => string | undefined, ...path: string[]): Refinement<T> {
  return [
    (value) => problem(value) === undefined,
    { path, error: ({ input }) => problem(input as T) },
  ];
}

/** An optional `true` or `false`, with its description and default. */
export function toggle(description: string, byDefault = false): zod.ZodOptional<zod.ZodBoolean> {
  return z.boolean(expects("true or false")).optional().meta({ description, default: byDefault });
}

const notDuration = {
  error: ({ input }: { input?: unknown }) => expected(DURATION, input) + unitFor(input, "s"),
};

/** A duration such as `1m30s`, or 0, which YAML reads as a number; decoded to milliseconds. */
export const duration: zod.ZodCodec<
  zod.ZodUnion<[zod.ZodString, zod.ZodLiteral<0>]>,
  zod.ZodType<Duration, number>
> = z.codec(
  z.union([z.string().regex(DURATION_PATTERN, notDuration), z.literal(0)], notDuration),
  z.number(),
  {
    decode(text, { issues }) {
      if (text === 0) return 0;
      const value = parseDuration(text);
      if (value !== undefined) return value;
      const max = formatDuration(MAX_DURATION);
      issues.push({ code: "custom", input: text, message: expected(`a duration of at most ${max}`, text) });
      return zod.NEVER;
    },
    encode: formatDuration,
  },
);

function notSize(): { error: (issue: { input?: unknown }) => string } {
  return {
    error: ({ input }) => expected(SIZE, input) + (typeof input === "string" ? unitFor(input, "B") : ""),
  };
}

/** A size such as `64KiB`, or a number of bytes, as CUE writes `64Ki`; decoded to bytes. */
export const size: zod.ZodCodec<zod.ZodUnion<[zod.ZodString, zod.ZodInt]>, zod.ZodType<Size, number>> = z.codec(
  z.union([z.string().regex(SIZE_PATTERN, notSize()), z.int(notSize()).min(0, notSize())], notSize()),
  z.number(),
  {
    decode(value, { issues }) {
      const bytes = typeof value === "number" ? value : parseSize(value);
      if (bytes !== undefined) return bytes;
      issues.push({ code: "custom", input: value, message: expected("a whole number of bytes below 2^53", value) });
      return zod.NEVER;
    },
    encode: formatSize,
  },
);

const RATE = "a rate such as 10Mbps, 1000pps or max";

/** A rate such as `10Mbps`. */
export const rate: zod.ZodCodec<zod.ZodString, zod.ZodType<Rate>> = z.codec(
  z.string(expects(RATE)).regex(RATE_PATTERN, expects(RATE)),
  zod.custom<Rate>(),
  {
    decode(text, { issues }) {
      const value = parseRate(text);
      if (value !== undefined) return value;
      issues.push({ code: "custom", input: text, message: expected("a rate above 0", text) });
      return zod.NEVER;
    },
    encode: formatRate,
  },
);

const DURATION = "a duration such as 500ms, 1m30s or 1h";
const SIZE = "a size such as 4096B, 64KiB or 10MB, or a number of bytes";

/** Returns the remedy for the usual slip, a bare number. */
function unitFor(input: unknown, unit: string): string {
  return /^\d+(\.\d+)?$/.test(String(input)) ? `; a unit is missing: "${input}${unit}"?` : "";
}
