import type { UdfProgress } from "../../bridge/messages.ts";
import type { Item, Progress } from "../../node/item.ts";
import { elapsed, formatDuration } from "../../base/units.ts";
import { gateLines } from "../gate/render.ts";
import { escape, type Style } from "../terminal.ts";
import { BackgroundWriter, type WriteText } from "./background_writer.ts";
import type { Display, EndedTest, PlanStart, PlanSummary, TestStart } from "./display.ts";
import { FlowTracker } from "../../flow/analysis/mod.ts";
import { flowEndLines, flowLine } from "./flow_text.ts";
import {
  detailLines,
  errorLine,
  leftOutLine,
  logLines,
  nameOfTest,
  nodeLine,
  paintStatus,
  planLine,
  summaryLine,
  udfProgressText,
} from "./outcome_text.ts";

/** Errors of a test that are remembered, so that they are not shown twice. */
const MAX_SHOWN = 1000;
/** A flow that runs has a line this often. */
const PROGRESS_MS = 1000;

/** What a display for people gets. */
export interface TextDisplayOptions {
  /** Show log entries of nodes, and flows that run. */
  readonly verbose: boolean;
  readonly style: Style;
  /** To standard error. */
  readonly write: WriteText;
  /** To standard output. */
  readonly writeResult: WriteText;
}

/** A line for each event. */
export class LineDisplay implements Display {
  readonly #options: TextDisplayOptions;
  readonly #writer: BackgroundWriter;
  /** Errors of the running test that were shown. */
  readonly #shown = new Set<string>();
  #flows = new FlowTracker();
  /** When there was a line of a flow that runs, by the clock of `performance.now()`. */
  readonly #shownAt = new Map<string, number>();

  #udfsShownAt = -Infinity;

  constructor(options: TextDisplayOptions) {
    this.#options = options;
    this.#writer = new BackgroundWriter(options.write, leftOutLine);
  }

  planStarts(plan: PlanStart): void {
    this.#writer.line(planLine(plan));
  }

  testStarts({ id, expectedMs, timeoutMs }: TestStart): void {
    this.#shown.clear();
    this.#shownAt.clear();
    const limits = [
      timeoutMs > 0 ? `timeout ${formatDuration(timeoutMs)}` : "no timeout",
      ...(expectedMs > 0 ? [`at least ${formatDuration(expectedMs)}`] : []),
    ];
    this.#writer.line(`${nameOfTest(id)}: started (${limits.join(", ")})`);
  }

  item(item: Item): void {
    if (item.type === "nodeInfo") {
      this.#writer.offer(`  ${nodeLine(item)}`);
    } else if (item.type === "error") {
      const text = errorLine(item);
      const shown = this.#writer.offer(`  ${this.#options.style.red("error")} ${text}`);
      // A test fails of a few errors; a node that goes mad makes more.
      if (shown && this.#shown.size < MAX_SHOWN) this.#shown.add(text);
    } else if (item.type === "log" && this.#options.verbose) {
      for (const text of logLines(item)) this.#writer.offer(`  ${text}`);
    } else if (item.type === "progress") {
      this.#progress(item);
    }
  }

  udfs(progress: readonly UdfProgress[]): void {
    const now = performance.now();
    if (!this.#options.verbose || now - this.#udfsShownAt < PROGRESS_MS) return;
    this.#udfsShownAt = now;
    for (const udf of progress) this.#writer.offer(`  ${escape(`udf ${udf.name}: ${udfProgressText(udf)}`)}`);
  }

  note(text: string): void {
    this.#writer.line(escape(text));
  }

  testEnds(outcome: EndedTest): void {
    const { id, status, durationMs } = outcome;
    const shown = paintStatus(status, status, this.#options.style);
    this.#writer.line(`${nameOfTest(id)}: ${shown}${status === "kept" ? "" : ` in ${elapsed(durationMs)}`}`);
    for (const text of flowEndLines(this.#flows.flows.values())) this.#writer.line(`  ${text}`);
    // Tests that are kept end without having run.
    this.#flows = new FlowTracker();
    for (const text of detailLines(outcome, this.#shown)) this.#writer.line(`  ${text}`);
    this.#shown.clear();
  }

  async planEnds(summary: PlanSummary): Promise<void> {
    for (const text of gateLines(summary.gates ?? [], this.#options.style)) this.#writer.line(text);
    this.#writer.line(summaryLine(summary));
    await this[Symbol.asyncDispose]();
    await this.#options.writeResult(`${summary.folder}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Where standard error is gone, the failure has no reader.
    await this.#writer.flush().catch(() => {});
  }

  #progress(item: Progress): void {
    const state = this.#flows.take(item.flow, item.report);
    // What a flow measured in all is shown at the end of the test.
    if (!this.#options.verbose || state === undefined || state.ended) return;
    const now = performance.now();
    if (now - (this.#shownAt.get(state.flow) ?? -Infinity) < PROGRESS_MS) return;
    this.#shownAt.set(state.flow, now);
    this.#writer.offer(`  ${flowLine(state)}`);
  }
}
