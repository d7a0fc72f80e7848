import { TineError } from "../../base/errors.ts";
import type { RehearsalName } from "../flow_kinds.ts";
import type { FlowOptions } from "../flows.ts";
import type { FlowRequest } from "./engine_flow.ts";
import type { FlowMessage, FromWorker, ToWorker, Values, WorkerStart } from "./messages.ts";
import { EventFd } from "../../sys/event_fd.ts";

const MAX_WORKERS = 4;

/** A flow or server in a worker, as the main side sees it. */
export interface PooledFlow {
  /** The address of a server, as soon as it listens. */
  readonly listening: Promise<string>;
  /** Its result; rejects if it fails, and with the reason if the signal aborts. Empty for what was canceled. */
  readonly ended: Promise<Values>;
  /** Whether it was told to end, by {@linkcode PooledFlow.cancel}, the signal, or the end of the pool. */
  readonly canceled: boolean;
  /** Lets a flow that is held begin to send. */
  release(): void;
  /** Ends it; then {@linkcode PooledFlow.ended} settles. */
  cancel(): void;
}

/** So many workers start with the pool: one for its first flow, and one that need not start beside that. */
const FIRST_WORKERS = 2;

/**
 * Runs flows in a few workers, each of which holds many. A worker takes some 30 ms to start and as much to rehearse, so
 * the first start with the pool, and one more whenever all have something to do, up to the number of processors.
 */
export class FlowPool implements AsyncDisposable {
  readonly #flows = new Map<number, StartedFlow>();
  readonly #workers: PoolWorker[] = [];
  readonly #maxWorkers: number;
  readonly #rehearsed = new Set<RehearsalName>();
  #lastId = 0;
  #stopped: Promise<void> | undefined;

