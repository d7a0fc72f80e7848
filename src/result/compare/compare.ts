/**
 * Compares figures of repeats: is it better?
 *
 * @module
 */

import { sortedJson } from "../../node/plan/visits.ts";
import { falsifies, quantilesOf } from "../../flow/analysis/mod.ts";
import { TineError } from "../../base/errors.ts";
import { formatCount as countOf } from "../../base/units.ts";
import { groupFlows } from "../flow_groups.ts";
import { testIdText } from "../names.ts";
import { FLOW_FIGURES, type FlowFigure } from "./figures.ts";
import { type Conditions, leftOutOf, PLAN_CONDITION, type Repeat, type Samples, type TestSamples } from "./samples.ts";
import {
  holm,
  leastP,
  leastRepeats,
  mannWhitney,
  type MedianEstimate,
  medianOf,
  type Shift,
  shiftOf,
} from "./statistics.ts";

/** A figure that is compared. */
export type ComparedFigure = Pick<FlowFigure, "name" | "title" | "unit" | "better">;

/** A figure of one side: a value for each repeat, and their median. */
export interface FigureSample extends MedianEstimate {
  readonly values: readonly number[];
}

/**
 * What came out. Of figures of which neither more nor less is better, it is `higher` or `lower`; `~` is no verdict: there are
 * too few repeats for one.
 */
export type Verdict = "better" | "worse" | "higher" | "lower" | "no difference seen" | "~";

/** A figure of a flow, of two sides. */
export interface ComparedRow {
  /** The test's id, without its repeat and what the comparison is by. */
  readonly test: Readonly<Record<string, string>>;
  /** The id of the flow; that of several with similar ids is what they have in common. */
  readonly flow: string;
  /** The number of flows in the row, by their median; 1 for a flow by itself. */
  readonly flows: number;
  readonly figure: ComparedFigure;
  readonly base: FigureSample;
  readonly other: FigureSample;
  /** How much greater the other side is, in the unit of the figure. */
  readonly difference: Shift;
  /** The two-sided exact p value, and the one adjusted for the number of rows; absent where no verdict is possible. */
  readonly p?: number;
  readonly adjustedP?: number;
  readonly verdict: Verdict;
}

/** A side against the base. */
export interface Comparison {
  readonly base: string;
  readonly other: string;
  readonly rows: readonly ComparedRow[];
}

/** All that is compared at a time. */
export interface Comparisons {
  readonly comparisons: readonly Comparison[];
  readonly alpha: number;
  /** Rows whose repeats are not all equal: p values are adjusted for their number. */
  readonly tested: number;
  /** The least number of repeats a side with which a verdict is possible, where that is what is missing. */
  readonly repeatsNeeded?: number;
  /** Sentences about what differs between the sides, and what is left out. */
  readonly warnings: readonly string[];
}

/** What is compared. */
export interface CompareOptions {
  /** The likelihood of a false verdict, of all rows together; 0.05 by default. */
  readonly alpha?: number;
  /** Figures; those that `tine results` shows by default. */
  readonly figures?: readonly FlowFigure[];
  /** Which flows; all by default. */
  readonly flows?: (flow: string) => boolean;
}

/** Figures that are shown where no figure is named: each is counted when p values are adjusted. */
const USUAL: readonly string[] = [
  "goodputBitsPerSecond",
  "completionSeconds",
  "retransmits",
  "rttMedianMicros",
  "rttP99Micros",
  "toServer.lostPercent",
  "fromServer.lostPercent",
  "transactionsPerSecond",
  "latencyMedianMicros",
  "latencyP99Micros",
  "unansweredPercent",
];
/** Of more flows of a test than this, those with similar ids share a row. */
const MAX_FLOWS = 12;

/**
 * Compares sides with a base: flows by their names, in tests of the same ids.
 *
 * @param base what the others are compared with
 * @param others at least one
 * @throws {TineError} `nothing-to-compare`, where no test, no flow or no figure is on both sides
 *
 * @example
 * ```ts ignore
 * import { compare } from "./compare.ts";
 * import { readSamples } from "./samples.ts";
 * const { comparisons: [{ rows }] } = compare(await readSamples("before"), [await readSamples("after")]);
 * console.log(rows[0].figure.title, rows[0].verdict);
 * ```
 */
export function compare(base: Samples, others: readonly Samples[], options: CompareOptions = {}): Comparisons {
  const { alpha = 0.05 } = options;
  const warnings = [base, ...others].flatMap((side) => [...leftOutOf(side), ...limitedIn(side, options)]);
  const sides = others.map((other) => {
    warnings.push(...differingConditions(base, other));
    const pairs = pairsOf(base, other, warnings);
    return { other: other.name, rows: pairs.flatMap((pair) => pairedRows(pair, options)) };
  });
  if (sides.every(({ rows }) => rows.length === 0)) throw nothingToCompare(base, others, options);
  return {
    ...compareRows(sides.map((side) => ({ base: base.name, ...side })), alpha),
    warnings: [...new Set(warnings)],
  };
}

