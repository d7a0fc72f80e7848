import type { FlowHost, SampleSink, Scope, Timer } from "../../../src/flow/engine/engine_flow.ts";
import { SamplePool, WorkerBuffers } from "../../../src/flow/engine/sample_pool.ts";
import type { FlowReport } from "../../../src/flow/report.ts";
import { encodeReport, type ReportValues } from "../../../src/flow/report_values.ts";
import type { RecordKind } from "../../../src/flow/records/format.ts";
import type { Watch } from "../../../src/sys/poller.ts";
import { RecordedEvents } from "./recorded_events.ts";

/** A host whose time goes on only by {@linkcode FakeHost.pass}, and whose files are never ready. */
export class FakeHost extends RecordedEvents implements FlowHost {
  readonly shared = new WorkerBuffers();
  /** What the flow ended with, as it travels. */
  result: ReportValues | undefined;
  /** What the flow failed with. */
  error: unknown;
  readonly #pool = new SamplePool(() => {});
  readonly #timers = new Set<{ at: number; handler: () => void }>();
  #now = 0;

  /** Lets time go by; timers are called at their times. */
  pass(nanos: number): void {
    const end = this.#now + nanos;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#now = Math.max(this.#now, next.at);
      next.at = Infinity;
      try {
        next.handler();
      } catch (error) {
        this.fail(error);
      }
    }
    this.#now = end;
    this.#pool.flush();
  }

  /** Lets time go by as if all stood still meanwhile. */
  stand(nanos: number): void {
    this.#now += nanos;
  }

  now(): number {
    return this.#now;
  }

  watch(): Watch {
    return { interest: 0, close() {}, [Symbol.dispose]() {} };
  }

  timer(handler: () => void): Timer {
    const timer = { at: Infinity, handler };
    this.#timers.add(timer);
    return { set: (at) => timer.at = at, clear: () => timer.at = Infinity };
  }

  scope(): Scope {
    return this;
  }

  close(): void {
    this.#timers.clear();
  }

  samples<K extends RecordKind>(kind: K, flow: string): SampleSink<K> {
    return this.#pool.sink(kind, this, (chunk) => this.records(flow, chunk));
  }

  listening(): void {}

  end(report?: FlowReport): void {
    this.result ??= report && encodeReport(report);
  }

  fail(error: unknown): void {
    this.error ??= error;
    this.close();
  }
}
