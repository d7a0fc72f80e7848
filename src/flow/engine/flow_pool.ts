import { parseCpuList } from "../../base/cpu_list.ts";
import { TineError } from "../../base/errors.ts";
import type { Placement } from "../../sys/placement.ts";
import type { FlowOptions } from "../flows.ts";
import type { FlowReport } from "../report.ts";
import type { FlowRequest } from "./engine_flow.ts";
import type { FlowMessage, FlowOrder, FromWorker, ToWorker, WorkerStart } from "./messages.ts";
import { EventFd } from "../../sys/event_fd.ts";

const MAX_WORKERS = 4;

/** A flow or server in a worker, as the main side sees it. */
export interface PooledFlow {
  /** The address of a server, as soon as it listens. */
  readonly listening: Promise<string>;
  /** The report of a client; rejects if it fails, and with the reason if the signal aborts. */
  readonly ended: Promise<FlowReport | undefined>;
  /** Whether it was canceled, by {@linkcode PooledFlow.cancel}, the signal, or the end of the pool. */
  readonly canceled: boolean;
  /** Lets a flow that is held begin to send. */
  release(): void;
  /** Has it send no more, and come to its end. */
  finish(): void;
  /** Ends it; then {@linkcode PooledFlow.ended} settles. */
  cancel(): void;
}

/** What takes the messages of a flow, and ends it. */
type StartOptions = Pick<FlowOptions, "events" | "signal">;

/** How many workers start with the pool: one for its first flow, and one that need not start beside that. */
const FIRST_WORKERS = 2;

/** Where flows of a pool run. */
export interface FlowThread {
  /** The number of flows that it has. */
  load: number;
  /** Gives an order, after those that are held back. */
  send(order: FlowOrder): void;
  /** Runs a warm-up; resolves when it is over, or the thread dead. */
  warmUp(name: string): Promise<void>;
  /** Keeps orders back until a promise resolves. */
  hold(until: Promise<unknown>): void;
  /** Ends it once its flows are closed. */
  stop(): Promise<void>;
}

/**
 * Starts a thread for flows.
 *
 * @param name for people
 * @param onMessage takes the messages of its flows
 * @param onDeath called if it dies, with the reason
 */
export type StartThread = (
  name: string,
  onMessage: (message: FlowMessage) => void,
  onDeath: (error: TineError) => void,
) => FlowThread;

/**
 * Runs flows in a few workers, each of which holds many. A worker takes some 30 ms to start and as much to warm up, so
 * the first start with the pool, and one more whenever all have something to do, up to the number of processors.
 */
export class FlowPool implements AsyncDisposable {
  readonly #flows = new Map<number, StartedFlow>();
  readonly #startThread: StartThread;
  readonly #workers = new Set<FlowThread>();
  /** Workers of one flow each. */
  readonly #alone = new Set<FlowThread>();
  readonly #maxWorkers: number;
  readonly #warmUps = new Set<string>();
  #lastId = 0;
  #stopped: Promise<void> | undefined;

