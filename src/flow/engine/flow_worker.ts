/**
 * The code of a worker: it enters the loop of its flows and leaves it only to end. In there no promise is settled and
 * no message of its event loop is read, so orders come by a port and an eventfd.
 *
 * @module
 */
/// <reference lib="deno.worker" />
import { receiveMessageOnPort } from "node:worker_threads";
import { setTimerSlack } from "../../sys/clock.ts";
import { EventFd } from "../../sys/event_fd.ts";
import { READABLE } from "../../sys/poller.ts";
import { TineError } from "../../wire/errors.ts";
import { flowKinds } from "../flow_kinds.ts";
import { type FlowMessage, type FromWorker, plainError, type ToWorker, type WorkerStart } from "./messages.ts";
import { Outbox } from "./outbox.ts";
import { PollLoop } from "./poll_loop.ts";
import { type Engine, RunningFlow } from "./running_flow.ts";
import { SamplePool } from "./sample_pool.ts";
import { WorkerBuffers } from "./worker_buffers.ts";

/** What flows tell leaves at most so often, unless it is urgent. */
const FLUSH_NANOS = 100e6;

/** Without it the kernel wakes the thread up to 50 µs late. */
const TIMER_SLACK_NANOS = 1;

self.onmessage = ({ data }: MessageEvent<WorkerStart>) => {
  try {
    work(data);
  } finally {
    data.port.close();
  }
  self.postMessage("stopped" satisfies FromWorker);
  self.close();
};

function work({ port, wakeFd }: WorkerStart): void {
  setTimerSlack(TIMER_SLACK_NANOS);
  const wakeUp = EventFd.borrow(wakeFd);
  const loop = new PollLoop();
  const engine = new WorkerEngine(loop);
  loop.watch(wakeFd, READABLE, () => {
    wakeUp.clear();
    for (const order of orders(port)) {
      if (order.type === "stop") loop.stop();
      else engine.obey(order);
    }
  });
  try {
    loop.run();
  } finally {
    engine.stop();
  }
}

function* orders(port: MessagePort): Generator<ToWorker, void, void> {
  for (;;) {
    // The types of Node and of the web do not know that their ports are the same.
    const received = receiveMessageOnPort(port as unknown as Parameters<typeof receiveMessageOnPort>[0]);
    if (received === undefined) return;
    yield received.message as ToWorker;
  }
}

/** The flows of this worker. */
class WorkerEngine implements Engine {
  readonly buffers = new WorkerBuffers();
  readonly samples: SamplePool;
  readonly #flows = new Map<number, RunningFlow>();
  readonly #outbox = new Outbox((messages, transfer) => self.postMessage(messages, { transfer }));
  readonly #flushTimer;
  #flushing = false;

  constructor(readonly loop: PollLoop) {
    this.samples = new SamplePool(() => this.#flushSoon());
    this.#flushTimer = loop.timer(() => this.#flush());
  }

  obey(order: Exclude<ToWorker, { type: "stop" }>): void {
    const { id } = order;
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
    const flow = new RunningFlow(id, this, () => this.#flows.delete(id));
    this.#flows.set(id, flow);
    flow.begin(flowKinds[kind], order.request);
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
