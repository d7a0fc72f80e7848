import type { CheckResult } from "../udf/check/mod.ts";
import { escape, type Style } from "./terminal.ts";

/** How many checks came to what. */
export interface CheckCounts {
  passed: number;
  failed: number;
  /** Failures by a cause that an earlier one has. */
  following: number;
  warnings: number;
  skipped: number;
}

const COUNTED = { pass: "passed", fail: "failed", warn: "warnings", skip: "skipped" } as const;
/** Fewer of these lines are shown one by one. */
const MANY_SKIPPED = 5;

/** Renders results of checks as they come in: a line each, and what there is to see where one failed. */
export class CheckReport {
  readonly counts: CheckCounts = { passed: 0, failed: 0, following: 0, warnings: 0, skipped: 0 };
  readonly #style: Style;
  readonly #width: number;
  readonly #reproduce: (id: string) => string;
  readonly #causes = new Map<string, string>();

  /**
   * @param idWidth columns for the ids
   * @param reproduce the command line that makes one check again
   */
  constructor(style: Style, idWidth: number, reproduce: (id: string) => string) {
    this.#style = style;
    this.#width = idWidth;
    this.#reproduce = reproduce;
  }

  /** The lines for a result, with their ends. */
  line(result: CheckResult): string {
    this.counts[COUNTED[result.status]]++;
    const { id, title, status, reason, evidence, follows } = result;
    const { green, red, yellow, dim, bold } = this.#style;
    const paint = { pass: green, fail: red, warn: yellow, skip: dim }[status];
    const head = `${paint(status.toUpperCase())}  ${id.padEnd(this.#width)}  `;
    const remark = reason === undefined ? "" : cut(escape(reason));
    if (status === "pass") return head + title + (remark === "" ? "" : dim(`  (${remark})`)) + "\n";
    if (status === "skip") return head + dim(`${title}: ${remark}`) + "\n";
    if (status === "fail" && follows !== undefined) {
      this.counts.following++;
      return head + title + dim(`  (follows from ${follows})`) + "\n";
    }
    let text = head + bold(title) + "\n" + this.#detail("", escape(reason ?? ""));
    if (evidence === undefined) return text;
    const cause = JSON.stringify([reason, evidence.came, evidence.expected]);
    const before = this.#causes.get(cause);
    this.#causes.set(cause, before ?? id);
    if (before !== undefined) return text + this.#detail("", `as in ${before}`);
    for (const part of ["sent", "came", "expected"] as const) text += this.#detail(part, escape(evidence[part]));
    return text + this.#detail("reproduce", this.#reproduce(id));
  }

  /** The line for checks that were not made since the UDF does not even answer info. */
  skipped(results: readonly CheckResult[]): string {
    if (results.length < MANY_SKIPPED) return results.map((result) => this.line(result)).join("");
    this.counts.skipped += results.length;
    return this.#style.dim(`SKIP  ${results.length} further checks: ${results[0].reason}`) + "\n";
  }

  /** The counts and the verdict. */
  summary(): string {
    const { passed, failed, following, warnings, skipped } = this.counts;
    const same = following === 0 ? "" : ` (${following} by the cause of another)`;
    const counts = `${passed} passed, ${failed} failed${same}, ${warnings} ${
      warnings === 1 ? "warning" : "warnings"
    }, ${skipped} skipped`;
    return `\n${counts}\n${this.#style.bold(verdict(this.counts))}\n`;
  }

  #detail(label: string, text: string): string {
    return `      ${label === "" ? "" : this.#style.dim(label.padEnd(11))}${text}\n`;
  }
}

/** What the counts mean, in one sentence. */
export function verdict({ passed, failed, warnings, skipped }: Omit<CheckCounts, "following">): string {
  if (failed > 0) return "This UDF does not do what Kapacitor expects of it.";
  if (passed === 0 && warnings === 0) return "Nothing could be checked.";
  if (skipped > passed + warnings) return "Too much was skipped to tell whether this UDF is fit for Kapacitor.";
  if (warnings > 0) return "This UDF works under Kapacitor, but the warnings deserve a look.";
  return "This UDF is fit for Kapacitor, as far as was checked.";
}

function cut(text: string): string {
  return text.length > 120 ? text.slice(0, 117) + "..." : text;
}
