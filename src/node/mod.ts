/**
 * Plans of network tests: write, read and check them.
 *
 * @module
 */

export {
  child,
  parallel,
  plan,
  printPlan,
  resultStream,
  runner,
  schedule,
  serial,
  sleep,
  sysInfo,
  system,
  test,
} from "./plan/builders.ts";
export { type Duration, formatDuration, MAX_DURATION, parseDuration } from "./plan/duration.ts";
export { type Machine, thisMachine } from "./plan/machine.ts";
export { parsePlan, type PlanFormat } from "./plan/parse.ts";
export { PlanError, type Problem } from "./plan/plan_error.ts";
export { readPlan } from "./plan/read.ts";
export { formatSize, parseSize, type Size } from "./plan/size.ts";
export type {
  Child,
  ChildInput,
  Node,
  Plan,
  PlanInput,
  Run,
  RunInput,
  Schedule,
  ScheduleInput,
  ScheduleOptions,
  Test,
  TestInput,
} from "./plan/types.ts";
export { type VetOptions, vetPlan, type VetResult } from "./plan/vet.ts";
export type { Finding } from "./plan/vet/finding.ts";
export type { Needs, Runner, Vocabulary } from "./runner.ts";
export type { RunnerConfigs, RunnerInputs, RunnerName } from "./runners.ts";
export { TineError } from "../wire/errors.ts";
