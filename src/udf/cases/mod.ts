/**
 * Tests of UDFs: cases in files of YAML, run against any UDF.
 *
 * @module
 */

export { type CaseFile, CaseFileError, parseCaseFile, type UdfCase } from "./case_file.ts";
export type { CaseProblem } from "./compare.ts";
export { type CaseResult, runCase, type RunCaseOptions } from "./run_case.ts";
export { caseFileJsonSchema, type CaseUdf } from "./schema.ts";
export { updateCases } from "./update.ts";