/** A side against the base, before anything is computed. */
export interface RawComparison {
  readonly base: string;
  readonly other: string;
  readonly rows: readonly RawRow[];
}

/**
 * Compares values of repeats, whatever they were measured of: medians, differences, and a verdict for each row. p values
 * are adjusted for the number of all rows.
 *
 * @param sides with rows that have values on both sides
 * @param alpha the likelihood of a false verdict, of all rows together
 *
 * @example
 * ```ts
 * import { compareRows } from "./compare.ts";
 * const figure = { name: "pointsPerSecond", title: "points/s", unit: "1/s", better: "more" } as const;
 * const row = { test: {}, flow: "udf", flows: 1, figure, baseValues: [1, 2, 3, 4], otherValues: [5, 6, 7, 8] };
 * const { comparisons } = compareRows([{ base: "old", other: "new", rows: [row] }], 0.05);
 * console.assert(comparisons[0].rows[0].verdict === "better");
 * ```
 */
export function compareRows(sides: readonly RawComparison[], alpha: number): Omit<Comparisons, "warnings"> {
  const compared = sides.map((side) => ({
    ...side,
    rows: side.rows.map(({ baseValues, otherValues, ...row }) => ({
      ...row,
      ...estimatesOf(baseValues, otherValues, alpha),
    })),
  }));
  const { verdicts, tested, repeatsNeeded } = verdictsOf(compared.flatMap(({ rows }) => rows), alpha);
  let next = 0;
  const comparisons = compared.map((side) => ({
    ...side,
    rows: side.rows.map((row): ComparedRow => ({ ...row, ...verdicts[next++] })),
  }));
  return { comparisons, alpha, tested, ...(repeatsNeeded === undefined ? {} : { repeatsNeeded }) };
}

/**
 * Divides samples by a key of the ids of their tests: a side for each value, in the order of the tests.
 *
 * @throws {TineError} `nothing-to-compare`, where fewer than two values are there
 */
export function samplesBy({ name, tests, conditions }: Samples, key: string): Samples[] {
  const sides = Map.groupBy(tests.filter(({ id }) => Object.hasOwn(id, key)), ({ id }) => id[key]);
  if (sides.size < 2) {
    const keys = [...new Set(tests.flatMap(({ id }) => Object.keys(id)))];
    const known = sides.size === 1
      ? `all tests have ${key}=${sides.keys().next().value}`
      : keys.length === 0
      ? "there are no tests"
      : `keys of the ids are ${keys.join(", ")}`;
    throw new TineError("nothing-to-compare", `${name} has no two tests that differ in ${key}: ${known}`);
  }
  // Their plans differ on purpose.
  const others = Object.entries(conditions).filter(([what]) => !what.startsWith(PLAN_CONDITION));
  return Array.from(sides, ([value, tests]): Samples => ({
    name: `${key}=${value}`,
    tests: tests.map((test) => {
      const { [key]: _, ...id } = test.id;
      return { ...test, id };
    }),
    conditions: Object.fromEntries(others),
  }));
}

/** Puts the tests of several results together; tests of one id are repeats of one another. */
export function joinSamples(all: readonly Samples[]): Samples {
  const tests = new Map<string, TestSamples>();
  const conditions = new Map<string, Set<string>>();
  for (const side of all) {
    for (const test of side.tests) {
      const key = sortedJson(test.id);
      const before = tests.get(key);
      tests.set(key, {
        id: test.id,
        repeats: [...before?.repeats ?? [], ...test.repeats],
        failed: (before?.failed ?? 0) + test.failed,
      });
    }
    for (const [what, values] of Object.entries(side.conditions)) {
      conditions.set(what, new Set([...conditions.get(what) ?? [], ...values]));
    }
  }
  return {
    name: all.map(({ name }) => name).join(", "),
    tests: [...tests.values()],
    conditions: Object.fromEntries(conditions.entries().map(([what, values]) => [what, [...values].sort()])),
  };
}

interface Pair {
  readonly base: TestSamples;
  readonly other: TestSamples;
}

