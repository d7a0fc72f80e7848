/// <reference lib="dom" />
import type { GanttPlot, Series, XYPlot } from "../plot.ts";
import { decodeSeries, type EncodedSeries } from "../series/decode.ts";
import type { PlotOfPage, SeriesOfPage } from "../series/encode.ts";
import { type Area, areaOf, swatch } from "../svg/drawing.ts";
import { drawGantt, ganttSize } from "../svg/gantt.ts";
import { drawXY } from "../svg/xy_plot.ts";
import { listenToGestures } from "./gestures.ts";
import { exactText, readNearest, readSeries } from "./readout.ts";
import type { TimeView } from "./view.ts";

/** What the plots of a test share. */
export interface PlotGroup {
  readonly view: TimeView;
  /** Whether a series is drawn, by what the reader chose. */
  isShown(series: Pick<Series, "flow" | "hidden">): boolean;
  /** Has all plots mark a time; nothing: none. */
  mark(time?: number): void;
}

/** How far around the pointer samples are read, in pixels, and how far where there are none. */
const REACH = 3;
const FAR_REACH = 15;
/** More series than these are not read out. */
const MAX_READINGS = 10;

/** What lies in the place of a plot, above each other. */
interface Parts {
  readonly drawing: HTMLElement;
  /** Where the pointer is, in this or another plot. */
  readonly line: HTMLElement;
  /** What is selected. */
  readonly range: HTMLElement;
  readonly readout: HTMLElement;
}

/**
 * A plot of a page that is drawn anew as the reader zooms: the SVG of the file makes place for one of the width that there
 * is, on paper it is there again.
 */
export class LivePlot {
  readonly #group: PlotGroup;
  readonly #figure: HTMLElement;
  readonly #data: PlotOfPage;
  readonly #height: number;
  /** What was decoded, by the series of the page; each only once it is shown. */
  readonly #series = new Map<SeriesOfPage, Promise<Series>>();
  /** What is drawn now. */
  #plot: XYPlot | GanttPlot | undefined;
  #width = 0;
  #parts: Parts | undefined;
  #area: Area = areaOf({ width: 0, height: 0 });
  #inSight = false;
  #stale = true;
  /** Counts how often drawing has begun. */
  #turn = 0;

