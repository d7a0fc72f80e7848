import { escape, type Style } from "../terminal.ts";
import { cutToWidth, textWidth } from "../../base/text.ts";
import { elapsed, wholeSeconds } from "../../base/units.ts";
import { type FlowState, FlowTracker } from "../../flow/analysis/mod.ts";
import { flowFigures } from "./flow_text.ts";
import { FlowCourses, MAX_CELLS, sparklineText } from "./sparkline.ts";
import { type Counts, countsText, errorLine, nameOfTest, udfProgressText } from "./outcome_text.ts";
import type { UdfProgress } from "../../bridge/messages.ts";
import type { Activity, ErrorItem, Item, LogEntry } from "../../node/item.ts";
import type { TestStart } from "./display.ts";

/** More lines than this do not fit one glance, however high the terminal is. */
const MAX_LINES = 24;
/** Ids of nodes are cut here, in columns, so that there is room for what they do; sooner on a narrow terminal. */
const MAX_LABEL = 16;
const MAX_BAR = 30;
/** No terminal shows more runs on a line. */
const MAX_RUNS = 20;
/** UDFs that are shown; all are in the summary of the test. */
const MAX_UDFS = 4;
/** Setting up and cleaning up are not in the plan's time: this much later, in milliseconds, is as planned. */
const TOLERANCE_MS = 2000;

/** How large a terminal is. */
export interface ScreenSize {
  readonly columns: number;
  readonly rows: number;
}

/** What the running test is shown with. */
export interface LiveView {
  readonly size: ScreenSize;
  readonly style: Style;
  /** Whether it shows more characters than those of ASCII. */
  readonly unicode: boolean;
  /** By the clock of `performance.now()`. */
  readonly nowMs: number;
  /** The number of selected tests. */
  readonly tests: number;
  /** How the tests before have ended. */
  readonly counts: Counts;
}

/** Returns the lines that show a running test; they fit the terminal. */
export function liveBlock(running: TestProgress, { size, style, unicode, nowMs, tests, counts }: LiveView): string[] {
  // A character in the last column makes some terminals begin a line.
  const width = Math.max(1, size.columns - 1);
  const { id, number } = running.test;
  const head = [
    style.bold(cutToWidth(`test ${number} of ${tests}: ${nameOfTest(id)}`, width)),
    timeLine(running, nowMs, width, style),
  ];
  const foot = running.udfs.slice(0, MAX_UDFS).map((udf) =>
    cutToWidth(`  udf ${escape(udf.name)}  ${escape(udfProgressText(udf))}`, width)
  );
  if (running.error !== undefined) foot.push(style.red(cutToWidth(`  error ${errorLine(running.error)}`, width)));
  if (running.log !== undefined) foot.push(style.dim(cutToWidth(`  log ${logStart(running.log, width)}`, width)));
  if (number > 1) foot.push(style.dim(cutToWidth(`  so far: ${countsText(counts)}`, width)));
  // The cursor stands below the block, and what is shown before should not be pushed out at once.
  const most = Math.max(1, Math.min(MAX_LINES, size.rows - 2));
  const room = most - head.length - foot.length;
  const nodes = nodeLines(running.nodes, Math.ceil(room / 2), width, style);
  const flows = flowLines(running, room - nodes.length, width, style, unicode);
  // Where there are few flows, more nodes have room.
  const more = flows.length < room - nodes.length ? nodeLines(running.nodes, room - flows.length, width, style) : nodes;
  return [...head, ...more, ...flows, ...foot].slice(0, most);
}

/** Fewer bars than this show no course. */
const MIN_CELLS = 4;

/**
 * What each flow has measured so far; where there are too many, those that run, and those that began last. What the
 * figures leave of the width goes to small bars of goodput and RTT.
 */