function pairsOf(base: Samples, other: Samples, warnings: string[]): Pair[] {
  const others = new Map(other.tests.map((test) => [sortedJson(test.id), test]));
  const pairs: Pair[] = [];
  const missing: string[] = [];
  for (const test of base.tests) {
    const key = sortedJson(test.id);
    const counterpart = others.get(key);
    others.delete(key);
    if (counterpart !== undefined) pairs.push({ base: test, other: counterpart });
    else missing.push(testIdText(test.id));
  }
  // A test by itself is compared with another one, whatever their ids are.
  if (pairs.length === 0 && base.tests.length === 1 && other.tests.length === 1) {
    return [{ base: base.tests[0], other: other.tests[0] }];
  }
  for (const test of missing) warnings.push(`only ${base.name} has the test ${test}`);
  for (const { id } of others.values()) warnings.push(`only ${other.name} has the test ${testIdText(id)}`);
  return pairs;
}

/** A row before anything is computed. */
export interface RawRow {
  readonly test: Readonly<Record<string, string>>;
  readonly flow: string;
  readonly flows: number;
  readonly figure: ComparedFigure;
  readonly baseValues: readonly number[];
  readonly otherValues: readonly number[];
}

function pairedRows({ base, other }: Pair, { figures, flows: wanted = () => true }: CompareOptions): RawRow[] {
  const known = new Set(other.repeats.flatMap(({ flows }) => flows.map(({ flow }) => flow)));
  const shared = [
    ...new Set(base.repeats.flatMap(({ flows }) => flows.map(({ flow }) => flow)).filter((flow) => known.has(flow))),
  ].filter(wanted).map((flow) => ({ flow }));
  const { single, crowds } = groupFlows(shared, MAX_FLOWS);
  const groups: [string, string[]][] = [
    ...single.map(({ flow }): [string, string[]] => [flow, [flow]]),
    ...Array.from(crowds, ([stem, crowd]): [string, string[]] => [stem, crowd.map(({ flow }) => flow)]),
  ];
  return groups.flatMap(([flow, flows]) => {
    const members = new Set(flows);
    const asked = figures ?? USUAL.map((name) => FLOW_FIGURES.get(name)!);
    return asked.flatMap((figure): RawRow[] => {
      const shown = figures !== undefined || figure.name !== "completionSeconds" || isSized(base.repeats, members);
      const baseValues = shown ? valuesIn(base.repeats, members, figure) : [];
      const otherValues = shown ? valuesIn(other.repeats, members, figure) : [];
      if (baseValues.length === 0 || otherValues.length === 0) return [];
      return [{ test: base.id, flow, flows: flows.length, figure, baseValues, otherValues }];
    });
  });
}

function isSized(repeats: readonly Repeat[], members: ReadonlySet<string>): boolean {
  return repeats.some(({ flows }) => flows.some(({ flow, sized }) => sized && members.has(flow)));
}

/** A value for each repeat that has one: of several flows, their median. */
function valuesIn(repeats: readonly Repeat[], members: ReadonlySet<string>, { name }: FlowFigure): number[] {
  return repeats.flatMap(({ flows }) => {
    const values = flows.filter(({ flow }) => members.has(flow)).map(({ values }) => values[name])
      .filter((value) => value !== undefined);
    return quantilesOf(values)?.median ?? [];
  });
}

function estimatesOf(baseValues: readonly number[], otherValues: readonly number[], alpha: number) {
  const confidence = 1 - alpha;
  return {
    base: { values: baseValues, ...medianOf(baseValues, confidence) },
    other: { values: otherValues, ...medianOf(otherValues, confidence) },
    difference: shiftOf(baseValues, otherValues, confidence),
  };
}

type Estimates = Pick<ComparedRow, "figure" | "base" | "other" | "difference">;

function verdictsOf(rows: readonly Estimates[], alpha: number) {
  // Of values that are all equal, no sample could differ: they need no share of the chance of a false verdict.
  // Source: R. E. Tarone, 1990.
  const counted = rows.map(({ base, other }) => new Set([...base.values, ...other.values]).size > 1);
  const number = counted.filter(Boolean).length;
  const least = rows.map(({ base, other }) => leastP(base.values.length, other.values.length));
  const anyPossible = rows.some((_, i) => counted[i] && least[i] * number <= alpha);
  // Once another row has a verdict, a row by itself may still have one with a p value up to alpha.
  const possible = rows.map((_, i) => !counted[i] || anyPossible && least[i] <= alpha);
  const tested = rows.keys().filter((i) => counted[i]).toArray();
  const p = rows.map(({ base, other }, i) => counted[i] ? mannWhitney(base.values, other.values) : 1);
  const adjusted = new Map(holm(tested.map((i) => p[i])).map((value, i) => [tested[i], value]));
  const verdicts = rows.map((row, i) => {
    const pair = row.base.values.length === 1 && row.other.values.length === 1;
    if (pair || !possible[i] || !counted[i] && least[i] > alpha) return { verdict: "~" as Verdict };
    const adjustedP = adjusted.get(i) ?? 1;
    return { p: p[i], adjustedP, verdict: adjustedP <= alpha ? wordFor(row) : "no difference seen" as Verdict };
  });
  if (!verdicts.some(({ verdict }) => verdict === "~")) return { verdicts, tested: number };
  return { verdicts, tested: number, repeatsNeeded: leastRepeats(alpha / Math.max(1, number)) };
}

