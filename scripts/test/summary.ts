/** How many tests came out how, as the last line of `deno test` says it. */
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
