import { encodeReport } from "../../flow/report_values.ts";
import type { UdfProgress } from "../../bridge/messages.ts";
import type { Item } from "../../node/item.ts";
import { BackgroundWriter, type WriteText } from "./background_writer.ts";
import {
  figuresOf,
  type FlowState,
  FlowTracker,
  LIVE_PACKET_FIGURES,
  LIVE_STREAM_FIGURES,
  LIVE_TRANSACTION_FIGURES,
} from "../../flow/analysis/mod.ts";
import type { Display, EndedTest, PlanStart, PlanSummary, TestStart } from "./display.ts";

/** What a JSON display gets. */
export interface JsonDisplayOptions {
  /** Also `log`, `activity` and `progress`. */
  readonly verbose: boolean;
  /** To standard output. */
  readonly write: WriteText;
}

/**
 * An object a line, for programs. Its `type` is `plan`, `test-start`, `node`, `error`, `note`, `flow`, `test-end`, `gate`
 * or `summary`, with `verbose` also `log`, `activity`, `progress` and `udf`. A `flow` is what was last known of one when its test
 * ended; what was measured in all is in the results. Where the reader is far behind, events of nodes are left out, and a
 * `left-out` counts them. `test` is the number of a test among those selected. Keys are added, not changed.
 */
export class JsonDisplay implements Display {
  readonly #verbose: boolean;
  readonly #writer: BackgroundWriter;
  #test = 0;
  #flows = new FlowTracker();

  constructor({ verbose, write }: JsonDisplayOptions) {
    this.#verbose = verbose;
    this.#writer = new BackgroundWriter(write, (events) => JSON.stringify({ type: "left-out", events }));
  }

  planStarts({ plan, folder, tests, kept }: PlanStart): void {
    this.#write({ type: "plan", plan, folder, tests, kept });
  }

  testStarts({ id, number, expectedMs, timeoutMs }: TestStart): void {
    this.#test = number;
    this.#write({ type: "test-start", test: number, id, expectedMs, timeoutMs });
  }

  item(item: Item): void {
    const test = this.#test;
    switch (item.type) {
      case "nodeInfo": {
        const { nodeId, platform, hostname, bootId, clock, pid, versions } = item;
        return this.#offer({ type: "node", test, nodeId, platform, hostname, bootId, clock, pid, versions });
      }
      case "error": {
        const { nodeId, time, tag, code, message } = item;
        return this.#offer({ type: "error", test, nodeId, timeNs: String(time), tag, code, message });
      }
      case "log": {
        const { nodeId, time, tag, text } = item;
        if (this.#verbose) this.#offer({ type: "log", test, nodeId, timeNs: String(time), tag, text });
        return;
      }
      case "activity": {
        const { nodeId, running, more, ended } = item;
        if (this.#verbose) this.#offer({ type: "activity", test, nodeId, running, more, ended });
        return;
      }
      case "progress": {
        const { nodeId, flow, report } = item;
        this.#flows.take(item.flow, item.report);
        if (this.#verbose) this.#offer({ type: "progress", test, nodeId, flow, ...encodeReport(report) });
      }
    }
  }

  udfs(progress: readonly UdfProgress[]): void {
    if (!this.#verbose) return;
    for (const { name, rowsIn, pointsOut, group, last } of progress) {
      this.#offer({ type: "udf", test: this.#test, name, rowsIn, pointsOut, group, last });
    }
  }

  note(text: string): void {
    this.#write({ type: "note", text });
  }

  testEnds(outcome: EndedTest): void {
    const { id, number, status, durationMs, moreErrors = 0, folder, stopped, udfs } = outcome;
    for (const flow of this.#flows.flows.values()) this.#offer({ type: "flow", test: number, ...flowJson(flow) });
    // Tests that are kept end without having run.
    this.#flows = new FlowTracker();
    const errors = outcome.errors.map(({ nodeId, tag, code, message }) => ({ nodeId, tag, code, message }));
    const missing = (outcome.missing ?? []).map(({ nodeId, what }) => ({ nodeId, what }));
    this.#write({
      type: "test-end",
      test: number,
      id,
      status,
      durationMs,
      errors,
      moreErrors,
      missing,
      stopped,
      udfs,
      folder,
    });
  }

  async planEnds(summary: PlanSummary): Promise<void> {
    const { ok, failed, canceled, kept, notRun, notNeeded, durationMs, folder, gates = [] } = summary;
    for (const gate of gates) this.#write({ type: "gate", ...gate });
    this.#write({ type: "summary", ok, failed, canceled, kept, notRun, notNeeded, durationMs, folder });
    await this.#writer.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A failure was thrown by planEnds(); where that was not reached, a graver one is under way.
    await this.#writer.flush().catch(() => {});
  }

  #write(event: object): void {
    this.#writer.line(JSON.stringify(event));
  }

  #offer(event: object): void {
    this.#writer.offer(JSON.stringify(event));
  }
}

function flowJson(state: FlowState): object {
  const { protocol, flow, ended } = state;
  if (state.protocol === "udp") return { protocol, flow, ...figuresOf(LIVE_PACKET_FIGURES, state), ended };
  if (state.protocol === "rr") return { protocol, flow, ...figuresOf(LIVE_TRANSACTION_FIGURES, state), ended };
  const { completionNanos } = state;
  return { protocol, flow, ...figuresOf(LIVE_STREAM_FIGURES, state), completionNanos, ended };
}
