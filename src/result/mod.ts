/**
 * Results of runs: stored while tests run, read again at any time.
 *
 * @module
 */

export {
  compare,
  type ComparedRow,
  type CompareOptions,
  type Comparison,
  type Comparisons,
  figureNamed,
  type FlowFigure,
  readSamples,
  type Samples,
  type Verdict,
} from "./compare/mod.ts";
export {
  evaluateGates,
  type Gate,
  gatesOf,
  type GateStatus,
  type GateVerdict,
  parseGate,
  type PlacedGate,
  readGates,
} from "./gates/mod.ts";
export { DEFAULT_MAX_RESULT_BYTES } from "./append_files.ts";
export { hashTest, testIdText } from "./names.ts";
export {
  findPrevious,
  listRuns,
  newestRun,
  openResults,
  type PreviousTest,
  type ResultsFolder,
  type RunResults,
  type TestResults,
  testsOf,
} from "./open_results.ts";
export type { Owner } from "./owner.ts";
export { type LogFilter, type LoggedLine, readLogs } from "./read_logs.ts";
export { readFlows } from "./kept_figures.ts";
export {
  type FlowEnd,
  type Measured,
  type MeasuredPackets,
  type MeasuredStream,
  type MeasuredTransactions,
  measureFlows,
} from "./read_flows.ts";
export { readRecords } from "./read_records.ts";
export { createRun, RunFolder, type RunFolderOptions } from "./run_folder.ts";
export type {
  ErrorSummary,
  MissingResults,
  NodeSummary,
  RunSummary,
  TestEntry,
  TestStatus,
  TestSummary,
} from "./summary.ts";
export { type TestOutcome, TestStore } from "./test_store.ts";
