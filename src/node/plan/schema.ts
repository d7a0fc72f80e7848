import type { ZodType } from "zod";
import type { Runner } from "../runner.ts";
import { runners } from "../runners.ts";
import { nodeSchema } from "./node_schema.ts";
import type { Child, ChildInput, Plan, PlanInput, Run, RunInput, Test, TestInput } from "./types.ts";
import * as vocabulary from "./vocabulary.ts";

const { duration, expects, pattern, z } = vocabulary;
type Schema<Output, Input> = ZodType<Output, Input>;

/** The time that a test has unless it says otherwise. */
export const DEFAULT_TIMEOUT = "660s";

/** The schemas of plans, and of the runs in them. */
export interface PlanSchemas {
  readonly plan: Schema<Plan, PlanInput>;
  readonly run: Schema<Run, RunInput>;
}

/**
 * The schemas of plans, the single source of validation, types and the JSON Schema.
 *
 * @param runners the runners that there are, by name
 */
export function createPlanSchemas(runners: Readonly<Record<string, Runner>>): PlanSchemas {
  const kinds = ["serial", "parallel", "schedule", "child", ...Object.keys(runners)];
  // Told also where something else is wrong, so that all errors come at once.
  const atMostOne = { when: () => true, error: (issue: { input?: unknown }) => clash(given(issue.input, kinds)) };
  const isRun = (value: unknown) => given(value, kinds).length <= 1;
  const A_RUN = "a run such as {sleep: 1s}";

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
    ...Object.fromEntries(
      Object.entries(runners).map(([name, runner]) => [name, runner.schema(vocabulary).optional()]),
    ),
  };
  const run = z.strictObject(members, expects(A_RUN)).refine(isRun, atMostOne).meta({
    id: "Run",
    description: "A run: at most one of its members. An empty one does nothing.",
    maxProperties: 1,
  }) as Schema<Run, RunInput>;
  const runs = z.array(run, expects("a list of runs")).meta({ id: "Runs" });
  const schedule = z.strictObject({
    wait: z.array(duration, expects("a list of durations such as [100ms]")).optional()
      .describe("What to wait between starts, cycled."),
    random: z.boolean(expects("true or false")).optional().describe("Draw the waits instead of cycling through them."),
    waitFirst: z.boolean(expects("true or false")).optional().describe("Wait before the first run as well."),
    sequential: z.boolean(expects("true or false")).optional().describe("Wait for the end of each run first."),
    run: runs.describe("The runs, in the order in which they are started."),
  }, expects("an object such as {wait: [100ms], run: [...]}")).meta({
    id: "Schedule",
    description: "Starts runs one after another at given distances; nothing more after a failure.",
  });
  const child = z.strictObject(join({ node: nodeSchema }, members), expects("an object with a node and a run"))
    .refine(isRun, atMostOne).meta({
      id: "Child",
      description: "A node, and beside it the run on that node: at most one of serial, parallel, ...",
      maxProperties: 2,
    }) as Schema<Child, ChildInput>;
  const test = z.strictObject(
    join({
      id: z.record(
        pattern("a name", /^[A-Za-z]\w{0,31}$/),
        pattern("a text of letters, digits and ._+-@%=, (numbers in quotes)", /^[A-Za-z0-9][\w.+\-@%=,]{0,63}$/),
        {
          error: ({ code, input }) =>
            code === "invalid_key"
              ? "expected a name of letters, digits and _ as a key of the id"
              : vocabulary.expects("names and values such as {name: hello}").error({ input }),
        },
      ).refine((id) => Object.keys(id).length > 0, "is empty, expected names and values such as {name: hello}")
        .meta({
          description: "What tells the test from others: names and values, such as {name: fct, cca: bbr}.",
          minProperties: 1,
        }),
      timeout: duration.prefault(DEFAULT_TIMEOUT).describe("It is canceled after this long; 0 for never."),
    }, members),
    expects("a test such as {id: {name: hello}, serial: [...]}"),
  ).refine(isRun, atMostOne).meta({
    id: "Test",
    description: "A test: its id, and at most one run.",
    if: { required: ["timeout"] },
    then: { maxProperties: 3 },
    else: { maxProperties: 2 },
  }) as Schema<Test, TestInput>;
  const plan = z.strictObject({
    $schema: z.string().optional().describe("For editors: where this schema is."),
    tests: z.array(test, expects("a list of tests")).describe("The tests, run one after another."),
  }, expects("a plan such as {tests: [...]}")).meta({
    title: "Plan of tine",
    description: "Tests, described as trees of runs on nodes. Keys that begin with x- are passed over.",
    patternProperties: { "^x-": {} },
  }) as unknown as Schema<Plan, PlanInput>;
  return { plan, run };
}

/** The schemas of plans with all runners. */
export const planSchemas: PlanSchemas = createPlanSchemas(runners);

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
