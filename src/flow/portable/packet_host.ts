import type {
  EngineFlow,
  EngineFlowFactory,
  FlowHost,
  FlowRequest,
  SampleSink,
  Scope,
  Timer,
} from "../engine/engine_flow.ts";
import { WorkerBuffers } from "../engine/sample_pool.ts";
import type { FlowInfoEvent, FlowOptions } from "../flows.ts";
import type { FlowProgress, FlowReport } from "../report.ts";
import type { RecordKind } from "../records/kinds.ts";
import type { Watch } from "../../sys/poller.ts";
import { nowNanos } from "./now.ts";
import { PortableSamples } from "./portable_samples.ts";
import { LONGEST_TIMER_MS } from "../../base/time.ts";

/** A flow of packets in the thread that asks for it, and the host that it sees: timers are those of the event loop. */
export class PacketHost implements FlowHost, AsyncDisposable {
  readonly shared = new WorkerBuffers();
  readonly #options: FlowOptions;
  readonly #samples: PortableSamples;
  readonly #timers = new Set<LoopTimer>();
  readonly #listening = Promise.withResolvers<string>();
  readonly #ended = Promise.withResolvers<FlowReport | undefined>();
  readonly #onAbort = () => this.fail(this.#options.signal.reason);
  #flow: EngineFlow | undefined;
  #over = false;

  constructor(options: FlowOptions) {
    this.#options = options;
    this.#samples = new PortableSamples(options.events);
    // Servers are asked for their end late or never, clients not whether they listen.
    this.#listening.promise.catch(() => {});
    this.#ended.promise.catch(() => {});
  }

  /** The address of a server, as soon as it listens. */
  get address(): Promise<string> {
    return this.#listening.promise;
  }

  /** The report of a client. */
  get ended(): Promise<FlowReport | undefined> {
    return this.#ended.promise;
  }

  /** Starts the flow. A failure is told by {@linkcode ended} like every other. */
  begin(factory: EngineFlowFactory, request: FlowRequest): void {
    const { signal } = this.#options;
    signal.addEventListener("abort", this.#onAbort, { once: true });
    this.try(() => {
      signal.throwIfAborted();
      this.#flow = factory(this, request);
      this.#flow.start();
    });
  }

  /** Calls a handler of the flow, which fails with what that throws. */
  try(handler: () => void): void {
    if (this.#over) return;
    try {
      handler();
    } catch (error) {
      this.fail(error);
    }
  }

  /** Lets the flow begin to send, if it is held. */
  release(): void {
    this.try(() => this.#flow?.release?.());
  }

  now(): number {
    return Math.round(nowNanos());
  }

  watch(): Watch {
    throw new Error("there are no files to watch without raw sockets");
  }

  timer(handler: () => void): Timer {
    const timer = new LoopTimer(() => this.now(), () => this.try(handler));
    this.#timers.add(timer);
    return timer;
  }

  scope(): Scope {
    throw new Error("flows of packets have no parts");
  }

  info(info: FlowInfoEvent): void {
    this.#options.events.info(info);
  }

  samples<K extends RecordKind>(kind: K, flow: string): SampleSink<K> {
    return this.#samples.sink(kind, flow);
  }

  progress(flow: string, report: FlowProgress): void {
    this.#options.events.progress(flow, report);
  }

  log(text: string): void {
    this.#options.events.log(text);
  }

  listening(address: string): void {
    this.#listening.resolve(address);
  }

  end(report?: FlowReport): void {
    this.#finish(() => this.#ended.resolve(report));
  }

  fail(error: unknown): void {
    this.#finish(() => {
      this.#ended.reject(error);
      this.#listening.reject(error);
    });
  }

  close(): void {
    for (const timer of this.#timers) timer.clear();
    this.#timers.clear();
  }

  /** Ends a server. */
  [Symbol.asyncDispose](): Promise<void> {
    this.end();
    return Promise.resolve();
  }

  #finish(settle: () => void): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.signal.removeEventListener("abort", this.#onAbort);
    this.close();
    this.#flow?.close();
    this.#samples[Symbol.dispose]();
    settle();
  }
}

/** The event loop counts milliseconds, and may be early. */
class LoopTimer implements Timer {
  readonly #now: () => number;
  readonly #handler: () => void;
  #at = Infinity;
  #id: ReturnType<typeof setTimeout> | undefined;

  constructor(now: () => number, handler: () => void) {
    this.#now = now;
    this.#handler = handler;
  }

  set(atNanos: number): void {
    this.clear();
    this.#at = atNanos;
    if (atNanos === Infinity) return;
    this.#id = setTimeout(() => this.#fire(), Math.min(LONGEST_TIMER_MS, Math.max(0, (atNanos - this.#now()) / 1e6)));
  }

  clear(): void {
    clearTimeout(this.#id);
    this.#at = Infinity;
  }

  #fire(): void {
    if (this.#now() < this.#at) return this.set(this.#at);
    this.#at = Infinity;
    this.#handler();
  }
}
