/// <reference lib="dom" />
import type { PlotOfPage } from "../series/encode.ts";
import { FlowFilter } from "./flow_filter.ts";
import { LivePlot } from "./live_plot.ts";
import { makeFilterable } from "./log_filter.ts";
import { makeSortable } from "./sortable_table.ts";
import { TimeView } from "./view.ts";

const HINT = "Drag across a plot to zoom in, double-click to see everything. " +
  "Keys in a plot: + − ← → Esc. The wheel zooms after a click, or with Ctrl.";

/** A figure of the page and what its plot is drawn from. */
interface Figure {
  readonly element: HTMLElement;
  readonly plot: PlotOfPage;
}

/** The plots of each test, by what their ids begin with. */
function figures(): Map<string, Figure[]> {
  const all = [...document.querySelectorAll<HTMLElement>("figure.plot")].flatMap((element) => {
    const data = element.querySelector('script[type="application/json"]')?.textContent;
    return data ? [{ element, plot: JSON.parse(data) as PlotOfPage }] : [];
  });
  const groups = Map.groupBy(all, ({ element, plot }) => element.id.slice(0, -`plot-${plot.id}`.length));
  return new Map(Array.from(groups, ([id, figures]) => [id, figures.map((figure) => withData(figure, figures))]));
}

/** Gives series their data that another plot has as well. */
function withData({ element, plot }: Figure, figures: readonly Figure[]): Figure {
  if (plot.type === "gantt") return { element, plot };
  const series = plot.series.map((each) => {
    if (each.data.type !== "shared") return each;
    const { plot: id, series } = each.data;
    const other = figures.find(({ plot }) => plot.id === id)!.plot;
    return { ...each, data: (other as typeof plot).series[series].data };
  });
  return { element, plot: { ...plot, series } };
}

/** Has the plots of a test show the same part of time. */
function startGroup(all: readonly Figure[], filter: FlowFilter): LivePlot[] {
  const ends = all.map(({ plot: { x } }) => ({ min: x.min ?? 0, max: x.max ?? 0 }));
  const view = new TimeView({
    min: Math.min(...ends.map(({ min }) => min)),
    max: Math.max(...ends.map(({ max }) => max)),
  });
  const plots: LivePlot[] = [];
  const group = {
    view,
    isShown: filter.isShown.bind(filter),
    mark: (time?: number) => plots.forEach((plot) => plot.mark(time)),
  };
  for (const { element, plot } of all) plots.push(new LivePlot(element, plot, group));
  all[0].element.before(zoomBar(view));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && view.zoomed && !(event.target instanceof HTMLInputElement)) view.reset();
  });
  return plots;
}

/** The line above plots: how to zoom, or what is shown and the way back. */
function zoomBar(view: TimeView): HTMLElement {
  const bar = document.createElement("p"), shown = document.createElement("output");
  const button = document.createElement("button");
  bar.className = "zoom-bar";
  button.type = "button";
  button.textContent = "Show everything";
  button.hidden = true;
  button.addEventListener("click", () => view.reset());
  shown.textContent = HINT;
  bar.append(shown, " ", button);
  view.listen(() => {
    const { min, max } = view.shown;
    const digits = Math.max(0, Math.min(6, Math.ceil(8 - Math.log10(max - min))));
    const text = (us: number) => (us / 1e6).toFixed(digits);
    bar.classList.toggle("zoomed", view.zoomed);
    shown.textContent = view.zoomed ? `${text(min)} to ${text(max)} s` : HINT;
    button.hidden = !view.zoomed;
  });
  return bar;
}

const plots: LivePlot[] = [];
const filter = new FlowFilter(() => plots.forEach((plot) => plot.changed()));
for (const legend of document.querySelectorAll(".legend")) filter.listenTo(legend);
for (const all of figures().values()) {
  const flows = new Set(
    all.flatMap(({ plot }) =>
      plot.type === "gantt" ? [] : plot.series.flatMap(({ flow, hidden }) => hidden && flow !== undefined ? [flow] : [])
    ),
  );
  if (flows.size > 0) all[0].element.before(filter.box([...flows]));
  plots.push(...startGroup(all, filter));
}
for (const table of document.querySelectorAll<HTMLTableElement>("table.sortable")) makeSortable(table);
for (const table of document.querySelectorAll<HTMLTableElement>("table.logs")) makeFilterable(table);