  /** @param maxWorkers how many workers there may be; by default one for each processor, up to 4 */
  constructor(maxWorkers = Math.min(navigator.hardwareConcurrency, MAX_WORKERS)) {
    this.#maxWorkers = Math.max(1, maxWorkers);
    while (this.#workers.length < Math.min(FIRST_WORKERS, this.#maxWorkers)) this.#addWorker();
  }

  /**
   * Lets all workers play a rehearsal, those that start later too. Flows wait until those of now are through: beside it
   * they would be disturbed. The second time it does nothing.
   */
  rehearse(name: RehearsalName): void {
    if (this.#rehearsed.has(name)) return;
    this.#rehearsed.add(name);
    const all = Promise.all(this.#workers.map((worker) => worker.rehearse(name)));
    for (const worker of this.#workers) worker.hold(all);
  }

  /**
   * Starts a flow or a server.
   *
   * @throws {TineError} `flows-closed`, after the pool was disposed of
   */
  start(request: FlowRequest, { events, signal }: Pick<FlowOptions, "events" | "signal">): PooledFlow {
    if (this.#stopped !== undefined) throw closed();
    signal.throwIfAborted();
    const id = ++this.#lastId;
    const worker = this.#leastLoaded();
    const flow = new StartedFlow(id, worker, events, signal, () => {
      this.#flows.delete(id);
      worker.load--;
    });
    this.#flows.set(id, flow);
    worker.load++;
    worker.tell({ type: "start", id, request });
    // The next flow should not wait for a worker to start.
    if (this.#workers.every(({ load }) => load > 0)) this.#addWorker();
    return flow;
  }

  /** Cancels all flows, and ends the workers. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<void> {
    for (const flow of this.#flows.values()) flow.cancel(closed());
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  #leastLoaded(): PoolWorker {
    if (this.#workers.length === 0) this.#addWorker();
    return this.#workers.reduce((best, worker) => worker.load < best.load ? worker : best);
  }

  #addWorker(): void {
    if (this.#workers.length >= this.#maxWorkers) return;
    const worker = new PoolWorker(
      `flows ${this.#workers.length + 1}`,
      (message) => this.#flows.get(message.id)?.receive(message),
      (error) => {
        this.#workers.splice(this.#workers.indexOf(worker), 1);
        for (const flow of this.#flows.values()) if (flow.worker === worker) flow.fail(error);
        void worker.stop();
      },
    );
    for (const name of this.#rehearsed) void worker.rehearse(name);
    this.#workers.push(worker);
  }
}

class StartedFlow implements PooledFlow {
  readonly #listening = Promise.withResolvers<string>();
  readonly #ended = Promise.withResolvers<Values>();
  readonly #onAbort: () => void;
  #reason: { readonly value: unknown } | undefined;
  canceled = false;

  constructor(
    readonly id: number,
    readonly worker: PoolWorker,
    readonly events: FlowOptions["events"],
    readonly signal: AbortSignal,
    readonly onOver: () => void,
  ) {
    // Clients do not ask whether they listen, and servers are asked for their end late or never.
    this.#listening.promise.catch(() => {});
    this.#ended.promise.catch(() => {});
    this.#onAbort = () => this.cancel(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  get listening(): Promise<string> {
    return this.#listening.promise;
  }

  get ended(): Promise<Values> {
    return this.#ended.promise;
  }

  release(): void {
    this.worker.tell({ type: "release", id: this.id });
  }

  /** @param reason what {@linkcode ended} rejects with; left out: it resolves */
  cancel(...[reason]: [reason?: unknown]): void {
    this.canceled = true;
    if (reason !== undefined) this.#reason ??= { value: reason };
    this.worker.tell({ type: "cancel", id: this.id });
  }

  receive(message: FlowMessage): void {
    const { events } = this;
    switch (message.type) {
      case "info":
        return events.info(message.info);
      case "records":
        return events.records(message.flow, message.chunk);
      case "progress":
        return events.progress(message.flow, message.values);
      case "log":
        return events.log(message.text);
      case "listening":
        return this.#listening.resolve(message.address);
      case "ended":
        return this.#over(() => this.#ended.resolve(message.values));
      case "failed":
        return this.fail(new TineError(message.error.code, message.error.message));
      case "canceled":
        if (this.#reason !== undefined) return this.fail(this.#reason.value);
        return this.#over(() => this.#ended.resolve({}));
    }
  }

  fail(error: unknown): void {
    this.#listening.reject(error);
    this.#over(() => this.#ended.reject(error));
  }

  #over(settle: () => void): void {
    this.signal.removeEventListener("abort", this.#onAbort);
    this.onOver();
    settle();
    // Unless it listened or failed before.
    this.#listening.reject(new TineError("flow-canceled", "the server was ended before it listened"));
  }
}

function closed(): TineError {
  return new TineError("flows-closed", "the pool of flows is closed");
}

/** A worker, as the main side sees it. */
export class PoolWorker {
  /** How many flows it has. */
  load = 0;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #wakeUp = EventFd.open();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #rehearsals: PromiseWithResolvers<void>[] = [];
  /** Orders that wait until nobody holds them back. */
  readonly #held: ToWorker[] = [];
  #holds = 0;
  #dead = false;

  /**
   * Starts it.
   *
   * @param onMessage gets what its flows tell
   * @param onDeath called if it dies, with what it told of that
   */
  constructor(
    readonly name: string,
    onMessage: (message: FlowMessage) => void,
    onDeath: (error: TineError) => void,
  ) {
    this.#worker = new Worker(new URL("./flow_worker.ts", import.meta.url), { type: "module", name });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data === "stopped") this.#stopped.resolve();
      else if (data === "rehearsed") this.#rehearsals.shift()?.resolve();
      else for (const message of data) onMessage(message);
    };
    const die = (why: string) => {
      if (this.#dead) return;
      this.#dead = true;
      this.#stopped.resolve();
      for (const { resolve } of this.#rehearsals) resolve();
      onDeath(new TineError("flow-worker-failed", `a worker of flows failed: ${why}`));
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      die(event.message);
    };
    this.#worker.onmessageerror = () => die("it sent what cannot be read");
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const start: WorkerStart = { port: port2, wakeFd: this.#wakeUp.fd };
    this.#worker.postMessage(start, [port2]);
  }

  /** Whether it can take no more flows. */
  get dead(): boolean {
    return this.#dead;
  }

  /** Gives an order. */
  tell(order: ToWorker): void {
    if (this.#holds === 0) this.#send(order);
    else this.#held.push(order);
  }

  /** Lets it play a rehearsal; resolves when that is over, or the worker dead. */
  rehearse(name: RehearsalName): Promise<void> {
    const rehearsal = Promise.withResolvers<void>();
    if (this.#dead) return Promise.resolve();
    this.#rehearsals.push(rehearsal);
    this.#send({ type: "rehearse", name });
    return rehearsal.promise;
  }

  /** Keeps orders back until a promise resolves. */
  hold(until: Promise<unknown>): void {
    this.#holds++;
    void until.then(() => {
      if (--this.#holds > 0) return;
      for (const order of this.#held.splice(0)) this.#send(order);
    });
  }

  /** Ends it once its flows are closed. */
  async stop(): Promise<void> {
    this.tell({ type: "stop" });
    await this.#stopped.promise;
    this.#dead = true;
    this.#port.close();
    this.#worker.terminate();
    this.#wakeUp[Symbol.dispose]();
  }

  #send(order: ToWorker): void {
    if (this.#dead) return;
    this.#port.postMessage(order);
    this.#wakeUp.signal();
  }
}
