/// <reference lib="dom" />
import { lookOf, type Series, type XYPlot } from "../plot.ts";
import { type BucketRow, GrowingBuckets } from "../serve/growing_buckets.ts";
import type { LivePlotHead, SeriesUpdate } from "../serve/live_series.ts";
import type { LiveFlow, LiveLine, TestUpdate } from "../serve/live_test.ts";
import { swatch } from "../svg/drawing.ts";
import { drawXY } from "../svg/xy_plot.ts";

/** The tests of a run, as the server sends them. */
interface RunState {
  readonly tests: readonly { folder: string; id: string; status: string; durationMs?: number; errors: number }[];
  readonly moreTests: number;
}

/** What the server sends of the test that a page begins with. */
interface TestStart extends TestUpdate {
  readonly folder: string;
  readonly id: string;
}

/** Buckets of a series, at most: with more, neighbours are joined. */
const MAX_BUCKETS = 4000;
/** Lines of logs that are shown, at most. */
const MAX_LINES = 1000;
/** Rows of the table of flows, at most. */
const MAX_FLOWS = 200;
/** As many flows stay where they are when they end. */
const FEW_FLOWS = 12;
/** Plots are drawn this often at most, in milliseconds. */
const DRAW_MS = 200;
const HEIGHT = 220;

/** Returns an element of the page by its id. */
function element(id: string): HTMLElement {
  return document.getElementById(id)!;
}

/** Makes an element with text: what was recorded is never markup. */
function make(tag: string, text: string, name = ""): HTMLElement {
  const made = document.createElement(tag);
  made.textContent = text;
  if (name !== "") made.className = name;
  return made;
}

/** The plots, which grow. */
class Plots {
  readonly #heads: readonly LivePlotHead[];
  /** Those of what UDFs return, with the places for them. */
  readonly #udfs = new Map<string, { readonly head: LivePlotHead; readonly figure: HTMLElement }>();
  #series = new Map<string, { readonly head: SeriesUpdate; readonly buckets: GrowingBuckets }>();
  #seconds = 0;
  #waits = false;

