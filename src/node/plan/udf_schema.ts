import type { input, output } from "zod";
import { HOST_PORT_PATTERN } from "../../base/address.ts";
import { duration, expects, type Immutable, pattern, toggle, z } from "../../base/schema.ts";

const scalar = z.union([
  z.string(),
  z.number(),
  z.boolean(),
], expects("a text, a number, true or false"));

const limit = (description: string) => z.number(expects("a number")).optional().describe(description);

/** The field of what a UDF returns, and what it is compared with. */
const conditionFields = {
  field: z.string(expects("the name of a field such as avg")).min(1, expects("the name of a field such as avg"))
    .describe("Field of the points that the UDF returns."),
  above: limit("What the field must be above."),
  below: limit("What the field must be below; with above as well: either of the two."),
};

const hasLimit = ({ above, below }: { above?: number; below?: number }) => above !== undefined || below !== undefined;
const NO_LIMIT = "expected above: NUMBER or below: NUMBER";

/** The ways to reach a UDF. */
const TARGETS = ["handler", "command", "socket", "connect"] as const;

/** A UDF that rows of a table flow through while a test runs. */
export const udfSchema = z.strictObject({
  name: pattern("a name such as smooth: a letter, then up to 62 letters, digits, _ and -", /^[A-Za-z][\w-]{0,62}$/)
    .describe("Names it in results: what it returns is the table udf.NAME. Unique in a test."),
  table: z.string(expects("the name of a table such as round_trips"))
    .describe(
      "Table whose rows it gets: round_trips, intervals, losses, packets, transactions, tcp_info, stream_io, counters, runs, logs, errors.",
    ),
  flows: z.string(expects("a pattern such as voip.*")).optional()
    .describe("Pattern for the ids of flows whose rows it gets, such as voip.*; left out: all."),
  handler: z.string(expects("moving-avg, or the path of a module such as ./my_udf.ts")).optional()
    .describe("A handler that comes with tine, or the path of a .ts or .js module, which runs without permissions."),
  command: z.array(z.string(expects("a text")), expects("a list such as [python3, -u, udf.py]"))
    .min(1, expects("a list such as [python3, -u, udf.py]")).optional()
    .describe("A program and its arguments that speaks the protocol on its standard input and output."),
  socket: z.string(expects("the path of a Unix socket")).optional().describe("Unix socket that a UDF listens on."),
  connect: pattern("HOST:PORT such as 127.0.0.1:9000", HOST_PORT_PATTERN).optional()
    .describe("TCP address that a UDF listens on: HOST:PORT."),
  options: z.record(
    z.string(),
    z.union(
      [scalar, z.array(z.union([scalar, z.array(scalar)]))],
      expects("a value, or a list of values"),
    ),
    expects("names and values such as {field: rtt_us, size: 10}"),
  ).optional().meta({
    description:
      "Its options by name: a value; a list where the option takes several, or is given several times; true " +
      "for a flag. Durations are texts such as 10s.",
  }),
  groupBy: z.array(z.string(expects("the name of a tag")), expects("a list of tags such as [flow]")).optional()
    .describe('Tags by which rows are grouped, such as [flow]; ["*"]: all tags; left out: one group.'),
  batchWindow: duration.optional()
    .describe("For UDFs of batches: the span of time of a batch of a group; left out: 1s."),
  alert: z.strictObject(conditionFields, expects("an object such as {field: avg, above: 30}"))
    .refine(hasLimit, NO_LIMIT).optional()
    .describe(
      "Fails as a gate does where a returned point meets it, or none has the field; tine run then exits with 3.",
    ),
  stop: z.strictObject(
    {
      ...conditionFields,
      for: duration.optional().describe("How long it must hold without a break, by the times of points; left out: 0."),
    },
    expects("an object such as {field: avg, above: 100, for: 2s}"),
  ).refine(hasLimit, NO_LIMIT).optional()
    .describe("Ends the test early, in order and without failing it, once returned points of a group meet it."),
  required: toggle("Fail the test where the UDF fails for good; otherwise that is an error of the results alone."),
}, expects("an object such as {name: smooth, table: round_trips, handler: moving-avg}")).refine(
  (udf) => TARGETS.filter((target) => udf[target] !== undefined).length === 1,
  "expected exactly one of handler, command, socket and connect",
).meta({
  id: "Udf",
  description:
    "A UDF that rows of a table flow through while a test runs. Paths are relative to the folder that tine " +
    "runs in.",
  oneOf: TARGETS.map((target) => ({ required: [target] })),
});

/** A UDF of a plan, as it is decoded. */
export type UdfConfig = Immutable<output<typeof udfSchema>>;

/** A UDF of a plan, as a plan has it. */
export type UdfInput = Immutable<input<typeof udfSchema>>;

/** What a returned point is compared with. */
export type UdfCondition = NonNullable<UdfConfig["alert"]>;

/** UDFs of a test or of a plan. */
export const udfsSchema = z.array(udfSchema, expects("a list of UDFs")).refine(
  (udfs) => new Set(udfs.map(({ name }) => name)).size === udfs.length,
  { error: ({ input }) => `two UDFs have the name ${repeated(input as UdfConfig[])}` },
).optional();

function repeated(udfs: readonly UdfConfig[]): string {
  return udfs.find(({ name }, i) => udfs.findIndex((other) => other.name === name) < i)!.name;
}
