import { globalRegistry, type output, toJSONSchema } from "zod";
import { HOST_PORT_PATTERN } from "../../base/address.ts";
import { duration, expects, type Immutable, pattern, z } from "../../base/schema.ts";
import { INPUT_FORMATS, type InputFormat } from "../format/formats.ts";
import { PRECISIONS } from "../format/timestamp.ts";

const text = (what: string) => z.string(expects(what)).min(1, expects(what));
const whole = (what = "a whole number") => z.int(expects(what)).min(0, expects(what));
const positive = (what = "a whole number of 1 or more") => z.int(expects(what)).min(1, expects(what));
const limit = (what: string) => z.number(expects("a number")).optional().describe(what);
const list = (what: string) => z.array(z.string(expects(what)), expects(what));

/** The ways to reach a UDF. */
const TARGETS = ["handler", "command", "socket", "connect"] as const;

const udf = z.strictObject({
  handler: text("moving-avg, or the path of a module such as ./my_udf.ts").optional()
    .describe("A handler that comes with tine, or the path of a .ts or .js module, which runs without permissions."),
  command: list("a list such as [python3, -u, my_udf.py]").min(1, expects("a program such as [./my_udf]")).optional()
    .describe("A program and its arguments, which runs in the folder of this file."),
  socket: text("the path of a Unix socket").optional().describe("Unix socket that the UDF listens on."),
  connect: pattern("HOST:PORT such as 127.0.0.1:9000", HOST_PORT_PATTERN).optional()
    .describe("TCP address that the UDF listens on: HOST:PORT."),
}, expects("an object such as {handler: ./my_udf.ts}")).refine(
  (udf) => TARGETS.filter((target) => udf[target] !== undefined).length === 1,
  "expected exactly one of handler, command, socket and connect",
).meta({
  id: "CaseUdf",
  description: "How the UDF is reached, unless the command line names one; paths are relative to this file.",
  oneOf: TARGETS.map((target) => ({ required: [target] })),
});

const scalar = z.union([z.string(), z.number(), z.boolean()], expects("a text, a number, true or false"));

const options = z.record(
  z.string(),
  z.union([scalar, z.array(z.union([scalar, z.array(scalar)]))], expects("a value, or a list of values")),
  expects("names and values such as {field: usage, size: 10}"),
).optional().meta({
  description: "Options by name: a value; a list where the option takes several, or is given several times; true for " +
    "a flag. Durations are texts such as 10s. Options of a case come on top of those of the file, unless the case names a UDF too.",
});

const precision = z.enum(PRECISIONS as [string, ...string[]], expects(`one of ${PRECISIONS.join(", ")}`)).optional();

const TOLERANCE = "a number such as 1e-9, or {absolute: 0.001, relative: 1e-9}";
const amount = z.number(expects("a number of 0 or more")).min(0, expects("a number of 0 or more"));

/** What holds for all cases of a file, or for one case. */
const settings = {
  options,
  groupBy: list("a list of tags such as [host]").optional()
    .describe('Tags by which input is grouped, such as [host]; ["*"]: all tags; left out: one group.'),
  precision: precision.meta({ description: "Unit of times that are integers, in and out.", default: "ns" }),
  tolerance: z.union([
    z.number(expects(TOLERANCE)).min(0, expects(TOLERANCE)),
    z.strictObject({ absolute: amount.optional(), relative: amount.optional() }),
  ], expects(TOLERANCE)).optional().meta({
    description: "Numbers of fields may differ by this much; a number holds absolutely and relatively.",
    default: 0,
  }),
  batchSize: positive().optional()
    .describe("For UDFs of batches: points in a batch of a group; left out: a blank line ends batches."),
  batchWindow: duration.optional()
    .describe("For UDFs of batches: the span of time of a batch of a group, aligned to the epoch."),
  timeout: duration.optional().meta({
    description: "A UDF that is silent for this long has failed; the flag --timeout is for cases without a timeout.",
  }),
  limit: duration.optional().meta({ description: "How long a case may take in all.", default: "1m" }),
  maxPoints: positive().optional().meta({
    description: "A UDF that sends more points than this in a step has failed.",
    default: 100_000,
  }),
};

const file = z.strictObject({
  file: text("the path of a file").describe("Path of a file, relative to this one; compressed files are decompressed."),
  format: z.enum(INPUT_FORMATS as [InputFormat, ...InputFormat[]], expects(`one of ${INPUT_FORMATS.join(", ")}`))
    .optional().describe("How it is written; srpl: Kapacitor's recording of a stream; left out: by its name."),
  measurement: z.string().optional().describe("Name of points that have none."),
  tagColumns: list("a list of columns").optional().describe("CSV: the columns that are tags."),
  timeColumn: z.string().optional().describe("CSV: the column of the time."),
}, expects("an object such as {file: points.csv}"));

const POINTS = "line protocol, a list of points, or {file: PATH}";

const points = z.union([
  z.string(),
  z.array(z.union([z.string(), z.record(z.string(), z.unknown())])),
  file,
], expects(POINTS)).meta({
  id: "Points",
  description: "Points as a text of line protocol or JSON lines, as a list of such lines, as a list of objects as in " +
    "JSON lines ({name, time, tags, fields}, {begin: ...}, {end: ...}), or those of a file ({file: PATH}).",
});

const range = z.strictObject({
  min: whole().optional().describe("The smallest number."),
  max: whole().optional().describe("The largest number."),
}, expects("a whole number, or {min: 1, max: 3}")).refine(
  ({ min = 0, max = Infinity }) => min <= max,
  "expected min to be at most max",
);

const MONOTONE = ["increasing", "nondecreasing", "decreasing", "nonincreasing"] as const;
const monotone = z.enum(MONOTONE, expects(MONOTONE.join(", "))).optional();

