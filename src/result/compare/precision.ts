/**
 * How exactly repeats have measured a figure: what `tine run --until` waits for.
 *
 * @module
 */

import { TineError } from "../../base/errors.ts";
import { testIdText } from "../names.ts";
import { figureNamed, type FlowFigure, flowMatcher } from "./figures.ts";
import { readSamples } from "./samples.ts";
import { medianOf } from "./statistics.ts";
import { valueWithUnit } from "./text.ts";

/** How likely an interval covers the median that is looked for. */
const CONFIDENCE = 0.95;

/** How exactly a figure of flows has to be measured. */
export interface PrecisionGoal {
  /** As it was given, for messages. */
  readonly text: string;
  /** Whether it is about a flow. */
  readonly matches: (flow: string) => boolean;
  readonly figure: FlowFigure;
  /** How far the interval of 95% may reach from the median, as a share of it. */
  readonly share: number;
}

/**
 * Reads a goal such as `voip.* rttP99 within 5%`: flows, a figure, and how far the interval of its median may reach.
 *
 * @throws {TineError} `bad-goal`, `unknown-figure`
 *
 * @example
 * ```ts
 * import { parsePrecisionGoal } from "./precision.ts";
 * const { figure, share } = parsePrecisionGoal("voip rttP99 within 5%");
 * console.assert(figure.name === "rttP99Micros" && share === 0.05);
 * ```
 */
export function parsePrecisionGoal(text: string): PrecisionGoal {
  const [, flows, figure, percent] = /^\s*(\S+)\s+(\S+)\s+within\s+(\d+(?:\.\d+)?)\s*%\s*$/.exec(text) ?? [];
  if (flows === undefined) {
    throw new TineError(
      "bad-goal",
      `"${text}" is no goal: expected FLOWS FIGURE within P%, such as "voip rttP99 within 5%"`,
    );
  }
  const share = Number(percent) / 100;
  if (!(share > 0 && share < 1)) {
    throw new TineError("bad-goal", `"${text}": expected more than 0% and less than 100%, not ${percent}%`);
  }
  return { text, matches: flowMatcher(flows), figure: figureNamed(figure), share };
}

/** How far repeats are from a goal. */
export interface PrecisionProgress {
  readonly reached: boolean;
  /** The flow that is farthest from the goal, in words. */
  readonly text: string;
}

/**
 * Holds what was measured so far against a goal. All flows that it is about have to reach it, in all tests.
 *
 * @param path a run, complete or under way
 */
export async function checkPrecision(path: string, goal: PrecisionGoal): Promise<PrecisionProgress> {
  const { tests } = await readSamples(path);
  let worst: { share: number; text: string } | undefined;
  for (const { id, repeats } of tests) {
    const values = new Map<string, number[]>();
    for (const { flow, values: figures } of repeats.flatMap(({ flows }) => flows)) {
      const value = figures[goal.figure.name];
      if (value === undefined || !goal.matches(flow)) continue;
      if (!values.has(flow)) values.set(flow, []);
      values.get(flow)!.push(value);
    }
    for (const [flow, list] of values) {
      const { median, low, high, confidence } = medianOf(list, CONFIDENCE);
      const share = confidence === undefined ? Infinity : shareOf(Math.max(high - median, median - low), median);
      if (worst !== undefined && worst.share >= share) continue;
      const what = `${testIdText(id)}: ${flow} ${goal.figure.shortName} ${valueWithUnit(median, goal.figure.unit)}`;
      const width = confidence === undefined
        ? `an interval takes more than ${list.length === 1 ? "one repeat" : `${list.length} repeats`}`
        : `within ${(share * 100).toPrecision(2)}% after ${list.length} repeats`;
      worst = { share, text: `${what}, ${width}` };
    }
  }
  if (worst === undefined) return { reached: false, text: `no flow has measured ${goal.text}` };
  return { reached: worst.share <= goal.share, text: worst.text };
}

function shareOf(distance: number, median: number): number {
  return distance === 0 ? 0 : distance / Math.abs(median);
}
