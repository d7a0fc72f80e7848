import { NAMESPACE_NAME, NODE_ID } from "../../base/limits.ts";
import type { ZodType } from "zod";
import * as vocabulary from "../../base/schema.ts";
import { TineError } from "../../base/errors.ts";
import type { Runner } from "../runner.ts";
import { runnerSchemas } from "../runner_schemas.ts";
import { cpu } from "../../flow/thread_schema.ts";
import { udfsSchema } from "./udf_schema.ts";
import type {
  Child,
  ChildInput,
  Plan,
  PlanInput,
  Run,
  RunInput,
  Schedule,
  ScheduleInput,
  Test,
  TestInput,
} from "./types.ts";

const { duration, expects, pattern, toggle, z } = vocabulary;
type Schema<Output, Input> = ZodType<Output, Input>;

/** A node: where and how a process of the test runs. */
export const nodeSchema = z.strictObject({
  id: pattern("an id such as left: at most 63 letters, digits, _, . and -", NODE_ID)
    .describe("Names the node in logs and results; unique in a test."),
  platform: pattern("a platform such as linux-x64", /^[a-z0-9]+-[a-z0-9]+$/).optional()
    .describe("The platform that it runs on; left out: the parent's for local, asked of the far side for ssh."),
  launcher: z.strictObject({
    local: z.strictObject({
      root: toggle("Run it as root rather than as the invoking user."),
    }, expects("an object, {} for the usual")).optional().describe("A process on the machine of its parent."),
    ssh: z.strictObject({
      destination: pattern("a destination as for ssh, such as user@host", /^(?!-)[^\0-\x20\x7f]{1,255}$/).optional()
        .describe("Where to, as for ssh; left out: the node's id."),
      root: toggle("Become root there, by sudo -n."),
    }, expects("an object, {} for the usual")).optional().describe("A process on another machine, by ssh."),
  }, expects("an object such as {local: {}} or {ssh: {}}")).refine(
    (launcher) => [launcher.local, launcher.ssh].filter((given) => given !== undefined).length === 1,
    "expected exactly one of local and ssh, such as {local: {}}",
  ).meta({ description: "How it is started: exactly one of local and ssh.", minProperties: 1, maxProperties: 1 }),
  netns: z.strictObject({
    name: pattern("a name of at most 63 letters, digits, _, . and -", NAMESPACE_NAME).optional()
      .describe("The name of the namespace; left out, with create: the node's id."),
    create: toggle("Create it, and delete it when the node ends."),
  }, expects("an object such as {create: true}")).refine(
    ({ name, create }) => name !== undefined || create === true,
    "expected a name, create: true, or both",
  ).optional().describe("The network namespace that it runs in: an existing one, or one that is created."),
  cpu: cpu.describe(
    "The CPU that the node and all that it starts run on, or a list such as 0-1,3; a node in it may have others.",
  ),
  env: z.strictObject({
    vars: z.array(pattern("KEY=value", /^[A-Za-z_]\w*=[^\0]*$/), expects("a list of KEY=value")).optional()
      .describe("Variables that are set, each as KEY=value."),
    inherit: toggle("Take over the variables of the parent.", true),
  }, expects("an object such as {vars: [KEY=value]}")).optional().describe("The environment of its processes."),
}, expects("an object such as {id: left, launcher: {local: {}}}")).meta({
  id: "Node",
  description: "A node: where and how a process of the test runs. Equal nodes are the same node.",
});

/** When the runs of a schedule are started. */
export const scheduleFields = {
  wait: z.array(duration, expects("a list of durations such as [100ms]")).optional()
    .describe("What to wait between starts, cycled; left out: nothing."),
  random: toggle("Draw the waits instead of cycling through them."),
  waitFirst: toggle("Wait before the first run as well."),
  sequential: toggle("Wait for the end of each run before the next wait."),
};

const GATE = "a gate such as voip.* rttP99 < 30ms";
/** Gates as they are written; tine vet reads them. */
const gatesSchema = z.array(z.string(expects(GATE)).min(1, expects(GATE)), expects(`a list of gates: ${GATE}`))
  .optional();

