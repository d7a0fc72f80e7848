import { SamplePool } from "../engine/sample_pool.ts";
import type { SampleSink } from "../engine/engine_flow.ts";
import type { FlowEvents } from "../flows.ts";
import type { RecordKind } from "../records/kinds.ts";

/** Samples leave at most so often. */
const FLUSH_MS = 100;

/** Collects the samples of flows in the main thread. */
export class PortableSamples implements Disposable {
  readonly #events: FlowEvents;
  readonly #pool = new SamplePool(() => this.#flushSoon());
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param events get the chunks */
  constructor(events: FlowEvents) {
    this.#events = events;
  }

  /** A sink of samples of a flow. */
  sink<K extends RecordKind>(kind: K, flow: string): SampleSink<K> {
    return this.#pool.sink(kind, this, (chunk) => this.#events.records(flow, chunk));
  }

  /** Hands over what waits. */
  [Symbol.dispose](): void {
    this.#flush();
  }

  #flushSoon(): void {
    this.#timer ??= setTimeout(() => this.#flush(), FLUSH_MS);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#pool.flush();
  }
}
