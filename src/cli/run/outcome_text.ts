import type { LogEntry, NodeInfo } from "../../node/item.ts";
import { alertOutcome } from "../../result/alert.ts";
import { testIdText } from "../../result/names.ts";
import type { UdfProgress } from "../../bridge/messages.ts";
import type { UdfAlert, UdfSummary } from "../../result/summary.ts";
import { elapsed, formatCount } from "../../base/units.ts";
import { escape, type Style } from "../terminal.ts";
import type { EndedTest, PlanStart, PlanSummary, TestEnd, TestError, TestId } from "./display.ts";

/** Errors of a test beyond this are counted: the first ones show the cause, and all are in the results. */
const MAX_ERRORS = 20;
/** Lines of a log entry beyond this are counted. */
const MAX_LINES = 20;
/** Longer texts are cut, in UTF-16 code units. */
const MAX_LINE = 2000;

/** Returns the name of a test: `cca=bbr, name=fct`. */
export function nameOfTest(id: TestId): string {
  return escape(testIdText(id));
}

/** Returns what a plan is about to do. */
export function planLine({ plan, tests, kept }: PlanStart): string {
  return `${escape(plan)}: ${formatCount(tests, "test")}${kept > 0 ? `, ${kept} kept from before` : ""}`;
}

/** Returns the line of a node that was launched. */
export function nodeLine({ nodeId, platform, hostname, pid }: NodeInfo): string {
  return line(`node ${nodeId}: ${platform} on ${hostname}, pid ${pid}`);
}

/** Returns an error with its origin. */
export function errorLine({ nodeId, tag, message }: TestError): string {
  return line(`${nodeId} ${tag}: ${message}`);
}

/** Returns an entry of a log, line by line. */
export function logLines({ nodeId, tag, text }: LogEntry): string[] {
  const lines = text.slice(0, MAX_LINES * MAX_LINE).split("\n", MAX_LINES + 1);
  const shown = lines.slice(0, MAX_LINES).map((text) => line(`${nodeId} ${tag}: ${text}`));
  // A text ends with its last line, not with an empty one.
  if (shown.length > 1 && lines.length <= MAX_LINES && lines.at(-1) === "") shown.pop();
  if (lines.length > MAX_LINES) shown.push(line(`${nodeId} ${tag}: ... and more, in the results`));
  return shown;
}

/** Returns the status of a test in its colour. */
export function paintStatus(status: TestEnd, text: string, style: Style): string {
  const paints = { ok: style.green, failed: style.red, timeout: style.red, canceled: style.yellow, kept: style.dim };
  return paints[status](text);
}

/**
 * Returns what stands below a test that has ended: errors, what is missing, and where to look.
 *
 * @param before errors that were shown before
 */
export function detailLines(outcome: EndedTest, before: ReadonlySet<string> = new Set()): string[] {
  const { status, errors, moreErrors = 0, missing = [], folder, stopped, udfs = [] } = outcome;
  const left = errors.filter((error) => !udfs.some((udf) => isOf(udf, error))).map(errorLine)
    .filter((text) => !before.has(text));
  const lines = left.slice(0, MAX_ERRORS).map((text) => `error ${text}`);
  const hidden = left.length - lines.length + moreErrors;
  if (hidden > 0) lines.push(`... and ${formatCount(hidden, "more error", "more errors")}, in the results`);
  for (const { nodeId, what } of missing.slice(0, MAX_ERRORS)) lines.push(line(`missing from ${nodeId}: ${what}`));
  if (missing.length > MAX_ERRORS) lines.push(`... and more is missing from ${missing.length - MAX_ERRORS} others`);
  if (stopped !== undefined) lines.push(line(stopped));
  for (const udf of udfs) lines.push(line(udfLine(udf)));
  if (status !== "ok" && status !== "kept") lines.push(`results: ${escape(folder)}`);
  return lines;
}