function flowLines(
  { flows: tracker, courses }: TestProgress,
  room: number,
  width: number,
  style: Style,
  unicode: boolean,
): string[] {
  const flows = [...tracker.flows.values()];
  if (room <= 0 || flows.length === 0) return [];
  const fits = flows.length <= room ? flows.length : room - 1;
  const over = (flow: FlowState) => flow.ended ? 1 : 0;
  const shown = fits === flows.length ? flows : flows.toReversed().sort((a, b) => over(a) - over(b)).slice(0, fits);
  const widest = Math.max(0, ...shown.map(({ flow }) => escape(flow).length));
  const longest = Math.max(0, ...shown.map((state) => textWidth(flowFigures(state))));
  // In steps, so that they do not change with each digit of a figure.
  const spare = Math.floor((width - widest - longest - 4) / 2) - 1;
  const cells = Math.min(MAX_CELLS, spare - spare % MIN_CELLS);
  const lines = shown.map((state) => {
    const name = `  ${escape(state.flow).padEnd(widest)}  `;
    return { state, text: cutToWidth(name + flowFigures(state, barsOf(state.flow, cells, courses, unicode)), width) };
  });
  return [
    ...lines.map(({ state, text }) => state.ended ? style.dim(text) : text),
    ...fits < flows.length ? [style.dim(cutToWidth(`  +${flows.length - fits} more flows`, width))] : [],
  ];
}

/** The course of a flow as small bars; nothing of a flow that has reported once. */
function barsOf(flow: string, cells: number, courses: FlowCourses, unicode: boolean) {
  if (cells < MIN_CELLS) return {};
  const { goodput, rtt } = courses.of(flow, cells);
  const bars = (values: readonly (number | undefined)[]) =>
    values.filter((value) => value !== undefined).length > 1
      ? sparklineText(values, unicode).padStart(cells)
      : undefined;
  return { goodput: bars(goodput), rtt: bars(rtt) };
}

function timeLine({ test, startedMs }: TestProgress, nowMs: number, width: number, style: Style): string {
  const ms = nowMs - startedMs;
  const { expectedMs, timeoutMs } = test;
  const timeout = timeoutMs > 0 ? `, timeout in ${wholeSeconds(timeoutMs - ms + 999)}` : "";
  if (expectedMs === 0) return cutToWidth(`  ${wholeSeconds(ms)}${timeout}`, width);
  const late = ms - expectedMs;
  const text = late > TOLERANCE_MS
    ? ` ${wholeSeconds(ms)}, ${wholeSeconds(late)} more than expected${timeout}`
    : ` ${wholeSeconds(Math.min(ms, expectedMs))} of ${elapsed(expectedMs)}${timeout}`;
  const cells = Math.min(MAX_BAR, width - 2 - textWidth(text) - 2);
  if (cells < 5) return cutToWidth(` ${text}`, width);
  const full = Math.min(cells, Math.floor(cells * ms / expectedMs));
  return `  [${style.green("#".repeat(full))}${style.dim("-".repeat(cells - full))}]${text}`;
}

function logStart(entry: { nodeId: string; tag: string; text: string }, width: number): string {
  const { nodeId, tag, text } = entry;
  return escape(`${nodeId} ${tag}: ${text.slice(0, width * 8).trimStart().split("\n", 1)[0]}`);
}

/** What each node does; those that do something first, where there are too many. */
function nodeLines(nodes: TestProgress["nodes"], room: number, width: number, style: Style): string[] {
  if (room <= 0) return [];
  if (nodes.size === 0) return [style.dim(cutToWidth("  launching nodes", width))];
  const all = [...nodes];
  const fits = all.length <= room ? all.length : room - 1;
  const busy = ([, { running }]: [string, NodeActivity]) => running.length > 0 ? 0 : 1;
  const shown = fits < all.length ? all.toSorted((a, b) => busy(a) - busy(b)).slice(0, fits) : all;
  const labels = shown.map(([id]) => cutToWidth(escape(id), Math.min(MAX_LABEL, Math.ceil(width / 4))));
  const widest = Math.max(0, ...labels.map(textWidth));
  const lines = shown.map(([, activity], i) => {
    const label = labels[i] + " ".repeat(widest - textWidth(labels[i]));
    const text = cutToWidth(`  ${label}  ${activityText(activity, width - widest - 4)}`, width);
    return activity.running.length > 0 ? text : style.dim(text);
  });
  if (fits < all.length) lines.push(style.dim(cutToWidth(`  +${all.length - fits} more nodes`, width)));
  return lines;
}