const rule = z.strictObject({
  min: limit("The smallest value that it may have."),
  max: limit("The largest value that it may have."),
  type: z.enum(["double", "int", "string", "bool"], expects("double, int, string or bool")).optional()
    .describe("The type that it has."),
  monotone: monotone.describe("How it changes from point to point of a series."),
  optional: z.boolean(expects("true or false")).optional().describe("Whether points may lack it."),
}, expects("an object such as {min: 0, max: 100}"));

const expectation = z.strictObject({
  points: points.optional().describe("Exactly the points that come."),
  order: z.enum(["exact", "any"], expects("exact or any")).optional().meta({
    description: "Whether points have to come in this order.",
    default: "exact",
  }),
  count: range.optional().meta({ description: "How many points come.", number: true }),
  batches: range.optional().meta({ description: "How many batches come.", number: true }),
  time: monotone.describe("How the time changes from point to point of a series."),
  fields: z.record(z.string(), rule, expects("names and rules such as {avg: {min: 0}}")).optional()
    .describe("What fields of points that come are like, by name. A series: points of one name and the same tags."),
  error: text("a text").optional()
    .describe("The UDF fails, by refusing its options for instance, with an error that has this text in it."),
}, expects("none, points, or an object such as {count: 3}")).refine(
  ({ order: _, ...rest }) => Object.values(rest).some((value) => value !== undefined),
  "expected points, count, batches, time, fields or error",
).meta({
  id: "Expectation",
  description: "What comes back: none, points, or properties of what comes.",
  shorthand: true,
});

const step = {
  restore: z.union([
    z.string(),
    z.strictObject({ file: z.string().min(1) }),
    z.strictObject({ base64: pattern("bytes in Base64", /^[A-Za-z0-9+/\s]*={0,2}\s*$/) }),
  ], expects("a text, {file: PATH} or {base64: TEXT}")).optional()
    .describe("Snapshot that the UDF gets at the start: a text, bytes in Base64, or the file of tine host --snapshot."),
  input: points.optional(),
  expect: expectation.optional(),
};

const testCase = z.strictObject({
  name: text("a name").describe("What the case shows; unique in the file."),
  skip: text("a reason").optional().describe("Leaves the case out, for this reason."),
  udf: udf.optional(),
  ...settings,
  ...step,
  steps: z.array(
    z.strictObject({ input: step.input, expect: step.expect }, expects("an object such as {input: ..., expect: ...}")),
    expects("a list of steps such as {input: ..., expect: ...}"),
  ).min(1, expects("at least one step")).optional()
    .describe(
      "In place of input and expect: several of them. Between two steps the UDF gives a snapshot and ends, and a fresh one " +
        "gets the snapshot.",
    ),
}, expects("an object such as {name: ..., input: ..., expect: ...}")).refine(
  ({ steps, input, expect }) => steps === undefined || input === undefined && expect === undefined,
  "steps stand in place of input and expect: expected only one of them",
).refine(
  ({ batchSize, batchWindow }) => batchSize === undefined || batchWindow === undefined,
  "batches end by size or by window: expected only one of batchSize and batchWindow",
).meta({ id: "Case", description: "A test of a UDF." });

/** A file of cases. */
export const caseFileSchema = z.strictObject({
  $schema: z.string().optional().describe("The schema of this file, for editors."),
  udf: udf.optional(),
  ...settings,
  cases: z.array(testCase, expects("a list of cases")).min(1, expects("at least one case")),
}, expects("an object such as {udf: {handler: ./my_udf.ts}, cases: [...]}")).meta({
  title: "Cases of tests of UDFs, for tine test",
});

/** A file of cases, as it is decoded. */
export type CaseFileConfig = Immutable<output<typeof caseFileSchema>>;

/** A case, as it is decoded. */
export type CaseConfig = CaseFileConfig["cases"][number];

/** How a UDF is reached. */
export type CaseUdf = NonNullable<CaseConfig["udf"]>;

/** A file of points. */
export type PointFileConfig = Immutable<output<typeof file>>;

/** What is expected to come, as it is decoded. */
export type ExpectationConfig = NonNullable<CaseConfig["expect"]>;

/** The rule for a field. */
export type FieldRule = NonNullable<ExpectationConfig["fields"]>[string];

/** How values change from one to the next. */
export type Monotone = typeof MONOTONE[number];

/**
 * Returns the JSON Schema of files of cases, draft 2020-12, as editors use it.
 *
 * @example
 * ```ts
 * import { caseFileJsonSchema } from "./schema.ts";
 * console.assert("cases" in (caseFileJsonSchema().properties as object));
 * ```
 */
export function caseFileJsonSchema(): Record<string, unknown> {
  return toJSONSchema(caseFileSchema, {
    io: "input",
    target: "draft-2020-12",
    override({ zodSchema, jsonSchema }) {
      const { default: byDefault, number, shorthand } = globalRegistry.get(zodSchema) ?? {};
      if (byDefault !== undefined) {
        jsonSchema.default = byDefault as string | number;
        jsonSchema.description = `${jsonSchema.description} Default: ${byDefault}.`;
      }
      delete jsonSchema.number;
      delete jsonSchema.shorthand;
      // What a file may have in a shorter form is written out before it is checked.
      const { description, id, ...rest } = jsonSchema;
      const shorter = number ? [{ type: "integer", minimum: 0 }] : shorthand ? [{ $ref: "#/$defs/Points" }] : undefined;
      if (shorter === undefined) return;
      for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
      Object.assign(jsonSchema, { ...id !== undefined && { id }, description, anyOf: [...shorter, rest] });
    },
  });
}
