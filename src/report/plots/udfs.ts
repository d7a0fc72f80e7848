import type { Test } from "../../node/mod.ts";
import { formatCount } from "../../base/units.ts";
import { sharedSource } from "../../result/tables/source.ts";
import { tableNamed, TABLES } from "../../result/tables/mod.ts";
import { valueAt } from "../../result/tables/table.ts";
import { lookOf, type PlotUnit, type Series, type SeriesKind, type XYPlot } from "../plot.ts";
import { SeriesBuilder } from "../series_builder.ts";
import { flowName, flowsOfSeveral, MAX_SINGLE, type PlotContext, timeAxis } from "./context.ts";
import { numberAt, rowsOf, timeAt } from "./rows.ts";
import type { TestSummary } from "../../result/mod.ts";

/** What series of UDFs keep of their values. */
const LIMITS = { maxSamples: 50_000, maxBuckets: 8192 };

/** Units by how the names of columns end. */
const UNITS: readonly (readonly [suffix: string, unit: PlotUnit])[] = [
  ["_us", "us"],
  ["_seconds", "s"],
  ["_bits_per_second", "bit/s"],
  ["_bytes", "byte"],
  ["_packets", "packet"],
  ["_segments", "segment"],
];

/** Fields without a unit in their names that have that of what they were made of. */
const LEVELS = /(^|_)(avg|mean|median|ewma|min|max|p\d+|quantile)$/;

/**
 * Plots what the UDFs of a test returned: a plot for each field that is a number, over what it was made of where that is
 * plotted too.
 *
 * @param plan the test as the plan has it, which says what a UDF was given
 * @param plots those of the test, of which the series come that UDFs were given
 */
export async function udfPlots(
  context: PlotContext,
  summary: Pick<TestSummary, "id" | "udfs">,
  plan: Test | undefined,
  plots: readonly XYPlot[],
): Promise<XYPlot[]> {
  const shared = sharedSource([summary]);
  const several = flowsOfSeveral(context.flows);
  const found: XYPlot[] = [];
  for (const [udf, columns] of shared.udfs) {
    const table = tableNamed(`udf.${udf}`)({ ...context.source, ...shared });
    const input = inputOf(udf, plan);
    // What a UDF hands on as it got it is plotted already.
    const given = new Set(input && TABLES.get(input.table)?.(context.source).columns.map(({ name }) => name));
    const fields = table.columns.filter(({ name, type, tag }) =>
      !tag && (type === "int" || type === "double") && !given.has(name)
    );
    if (fields.length === 0 || columns.length === 0) continue;
    // Behind the time, the run and the keys of the id.
    const tags = table.columns.slice(2 + shared.idKeys.length).filter(({ tag }) => tag);
    const names = ["time", ...[...tags, ...fields].map(({ name }) => name)];
    const series = new Map<string, { flow: string | undefined; builder: Map<string, SeriesBuilder> }>();
    const leftOut = new Map<string, number>();
    for await (const { count, values } of rowsOf(table, names)) {
      for (let i = 0; i < count; i++) {
        const group = tags.flatMap(({ name }) => {
          const value = valueAt(values[name], i);
          return value === undefined ? [] : [[name, String(value)] as const];
        });
        const { flow, sender } = Object.fromEntries(group);
        const name = flow === undefined
          ? group.map(([, value]) => value).join(", ")
          : flowName(flow, sender === undefined ? NaN : Number(sender), several.has(flow));
        let of = series.get(name);
        if (of === undefined) {
          of = { flow, builder: new Map(fields.map(({ name }) => [name, new SeriesBuilder(1, LIMITS)])) };
          series.set(name, of);
        }
        const time = timeAt(values.time, i, context.start);
        for (const [field, builder] of of.builder) {
          const value = numberAt(values[field], i);
          if (Number.isNaN(value)) continue;
          if (isDrawable(time, value, context.end)) builder.add(time, value);
          else leftOut.set(field, (leftOut.get(field) ?? 0) + 1);
        }
      }
    }
    const under = input === undefined ? undefined : plots.find(({ id }) => id === input.plot);
    for (const { name: field } of fields) {
      const own = [...series].filter(([, { builder }]) => builder.get(field)!.count > 0);
      if (own.length === 0) continue;
      const lines = own.slice(0, MAX_SINGLE).map(([name, { flow, builder }], i): Series => ({
        name: name === "" ? field : `${name}: ${field}`,
        flow,
        kind: "line",
        // Over what it was given, a colour that no flow has, as far as there are such.
        look: under === undefined ? context.looks.get(name) ?? lookOf(i) : lookOf(context.looks.size + i),
        data: builder.get(field)!.finish()[0],
      }));
      const unit = unitOf(field, under?.y.unit);
      // What has another unit cannot share an axis.
      const below = under?.y.unit === unit ? under.series.filter(({ kind }) => kind === input!.kind).map(asGround) : [];
      found.push({
        type: "time",
        id: fields.length === 1 ? `udf.${udf}` : `udf.${udf}.${field}`,
        title: `UDF ${udf}: ${field}`,
        caption: `What the UDF ${udf} returned as ${field}${input === undefined ? "" : ` of the table ${input.table}`}${
          below.length > 0 ? ", over what it was given" : ""
        }.${own.length > lines.length ? ` The first ${lines.length} of ${own.length} groups are shown.` : ""}${
          leftOut.has(field)
            ? ` Left out: ${formatCount(leftOut.get(field)!, "value")}, infinite or not of the time of the test.`
            : ""
        }`,
        x: timeAxis(context),
        y: { title: `${udf}: ${field}`, unit, scale: "linear" },
        series: [...below, ...lines],
      });
    }
  }
  return found;
}

