import type { UdfProgress } from "../../bridge/messages.ts";
import type { Item } from "../../node/item.ts";
import { gateLines } from "../gate/render.ts";
import { escape } from "../terminal.ts";
import { Backlog } from "./background_writer.ts";
import type { Display, EndedTest, PlanStart, PlanSummary, TestStart } from "./display.ts";
import { elapsed } from "../../base/units.ts";
import { flowEndLines } from "./flow_text.ts";
import type { TextDisplayOptions } from "./line_display.ts";
import { LiveArea, liveBlock, type ScreenSize, TestProgress } from "./live_block.ts";
import {
  type Counts,
  detailLines,
  leftOutLine,
  logLines,
  nameOfTest,
  paintStatus,
  planLine,
  summaryLine,
} from "./outcome_text.ts";

const INTERVAL_MS = 200;

/** What a display on a terminal gets. */
export interface TerminalDisplayOptions extends TextDisplayOptions {
  /** The size of the terminal as it is now. */
  size(): ScreenSize;
  /** Whether it shows more characters than those of ASCII. */
  readonly unicode: boolean;
}

/** The running test as a live block, redrawn five times a second, below the finished ones, a line each. */
export class TerminalDisplay implements Display {
  readonly #options: TerminalDisplayOptions;
  readonly #area = new LiveArea();
  readonly #above = new Backlog(leftOutLine);
  readonly #counts: Required<Omit<Counts, "notRun">> = { ok: 0, failed: 0, canceled: 0, kept: 0 };
  readonly #timer: ReturnType<typeof setInterval>;
  #tests = 0;
  #running: TestProgress | undefined;
  #writing: Promise<void> | undefined;
  /** The terminal is gone. */
  #gone = false;

  constructor(options: TerminalDisplayOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#draw(), INTERVAL_MS);
    Deno.unrefTimer(this.#timer);
  }

  planStarts(plan: PlanStart): void {
    this.#tests = plan.tests;
    this.#above.add(planLine(plan));
  }

  testStarts(test: TestStart): void {
    this.#running = new TestProgress(test, performance.now());
  }

  item(item: Item): void {
    this.#running?.take(item);
    if (item.type !== "log" || !this.#options.verbose) return;
    for (const text of logLines(item)) this.#above.offer(`  ${text}`);
  }

  udfs(progress: readonly UdfProgress[]): void {
    if (this.#running !== undefined) this.#running.udfs = progress;
  }

  note(text: string): void {
    this.#above.add(this.#options.style.yellow(escape(text)));
  }

  testEnds(outcome: EndedTest): void {
    const flows = this.#running?.flows.flows.values() ?? [];
    this.#running = undefined;
    const { id, status, durationMs } = outcome;
    this.#counts[status === "timeout" ? "failed" : status]++;
    const { style } = this.#options;
    const time = status === "kept" ? "" : style.dim(`  ${elapsed(durationMs)}`);
    this.#above.add(`${paintStatus(status, status.padEnd(8), style)}  ${nameOfTest(id)}${time}`);
    for (const text of flowEndLines(flows)) this.#above.add(`          ${text}`);
    for (const text of detailLines(outcome)) {
      this.#above.add(`          ${text.startsWith("error") ? style.red(text) : text}`);
    }
  }

  async planEnds(summary: PlanSummary): Promise<void> {
    const { style } = this.#options;
    for (const text of gateLines(summary.gates ?? [], style)) this.#above.add(text);
    this.#above.add(style.bold(summaryLine(summary)));
    await this[Symbol.asyncDispose]();
    await this.#options.writeResult(`${summary.folder}\n`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    this.#running = undefined;
    await this.#writing;
    this.#draw();
    await this.#writing;
  }

  /** Draws what there is to draw, unless the terminal is still busy with what came before. */
  #draw(): void {
    if (this.#writing !== undefined || this.#gone) return;
    const { size, style, unicode, write } = this.#options;
    const screen = size();
    const above = this.#above.take();
    const view = { size: screen, style, unicode, nowMs: performance.now(), tests: this.#tests, counts: this.#counts };
    const lines = this.#running === undefined ? [] : liveBlock(this.#running, view);
    if (above === "" && lines.length === 0 && !this.#area.drawn) return;
    this.#writing = write(this.#area.frame(above, lines, screen.columns))
      .catch(() => void (this.#gone = true)) // where standard error is gone, the failure has no reader
      .finally(() => this.#writing = undefined);
  }
}
