import type { UdfCondition } from "../node/plan/types.ts";
import type { GateStatus } from "./gates/evaluate.ts";
import type { UdfAlert, UdfSummary } from "./summary.ts";

/** Returns the condition of an alert in words: `avg above 30`. */
export function conditionText({ field, above, below }: UdfCondition): string {
  return `${field} ${limitsText({ above, below })}`;
}

/** Returns the limits of a condition in words: `above 30 or below 10`. */
export function limitsText({ above, below }: Pick<UdfCondition, "above" | "below">): string {
  const limits = [above === undefined ? "" : `above ${above}`, below === undefined ? "" : `below ${below}`];
  return limits.filter((limit) => limit !== "").join(" or ");
}

/**
 * Returns how the alert of a UDF came out. One that no point met passes only where the UDF got all rows and did not fail.
 *
 * @returns the verdict, and why it is no pass where no point met the alert
 */
export function alertOutcome(
  { verdict, condition }: UdfAlert,
  { error, droppedRows, droppedSamples }: Pick<UdfSummary, "error" | "droppedRows" | "droppedSamples">,
): { readonly status: GateStatus; readonly why?: string } {
  if (verdict === "failed") return { status: "fail" };
  if (verdict === "no-data") return { status: "no data", why: "no point has the field" };
  const far = `no point was ${condition} until`;
  if (error !== undefined) return { status: "no data", why: `${far} it failed: ${error.message}` };
  const dropped = [
    ...(droppedRows > 0 ? [`${droppedRows} ${droppedRows === 1 ? "row" : "rows"}`] : []),
    ...(droppedSamples > 0 ? [`${droppedSamples} ${droppedSamples === 1 ? "sample" : "samples"}`] : []),
  ];
  if (dropped.length === 0) return { status: "pass" };
  return { status: "undecided", why: `no point was ${condition}, but it did not get ${dropped.join(" and ")}` };
}
