import { TineError } from "../../base/errors.ts";
import { flowKinds } from "../flow_kinds.ts";
import type { EngineFlowFactory, FlowRequest } from "./engine_flow.ts";
import { type FlowMessage, type FromWorker, plainError, type ToWorker } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import type { PollLoop } from "./poll_loop.ts";
import { type Engine, RunningFlow } from "./running_flow.ts";
import { SamplePool } from "./sample_pool.ts";
import { WorkerBuffers } from "./worker_buffers.ts";

/** What flows tell leaves at most so often, unless it is urgent. */
const FLUSH_NANOS = 100e6;

/** What is ordered of a flow. */
export type FlowOrder = Extract<ToWorker, { readonly id: number }>;

/** Flows of a worker, in its loop. */
export class WorkerEngine implements Engine {
  readonly buffers = new WorkerBuffers();
  readonly samples: SamplePool;
  readonly #flows = new Map<number, RunningFlow>();
  readonly #outbox: Outbox;
  readonly #flushTimer;
  #flushing = false;

  /** @param post hands over what flows tell */
  constructor(readonly loop: PollLoop, post: (messages: FromWorker, transfer: ArrayBuffer[]) => void) {
    this.#outbox = new Outbox(post);
    this.samples = new SamplePool(() => this.#flushSoon());
    this.#flushTimer = loop.timer(() => this.#flush());
  }

  /** Starts, releases or cancels a flow of a kind. */
  obey(order: FlowOrder): void {
    const { id } = order;
    if (order.type === "release") {
      this.#flows.get(id)?.release();
      return;
    }
    if (order.type === "cancel") {
      this.#flows.get(id)?.cancel();
      return;
    }
    const { kind } = order.request;
    if (!Object.hasOwn(flowKinds, kind)) {
      const error = plainError(new TineError("unknown-flow-kind", `no flow is of the kind ${kind}`));
      this.tell({ type: "failed", id, error }, true);
      return;
    }
    this.start(id, flowKinds[kind], order.request);
  }

  /** Starts a flow. */
  start(id: number, factory: EngineFlowFactory, request: FlowRequest): void {
    const flow = new RunningFlow(id, this, () => this.#flows.delete(id));
    this.#flows.set(id, flow);
    flow.begin(factory, request);
  }

  tell(message: FlowMessage, urgent = false): void {
    this.#outbox.add(message);
    if (urgent) this.#outbox.flush();
    else this.#flushSoon();
  }

  /** Closes all flows. */
  stop(): void {
    for (const flow of [...this.#flows.values()]) flow.cancel();
    this.#flush();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#flushTimer.set(this.loop.now() + FLUSH_NANOS);
  }

  #flush(): void {
    this.samples.flush();
    this.#outbox.flush();
    this.#flushing = false;
  }
}
