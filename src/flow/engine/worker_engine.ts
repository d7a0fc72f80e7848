import type { Placed, Placement } from "../../sys/placement.ts";
import type { ReadyHandler, Watch } from "../../sys/poller.ts";
import type {
  EngineFlow,
  EngineFlowFactory,
  FlowHost,
  FlowKinds,
  FlowRequest,
  SampleSink,
  Scope,
  Timer,
  TimerOptions,
} from "./engine_flow.ts";
import type { FlowInfoEvent } from "../flows.ts";
import type { SharedPayloads } from "../payload.ts";
import type { RecordKind } from "../records/format.ts";
import type { FlowProgress, FlowReport } from "../report.ts";
import { type FlowMessage, type FlowOrder, plainError } from "./messages.ts";
import { SamplePool, WorkerBuffers } from "./sample_pool.ts";
import { TineError } from "../../base/errors.ts";

/** What flows are driven by: it waits for files and times, and calls the handlers, which must not throw. */
export interface FlowLoop {
  /** Nanoseconds of a monotonic clock. */
  now(): number;
  /** See {@linkcode Scope.watch}. */
  watch(fd: number, interest: number, handler: ReadyHandler): Watch;
  /** Makes a timer that is not set. */
  timer(handler: () => void, options?: TimerOptions): Timer;
}

/** A part of a loop: one function takes the errors of its handlers, and all of it ends together. */
export class LoopScope implements Scope {
  readonly #loop: FlowLoop;
  readonly #onError: (error: unknown) => void;
  readonly #onClose: () => void;
  readonly #watches = new Set<Watch>();
  readonly #timers = new Set<Timer>();
  readonly #scopes = new Set<LoopScope>();
  #closed = false;

  /**
   * @param onError gets what a handler throws
   * @param onClose called when it is closed
   */
  constructor(loop: FlowLoop, onError: (error: unknown) => void, onClose: () => void = () => {}) {
    this.#loop = loop;
    this.#onError = onError;
    this.#onClose = onClose;
  }

  now(): number {
    return this.#loop.now();
  }

