/**
 * Checks whether a UDF speaks Kapacitor's protocol, by frames that a host sends and by such as it might.
 *
 * @module
 */

export { type Check, type CheckResult, type Evidence, Finding, type Trouble } from "./check.ts";
export { type CheckOptions, CHECKS, checkUdf } from "./runner.ts";
export type { Unit } from "./data.ts";
export type { SubjectOptions } from "./subject.ts";