  /**
   * @param startThread starts a worker
   * @param maxWorkers how many workers there may be; by default one for each processor, up to 4
   */
  constructor(startThread: StartThread, maxWorkers = Math.min(navigator.hardwareConcurrency, MAX_WORKERS)) {
    this.#startThread = startThread;
    this.#maxWorkers = Math.max(1, maxWorkers);
    while (this.#workers.size < Math.min(FIRST_WORKERS, this.#maxWorkers)) this.#addWorker();
  }

  /**
   * Runs a warm-up in all workers, those that start later too. Flows wait until the present workers are through, since a
   * warm-up disturbs what runs beside it. The second call for a name does nothing.
   */
  warmUp(name: string): void {
    if (this.#warmUps.has(name)) return;
    this.#warmUps.add(name);
    const workers = [...this.#workers];
    const all = Promise.all(workers.map((worker) => worker.warmUp(name)));
    for (const worker of workers) worker.hold(all);
  }

  /**
   * Starts a flow or a server.
   *
   * @throws {TineError} `flows-closed`, after the pool was disposed of
   */
  start(request: FlowRequest, options: StartOptions): PooledFlow {
    this.#mayStart(options);
    const flow = this.#startIn(this.#leastLoaded(), request, options);
    // The next flow should not wait for a worker to start.
    if ([...this.#workers].every(({ load }) => load > 0)) this.#addWorker();
    return flow;
  }

  /**
   * Starts a flow or a server in a worker of its own, beyond those of the pool. The worker ends with it.
   *
   * @throws {TineError} `flows-closed`, after the pool was disposed of
   */
  startAlone(request: FlowRequest, options: StartOptions): PooledFlow {
    this.#mayStart(options);
    const worker = this.#startWorker(this.#alone);
    const flow = this.#startIn(worker, request, options);
    const stop = async () => {
      await worker.stop();
      this.#alone.delete(worker);
    };
    void flow.ended.then(stop, stop);
    return flow;
  }

  #mayStart({ signal }: StartOptions): void {
    if (this.#stopped !== undefined) throw closed();
    signal.throwIfAborted();
  }

  #startIn(worker: FlowThread, request: FlowRequest, { events, signal }: StartOptions): PooledFlow {
    const id = ++this.#lastId;
    const flow = new StartedFlow(id, worker, events, signal, () => {
      this.#flows.delete(id);
      worker.load--;
    });
    this.#flows.set(id, flow);
    worker.load++;
    worker.send({ type: "start", id, request: { ...request, recorded: events.records !== undefined } });
    return flow;
  }

  /** Cancels all flows, and ends the workers. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#stopped ??= this.#stop();
  }

  async #stop(): Promise<void> {
    for (const flow of this.#flows.values()) flow.cancel(closed());
    await Promise.all([...this.#workers, ...this.#alone].map((worker) => worker.stop()));
  }

  #leastLoaded(): FlowThread {
    if (this.#workers.size === 0) this.#addWorker();
    return [...this.#workers].reduce((best, worker) => worker.load < best.load ? worker : best);
  }

  #addWorker(): void {
    if (this.#workers.size < this.#maxWorkers) this.#startWorker(this.#workers);
  }

  #startWorker(among: Set<FlowThread>): FlowThread {
    const worker = this.#startThread(
      `flows ${this.#workers.size + this.#alone.size + 1}`,
      (message) => this.#flows.get(message.id)?.receive(message),
      (error) => {
        among.delete(worker);
        for (const flow of this.#flows.values()) if (flow.worker === worker) flow.fail(error);
        void worker.stop();
      },
    );
    for (const name of this.#warmUps) void worker.warmUp(name);
    among.add(worker);
    return worker;
  }
}

/** Pools of flows, one for each placement: flows that are placed alike share workers, which no others have. */
export class PlacedPools implements AsyncDisposable {
  readonly #startThread: StartThread;
  readonly #pools = new Map<string, FlowPool>();

  /** @param startThread starts a worker */
  constructor(startThread: StartThread) {
    this.#startThread = startThread;
    this.of({});
  }

  /**
   * Returns the pool of a placement; the usual one starts its first workers at once.
   *
   * @throws {TineError} `invalid-cpu-list`
   */
  of({ cpu, priority }: Placement): FlowPool {
    const cpus = cpu === undefined ? undefined : parseCpuList(cpu);
    const name = JSON.stringify([cpus, priority]);
    const known = this.#pools.get(name);
    if (known !== undefined) return known;
    const pool = new FlowPool(this.#startThread, cpus && Math.min(cpus.length, MAX_WORKERS));
    this.#pools.set(name, pool);
    return pool;
  }

  /** Cancels all flows, and ends all workers. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(Array.from(this.#pools.values(), (pool) => pool[Symbol.asyncDispose]()));
  }
}

class StartedFlow implements PooledFlow {
  readonly #listening = Promise.withResolvers<string>();
  readonly #ended = Promise.withResolvers<FlowReport | undefined>();
  readonly #onAbort: () => void;
  #reason: { readonly value: unknown } | undefined;
  canceled = false;

  constructor(
    readonly id: number,
    readonly worker: FlowThread,
    readonly events: FlowOptions["events"],
    readonly signal: AbortSignal,
    readonly onOver: () => void,
  ) {
    // Nothing awaits that a client listens, and the end of a server is awaited late or never.
    this.#listening.promise.catch(() => {});
    this.#ended.promise.catch(() => {});
    this.#onAbort = () => this.cancel(signal.reason);
    signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  get listening(): Promise<string> {
    return this.#listening.promise;
  }

  get ended(): Promise<FlowReport | undefined> {
    return this.#ended.promise;
  }

  release(): void {
    this.worker.send({ type: "release", id: this.id });
  }

  finish(): void {
    this.worker.send({ type: "finish", id: this.id });
  }

  /** @param reason what {@linkcode ended} rejects with; left out: it resolves */
  cancel(...[reason]: [reason?: unknown]): void {
    this.canceled = true;
    if (reason !== undefined) this.#reason ??= { value: reason };
    this.worker.send({ type: "cancel", id: this.id });
  }

  receive(message: FlowMessage): void {
    const { events } = this;
    switch (message.type) {
      case "info":
        return events.info(message.info);
      case "records":
        return events.records?.(message.flow, message.chunk);
      case "progress":
        return events.progress(message.flow, message.report);
      case "log":
        return events.log(message.text);
      case "listening":
        return this.#listening.resolve(message.address);
      case "ended":
        return this.#over(() => this.#ended.resolve(message.report));
      case "failed":
        return this.fail(new TineError(message.error.code, message.error.message));
      case "canceled":
        if (this.#reason !== undefined) return this.fail(this.#reason.value);
        return this.#over(() => this.#ended.resolve(undefined));
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
export class PoolWorker implements FlowThread {
  load = 0;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #wakeUp = EventFd.open();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #warmUps: PromiseWithResolvers<void>[] = [];
  /** Orders that are held back. */
  readonly #held: ToWorker[] = [];
  #holds = 0;
  #dead = false;

  /**
   * Starts it.
   *
   * @param module the code of the worker: src/flow/flow_worker.ts
   * @param name for people
   * @param onMessage takes the messages of its flows
   * @param onDeath called if it dies, with the reason
   */
  constructor(
    module: URL,
    name: string,
    onMessage: (message: FlowMessage) => void,
    onDeath: (error: TineError) => void,
  ) {
    this.#worker = new Worker(module, { type: "module", name });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data === "stopped") this.#stopped.resolve();
      else if (data === "warmedUp") this.#warmUps.shift()?.resolve();
      else for (const message of data) onMessage(message);
    };
    const die = (why: string) => {
      if (this.#dead) return;
      this.#dead = true;
      this.#stopped.resolve();
      for (const { resolve } of this.#warmUps) resolve();
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

  send(order: FlowOrder): void {
    this.#postOrHold(order);
  }

  warmUp(name: string): Promise<void> {
    const over = Promise.withResolvers<void>();
    if (this.#dead) return Promise.resolve();
    this.#warmUps.push(over);
    this.#post({ type: "warmUp", name });
    return over.promise;
  }

  hold(until: Promise<unknown>): void {
    this.#holds++;
    void until.then(() => {
      if (--this.#holds > 0) return;
      for (const order of this.#held.splice(0)) this.#post(order);
    });
  }

  async stop(): Promise<void> {
    this.#postOrHold({ type: "stop" });
    await this.#stopped.promise;
    this.#dead = true;
    this.#port.close();
    this.#worker.terminate();
    this.#wakeUp[Symbol.dispose]();
  }

  #postOrHold(order: ToWorker): void {
    if (this.#holds === 0) this.#post(order);
    else this.#held.push(order);
  }

  #post(order: ToWorker): void {
    if (this.#dead) return;
    this.#port.postMessage(order);
    this.#wakeUp.signal();
  }
}