/** What a test has beside its run. */
export const testFields = {
  id: z.record(
    pattern("a name", /^[A-Za-z]\w{0,31}$/),
    pattern(
      "a text of letters, digits and ._+-@%=, with a letter or digit first (numbers in quotes)",
      /^[A-Za-z0-9][\w.+\-@%=,]{0,63}$/,
    ),
    {
      error: ({ code, input }) =>
        code === "invalid_key"
          ? "expected a name of letters, digits and _ as a key of the id"
          : expects("names and values such as {name: hello}").error({ input }),
    },
  ).refine((id) => Object.keys(id).length > 0, "is empty, expected names and values such as {name: hello}")
    .meta({
      description: "What identifies the test: names and values, such as {name: fct, cca: bbr}.",
      minProperties: 1,
    }),
  timeout: duration.prefault("660s").describe("The test is canceled after this long; 0 for never."),
  udfs: udfsSchema.describe("UDFs that measured rows flow through while the test runs."),
  gates: gatesSchema.describe("Conditions that figures of the test's flows are to meet."),
};

const matrixKey = pattern("a name", /^[A-Za-z]\w{0,31}$/);
const matrixValue = z.union([z.string(), z.number(), z.boolean()], expects("a text, a number, true or false"));

/** What makes several tests of one. */
export const variationFields = {
  repeat: z.int(expects("a whole number of at least 1")).min(1, expects("a whole number of at least 1"))
    .max(10_000, expects("at most 10000")).optional()
    .describe(
      "How often the test runs. All tests run once, then those that are repeated again; their ids gain repeat.",
    ),
  matrix: z.record(
    matrixKey,
    z.array(matrixValue, expects("a list of values such as [cubic, bbr]"))
      .min(1, { error: "is empty, expected a list of values such as [cubic, bbr]" }),
    {
      error: ({ code, input }) =>
        code === "invalid_key"
          ? "expected a name of letters, digits and _ as a key of the matrix"
          : expects("names and lists of values such as {cca: [cubic, bbr]}").error({ input }),
    },
  ).optional().describe(
    "Names and lists of values, such as {cca: [cubic, bbr]}: there is a test for each combination. A value stands for " +
      "${cca} in the texts of the test, and goes into its id.",
  ),
  exclude: z.array(
    z.record(matrixKey, matrixValue, expects("names and values such as {cca: bbr}")),
    expects("a list of combinations such as [{cca: bbr, rate: 10Mbps}]"),
  ).optional().describe("Combinations of the matrix that are left out, such as [{cca: bbr, rate: 10Mbps}]."),
};

/** The schema of what makes several tests of one, alone: texts below it are not yet filled in. */
export const variationSchema = z.strictObject(variationFields);

/** The schemas of plans, and of the runs in them. */
export interface PlanSchemas {
  readonly plan: Schema<Plan, PlanInput>;
  readonly run: Schema<Run, RunInput>;
}

/**
 * Makes the schemas of plans: the only source of validation, types and the JSON Schema.
 *
 * @param runners schemas of what stands behind the names of runners
 */
