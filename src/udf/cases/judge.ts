import type { PointOrBatch } from "../batcher.ts";
import { formatCount } from "../../base/units.ts";
import type { EdgeType } from "../messages.ts";
import type { FieldValue } from "../point.ts";
import type { Pair } from "../recording/alignment.ts";
import { valueText } from "../recording/difference.ts";
import type { Expectation } from "./case_file.ts";
import {
  align,
  alignAnyOrder,
  batchesOf,
  type CaseProblem,
  comparedIdentity,
  type ComparedItem,
  comparedPoints,
  comparedText,
  type CompareRules,
  inBatch,
  observed,
  type PointItem,
  problemOf,
  timeText,
} from "./compare.ts";
import type { CaseItem } from "./points.ts";
import type { FieldRule, Monotone } from "./schema.ts";
import { terminalText } from "../../base/terminal_text.ts";

/** Problems of one kind that are reported; further ones are counted. */
const MAX_REPORTED = 10;

/** What is judged. */
export interface Judgement extends CompareRules {
  readonly expectation: Expectation;
  /** The expected points; undefined where the expectation names none. */
  readonly points: readonly CaseItem[] | undefined;
  readonly output: readonly PointOrBatch[];
  /** What the UDF provides: whether expected points are batches. */
  readonly provides: EdgeType;
}

/** Finds what is not as expected in what a UDF sent; empty where all is. */
export function judge(judgement: Judgement): CaseProblem[] {
  const { expectation, points, output, provides } = judgement;
  const problems: CaseProblem[] = [];
  const { line, time, order, fields = {} } = expectation;
  if (points !== undefined) {
    const found: CaseProblem[] = [];
    const expected = provides === "batch" ? batchesOf(points) : comparedPoints(points);
    const report = (pair: Pair<ComparedItem>) => void found.push(problemOf(pair, line, judgement));
    (order === "any" ? alignAnyOrder : align)(expected, output.map(observed), judgement, report);
    problems.push(...limited(found));
  }
  const all = output.flatMap((item) => item.kind === "point" ? [{ point: item.point }] : inBatch(item.batch));
  const batches = output.filter(({ kind }) => kind === "batch").length;
  problems.push(...checkCount(expectation.count, all.length, line, "point", "points"));
  problems.push(...checkCount(expectation.batches, batches, line, "batch", "batches"));
  if (time !== undefined) {
    problems.push(...limited(checkMonotone("time", time, all, judgement, ({ point }) => point.time)));
  }
  for (const [name, rule] of Object.entries(fields)) {
    problems.push(...limited(checkField(name, rule, all, judgement)));
    if (rule.monotone === undefined) continue;
    const what = `field ${terminalText(name)}`;
    problems.push(...limited(checkMonotone(what, rule.monotone, all, judgement, ({ point }) => point.field(name))));
  }
  return problems;
}

function* checkCount(
  range: Range | undefined,
  came: number,
  line: number,
  one: string,
  many: string,
): Generator<CaseProblem> {
  if (range === undefined || came >= (range.min ?? 0) && came <= (range.max ?? Infinity)) return;
  yield { line, message: `expected ${rangeText(range, one, many)}, ${formatCount(came, one, many)} came` };
}

type Range = NonNullable<Expectation["count"]>;

function rangeText({ min, max }: Range, one: string, many: string): string {
  if (min === max && min !== undefined) return formatCount(min, one, many);
  if (max === undefined) return `at least ${formatCount(min ?? 0, one, many)}`;
  return min === undefined ? `at most ${formatCount(max, one, many)}` : `${min} to ${formatCount(max, one, many)}`;
}

function* checkField(
  name: string,
  rule: FieldRule,
  points: readonly PointItem[],
  { expectation: { line }, unit }: Judgement,
): Generator<CaseProblem> {
  const shown = terminalText(name);
  if (points.length === 0 && !rule.optional) {
    yield { line, message: `field ${shown}: no point came that could have it` };
  }
  for (const [i, item] of points.entries()) {
    const value = item.point.field(name);
    const complain = (what: string): CaseProblem => ({
      line,
      message: `field ${shown}: point ${i + 1} has ${value === undefined ? "none" : valueText(value)}${what}`,
      actual: comparedText(item, unit),
    });
    if (value === undefined) {
      if (!rule.optional) yield complain("");
      continue;
    }
    const type = TYPES[typeof value as keyof typeof TYPES];
    if (rule.type !== undefined && rule.type !== type) yield complain(`, expected a value of type ${rule.type}`);
    const { min = -Infinity, max = Infinity } = rule;
    if (rule.min === undefined && rule.max === undefined) continue;
    // NaN lies in no range.
    if (typeof value !== "number" && typeof value !== "bigint" || !(value >= min && value <= max)) {
      yield complain(`, expected ${limitsText(rule)}`);
    }
  }
}

const TYPES = { number: "double", bigint: "int", string: "string", boolean: "bool" } as const;

function limitsText({ min, max }: FieldRule): string {
  if (max === undefined) return `at least ${min}`;
  return min === undefined ? `at most ${max}` : `${min} to ${max}`;
}

const HOLDS: Readonly<Record<Monotone, (before: FieldValue, after: FieldValue) => boolean>> = {
  increasing: (before, after) => after > before,
  nondecreasing: (before, after) => after >= before,
  decreasing: (before, after) => after < before,
  nonincreasing: (before, after) => after <= before,
};

/** Looks at values from point to point of each series: points of one name and the same tags. */
function* checkMonotone(
  what: string,
  monotone: Monotone,
  points: readonly PointItem[],
  { expectation: { line }, unit }: Judgement,
  valueOf: (item: PointItem) => FieldValue | undefined,
): Generator<CaseProblem> {
  const last = new Map<string, FieldValue>();
  const show = (value: FieldValue) => what === "time" ? timeText(value as bigint, unit) : valueText(value);
  for (const [i, item] of points.entries()) {
    const value = valueOf(item);
    if (value === undefined) continue;
    const series = comparedIdentity(item, true);
    const before = last.get(series);
    last.set(series, value);
    if (before === undefined || HOLDS[monotone](before, value)) continue;
    const message = `${what}: point ${i + 1} has ${show(value)} after ${show(before)}, expected ${monotone} values`;
    yield { line, message, actual: comparedText(item, unit) };
  }
}

/** The first problems, and how many more there are. */
function limited(problems: Iterable<CaseProblem>): CaseProblem[] {
  const all = [...problems];
  if (all.length <= MAX_REPORTED) return all;
  const more = all.length - MAX_REPORTED;
  return [...all.slice(0, MAX_REPORTED), { line: all[MAX_REPORTED].line, message: `and ${more} more like these` }];
}
