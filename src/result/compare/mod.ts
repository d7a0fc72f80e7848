/**
 * Comparisons of figures of repeats.
 *
 * @module
 */

export { BASELINES, isBaselineName, readSide, runsFolderOf, saveBaseline } from "./baseline.ts";
export {
  compare,
  type ComparedFigure,
  type ComparedRow,
  type CompareOptions,
  compareRows,
  type Comparison,
  type Comparisons,
  type FigureSample,
  joinSamples,
  type RawRow,
  samplesBy,
  type Verdict,
} from "./compare.ts";
export { figureNamed, FLOW_FIGURES, type FlowFigure, flowMatcher } from "./figures.ts";
export { checkPrecision, parsePrecisionGoal, type PrecisionGoal, type PrecisionProgress } from "./precision.ts";
export {
  type Conditions,
  type FlowSample,
  readSamples,
  type Repeat,
  type Samples,
  type TestSamples,
} from "./samples.ts";
export { leastRepeats, medianOf } from "./statistics.ts";
export { isRelative, remarksOn, type RowText, rowText, sampleText, valueWithUnit } from "./text.ts";
