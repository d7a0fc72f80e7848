import { TineError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import { defineCommand } from "./command.ts";
import { UsageError } from "./errors.ts";
import { duration, type Flag, flag, flagName, integer, list, text } from "./flags.ts";
import { inputFlags } from "./udf/input_flags.ts";
import { onInterrupt } from "./interrupts.ts";
import { checkModuleFlags, moduleFlags, moduleOptions } from "./module_flags.ts";
import { readUnits } from "./udf/read_units.ts";
import { escape, type Style, style } from "./terminal.ts";
import { checkTarget, reachUdf, type Target, targetFlags } from "./udf/target.ts";
import type { CheckResult } from "../udf/check/check.ts";

/** Points of one's own that are used; the rest is left alone, since each check sends them anew. */
const MAX_POINTS = 5_000;
const MAX_JOBS = 4;

const flags = {
  ...targetFlags,
  ...moduleFlags,
  set: list({ value: "NAME=VALUE", short: "s", help: "set an option of the UDF, as for tine host" }),
  ...inputFlags,
  input: list({ value: "FILE", short: "i", complete: "file", help: "data of your own instead of samples; -: stdin" }),
  groupBy: text({ value: "TAG,TAG", help: "group points of --input as Kapacitor's groupBy does; *: by all tags" }),
  batchSize: integer({ min: 1, default: 10, help: "points of --input in a batch of a group" }),
  only: text({ value: "ID,ID", help: "make these checks only" }),
  list: flag({ help: "list the checks and make none" }),
  timeout: duration({ default: 10_000, help: "how long a check may wait; Kapacitor's timeout for the UDF" }),
  jobs: integer({ min: 1, max: 64, help: "how many checks are made at the same time (default: 1 to 4, by cores)" }),
  verbose: flag({
    short: "v",
    help: "show what the UDF writes to stderr, and with a failure the lines around its error",
  }),
  json: flag({ help: "a JSON object a line: one for each check, then the summary" }),
};

/** `tine check`: does a UDF speak the protocol correctly? */
export const command = defineCommand({
  name: "check",
  summary: "Check whether a UDF speaks the protocol correctly",
  usage: ["[flags] -- CMD ARGS...", "[flags] --handler HANDLER | --socket PATH | --connect HOST:PORT", "--list"],
  description:
    "Each check talks to a fresh process or connection. FAIL: a real Kapacitor can run into it. WARN: unwise. SKIP: could " +
    "not be checked, and why. What follows from an earlier failure is marked. What a UDF computes is not judged, only how it speaks. Exit code 1 if a check failed.",
  flags,
  trailing: true,
  examples: [
    { command: "tine check --set field=value -- python3 -u my_udf.py", what: "all checks, with sample data" },
    { command: "tine check --handler moving-avg --set field=value --set size=3", what: "a bundled handler" },
    { command: "tine check --only snapshot-restore,order -i cpu.txt -- ./my_udf", what: "some, with your own data" },
  ],

  async run({ flags, trailing }) {
    const { CHECKS, checkUdf } = await import("../udf/check/runner.ts");
    const { writeStdout } = await import("./terminal.ts");
    const width = Math.max(...CHECKS.map(({ id }) => id.length));
    if (flags.list) {
      const lines = CHECKS.map(({ id, title }) =>
        flags.json ? JSON.stringify({ id, title }) : `${id.padEnd(width)}  ${title}`
      );
      await writeStdout(lines.join("\n") + "\n");
      return 0;
    }
    const target: Target = { ...flags, trailing };
    checkTarget(target);
    checkModuleFlags(flags, flags.handler);
    const only = chosen(flags.only, CHECKS.map(({ id }) => id));

    const show = (line: string) => console.error(style(Deno.stderr).dim(escape(line)));
    const ending = new AbortController();
    using interrupts = onInterrupt(() => ending.abort(), () => Deno.exit(130));
    const { shellWords } = await import("../base/shell_words.ts");
    const reproduce = (id: string) =>
      shellWords(["tine", "check", "--only", id, ...ownFlags(flags), ...rest(trailing)]);
    const report = new CheckReport(style(Deno.stdout), { idWidth: width, verbose: flags.verbose, reproduce });
    const results = checkUdf({
      connect: (log) =>
        reachUdf(target, {
          retryMs: Math.min(flags.timeout, 2_000),
          log(line) {
            log(line);
            if (flags.verbose) show(line);
          },
          signal: ending.signal,
          module: moduleOptions(flags),
        }),
      settings: flags.set,
      data: flags.input.length === 0
        ? undefined
        : (info) => readUnits(flags, info, { command: "check", most: MAX_POINTS }),
      timeoutMs: flags.timeout,
      signal: ending.signal,
      only,
      jobs: flags.jobs ?? Math.min(MAX_JOBS, navigator.hardwareConcurrency),
    });
    const unusable: CheckResult[] = [];
    try {
      for await (const result of results) {
        if (flags.json) {
          const { id, title, status, reason, follows, evidence, durationMs } = result;
          const shown = status === "fail" || status === "warn" ? reproduce(id) : undefined;
          report.line(result); // counts
          await writeStdout(
            JSON.stringify({
              type: "check",
              id,
              title,
              status,
              reason,
              follows,
              ...evidence,
              stderr: flags.verbose ? evidence?.stderr : undefined,
              reproduce: shown,
              durationMs,
            }) + "\n",
          );
        } else if (result.unusable) {
          unusable.push(result);
        } else {
          await writeStdout(report.line(result));
        }
      }
    } catch (error) {
      if (interrupts.interrupted) return 130;
      if (error instanceof TineError && error.code === "bad-option") throw new UsageError(`--set: ${error.message}`);
      throw error;
    }
    const summary = { type: "summary", ...report.counts, verdict: verdict(report.counts) };
    if (flags.json) await writeStdout(JSON.stringify(summary) + "\n");
    else await writeStdout(report.skipped(unusable) + report.summary());
    return report.counts.failed > 0 ? 1 : 0;
  },
});

/** Flags that decide which checks are made and how they are shown. */
const NOT_REPEATED = ["only", "list", "json", "verbose", "jobs"];

type Given = { [K in keyof typeof flags]: ReturnType<(typeof flags)[K]["read"]> };

/** The checks that `--only` names. */
function chosen(given: string | undefined, ids: readonly string[]): string[] | undefined {
  const only = given?.split(",").map((id) => id.trim()).filter((id) => id !== "");
  if (only?.length === 0) throw new UsageError("--only ID: expected the names of checks; --list names them");
  for (const id of only ?? []) {
    if (ids.includes(id)) continue;
    const guess = nearest(id, ids);
    throw new UsageError(
      `--only ID: there is no check ${escape(id)}${guess ? `, did you mean ${guess}?` : "; --list names them"}`,
    );
  }
  return only;
}

/** The flags that were given, as they lead to the same check again. */
function ownFlags(given: Given): string[] {
  const words: string[] = [];
  for (const [key, flag] of Object.entries<Flag>(flags)) {
    const value = given[key as keyof Given];
    if (NOT_REPEATED.includes(key) || value === flag.read([], key)) continue;
    if (value === true) words.push(flagName(key));
    else for (const text of Array.isArray(value) ? value : [value]) words.push(flagName(key), textOf(key, text));
  }
  return words;
}

/** A value as it is written on the command line. */
function textOf(key: string, value: unknown): string {
  if (value instanceof Map) return Array.from(value, (entry) => entry.join("=")).join();
  return key.toLowerCase().endsWith("timeout") ? `${value}ms` : String(value);
}

function rest(trailing: readonly string[] | undefined): string[] {
  return trailing === undefined ? [] : ["--", ...trailing];
}

/** The number of checks by their result. */
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

/** How results of checks are rendered. */
export interface CheckReportOptions {
  /** Columns for the ids. */
  idWidth: number;
  /** Whether the lines of stderr around an error are shown. */
  verbose: boolean;
  /** The command line that makes one check again. */
  reproduce(id: string): string;
}

/** Renders results of checks as they come in: a line each, and what there is to see where one failed. */
export class CheckReport {
  readonly counts: CheckCounts = { passed: 0, failed: 0, following: 0, warnings: 0, skipped: 0 };
  readonly #style: Style;
  readonly #options: CheckReportOptions;
  readonly #causes = new Map<string, string>();

  constructor(style: Style, options: CheckReportOptions) {
    this.#style = style;
    this.#options = options;
  }

  /** The lines for a result, with their ends. */
  line(result: CheckResult): string {
    this.counts[COUNTED[result.status]]++;
    const { id, title, status, reason, evidence, follows } = result;
    const { green, red, yellow, dim, bold } = this.#style;
    const paint = { pass: green, fail: red, warn: yellow, skip: dim }[status];
    const head = `${paint(status.toUpperCase())}  ${id.padEnd(this.#options.idWidth)}  `;
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
    const stderr = this.#options.verbose ? evidence.stderr ?? [] : [];
    for (const [i, line] of stderr.entries()) {
      text += this.#detail(i === 0 ? "stderr" : " ", escape(line.replaceAll("\t", "    "))); // stacks of Go and Java
    }
    return text + this.#detail("reproduce", this.#options.reproduce(id));
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