/**
 * Returns the unit of a field that a UDF returns, by its name.
 *
 * @param given the unit of what it was made of, where that is plotted
 */
export function unitOf(field: string, given?: PlotUnit): PlotUnit {
  return UNITS.find(([suffix]) => field.endsWith(suffix))?.[1] ?? (LEVELS.test(field) ? given : undefined) ?? "";
}

/**
 * Whether a plot over the time of a test has a place for a value: a UDF may return any number, at any time.
 *
 * @param time in microseconds since the start of the test
 * @param end of the test, in the same way; 0: not known
 */
export function isDrawable(time: number, value: number, end: number): boolean {
  return Math.abs(value) <= MAX_DRAWN && time >= -MARGIN_US && time <= (end > 0 ? end : MAX_TEST_US) + MARGIN_US;
}

/** So far apart that differences are still numbers. */
const MAX_DRAWN = 1e300;
/** How far a time may lie beside those of the test: an hour, as where windows are long. */
const MARGIN_US = 3600e6;
/** Longer than any test: a year. */
const MAX_TEST_US = 366 * 24 * 3600e6;

/** More samples than this are drawn by columns. */
const MAX_DOTS = 5000;

/** Draws what a UDF was given as dots alone, where these are few: what it returned stands out, and a page stays small. */
function asGround(series: Series): Series {
  const count = series.data.type === "samples" ? series.data.x.length : Infinity;
  return series.kind === "points" && count <= MAX_DOTS ? { ...series, kind: "dots" } : series;
}

/** The plot of what a UDF was given, by the field that it was to read, and the kind of the series that it was given. */
const INPUT_PLOTS: ReadonlyMap<string, readonly [plot: string, kind: SeriesKind]> = new Map([
  ["round_trips rtt_us", ["rtt", "points"]],
  ["round_trips lateness_us", ["lateness", "points"]],
  ["intervals goodput_bits_per_second", ["goodput", "steps"]],
  ["intervals rtt_mean_us", ["rtt", "points"]],
]);

/** What a UDF was given, as far as it is plotted. */
export interface PlottedInput {
  readonly table: string;
  readonly plot?: string;
  readonly kind?: SeriesKind;
}

/**
 * Finds what a UDF is given.
 *
 * @param plan the test as the plan has it
 */
export function inputOf(udf: string, plan: Pick<Test, "udfs"> | undefined): PlottedInput | undefined {
  const config = plan?.udfs?.find(({ name }) => name === udf) as
    | { table?: unknown; options?: Record<string, unknown> }
    | undefined;
  if (typeof config?.table !== "string") return undefined;
  const { table, options = {} } = config;
  const [plot, kind] = Object.values(options).map((value) => INPUT_PLOTS.get(`${table} ${value}`))
    .find((found) => found !== undefined) ?? [];
  return { table, plot, kind };
}