/** Returns how far a UDF is: what it returned last, and how many rows went in. */
export function udfProgressText({ rowsIn, group, last }: UdfProgress): string {
  const values = Object.entries(last).slice(0, MAX_VALUES).map(([name, value]) => `${name} ${shortNumber(value)}`);
  const where = group === "" || values.length === 0 ? "" : ` in ${group}`;
  return [...values.length === 0 ? [] : [values.join(", ") + where], `${formatCount(rowsIn, "row")} in`].join("; ");
}

/** Fields of a point that are shown. */
const MAX_VALUES = 3;

function shortNumber(value: number | boolean): string {
  return typeof value === "boolean" || Number.isInteger(value) ? String(value) : value.toPrecision(4);
}

/** Returns the line of a UDF in a summary. */
export function udfLine(udf: UdfSummary): string {
  return `udf ${udf.name}: ${udfText(udf)}`;
}

/** Whether an error is that which the line of a UDF has. */
export function isOf({ name, error }: UdfSummary, { tag, message }: Pick<TestError, "tag" | "message">): boolean {
  return tag === `udf ${name}` && message === error?.message;
}

/** Returns what became of a UDF: rows in and points out, and what was odd. */
export function udfText(udf: UdfSummary): string {
  const { rowsIn, pointsOut, batchesOut, droppedRows, droppedSamples, restarts, marks = {} } = udf;
  const { warnings = [], alert, error } = udf;
  const batches = batchesOut > 0 ? ` in ${formatCount(batchesOut, "batch", "batches")}` : "";
  const parts = [
    `${formatCount(rowsIn, "row")} in, ${formatCount(pointsOut, "point")} out${batches}`,
    ...(droppedRows > 0 ? [`${formatCount(droppedRows, "row")} dropped`] : []),
    ...(droppedSamples > 0 ? [`${formatCount(droppedSamples, "sample")} dropped`] : []),
    ...(restarts > 0 ? [`restarted ${formatCount(restarts, "time")}`] : []),
    ...Object.entries(marks).map(([field, points]) => `${field} in ${formatCount(points, "point")}`),
    ...warnings.map((warning) => `warning: ${warning}`),
    ...(alert === undefined ? [] : [alertText(alert, udf)]),
    ...(error === undefined ? [] : [`failed: ${error.message}`]),
  ];
  return parts.join(", ");
}

function alertText(alert: UdfAlert, udf: UdfSummary): string {
  const { condition, points, first } = alert;
  const { status } = alertOutcome(alert, udf);
  if (status === "pass") return `alert ${condition} passed`;
  if (status !== "fail") return `ALERT ${condition}: ${status}`;
  const where = first === undefined || first.group === "" ? "" : ` in ${first.group}`;
  return `ALERT ${condition}: ${formatCount(points, "point")}` +
    (first === undefined ? "" : `, first ${first.value}${where}`);
}

/** Returns how a plan ended. */
export function summaryLine({ ok, failed, canceled, kept, notRun, notNeeded, durationMs }: PlanSummary): string {
  return `${formatCount(ok + failed + canceled + kept + notRun, "test")}: ` +
    `${countsText({ ok, failed, canceled, kept, notRun })}; ` +
    (notNeeded > 0 ? `${formatCount(notNeeded, "repeat")} not needed; ` : "") +
    elapsed(durationMs);
}

/** Returns counts of results: `2 ok, 1 failed`. Counts of 0 are left out, save that of ok. */
export function countsText({ ok, failed, canceled, kept, notRun = 0 }: Counts): string {
  const parts = [`${ok} ok`];
  if (failed > 0) parts.push(`${failed} failed`);
  if (canceled > 0) parts.push(`${canceled} canceled`);
  if (kept > 0) parts.push(`${kept} kept`);
  if (notRun > 0) parts.push(`${notRun} not run`);
  return parts.join(", ");
}

/** Counts of tests by how they ended. */
export interface Counts {
  ok: number;
  failed: number;
  canceled: number;
  kept: number;
  notRun?: number;
}

/** Returns the line that counts others that were left out. */
export function leftOutLine(leftOut: number): string {
  return `  ... ${formatCount(leftOut, "line")} left out, all of it is in the results`;
}

function line(text: string): string {
  return escape(text.length > MAX_LINE ? text.slice(0, MAX_LINE) + "..." : text);
}