export function createPlanSchemas(runners: Readonly<Record<string, ZodType>> = runnerSchemas): PlanSchemas {
  const kinds = ["serial", "parallel", "schedule", "child", ...Object.keys(runners)];
  // Reported also where something else is wrong, so that all errors come at once.
  const atMostOne = { when: () => true, error: (issue: { input?: unknown }) => clash(given(issue.input, kinds)) };
  const isRun = (value: unknown) => given(value, kinds).length <= 1;

  // Members are getters where a run holds runs: the schema is recursive.
  const members = {
    get serial() {
      return runs.optional().describe("Runs one after another; stops at the first failure.");
    },
    get parallel() {
      return runs.optional().describe("Runs at the same time; waits for all.");
    },
    get schedule() {
      return schedule.optional();
    },
    get child() {
      return child.optional();
    },
    ...Object.fromEntries(Object.entries(runners).map(([name, schema]) => [name, schema.optional()])),
  };
  const run = z.strictObject(members, expects("a run such as {sleep: 1s}")).refine(isRun, atMostOne).meta({
    id: "Run",
    description: "A run: at most one of its members. An empty one does nothing.",
    maxProperties: 1,
  }) as Schema<Run, RunInput>;
  const runs = z.array(run, expects("a list of runs")).meta({ id: "Runs" });
  const schedule = z.strictObject({
    ...scheduleFields,
    run: runs.describe("The runs, in the order in which they are started."),
  }, expects("an object such as {wait: [100ms], run: [...]}")).meta({
    id: "Schedule",
    description: "Starts runs one after another at given distances; nothing more after a failure.",
  }) as Schema<Schedule, ScheduleInput>;
  const child = z.strictObject(join({ node: nodeSchema }, members), expects("an object with a node and a run"))
    .refine(isRun, atMostOne).meta({
      id: "Child",
      description: "A node, and beside it the run on that node: at most one of serial, parallel, ...",
      maxProperties: 2,
    }) as Schema<Child, ChildInput>;
  const test = z.strictObject(
    join({ ...testFields, ...variationFields }, members),
    expects("a test such as {id: {name: hello}, serial: [...]}"),
  )
    .refine(isRun, atMostOne).meta({
      id: "Test",
      description: "A test: its id, and at most one run.",
      oneOf: [...kinds.map((kind) => ({ required: [kind] })), {
        not: { anyOf: kinds.map((kind) => ({ required: [kind] })) },
      }],
    }) as Schema<Test, TestInput>;
  const plan = z.strictObject({
    $schema: z.string().optional().describe("For editors: where this schema is."),
    udfs: udfsSchema.describe("UDFs of all tests."),
    gates: gatesSchema.describe("Gates of all tests that have such flows."),
    tests: z.array(test, expects("a list of tests")).describe("The tests, run one after another."),
  }, expects("a plan such as {tests: [...]}")).meta({
    title: "Plan of tine",
    description: "Tests, described as trees of runs on nodes. Keys that begin with x- are passed over.",
    patternProperties: { "^x-": {} },
  }) as unknown as Schema<Plan, PlanInput>;
  return { plan, run };
}

/** The schemas of plans with the runners of tine. */
export const planSchemas: PlanSchemas = createPlanSchemas();

/**
 * Returns the schemas of plans that may name these runners: of tine, or of a program, which bring their own schema.
 *
 * @throws {TineError} `no-schema`, for a runner of a program without one
 */
export function planSchemasWith(runners: Readonly<Record<string, Runner>>): PlanSchemas {
  const schemas = Object.entries(runners).map(([name, { schema }]): [string, ZodType] => {
    if (schema !== undefined) return [name, schema(vocabulary)];
    if (Object.hasOwn(runnerSchemas, name)) return [name, runnerSchemas[name as keyof typeof runnerSchemas]];
    throw new TineError(
      "no-schema",
      `the runner ${name} has no schema, and is not one of ${Object.keys(runnerSchemas).join(", ")}`,
    );
  });
  return createPlanSchemas(Object.fromEntries(schemas));
}

/** Objects joined without calling their getters. */
function join<A extends object, B extends object>(a: A, b: B): A & B {
  return Object.defineProperties({}, {
    ...Object.getOwnPropertyDescriptors(a),
    ...Object.getOwnPropertyDescriptors(b),
  }) as A & B;
}

/** Which kinds of run an object holds. */
function given(value: unknown, kinds: readonly string[]): string[] {
  if (typeof value !== "object" || value === null) return [];
  return kinds.filter((kind) => Object.hasOwn(value, kind));
}

function clash(given: readonly string[]): string {
  const kinds = `${given.slice(0, -1).join(", ")} and ${given.at(-1)}`;
  return `holds ${kinds}, but a run is only one of them; put them into the list of a serial or parallel`;
}
