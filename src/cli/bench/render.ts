import { tableLines } from "../../base/text.ts";
import { formatCount, grouped } from "../../base/units.ts";
import { compareRows, type Comparisons, medianOf, sampleText } from "../../result/compare/mod.ts";
import type { Measurement } from "../../udf/bench/mod.ts";
import { compareJson, compareText } from "../compare/render.ts";
import { escape, style } from "../terminal.ts";
import { benchFigures, comparedRows, valuesIn } from "./figures.ts";

/** A UDF and what was measured of it, a measurement for each repeat. */
export interface Side {
  readonly name: string;
  /** Whether it is a process of ours, of which memory can be known. */
  readonly isProcess: boolean;
  readonly measurements: readonly Measurement[];
}

/** What is printed. */
export interface BenchResults {
  /** One, or two in the order of the command line. */
  readonly sides: readonly Side[];
  /** The likelihood of a false verdict, of all rows together. */
  readonly alpha: number;
  readonly warnings: readonly string[];
  /** Whether points of one's own were sent. */
  readonly ownInput: boolean;
}

/** Returns results for people: a table for one UDF, a comparison of two. */
export function renderText(results: BenchResults): string {
  const { bold, dim } = style(Deno.stdout);
  const { sides, ownInput } = results;
  const about = sides.map((side) =>
    [`${bold(escape(side.name))}: ${describe(side, ownInput)}`, ...missing(side).map((line) => dim(`  ${line}`))].join(
      "\n",
    )
  );
  const comparisons = compared(results);
  if (comparisons !== undefined) return [...about, "", compareText(comparisons)].join("\n");
  return sides.filter(({ measurements }) => measurements.length > 0).flatMap((
    side,
    i,
  ) => [about[i], "", table(side), ""])
    .join("\n");
}

/** Returns results as JSON, an object a line. */
export function renderJson(results: BenchResults): string {
  const { sides, alpha, warnings, ownInput } = results;
  const comparisons = compared(results);
  const objects = [
    ...sides.map((side) => {
      const info = infoOf(side);
      return {
        type: "udf",
        udf: side.name,
        wants: info?.wants,
        provides: info?.provides,
        answersEach: answersEach(side),
        repeats: side.measurements.length,
        input: ownInput ? "own" : "generated",
        figures: benchFigures(side.measurements).flatMap((figure) => {
          const values = valuesIn(figure, side.measurements);
          if (values.length === 0) return [];
          const { name, title, unit, better } = figure;
          return [{ figure: name, title, unit, better, ...medianOf(values, CONFIDENCE), values }];
        }),
        unknown: missing(side),
      };
    }),
    ...warnings.map((message) => ({ type: "warning", message })),
  ];
  const lines = objects.map((object) => JSON.stringify(object) + "\n").join("");
  return lines +
    (comparisons === undefined ? JSON.stringify({ type: "summary", alpha }) + "\n" : compareJson(comparisons));
}

/** Returns what one repeat has measured, as a line of JSON. */
export function renderRepeat({ name, measurements }: Side, repeat: number): string {
  const of = measurements[measurements.length - 1];
  const figures = Object.fromEntries(benchFigures([of]).map((figure) => [figure.name, figure.value(of)]));
  return JSON.stringify({ type: "repeat", udf: name, repeat, answersEach: of.answersEach, ...figures }) + "\n";
}

const CONFIDENCE = 0.95;

function compared({ sides: [base, other], alpha, ownInput }: BenchResults): Comparisons | undefined {
  if (other === undefined) return undefined;
  const rows = comparedRows(ownInput ? "own points" : "generated points", base.measurements, other.measurements);
  if (rows.length === 0) return undefined;
  return { ...compareRows([{ base: base.name, other: other.name, rows }], alpha), warnings: [] };
}

function table({ measurements }: Side): string {
  const samples = benchFigures(measurements).flatMap((figure) => {
    const values = valuesIn(figure, measurements);
    return values.length === 0 ? [] : [{ figure, sample: { values, ...medianOf(values, CONFIDENCE) } }];
  });
  const rows = samples.map(({ figure: { title, unit }, sample }) => [`  ${title}`, sampleText(sample, unit)]);
  const remarks = samples.some(({ sample }) => sample.confidence !== undefined)
    ? ["", "median of the repeats [interval of 95%]"]
    : measurements.length > 1
    ? ["", "median of the repeats (least .. greatest), since an interval of 95% takes 6 repeats"]
    : [];
  return [...tableLines(rows), ...remarks].join("\n");
}

function describe(side: Side, ownInput: boolean): string {
  const { measurements } = side;
  const info = infoOf(side);
  if (info === undefined) return "nothing was measured";
  const each = info.wants === "batch" ? "batch" : "point";
  const answers = answersEach(side);
  const how = answers === undefined ? "" : answers ? `answers each ${each}, ` : `does not answer each ${each}, `;
  const repeats = formatCount(measurements.length, "repeat");
  return `${info.wants} to ${info.provides}, ${how}${repeats} of ${
    ownInput ? "points of your own" : "generated points"
  }`;
}

/** Sentences about what could not be measured. */
function missing(side: Side): string[] {
  const { isProcess, measurements } = side;
  const each = infoOf(side)?.wants === "batch" ? "batch" : "point";
  const has = (measured: (of: Measurement) => boolean) => measurements.some(measured);
  const missed = [...new Set(measurements.flatMap(({ missedGroups }) => missedGroups ?? []))];
  const lines = [
    answersEach(side) === false && `round trip: not known, since it does not answer each ${each}`,
    !isProcess && "memory: not known, since a UDF behind a socket is no process of this command",
    isProcess && has(({ snapshot }) => snapshot !== undefined) && !has(({ memory }) => memory !== undefined) &&
    "memory: not known, since /proc is not there, or may not be read",
    ...missed.map((groups) => `${grouped(groups)} groups: took too long; more --duration gives them more time`),
    has(({ snapshot }) => snapshot?.bytes === 0) && "snapshot: empty, so it has no state to save",
  ];
  return lines.filter((line) => line !== false);
}

function answersEach({ measurements }: Side): boolean | undefined {
  const known = measurements.map(({ answersEach }) => answersEach).filter((each) => each !== undefined);
  return known.length === 0 ? undefined : known.every(Boolean);
}

function infoOf({ measurements }: Side) {
  return measurements.find(({ info }) => info !== undefined)?.info;
}
