/**
 * Measures how fast a UDF is, and what it takes: speed, round trips, memory, snapshots.
 *
 * @module
 */

export { type GenerateOptions, generateUnits } from "./generate.ts";
export { type GroupMemory, measure, type Measurement, type MeasureOptions, UdfFailure } from "./measure.ts";
