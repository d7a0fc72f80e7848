import { testIdText } from "../result/names.ts";
import { type Buckets, joinedShades, type Look, lookOf, type Plot, type SampleSeries } from "./plot.ts";
import type { TestReport } from "./test_report.ts";

/** A test among several that are laid over each other. */
export interface OverlaidReport {
  /** How it differs from the others: the name of its run, or what its id has of its own. */
  readonly label: string;
  readonly report: TestReport;
}

/** Several tests laid over each other. */
export interface Overlay {
  /** The base first. */
  readonly parts: readonly OverlaidReport[];
  readonly timePlots: readonly Plot[];
  readonly distributions: readonly Plot[];
}

/**
 * Lays tests over each other: flows of one name share a colour, those of the base are solid, the others are dashed.
 * Tests are aligned where the first flow of each begins, since launching nodes takes now longer and now shorter.
 *
 * @param reports of tests, the base first; at least two
 *
 * @example
 * ```ts ignore
 * import { overlay } from "./overlay.ts";
 *
 * console.log(overlay([before, after]).timePlots.map(({ id }) => id));
 * ```
 */
export function overlay(reports: readonly TestReport[]): Overlay {
  const labels = labelsOf(reports);
  const colors = new Map<string, Look>();
  for (const { looks } of reports) {
    for (const name of looks.keys()) if (!colors.has(name)) colors.set(name, lookOf(colors.size));
  }
  const parts = reports.map((report, i): OverlaidReport => {
    const looks = new Map(report.looks.keys().map((name) => [name, { color: colors.get(name)!.color, dash: i }]));
    return { label: labels[i], report: { ...report, looks } };
  });
  return {
    parts,
    timePlots: joined(parts, aligned(reports.map(({ timePlots }) => timePlots))),
    distributions: joined(parts, reports.map(({ distributions }) => distributions)),
  };
}

/** What tells tests apart: their runs, or else what differs in their ids. */
function labelsOf(reports: readonly TestReport[]): string[] {
  const runs = reports.map(({ run, test }) => run ?? test.path);
  const ids = reports.map(({ test }) => test.summary.id);
  const keys = [...new Set(ids.flatMap((id) => Object.keys(id)))];
  const differing = keys.filter((key) => new Set(ids.map((id) => id[key])).size > 1);
  const own = ids.map((id) =>
    testIdText(Object.fromEntries(differing.flatMap((key) => id[key] === undefined ? [] : [[key, id[key]]])))
  );
  const labels = differing.length === 0
    ? runs
    : new Set(runs).size === 1
    ? own
    : runs.map((run, i) => `${run} ${own[i]}`);
  // The same test given twice is still two.
  return labels.map((label, i) => labels.indexOf(label) === i ? label : `${label} (${i + 1})`);
}

/** Joins the plots of one id, in the order of the base. */
function joined(parts: readonly OverlaidReport[], plots: readonly (readonly Plot[])[]): Plot[] {
  const ids = [...new Set(plots.flatMap((plots) => plots.map(({ id }) => id)))];
  const order = plots[0].map(({ id }) => id);
  ids.sort((a, b) => place(order, a) - place(order, b));
  return ids.flatMap((id): Plot[] => {
    const found = plots.flatMap((plots, i) => {
      const plot = plots.find((plot) => plot.id === id);
      return plot === undefined ? [] : [{ plot: relabeled(plot, parts[i]), label: parts[i].label }];
    });
    const [{ plot: first }] = found;
    const caption = joinedCaptions(found.map(({ plot: { caption }, label }) => ({ caption, label })));
    switch (first.type) {
      case "gantt":
        // Runs of several tests would hide each other; the others are in their own pages.
        return [{ ...first, caption: found[0].plot.caption }];
      case "box":
        return [{ ...first, caption, boxes: found.flatMap(({ plot }) => plot.type === "box" ? plot.boxes : []) }];
      default: {
        const same = found.flatMap(({ plot }) => plot.type === first.type ? [plot] : []);
        const ends = same.map(({ x }) => x.max);
        const max = ends.includes(undefined) ? undefined : Math.max(...ends.map((end) => end!));
        return [{
          ...first,
          caption,
          x: { ...first.x, max },
          series: same.flatMap(({ series }) => series),
          shades: joinedShades(same.flatMap(({ shades }) => shades ?? [])),
        }];
      }
    }
  });
}

/** Shifts the times of plots so that the first flow of each test begins where that of the base does. */
function aligned(all: readonly (readonly Plot[])[]): (readonly Plot[])[] {
  const starts = all.map(firstTime);
  return all.map((plots, i) => {
    const shift = starts[0] - starts[i];
    if (!Number.isFinite(shift) || shift === 0) return plots;
    return plots.map((plot) =>
      plot.type !== "time" ? plot : {
        ...plot,
        x: { ...plot.x, ...plot.x.max !== undefined && { max: plot.x.max + shift } },
        series: plot.series.map((series) => ({ ...series, data: shifted(series.data, shift) })),
        shades: plot.shades?.map(({ from, to, text }) => ({ from: from + shift, to: to + shift, text })),
      }
    );
  });
}

/** When the first flow begins; Infinity where there is none. */
function firstTime(plots: readonly Plot[]): number {
  return Math.min(
    ...plots.flatMap((plot) =>
      plot.type !== "time"
        ? []
        : plot.series.map(({ data }) => (data.type === "samples" ? data.x : data.times)[0] ?? Infinity)
    ),
  );
}

function shifted(data: SampleSeries | Buckets, by: number): SampleSeries | Buckets {
  const later = (times: Float64Array) => times.map((time) => time + by);
  if (data.type === "samples") return { ...data, x: later(data.x) };
  const { times, leastAt, greatestAt } = data;
  return { ...data, times: later(times), leastAt: later(leastAt), greatestAt: later(greatestAt) };
}

/** Joins captions: what all have in common once, and figures with the label of their test. */
function joinedCaptions(captions: readonly { readonly caption: string; readonly label: string }[]): string {
  const sentences = captions.map(({ caption }) => caption.split(/(?<=\.) /));
  const [first] = sentences;
  const common = first.filter((sentence) => sentences.every((others) => others.includes(sentence)));
  const own = captions.flatMap(({ label }, i) => {
    const rest = sentences[i].filter((sentence) => !common.includes(sentence));
    return rest.length === 0 ? [] : [`${label}: ${rest.join(" ")}`];
  });
  return [...common, ...own].join(" ");
}

function place(order: readonly string[], id: string): number {
  const i = order.indexOf(id);
  return i < 0 ? order.length : i;
}

/** Gives series the names and the looks that they have beside those of other tests. */
function relabeled(plot: Plot, { label, report: { looks } }: OverlaidReport): Plot {
  const named = <S extends { name: string; flow?: string; look: Look }>(series: S): S => {
    const dash = looks.values().next().value?.dash ?? 0;
    const own = looks.get(series.name) ?? (series.flow === undefined ? undefined : looks.get(series.flow));
    const flow = series.flow === undefined ? undefined : `${series.flow} (${label})`;
    return { ...series, name: `${series.name} (${label})`, flow, look: own ?? { ...series.look, dash } };
  };
  if (plot.type === "gantt") return plot;
  if (plot.type === "box") return { ...plot, boxes: plot.boxes.map(named) };
  return { ...plot, series: plot.series.map(named) };
}