  watch(fd: number, interest: number, handler: ReadyHandler): Watch {
    this.#mustBeOpen();
    const watch = this.#loop.watch(fd, interest, (ready) => {
      try {
        handler(ready);
      } catch (error) {
        this.#onError(error);
      }
    });
    const scoped = new ScopedWatch(watch, this.#watches);
    this.#watches.add(scoped);
    return scoped;
  }

  timer(handler: () => void, options?: TimerOptions): Timer {
    this.#mustBeOpen();
    const timer = this.#loop.timer(() => {
      try {
        handler();
      } catch (error) {
        this.#onError(error);
      }
    }, options);
    const scoped: Timer = {
      set: (at) => {
        if (!this.#closed) timer.set(at);
      },
      clear: () => timer.clear(),
    };
    this.#timers.add(scoped);
    return scoped;
  }

  scope(onError: (error: unknown) => void): LoopScope {
    this.#mustBeOpen();
    const scope: LoopScope = new LoopScope(this.#loop, onError, () => this.#scopes.delete(scope));
    this.#scopes.add(scope);
    return scope;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const scope of this.#scopes) scope.close();
    for (const watch of this.#watches) watch.close();
    for (const timer of this.#timers) timer.clear();
    this.#onClose();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new Error("a scope that has ended was asked for more");
  }
}

/** A watch that leaves its scope when it ends. */
class ScopedWatch implements Watch {
  readonly #watch: Watch;
  readonly #all: Set<Watch>;

  constructor(watch: Watch, all: Set<Watch>) {
    this.#watch = watch;
    this.#all = all;
  }

  get interest(): number {
    return this.#watch.interest;
  }

  set interest(bits: number) {
    this.#watch.interest = bits;
  }

  close(): void {
    this.#watch.close();
    this.#all.delete(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What an engine lends to each flow. */
export interface Engine {
  readonly loop: FlowLoop;
  readonly samples: SamplePool;
  readonly buffers: SharedPayloads;
  /** Places the thread; why it does not have its priority is reported the first time. */
  place(placement: Placement): Placed;
  /** Sends a message to the main side, with others; `urgent`: at once. */
  send(message: FlowMessage, urgent?: boolean): void;
}

/** A flow in its worker, and the host that it sees. */
export class RunningFlow extends LoopScope implements FlowHost {
  readonly shared: SharedPayloads;
  readonly #id: number;
  readonly #engine: Engine;
  readonly #onOver: () => void;
  #flow: EngineFlow | undefined;
  /** Where it runs, as info events have it. */
  #place: FlowInfoEvent["values"] = {};
  #recorded = true;
  #over = false;

  /** @param onOver called once, when all of it was closed and its last message sent */
  constructor(id: number, engine: Engine, onOver: () => void) {
    super(engine.loop, (error) => this.fail(error));
    this.#id = id;
    this.#engine = engine;
    this.#onOver = onOver;
    this.shared = engine.buffers;
  }

  /** Starts it. A failure is reported like every other. */
  begin(factory: EngineFlowFactory, request: FlowRequest): void {
    try {
      this.#place = this.#placeOf(request);
      this.#recorded = request.recorded ?? true;
      this.#flow = factory(this, request);
      this.#flow.start();
    } catch (error) {
      this.fail(error);
    }
  }

  #placeOf({ share, placement }: FlowRequest): FlowInfoEvent["values"] {
    const worker: FlowInfoEvent["values"] = share === undefined ? {} : { worker: share.worker + 1 };
    const { refusal, ...placed } = this.#engine.place(placement ?? {});
    if (refusal !== undefined) {
      this.log(`priority ${placement!.priority} is not available, its thread runs as usual: ${refusal}`);
    }
    return { ...worker, ...placed };
  }

  /** Lets it begin to send, if it is held. */
  release(): void {
    try {
      this.#flow?.release?.();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Has it send no more, and come to its end. */
  finish(): void {
    try {
      this.#flow?.finish?.();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Closes it without a result. */
  cancel(): void {
    this.#finish({ type: "canceled", id: this.#id });
  }

  info(info: FlowInfoEvent): void {
    const values = { ...info.values, ...this.#place };
    this.#engine.send({ type: "info", id: this.#id, info: { ...info, values } });
  }

  samples<K extends RecordKind>(kind: K, flow: string): SampleSink<K> | undefined {
    if (!this.#recorded) return undefined;
    const emit = (chunk: Uint8Array<ArrayBuffer>) => this.#engine.send({ type: "records", id: this.#id, flow, chunk });
    return this.#engine.samples.sink(kind, this, emit);
  }

  progress(flow: string, report: FlowProgress): void {
    this.#engine.send({ type: "progress", id: this.#id, flow, report });
  }

  log(text: string): void {
    this.#engine.send({ type: "log", id: this.#id, text });
  }

  listening(address: string): void {
    this.#engine.send({ type: "listening", id: this.#id, address }, true);
  }

  end(report?: FlowReport): void {
    this.#finish({ type: "ended", id: this.#id, report });
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
    this.#engine.send(message, true);
    this.#onOver();
  }
}

/** How much waits to be posted at most, beside what one handler adds. */
const MAX_WAITING_BYTES = 256 * 1024;

/** Collects the messages of flows, since each message between threads has its price. */
export class MessageBuffer {
  readonly #post: (messages: readonly FlowMessage[], transfer: ArrayBuffer[]) => void;
  #messages: FlowMessage[] = [];
  #transfer: ArrayBuffer[] = [];
  #bytes = 0;

  /** @param post hands over to the main side */
  constructor(post: (messages: readonly FlowMessage[], transfer: ArrayBuffer[]) => void) {
    this.#post = post;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#messages.length === 0;
  }

  /** Adds a message, which goes with the others. */
  add(message: FlowMessage): void {
    this.#messages.push(message);
    if (message.type !== "records") return;
    this.#transfer.push(message.chunk.buffer);
    this.#bytes += message.chunk.length;
    if (this.#bytes > MAX_WAITING_BYTES) this.flush();
  }

  /** Hands over what waits. */
  flush(): void {
    if (this.empty) return;
    const messages = this.#messages, transfer = this.#transfer;
    this.#messages = [];
    this.#transfer = [];
    this.#bytes = 0;
    this.#post(messages, transfer);
  }
}

/** How often messages that are not urgent are sent, at most: less often for many flows, each of which has its own. */
const FLUSH_NANOS = 50e6;
const FLUSH_NANOS_OF_MANY = 100e6;
const MANY_FLOWS = 16;

/** Flows of a worker, in its loop. */
export class WorkerEngine implements Engine {
  readonly buffers = new WorkerBuffers();
  readonly samples: SamplePool;
  readonly #flows = new Map<number, RunningFlow>();
  readonly #kinds: FlowKinds;
  readonly #messages: MessageBuffer;
  readonly #flushTimer: Timer;
  readonly #place: ((placement: Placement) => Placed) | undefined;
  #placed: Placed | undefined;
  #flushing = false;

  /**
   * @param kinds what can be started
   * @param post hands over the messages of flows
   * @param place places the thread; left out: it stays where it is
   */
  constructor(
    readonly loop: FlowLoop,
    kinds: FlowKinds,
    post: (messages: readonly FlowMessage[], transfer: ArrayBuffer[]) => void,
    place?: (placement: Placement) => Placed,
  ) {
    this.#kinds = kinds;
    this.#place = place;
    this.#messages = new MessageBuffer(post);
    this.samples = new SamplePool(() => this.#flushSoon());
    this.#flushTimer = loop.timer(() => this.#flush());
  }

  /** Starts, releases, finishes or cancels a flow of a kind. */
  obey(order: FlowOrder): void {
    const { id } = order;
    if (order.type === "release") {
      this.#flows.get(id)?.release();
      return;
    }
    if (order.type === "finish") {
      this.#flows.get(id)?.finish();
      return;
    }
    if (order.type === "cancel") {
      this.#flows.get(id)?.cancel();
      return;
    }
    const { kind } = order.request;
    if (!Object.hasOwn(this.#kinds, kind)) {
      const error = plainError(new TineError("unknown-flow-kind", `no flow is of the kind ${kind}`));
      this.send({ type: "failed", id, error }, true);
      return;
    }
    this.start(id, this.#kinds[kind], order.request);
  }

  place(placement: Placement): Placed {
    if (this.#place === undefined) return {};
    if (this.#placed !== undefined) return { ...this.#placed, refusal: undefined };
    return this.#placed = this.#place(placement);
  }

  /** Starts a flow. */
  start(id: number, factory: EngineFlowFactory, request: FlowRequest): void {
    const flow = new RunningFlow(id, this, () => this.#flows.delete(id));
    this.#flows.set(id, flow);
    flow.begin(factory, request);
  }

  send(message: FlowMessage, urgent = false): void {
    this.#messages.add(message);
    if (urgent) this.#messages.flush();
    else this.#flushSoon();
  }

  /** Closes all flows. */
  stop(): void {
    for (const flow of [...this.#flows.values()]) flow.cancel();
    this.#flush();
    this.#flushTimer.clear();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const isMany = this.#flows.size > MANY_FLOWS;
    this.#flushTimer.set(this.loop.now() + (isMany ? FLUSH_NANOS_OF_MANY : FLUSH_NANOS));
  }

  #flush(): void {
    this.samples.flush();
    this.#messages.flush();
    this.#flushing = false;
  }
}
