import type { Item } from "../../node/item.ts";
import { formatDuration } from "../../node/plan/duration.ts";
import { escape, type Style } from "../terminal.ts";
import { BackgroundWriter, type WriteText } from "./background_writer.ts";
import type { Display, PlanStart, PlanSummary, TestOutcome, TestStart } from "./display.ts";
import { elapsed } from "./elapsed.ts";
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
} from "./outcome_text.ts";

/** So many errors of a test are remembered, so that they are not shown twice. */
const MOST_TOLD = 1000;

/** What a display for people gets. */
export interface TextDisplayOptions {
  /** Show log entries of nodes. */
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
  readonly #told = new Set<string>();

  constructor(options: TextDisplayOptions) {
    this.#options = options;
    this.#writer = new BackgroundWriter(options.write, leftOutLine);
  }

  planStarts(plan: PlanStart): void {
    this.#writer.line(planLine(plan));
  }

  testStarts({ id, expectedMs, timeoutMs }: TestStart): void {
    this.#told.clear();
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
      if (shown && this.#told.size < MOST_TOLD) this.#told.add(text);
    } else if (item.type === "log" && this.#options.verbose) {
      for (const text of logLines(item)) this.#writer.offer(`  ${text}`);
    }
  }

  note(text: string): void {
    this.#writer.line(escape(text));
  }

  testEnds(outcome: TestOutcome): void {
    const { id, status, durationMs } = outcome;
    const shown = paintStatus(status, status, this.#options.style);
    this.#writer.line(`${nameOfTest(id)}: ${shown}${status === "kept" ? "" : ` in ${elapsed(durationMs)}`}`);
    for (const text of detailLines(outcome, this.#told)) this.#writer.line(`  ${text}`);
    this.#told.clear();
  }

  async planEnds(summary: PlanSummary): Promise<void> {
    this.#writer.line(summaryLine(summary));
    await this[Symbol.asyncDispose]();
    await this.#options.writeResult(`${summary.folder}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Where standard error is gone, there is nobody to tell.
    await this.#writer.flush().catch(() => {});
  }
}
