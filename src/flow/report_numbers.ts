/**
 * Numbers of reports by name, as reports are read. All of it throws a TineError `bad-report` for what is no such number.
 *
 * @module
 */
import { TineError } from "../base/errors.ts";

/** A report as numbers by name. */
export type ReportValues = Readonly<Record<string, number>>;

/** Returns a number of a report. */
export function numberOf(values: ReportValues, name: string): number {
  const value = values[name];
  if (value === undefined) throw bad(`has no ${name}`);
  if (!Number.isFinite(value)) throw bad(`has ${name} = ${value}, expected a finite number`);
  return value;
}

/** Returns a number of a report that is not below 0. */
export function countOf(values: ReportValues, name: string): number {
  const value = numberOf(values, name);
  if (value >= 0) return value;
  throw bad(`has ${name} = ${value}, expected 0 or more`);
}

/** Returns such a number; undefined where the report does not have it. */
export function knownCount(values: ReportValues, name: string): number | undefined {
  return values[name] === undefined ? undefined : countOf(values, name);
}

/** Returns whether a number that is 1 or 0 is 1; left out: 0. */
export function yes(values: ReportValues, name: string): boolean {
  const value = values[name] ?? 0;
  if (value === 0 || value === 1) return value === 1;
  throw bad(`has ${name} = ${value}, expected 0 or 1`);
}

/** Makes the error of a report. */
export function bad(what: string): TineError {
  return new TineError("bad-report", `the report of a flow ${what}`);
}