/** As many runs as there is room for, and how many more: `sleep 1s, system tc -s qdisc, +3 more; 12 done`. */
function activityText({ running, more, ended }: NodeActivity, width: number): string {
  const done = ended > 0 ? `; ${ended} done` : "";
  if (running.length === 0) return `waits${done}`;
  const names = running.slice(0, MAX_RUNS).map((name) => escape(name.slice(0, width * 8)));
  for (let shown = names.length; shown > 0; shown--) {
    const hidden = running.length - shown + more;
    const end = `${hidden > 0 ? `, +${hidden} more` : ""}${done}`;
    const text = names.slice(0, shown).join(", ");
    if (textWidth(text + end) <= width) return text + end;
    // The run that has gone on for longest is always shown.
    if (shown === 1) return cutToWidth(text, Math.max(4, width - end.length)) + end;
  }
  return "";
}

/**
 * Lines at the end of a terminal that are drawn again and again, and lines above them that stay.
 *
 * The cursor always rests at the start of the line below, so that a program that is killed leaves it in order. On a
 * terminal that was made narrower, lines take more rows than before; that is reckoned with.
 */
export class LiveArea {
  /** Columns that each drawn line takes. */
  #drawn: number[] = [];

  /**
   * Returns what to write to the terminal next.
   *
   * @param above text that stays, each line with its end
   * @param lines the lines to draw in place of those before; each is narrower than the terminal
   * @param columns how wide the terminal is now
   */
  frame(above: string, lines: readonly string[], columns: number): string {
    const rows = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    this.#drawn = lines.map((line) => textWidth(withoutStyle(line)));
    const up = rows > 0 ? `\x1b[${rows}A` : "";
    // What is drawn again is written over, since a terminal that is cleared first flickers.
    const clear = above === "" ? "" : "\x1b[J";
    return `${up}\r${clear}${above}${lines.map((line) => `${line}\x1b[K\n`).join("")}\x1b[J`;
  }

  /** Whether anything is drawn. */
  get drawn(): boolean {
    return this.#drawn.length > 0;
  }
}

function withoutStyle(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/\x1b\[\d+m/g, "");
}

/** A test has fewer nodes than that; a node that goes mad makes up more. */
const MAX_NODES = 10_000;

/** What a node does just now. */
export type NodeActivity = Pick<Activity, "running" | "more" | "ended">;

const NOTHING: NodeActivity = { running: [], more: 0, ended: 0 };

/** What is known of the running test. */
export class TestProgress {
  /** What its nodes do, by their ids, in the order of their first reports. */
  readonly nodes = new Map<string, NodeActivity>();
  readonly flows = new FlowTracker();
  /** What flows have reported of late. */
  readonly courses = new FlowCourses();
  /** How far its UDFs are. */
  udfs: readonly UdfProgress[] = [];
  /** The last entry of a log. */
  log: LogEntry | undefined;
  /** The first error: those that follow come from it. */
  error: ErrorItem | undefined;

  /**
   * @param test the test
   * @param startedMs when it started, by the clock of `performance.now()`
   */
  constructor(readonly test: TestStart, readonly startedMs: number) {}

  /**
   * Takes in a result.
   *
   * @param nowMs when it came, by the clock of `performance.now()`
   */
  take(item: Item, nowMs: number = performance.now()): void {
    switch (item.type) {
      case "nodeInfo":
        return this.#set(item.nodeId, this.nodes.get(item.nodeId) ?? NOTHING);
      case "activity":
        return this.#set(item.nodeId, item);
      case "progress": {
        const state = this.flows.take(item.flow, item.report);
        if (state !== undefined) this.courses.add(state, nowMs);
        return;
      }
      case "log":
        this.log = item;
        return;
      case "error":
        this.error ??= item;
    }
  }

  #set(nodeId: string, activity: NodeActivity): void {
    if (this.nodes.size < MAX_NODES || this.nodes.has(nodeId)) this.nodes.set(nodeId, activity);
  }
}
