/**
 * The words that schemas of plans are made of. Runners get them as an argument, so that their files load without zod.
 *
 * @module
 */
import * as zod from "zod";
import { type Duration, DURATION_PATTERN, formatDuration, MAX_DURATION, parseDuration } from "../../base/duration.ts";
import { formatRate, parseRate, type Rate, RATE_PATTERN } from "../../base/rate.ts";
import { expected } from "./place.ts";
import { formatSize, parseSize, type Size, SIZE_PATTERN } from "../../base/size.ts";

/** What of zod there is for schemas. */
type Words =
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
  | "union";

/**
 * The words of zod for schemas. Each by its name, so that a bundler leaves out the rest: messages in fifty languages
 * alone are half a megabyte, which every `tine run` would load.
 */
export const z: Pick<typeof zod, Words> = {
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
};

/** Says what a schema expects, in place of zod's own words. */
export function expects(what: string): { error: (issue: { code?: string; input?: unknown }) => string | undefined } {
  // Unknown keys are told by validate.ts, which knows the known ones.
  return { error: ({ code, input }) => code === "unrecognized_keys" ? undefined : expected(what, input) };
}

/** A text of a pattern; `what` completes "expected ...". */
export function pattern(what: string, pattern: RegExp): zod.ZodString {
  return z.string(expects(what)).regex(pattern, expects(what));
}

/** A duration such as `1m30s`, read to milliseconds. */
export const duration: zod.ZodCodec<zod.ZodString, zod.ZodType<Duration, number>> = z.codec(
  z.string({ error: ({ input }) => expected(DURATION, input) + unitFor(input, "s") })
    .regex(DURATION_PATTERN, { error: ({ input }) => expected(DURATION, input) + unitFor(input, "s") }),
  z.number(),
  {
    decode(text, { issues }) {
      const value = parseDuration(text);
      if (value !== undefined) return value;
      const most = formatDuration(MAX_DURATION);
      issues.push({ code: "custom", input: text, message: expected(`a duration of at most ${most}`, text) });
      return zod.NEVER;
    },
    encode: formatDuration,
  },
);

/** A size such as `64KiB`, read to bytes. */
export const size: zod.ZodCodec<zod.ZodString, zod.ZodType<Size, number>> = z.codec(
  z.string({ error: ({ input }) => expected(SIZE, input) + unitFor(input, "B") })
    .regex(SIZE_PATTERN, { error: ({ input }) => expected(SIZE, input) + unitFor(input, "B") }),
  z.number(),
  {
    decode(text, { issues }) {
      const value = parseSize(text);
      if (value !== undefined) return value;
      issues.push({ code: "custom", input: text, message: expected("a whole number of bytes below 2^53", text) });
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
const SIZE = "a size such as 4096B, 64KiB or 10MB";

/** The remedy for the usual slip, a bare number. */
function unitFor(input: unknown, unit: string): string {
  return /^\d+(\.\d+)?$/.test(String(input)) ? `; a unit is missing: "${input}${unit}"?` : "";
}
