import { figureText, type FigureUnit } from "../../flow/analysis/mod.ts";
import { testIdText } from "../names.ts";
import type { ComparedRow, Comparisons, FigureSample } from "./compare.ts";
import type { Interval } from "./statistics.ts";

/** A row of a comparison as texts: with three or four digits and their units. */
export interface RowText {
  /** `name=cca, bulk`: test and flow. */
  readonly what: string;
  readonly figure: string;
  /** `18.7 Mbit/s [18.6, 18.9]`. */
  readonly base: string;
  readonly other: string;
  /** `-4.9% [-5.2%, -4.5%]`: of the base's median; in the unit of the figure where that is clearer. */
  readonly difference: string;
  /** The number of repeats of each side: `10, 10`. */
  readonly repeats: string;
  /** The adjusted p value. */
  readonly p: string;
  readonly verdict: string;
}

/** Returns a row of a comparison as texts. */
export function rowText(
  { test, flow, flows, figure, base, other, difference, adjustedP, verdict }: ComparedRow,
): RowText {
  const id = testIdText(test);
  const { title, unit } = figure;
  const ofFlow = flows === 1 ? flow : `${flow} (median of ${flows})`;
  const write = isRelative({ figure, base })
    ? (value: number) => signed(value, `${Math.abs(value / base.median * 100).toFixed(1)}%`)
    : (value: number) =>
      signed(
        value,
        unit === "%" ? `${figureText(Math.abs(value), unit).slice(0, -1)} pp` : valueWithUnit(Math.abs(value), unit),
      );
  return {
    what: id === "" ? ofFlow : `${id}: ${ofFlow}`,
    figure: title,
    base: sampleText(base, unit),
    other: sampleText(other, unit),
    difference: withInterval(
      write(difference.shift),
      write(difference.low),
      write(difference.high),
      difference,
      difference.low === difference.high,
    ),
    repeats: `${base.values.length}, ${other.values.length}`,
    p: adjustedP === undefined ? "" : probability(adjustedP),
    verdict,
  };
}

/**
 * Returns whether the difference of a row is shown in percent of the base. Of a share or a count, that would mislead: from
 * one lost packet to two is no 100% of anything.
 */
export function isRelative({ figure: { unit }, base }: Pick<ComparedRow, "figure" | "base">): boolean {
  return unit !== "%" && !COUNTS.has(unit) && base.median > 0;
}

const COUNTS: ReadonlySet<FigureUnit> = new Set(["packet", "segment", "sample"]);

/** Returns a value of a figure as text, with its unit. */
export function valueWithUnit(value: number, unit: FigureUnit): string {
  const text = figureText(value, unit);
  if (unit === "us") return `${text} ms`;
  return unit === "s" ? `${text} s` : text;
}

/** Returns the median of a sample as text, with its interval: `18.7 Mbit/s [18.6, 18.9]`. */
export function sampleText(sample: FigureSample, unit: FigureUnit): string {
  const [median, low, high] = [sample.median, sample.low, sample.high].map((value) => valueWithUnit(value, unit));
  return withInterval(median, low, high, sample, sample.values.length === 1);
}

/** An interval of 95% in brackets, one from least to greatest in parentheses; a value by itself has no interval. */
function withInterval(value: string, low: string, high: string, { confidence }: Interval, single: boolean): string {
  if (single) return value;
  const unitOf = (text: string) => text.replace(/^[-+]?[\d,.]+/, "");
  // A unit that all have stands once.
  const bare = unitOf(low) === unitOf(value) && unitOf(high) === unitOf(value) && unitOf(value) !== "%";
  const [from, to] = bare ? [low, high].map((text) => text.slice(0, text.length - unitOf(text).length)) : [low, high];
  return confidence === undefined ? `${value} (${from} .. ${to})` : `${value} [${from}, ${to}]`;
}

function signed(value: number, text: string): string {
  // What rounds to nothing has no sign.
  return /[1-9]/.test(text) ? `${value < 0 ? "-" : "+"}${text}` : text;
}

function probability(p: number): string {
  return p < 0.0001 ? "<0.0001" : p.toFixed(p < 0.1 ? 4 : 2);
}

/** Returns what the marks of a table mean, and what a verdict would take, a sentence a line. */
export function remarksOn({ comparisons, alpha, tested, repeatsNeeded }: Comparisons): string[] {
  const rows = comparisons.flatMap(({ rows }) => rows);
  const intervals: readonly Interval[] = rows.flatMap(({ base, other, difference }) => [base, other, difference]);
  const percent = Number(((1 - alpha) * 100).toFixed(6));
  const single = rows.every(({ base, other }) => base.values.length === 1 && other.values.length === 1);
  const remarks: string[] = [];
  if (intervals.some(({ confidence }) => confidence !== undefined)) remarks.push(`[ ]: interval of ${percent}%`);
  if (!single && intervals.some(({ confidence }) => confidence === undefined)) {
    remarks.push(`( ): least and greatest, since an interval of ${percent}% takes more repeats`);
  }
  const without = rows.find(({ verdict }) => verdict === "~");
  if (without === undefined || repeatsNeeded === undefined) return remarks;
  const [n, m] = [without.base.values.length, without.other.values.length];
  const have = n === 1 && m === 1
    ? "one repeat a side gives only a difference"
    : `${n} against ${m} cannot reach ${alpha}`;
  const number = tested > 1 ? ` for ${tested} rows` : "";
  return [...remarks, `~: no verdict: ${have}${number}; it needs at least ${repeatsNeeded} repeats a side`];
}
