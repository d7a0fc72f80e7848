/** How many tests came out how, as the last line of `deno test` says it; those that are inconclusive passed there. */
export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly ignored: number;
  /** Steps of tests, which are counted on their own. */
  readonly steps: number;
}

const LINE = /^(?:ok|FAILED) \| .*\(\d[^()]*\)$/gm;

/**
 * Finds the summary in what `deno test` has printed, without colors; undefined if it did not get so far.
 *
 * @example
 * ```ts
 * import { parseSummary } from "./summary.ts";
 * const text = "ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)\n";
 * console.assert(parseSummary(text)?.passed === 12);
 * ```
 */
export function parseSummary(text: string): Summary | undefined {
  const line = text.match(LINE)?.at(-1);
  if (line === undefined) return undefined;
  const count = (pattern: RegExp) => Number(pattern.exec(line)?.[1] ?? 0);
  return {
    passed: count(/(\d+) passed/),
    failed: count(/(\d+) failed/),
    ignored: count(/(\d+) ignored/),
    steps: count(/passed \((\d+) steps?\)/),
  };
}

/** What is in front of the name of a test, or of a step, that came to no result: alone on a line of standard output. */
export const INCONCLUSIVE = { test: "inconclusive test: ", step: "inconclusive step: " } as const;

/** Finds the tests and steps that came to no result in what `deno test` has printed: their names, and why. */
export function parseInconclusive(text: string): { readonly tests: string[]; readonly steps: string[] } {
  const find = (prefix: string) =>
    text.split("\n").flatMap((line) => line.startsWith(prefix) ? line.slice(prefix.length) : []);
  return { tests: find(INCONCLUSIVE.test), steps: find(INCONCLUSIVE.step) };
}

/** In the environment of tests: those that need the processors for themselves are put off. */
export const PUT_OFF = "TINE_TESTS_PUT_OFF";

/** A test that was put off, or a step of one. */
export interface PutOff {
  /** The URL of its file. */
  readonly origin: string;
  /** Of the test. */
  readonly name: string;
  /** Of the step. */
  readonly step?: string;
}

const PUT_OFF_LINE = "put off: ";

/** Writes the line by which a test, or a step, says that it was put off: alone on a line of standard output. */
export function formatPutOff(test: PutOff): string {
  return PUT_OFF_LINE + JSON.stringify(test);
}

/** Finds the tests and steps that were put off in what `deno test` has printed. */
export function parsePutOff(text: string): PutOff[] {
  return text.split("\n").flatMap((line) =>
    line.startsWith(PUT_OFF_LINE) ? JSON.parse(line.slice(PUT_OFF_LINE.length)) : []
  );
}

/** A test that failed. */
export interface Failure {
  readonly name: string;
  /** Its file, as a path from the folder where the tests were run. */
  readonly file: string;
}

/**
 * Finds the tests that failed in what `deno test` has printed, without colors. A step counts as its test.
 *
 * @example
 * ```ts
 * import { parseFailures } from "./summary.ts";
 * const text = " FAILURES \n\nadds => ./tests/sum_test.ts:3:6\n\nFAILED | 1 passed | 1 failed (2s)\n";
 * console.assert(parseFailures(text)[0].file === "./tests/sum_test.ts");
 * ```
 */
export function parseFailures(text: string): Failure[] {
  const list = text.split(/^ FAILURES $/m).at(-1);
  if (list === undefined || list === text) return [];
  const files = filesOfFailures(text);
  const found = new Map<string, Failure>();
  for (const [, names, place] of list.matchAll(/^(.+) => (\.\/\S+?):\d+:\d+$/gm)) {
    const name = names.split(" ... ", 1)[0];
    // A test may be registered by a function of another file.
    const file = place.endsWith("_test.ts") ? place : files.get(name) ?? place;
    found.set(`${file} ${name}`, { name, file });
  }
  return [...found.values()];
}

/** The files of tests that failed, by their names, as the lines of each file's tests say. */
function filesOfFailures(text: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  let file = "";
  for (const line of text.split("\n")) {
    file = /^running \d+ tests? from (\S+)$/.exec(line)?.[1] ?? file;
    const name = /^(\S.*?) \.\.\. .*FAILED/.exec(line)?.[1];
    if (name !== undefined) files.set(name, file);
  }
  return files;
}

/** Adds up what several processes have counted. */
export function addSummaries(summaries: readonly Summary[]): Summary {
  const sum = (name: keyof Summary) => summaries.reduce((total, summary) => total + summary[name], 0);
  return { passed: sum("passed"), failed: sum("failed"), ignored: sum("ignored"), steps: sum("steps") };
}

/** Writes it as `deno test` does. */
export function formatSummary({ passed, failed, ignored, steps }: Summary, ms: number): string {
  const seconds = Math.round(ms / 1000);
  const time = seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
  return [
    failed === 0 ? "ok" : "FAILED",
    `${passed} passed${steps === 0 ? "" : ` (${steps} steps)`}`,
    `${failed} failed${ignored === 0 ? "" : ` | ${ignored} ignored`} (${time})`,
  ].join(" | ");
}