  constructor(heads: readonly LivePlotHead[]) {
    this.#heads = heads;
    addEventListener("resize", () => this.#later());
  }

  /** Forgets everything: another test begins, or what came before is sent again. */
  clear(): void {
    this.#series = new Map();
    for (const { figure } of this.#udfs.values()) figure.remove();
    this.#udfs.clear();
    this.#seconds = 0;
  }

  add({ series: updates, udfs, seconds }: TestUpdate): void {
    this.#seconds = seconds;
    for (const head of udfs) if (!this.#udfs.has(head.id)) this.#udfs.set(head.id, { head, figure: makeFigure(head) });
    for (const update of updates) {
      const { plot, kind, name, samples = [], buckets = [] } = update;
      const key = `${plot} ${kind} ${name}`;
      let series = this.#series.get(key);
      if (series === undefined) {
        this.#series.set(key, series = { head: update, buckets: new GrowingBuckets(MAX_BUCKETS) });
      }
      for (let i = 0; i < buckets.length; i += 7) {
        series.buckets.add(buckets.slice(i, i + 7) as unknown as BucketRow);
      }
      for (let i = 0; i < samples.length; i += 2) series.buckets.addSample(samples[i], samples[i + 1]);
    }
    this.#later();
  }

  /** Draws soon, once for all that comes until then. */
  #later(): void {
    if (this.#waits) return;
    this.#waits = true;
    setTimeout(() => requestAnimationFrame(() => this.#draw()), DRAW_MS);
  }

  /** The series of a plot that have values. */
  #seriesOf(id: string | undefined) {
    return [...this.#series.values()].filter(({ head: { plot }, buckets }) => plot === id && buckets.length > 0);
  }

  #draw(): void {
    this.#waits = false;
    const looks = new Map<string, number>();
    const fixed = this.#heads.map((head) => ({ head, figure: element(`plot-${head.id}`) }));
    for (const { head, figure } of [...fixed, ...this.#udfs.values()]) {
      const series = this.#seriesOf(head.id);
      figure.hidden = series.length === 0;
      if (figure.hidden) continue;
      for (const { head: { name, kind, look } } of series) if (kind !== "ticks") looks.set(name, look);
      const plot: XYPlot = {
        type: "time",
        id: head.id,
        title: head.title,
        caption: "",
        x: { title: "time", unit: "us", scale: "linear", min: 0, max: Math.max(1, this.#seconds) * 1e6 },
        y: { ...head.y, scale: "linear", min: 0 },
        series: [
          // The kernel's RTTs of TCP are a line: no UDF of round trips was given them.
          ...this.#seriesOf(head.under).filter(({ head: { kind } }) => kind !== "ticks" && kind !== "line").map((
            { head, buckets },
          ) => ({
            ...seriesOf(head, buckets),
            // What was returned stands out.
            ...head.kind === "points" && { kind: "dots" as const },
          })),
          ...series.map(({ head, buckets }) => seriesOf(head, buckets)),
        ],
      };
      const drawing = figure.querySelector(".drawing")!;
      drawing.innerHTML = drawXY(plot, { width: Math.max(300, drawing.clientWidth), height: HEIGHT }).text;
    }
    element("legend").replaceChildren(...Array.from(looks, ([name, look]) => {
      const item = document.createElement("li");
      item.innerHTML = swatch(lookOf(look)).text;
      item.append(name);
      return item;
    }));
  }
}

/** Makes the place of a plot that the page does not have. */
function makeFigure({ id, title }: LivePlotHead): HTMLElement {
  const figure = document.createElement("figure"), drawing = document.createElement("div");
  figure.className = "plot";
  figure.id = `plot-${id}`;
  figure.setAttribute("aria-label", title);
  figure.hidden = true;
  drawing.className = "drawing grows";
  figure.append(drawing);
  element("plots").append(figure);
  return figure;
}

function seriesOf({ name, kind, look }: SeriesUpdate, buckets: GrowingBuckets): Series {
  return { name, flow: name, kind, look: lookOf(look), data: buckets.data() };
}

/** The table of flows; of many, those that run come first. */
class Flows {
  /** Those that have ended last come last. */
  readonly #rows = new Map<string, HTMLElement>();

  clear(): void {
    this.#rows.clear();
    element("flows-body").replaceChildren();
  }

  add(flows: readonly LiveFlow[], more: number): void {
    for (const { flow, ended, goodput, rtt, rttP99, lost } of flows) {
      const row = document.createElement("tr");
      row.append(
        make("th", flow),
        ...[goodput, rtt, rttP99, lost].map((text) => make("td", text, "num")),
        make("td", ended ? "ended: of all of it" : "runs: of the last interval", "note"),
      );
      const known = this.#rows.get(flow);
      const goesDown = ended && this.#rows.size > FEW_FLOWS;
      if (known === undefined && !ended && this.#rows.size > FEW_FLOWS) element("flows-body").prepend(row);
      else if (known === undefined || goesDown) element("flows-body").append(row);
      else known.replaceWith(row);
      if (goesDown) {
        known?.remove();
        this.#rows.delete(flow);
      }
      this.#rows.set(flow, row);
    }
    for (const [flow, row] of this.#rows) {
      if (this.#rows.size <= MAX_FLOWS) break;
      this.#rows.delete(flow);
      row.remove();
    }
    element("flows").hidden = this.#rows.size === 0;
    element("more-flows").textContent = more > 0 ? `and ${more} more that have ended or have no room here` : "";
  }
}

/** The lines of logs, the last one below; the view follows it unless the reader has scrolled up. */
class Logs {
  clear(): void {
    element("lines").replaceChildren();
  }

  add(lines: readonly LiveLine[], more: number): void {
    if (lines.length === 0) return;
    const box = element("logs-box"), body = element("lines");
    const follows = box.scrollTop + box.clientHeight >= box.scrollHeight - 8;
    if (more > 0) body.append(rowOf("", "", "", `${more} lines that are not shown here`));
    body.append(...lines.map(({ time, node, tag, text }) => rowOf(time.toFixed(3), node, tag, text)));
    while (body.childElementCount > MAX_LINES) body.firstElementChild!.remove();
    element("logs").hidden = false;
    if (follows) box.scrollTop = box.scrollHeight;
  }
}

function rowOf(...[time, node, tag, text]: readonly string[]): HTMLElement {
  const row = document.createElement("tr");
  row.append(make("td", time, "num"), make("td", node), make("td", tag, "kind"), make("td", text, "text"));
  return row;
}

/** The list of tests: those that have ended have pages of their own. */
function showTests({ tests, moreTests }: RunState): void {
  element("tests-body").replaceChildren(...tests.map(({ folder, id, status, durationMs, errors }) => {
    const row = document.createElement("tr"), head = document.createElement("th"), label = document.createElement("td");
    if (status === "running") head.textContent = id;
    else {
      const link = document.createElement("a");
      link.href = `${encodeURIComponent(folder)}/`;
      link.textContent = id;
      head.append(link);
    }
    label.append(make("span", status === "running" ? "runs" : status, `status ${status}`));
    const took = durationMs === undefined ? "" : `${(durationMs / 1000).toFixed(1)} s`;
    row.append(head, label, make("td", took, "num"), make("td", errors > 0 ? String(errors) : "", "num"));
    return row;
  }));
  element("tests").hidden = tests.length < 2;
  element("more-tests").textContent = moreTests > 0 ? `${moreTests} tests before these` : "";
}

function showState(text: string, name: string): void {
  const state = element("state");
  state.textContent = text;
  state.className = `status ${name}`;
}

const plots = new Plots(JSON.parse(element("heads").textContent!) as LivePlotHead[]);
const flows = new Flows();
const logs = new Logs();
const events = new EventSource("events");

function show(update: TestUpdate): void {
  plots.add(update);
  flows.add(update.flows, update.moreFlows);
  logs.add(update.lines, update.moreLines);
}

events.addEventListener("open", () => showState("runs", "running"));
events.addEventListener("run", ({ data }) => showTests(JSON.parse(data) as RunState));
events.addEventListener("test", ({ data }) => {
  const start = JSON.parse(data) as TestStart;
  element("test").textContent = start.id;
  for (const part of [plots, flows, logs]) part.clear();
  show(start);
});
events.addEventListener("update", ({ data }) => show(JSON.parse(data) as TestUpdate));
events.addEventListener("skipped", () => {
  element("note").textContent = "This page could not take all that came, and started anew from what the server keeps.";
});
events.addEventListener("end", () => {
  events.close();
  showState("has ended", "ok");
  location.reload();
});
events.addEventListener("error", () => showState("no connection: trying again", "failed"));
