import type { FlowInfoEvent } from "../flows.ts";
import type { RecordKind } from "../records/kinds.ts";
import type { EngineFlow, EngineFlowFactory, FlowHost, FlowRequest, SampleSink, SharedBuffers } from "./engine_flow.ts";
import { LoopScope } from "./loop_scope.ts";
import { type FlowMessage, plainError, type Values } from "./messages.ts";
import type { PollLoop } from "./poll_loop.ts";
import type { SamplePool } from "./sample_pool.ts";

/** What a worker's engine lends to each of its flows. */
export interface Engine {
  readonly loop: PollLoop;
  readonly samples: SamplePool;
  readonly buffers: SharedBuffers;
  /** Adds to what goes to the main side; `urgent`: at once. */
  tell(message: FlowMessage, urgent?: boolean): void;
}

/** A flow in its worker, and the host that it sees. */
export class RunningFlow extends LoopScope implements FlowHost {
  readonly shared: SharedBuffers;
  readonly #id: number;
  readonly #engine: Engine;
  readonly #onOver: () => void;
  #flow: EngineFlow | undefined;
  #over = false;

  /** @param onOver called once, when all of it has been closed and told */
  constructor(id: number, engine: Engine, onOver: () => void) {
    super(engine.loop, (error) => this.fail(error));
    this.#id = id;
    this.#engine = engine;
    this.#onOver = onOver;
    this.shared = engine.buffers;
  }

  /** Starts it. A failure is told like every other. */
  begin(factory: EngineFlowFactory, request: FlowRequest): void {
    try {
      this.#flow = factory(this, request);
      this.#flow.start();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Lets it begin to send, if it is held. */
  release(): void {
    try {
      this.#flow?.release?.();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Closes it without a result. */
  cancel(): void {
    this.#finish({ type: "canceled", id: this.#id });
  }

  info(info: FlowInfoEvent): void {
    this.#engine.tell({ type: "info", id: this.#id, info });
  }

  samples<K extends RecordKind>(kind: K, flow: string): SampleSink<K> {
    const emit = (chunk: Uint8Array<ArrayBuffer>) => this.#engine.tell({ type: "records", id: this.#id, flow, chunk });
    return this.#engine.samples.sink(kind, this, emit);
  }

  progress(flow: string, values: Values): void {
    this.#engine.tell({ type: "progress", id: this.#id, flow, values });
  }

  log(text: string): void {
    this.#engine.tell({ type: "log", id: this.#id, text });
  }

  listening(address: string): void {
    this.#engine.tell({ type: "listening", id: this.#id, address }, true);
  }

  end(values: Values): void {
    this.#finish({ type: "ended", id: this.#id, values });
  }

  fail(error: unknown): void {
    this.#finish({ type: "failed", id: this.#id, error: plainError(error) });
  }

  #finish(message: FlowMessage): void {
    if (this.#over) return;
    this.#over = true;
    this.close();
    this.#flow?.close();
    this.#engine.samples.flush(this);
    this.#engine.tell(message, true);
    this.#onOver();
  }
}