  /**
   * @param figure has the SVG of the plot in an element of the class `drawing`
   * @param data what the plot is drawn from
   */
  constructor(figure: HTMLElement, data: PlotOfPage, group: PlotGroup) {
    this.#figure = figure;
    this.#data = data;
    this.#group = group;
    this.#height = Number(figure.querySelector("svg")?.getAttribute("height")) || 220;
    new IntersectionObserver(([{ isIntersecting }]) => {
      this.#inSight = isIntersecting;
      this.#update();
    }, { rootMargin: "300px" }).observe(figure);
    new ResizeObserver(() => {
      if (figure.clientWidth !== this.#width) this.changed();
    }).observe(figure);
    group.view.listen(() => this.changed());
  }

  /** Draws anew, now or as soon as it is in sight. */
  changed(): void {
    this.#stale = true;
    this.#update();
  }

  /** Marks a time; nothing: none. */
  mark(time?: number): void {
    if (this.#parts === undefined) return;
    const { line } = this.#parts;
    const { min, max } = this.#group.view.shown;
    line.hidden = time === undefined || time < min || time > max;
    if (time === undefined) return;
    line.style.transform = `translateX(${this.#area.left + (time - min) / (max - min) * this.#area.width}px)`;
  }

  async #update(): Promise<void> {
    if (!this.#inSight || !this.#stale) return;
    this.#stale = false;
    const turn = ++this.#turn;
    const plot = await this.#load();
    // A later change may have had less to decode.
    if (turn !== this.#turn) return;
    this.#plot = plot;
    this.#parts ??= this.#mount();
    this.#draw(plot, this.#parts);
  }

  /** Decodes the series that are shown. */
  async #load(): Promise<XYPlot | GanttPlot> {
    if (this.#data.type === "gantt") return this.#data;
    const shown = this.#data.series.filter((series) => this.#group.isShown(series));
    const series = shown.map((of) => {
      let decoded = this.#series.get(of);
      if (decoded === undefined) this.#series.set(of, decoded = decode(of));
      return decoded;
    });
    return { ...this.#data, series: await Promise.all(series) };
  }

  #draw(plot: XYPlot | GanttPlot, { drawing, line, range }: Parts): void {
    const width = this.#width = this.#figure.clientWidth;
    if (width === 0) return;
    const { shown } = this.#group.view;
    let size = { width, height: Math.min(this.#height, Math.max(160, Math.round(width * 0.6))) };
    if (plot.type === "gantt") {
      size = ganttSize(plot, width);
      drawing.innerHTML = drawGantt(plot, size, shown).text;
    } else {
      drawing.innerHTML = drawXY({ ...plot, x: { ...plot.x, ...shown } }, size).text;
    }
    this.#area = areaOf(size);
    for (const { style } of [line, range]) {
      style.top = `${this.#area.top}px`;
      style.height = `${this.#area.height}px`;
    }
  }

  #mount(): Parts {
    const element = make("div", "live"), drawing = make("div", "live-drawing"), line = make("div", "cursor");
    const range = make("div", "selection"), readout = make("div", "readout");
    line.hidden = range.hidden = readout.hidden = true;
    readout.ariaHidden = "true";
    element.tabIndex = 0;
    element.role = "application";
    element.ariaLabel = `${this.#data.title}: + and - zoom, arrows move, Escape shows everything`;
    element.append(drawing, range, line, readout);
    this.#figure.querySelector(".drawing")!.after(element);
    this.#figure.classList.add("zoomable");
    const area = () => this.#area;
    listenToGestures({
      element,
      get area() {
        return area();
      },
      view: this.#group.view,
      select: (from, to) => this.#select(from, to),
      point: (x, y) => this.#point(x, y),
      click: (event) => this.#click(event),
    });
    return { drawing, line, range, readout };
  }

  #select(from?: number, to?: number): void {
    const { range } = this.#parts!;
    range.hidden = from === undefined;
    if (from === undefined || to === undefined) return;
    range.style.left = `${this.#area.left + Math.min(from, to) * this.#area.width}px`;
    range.style.width = `${Math.abs(to - from) * this.#area.width}px`;
  }

  #click(event: PointerEvent): void {
    if (this.#plot?.type !== "gantt" || !(event.target instanceof Element)) return;
    const path = event.target.closest(".span")?.getAttribute("data-path");
    const span = this.#plot.spans.find((span) => span.path === path);
    if (span === undefined) return;
    const { view } = this.#group;
    const end = span.end ?? view.full.max, margin = (end - span.start) * 0.02;
    view.show(span.start - margin, end + margin);
  }

  #point(x?: number, y?: number): void {
    const { left, width, top, height } = this.#area;
    const { readout } = this.#parts!;
    readout.hidden = true;
    if (x === undefined || y === undefined || x < left || x > left + width) return this.#group.mark();
    const { min, max } = this.#group.view.shown;
    const perPixel = (max - min) / width;
    const time = min + (x - left) * perPixel;
    this.#group.mark(time);
    const plot = this.#plot;
    if (plot === undefined || plot.type === "gantt") return;
    const readings = plot.series.flatMap((series) => {
      const reading = readSeries(series, time - REACH * perPixel, time + REACH * perPixel, plot.y.unit) ??
        readNearest(series, time, FAR_REACH * perPixel, plot.y.unit);
      return reading === undefined ? [] : [{ series, ...reading }];
    });
    if (readings.length === 0) return;
    // One sample has a time of its own.
    const times = new Set(readings.map(({ at }) => at));
    const [at] = times;
    const shownTime = times.size > 1 || at === undefined ? timeText(time, perPixel) : exactText(at, "us");
    readout.replaceChildren(withText("div", "readout-time", shownTime));
    for (const { series, text } of readings.slice(0, MAX_READINGS)) {
      const row = make("div", "reading");
      row.innerHTML = swatch(series.look).text;
      row.append(withText("span", "reading-name", series.name), withText("span", "reading-value", text));
      readout.append(row);
    }
    if (readings.length > MAX_READINGS) {
      readout.append(withText("div", "readout-time", `and ${readings.length - MAX_READINGS} more`));
    }
    readout.hidden = false;
    const { offsetWidth, offsetHeight } = readout;
    const beside = x > left + width / 2 ? x - 14 - offsetWidth : x + 14;
    readout.style.left = `${Math.max(0, Math.min(beside, this.#figure.clientWidth - offsetWidth))}px`;
    readout.style.top = `${Math.max(0, Math.min(y - 20, top + height - offsetHeight))}px`;
  }
}

async function decode(series: SeriesOfPage): Promise<Series> {
  return { ...series, hidden: false, data: await decodeSeries(series.data as EncodedSeries) };
}

/** A time as exact as pixels are. */
function timeText(time: number, perPixel: number): string {
  const digits = Math.max(0, Math.min(6, Math.ceil(6 - Math.log10(perPixel))));
  return `${(time / 1e6).toFixed(digits)}\u00a0s`;
}

function make(tag: string, name: string): HTMLElement {
  const element = document.createElement(tag);
  element.className = name;
  return element;
}

function withText(tag: string, name: string, text: string): HTMLElement {
  const element = make(tag, name);
  element.textContent = text;
  return element;
}
