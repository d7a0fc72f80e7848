import { elapsed } from "../../base/units.ts";
import { type JunitCase, junitReport } from "../../base/junit.ts";
import type { CaseProblem, CaseResult } from "../../udf/cases/mod.ts";
import { escape, type Style } from "../terminal.ts";

/** What came of a case, with its place. */
export interface ReportedCase {
  /** The file of cases. */
  readonly path: string;
  readonly name: string;
  readonly line: number;
  /** Why it was left out. */
  readonly skip?: string;
  readonly result: CaseResult;
  /** Whether what came was written into the file. */
  readonly updated?: boolean;
}

/** The number of cases by their result. */
export interface CaseCounts {
  passed: number;
  failed: number;
  skipped: number;
  updated: number;
}

/** A way to print results of cases as they come. */
export interface CaseFormat {
  /** Before all. */
  start?(): string;
  /** Before the cases of a file. */
  file?(path: string): string;
  add(test: ReportedCase): string;
  end(counts: CaseCounts, ms: number): string;
}

/** Prints results of cases as they come, and keeps them for a report of JUnit. */
export class CaseReport {
  readonly #format: CaseFormat;
  readonly #print: (text: string) => Promise<void>;
  readonly #tests: ReportedCase[] = [];
  readonly #started = performance.now();
  readonly #counts: CaseCounts = { passed: 0, failed: 0, skipped: 0, updated: 0 };
  #begun = false;

  constructor(format: CaseFormat, print: (text: string) => Promise<void>) {
    this.#format = format;
    this.#print = print;
  }

  /** Cases that did not pass. */
  get failed(): number {
    return this.#counts.failed;
  }

  /** The cases of a file come next. */
  async file(path: string): Promise<void> {
    await this.#show(this.#format.file?.(path) ?? "");
  }

  async add(test: ReportedCase): Promise<void> {
    this.#tests.push(test);
    this.#counts[outcomeOf(test)]++;
    await this.#show(this.#format.add(test));
  }

  async end(): Promise<void> {
    await this.#show(this.#format.end(this.#counts, performance.now() - this.#started));
  }

  /** All results as JUnit's XML: a suite a file. */
  junit(): string {
    const suites = Map.groupBy(this.#tests, ({ path }) => path);
    return junitReport("tine test", Array.from(suites, ([name, tests]) => ({ name, cases: tests.map(junitCase) })));
  }

  async #show(text: string): Promise<void> {
    const before = this.#begun ? "" : this.#format.start?.() ?? "";
    this.#begun = true;
    if (before + text !== "") await this.#print(before + text);
  }
}

function outcomeOf({ result: { status }, updated }: ReportedCase): keyof CaseCounts {
  if (updated) return "updated";
  return status === "pass" ? "passed" : status === "skip" ? "skipped" : "failed";
}

/** The place of a problem as editors and terminals open it. */
function placeOf(path: string, { line }: CaseProblem): string {
  return `${escape(path)}:${line}`;
}

/** Lines for people. */
export function people({ bold, dim, red, green, yellow }: Style): CaseFormat {
  const indent = "        ";
  return {
    file: (path) => `${bold(escape(path))}\n`,
    add(test) {
      const { path, skip, result: { problems, warnings, stderr, durationMs } } = test;
      const outcome = outcomeOf(test);
      const word =
        { passed: green("ok  "), failed: red("FAIL"), skipped: dim("skip"), updated: yellow("new ") }[outcome];
      const remark = outcome === "skipped"
        ? `(${escape(skip!)})`
        : outcome === "passed"
        ? `(${elapsed(durationMs)})`
        : "";
      let text = `  ${word}  ${escape(test.name)}${remark === "" ? "" : `  ${dim(remark)}`}\n`;
      if (outcome === "failed") {
        for (const problem of problems) {
          text += `${indent}${dim(placeOf(path, problem) + ":")} ${escape(problem.message)}\n`;
          if (problem.expected !== undefined) text += `${indent}  ${red(`- ${problem.expected}`)}\n`;
          if (problem.actual !== undefined) text += `${indent}  ${green(`+ ${problem.actual}`)}\n`;
        }
        for (const line of stderr) text += `${indent}${dim(`stderr: ${escape(line)}`)}\n`;
      }
      for (const warning of warnings) text += `${indent}${yellow("warning:")} ${escape(warning)}\n`;
      return text;
    },
    end({ passed, failed, skipped, updated }, ms) {
      const parts = [`${passed} passed`, failed > 0 ? red(`${failed} failed`) : "0 failed"];
      if (skipped > 0) parts.push(`${skipped} skipped`);
      if (updated > 0) parts.push(yellow(`${updated} updated`));
      return `\n${parts.join(", ")} ${dim(`(${elapsed(ms)})`)}\n`;
    },
  };
}

/** A JSON object a line: one for each case, then the summary. */
export function jsonReport(): CaseFormat {
  return {
    add({ path: file, line, name, skip: reason, updated, result: { status, problems, warnings, stderr, durationMs } }) {
      const shown = updated ? "updated" : status;
      return JSON.stringify({
        type: "case",
        file,
        line,
        name,
        status: shown,
        reason,
        problems,
        warnings,
        stderr,
        durationMs,
      }) +
        "\n";
    },
    end(counts, durationMs) {
      return JSON.stringify({ type: "summary", ...counts, durationMs }) + "\n";
    },
  };
}

/**
 * The Test Anything Protocol.
 *
 * Source: https://testanything.org/tap-version-14-specification.html
 *
 * @param count how many cases there are
 */
export function tap(count: number): CaseFormat {
  let number = 0;
  return {
    start: () => `TAP version 14\n1..${count}\n`,
    add(test) {
      const { path, name, skip, result: { problems, stderr, durationMs } } = test;
      const outcome = outcomeOf(test);
      const what = `${outcome === "failed" ? "not ok" : "ok"} ${++number} - ${tapText(`${path}: ${name}`)}`;
      if (outcome === "skipped") return `${what} # SKIP ${tapText(skip!)}\n`;
      const members: Record<string, unknown> = { duration_ms: Math.round(durationMs * 1000) / 1000 };
      if (outcome === "failed") {
        const [{ message, line }] = problems;
        Object.assign(members, { message, at: { file: path, line }, problems });
        if (stderr.length > 0) members.stderr = stderr;
      }
      // JSON is YAML.
      const lines = Object.entries(members).map(([key, value]) => `  ${key}: ${JSON.stringify(value)}\n`);
      return `${what}\n  ---\n${lines.join("")}  ...\n`;
    },
    end: () => "",
  };
}

/** A description or a reason; a hash would begin a directive. */
function tapText(text: string): string {
  return escape(text).replace(/[\\#]/g, "\\$&");
}

function junitCase(test: ReportedCase): JunitCase {
  const { path: file, name, line, skip, result: { status, problems, stderr, durationMs } } = test;
  const common = { name, file, line, seconds: durationMs / 1000 };
  if (status === "skip") return { ...common, status: "skipped", message: skip };
  if (outcomeOf(test) !== "failed") return { ...common, status: "pass" };
  const text = problems.flatMap((problem) => [
    `${placeOf(file, problem)}: ${problem.message}`,
    ...problem.expected === undefined ? [] : [`  - ${problem.expected}`],
    ...problem.actual === undefined ? [] : [`  + ${problem.actual}`],
  ]).join("\n");
  const isError = status === "error";
  return {
    ...common,
    status: isError ? "error" : "failure",
    message: problems[0].message,
    type: isError ? "udf" : "expectation",
    text,
    stderr,
  };
}
