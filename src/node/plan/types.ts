/**
 * The types of plans. Fields come from the schemas, which describe them; only that a run holds runs is written here.
 *
 * @module
 */
import type { input, output, ZodObject } from "zod";
import type { Immutable } from "../../base/schema.ts";
import type { RunnerConfigs, RunnerInputs } from "../runner_schemas.ts";
import type { Place } from "./place.ts";
import type { nodeSchema, scheduleFields, testFields, variationFields } from "./schema.ts";
import type { UdfConfig, UdfInput } from "./udf_schema.ts";
export type { UdfCondition, UdfConfig, UdfInput } from "./udf_schema.ts";

/** A node: where and how a process of the test runs. Equal nodes are the same node. */
export type Node = Immutable<output<typeof nodeSchema>>;

/** A run as a plan has it: at most one of its members. */
export interface RunInput extends Partial<RunnerInputs> {
  serial?: readonly RunInput[];
  parallel?: readonly RunInput[];
  schedule?: ScheduleInput;
  child?: ChildInput;
}

/** When the runs of a schedule are started, as a plan has it. */
export type ScheduleOptions = Immutable<input<ZodObject<typeof scheduleFields>>>;

/** A schedule as a plan has it. */
export interface ScheduleInput extends ScheduleOptions {
  run: readonly RunInput[];
}

/** A node, and the run on it. */
export interface ChildInput extends RunInput {
  node: Node;
}

/** A test as a plan has it; several where it is repeated, or has a matrix. */
export interface TestInput extends RunInput, Omit<TestInputFields, "udfs">, TestVariation {
  /** UDFs that measured rows flow through while the test runs. */
  udfs?: readonly UdfInput[];
}
type TestInputFields = Immutable<input<ZodObject<typeof testFields>>>;

/** What makes several tests of one. */
export type TestVariation = Immutable<input<ZodObject<typeof variationFields>>>;

/** A plan as it is written. */
export interface PlanInput {
  /** For editors: where the JSON Schema is. */
  $schema?: string;
  /** UDFs of all tests. */
  udfs?: readonly UdfInput[];
  /** Gates of all tests that have such flows. */
  gates?: readonly string[];
  tests: readonly TestInput[];
  /** Passed over: a place for what is used several times. */
  [extension: `x-${string}`]: unknown;
}

/** A run as it is decoded; durations are milliseconds, sizes bytes. It is plain JSON as well. */
export interface Run extends Partial<RunnerConfigs> {
  serial?: Run[];
  parallel?: Run[];
  schedule?: Schedule;
  child?: Child;
}

/** A schedule as it is decoded. */
export interface Schedule extends DecodedScheduleOptions {
  run: Run[];
}
type DecodedScheduleOptions = output<ZodObject<typeof scheduleFields>>;

/** A node, and the run on it, as it is decoded. */
export interface Child extends Run {
  node: Node;
}

/** A test as it is decoded. */
export interface Test extends Run, Omit<TestFields, "udfs"> {
  /** Those of the plan first. */
  udfs?: readonly UdfConfig[];
}
/** What a test has beside its run. */
export type TestFields = output<ZodObject<typeof testFields>>;

/** A plan that was validated. */
export interface Plan {
  /** UDFs of all tests: each test has them among its own. */
  udfs?: readonly UdfConfig[];
  /** Gates of all tests that have such flows. */
  gates?: readonly string[];
  /** In the order in which they run. */
  tests: Test[];
  /** Where the tests stand in the plan as it is written, if it has a matrix or repeats tests. */
  readonly written?: ReadonlyMap<Test, Place>;
}