function wordFor({ figure: { better }, base, other }: Estimates): Verdict {
  // What the test has found is that values of one side are mostly greater; of many equal values, the shift may be 0.
  const greater =
    other.values.reduce((sum, b) => sum + base.values.reduce((sum, a) => sum + Math.sign(b - a), 0), 0) > 0;
  if (better === undefined) return greater ? "higher" : "lower";
  return (better === "more") === greater ? "better" : "worse";
}

/** Returns which flows tine or its machine may have limited, where that falsifies a figure that is compared. */
function limitedIn({ name, tests }: Samples, { figures, flows: wanted = () => true }: CompareOptions): string[] {
  const compared = figures?.map(({ name }) => name) ?? USUAL;
  return tests.flatMap(({ id, repeats }) => {
    const limited = new Map<string, { repeats: number; codes: Set<string> }>();
    for (const { flow, values, limits } of repeats.flatMap(({ flows }) => flows)) {
      if (!wanted(flow)) continue;
      const codes = limits.filter((code) => compared.some((figure) => figure in values && falsifies(code, figure)));
      if (codes.length === 0) continue;
      const before = limited.get(flow);
      limited.set(flow, { repeats: (before?.repeats ?? 0) + 1, codes: new Set([...before?.codes ?? [], ...codes]) });
    }
    const [first, ...others] = [...limited].sort(([, a], [, b]) => b.repeats - a.repeats);
    if (first === undefined) return [];
    const [flow, { repeats: count, codes }] = first;
    const more = others.length === 0 ? "" : `, and ${countOf(others.length, "more flow")}`;
    const test = testIdText(id) || "the test";
    const where = `in ${count} of ${repeats.length} repeats (${[...codes].join(", ")})`;
    return [`${name}: ${test}: tine or its machine may have limited ${flow} ${where}${more}`];
  });
}

/** Returns in what the sides differ besides their figures, and what differs within one of them. */
function differingConditions(base: Samples, other: Samples): string[] {
  const whats = [...new Set([...Object.keys(base.conditions), ...Object.keys(other.conditions)])];
  return whats.flatMap((what) => {
    const [a, b] = [base, other].map(({ conditions }: { conditions: Conditions }) => conditions[what]);
    const isPlan = what.startsWith(PLAN_CONDITION);
    // A plan of a test that one side does not have is named by then.
    if (isPlan && (a === undefined || b === undefined)) return [];
    if (a?.join("\n") === b?.join("\n")) return a.length > 1 ? [`different ${what} between repeats`] : [];
    if (isPlan) return [`different ${what}: it was not measured in the same way`];
    const text = (values: readonly string[] | undefined) =>
      values?.map((value) => JSON.stringify(value)).join(", ") ?? "not recorded";
    return [`different ${what}: ${text(a)} in ${base.name}, ${text(b)} in ${other.name}`];
  });
}

function flowsOf({ flows }: Repeat): string[] {
  return flows.map(({ flow }) => flow);
}

function nothingToCompare(base: Samples, others: readonly Samples[], { figures, flows }: CompareOptions): TineError {
  const all = [base, ...others];
  const empty = all.find(({ tests }) => tests.every(({ repeats }) => repeats.length === 0));
  const chosen = [
    ...flows === undefined ? [] : ["--flow"],
    ...figures === undefined ? [] : figures.map(({ shortName }) => shortName),
  ];
  const ids = all.map(({ tests }) => tests.map(({ id }) => testIdText(id)).join("; "));
  const known = [...new Set(all.flatMap(({ tests }) => tests.flatMap(({ repeats }) => repeats.flatMap(flowsOf))))];
  const why = flows !== undefined && known.length > 0 && !known.some(flows)
    ? `no flow matches --flow: flows are ${known.sort().join(", ")}`
    : empty !== undefined
    ? `${empty.name} has no test that succeeded`
    : pairsOf(base, others[0], []).length === 0
    ? `no test is on both sides: ${ids[0]} against ${ids[1]}`
    : chosen.length === 0
    ? "no flow of a name is on both sides"
    : `no flow on both sides has ${chosen.join(", ")}`;
  return new TineError("nothing-to-compare", `there is nothing to compare: ${why}`);
}
