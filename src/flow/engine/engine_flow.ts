/**
 * The interfaces of a flow or a server, and of the host that its engine gives to it. All of it is synchronous: the loop
 * of a worker never returns to the event loop, so no promise is ever settled there.
 *
 * @module
 */
import type { Placement } from "../../sys/placement.ts";
import type { ReadyHandler, Watch } from "../../sys/poller.ts";
import type { FlowInfoEvent } from "../flows.ts";
import type { FlowProgress, FlowReport } from "../report.ts";
import type { ChunkWriter } from "../records/chunk_writer.ts";
import type { RecordKind } from "../records/format.ts";
import type { SharedPayloads } from "../payload.ts";

/** An order for a flow. It is cloned on its way, so it holds data only. */
export interface FlowRequest<Config = unknown> {
  /** A key of the {@linkcode FlowKinds} that the engine has. */
  readonly kind: string;
  /** `IP:PORT`, resolved: exactly one where a server binds; those that a client tries, in this order. */
  readonly addresses: readonly string[];
  readonly config: Config;
  /** The key that clients and servers share; absent: without keys. */
  readonly key?: Uint8Array;
  /** The content of the file that a client's flow carries; absent: it carries none. */
  readonly file?: Uint8Array;
  /** Whether it opens, but does not send before {@linkcode EngineFlow.release} is called; for kinds that have that. */
  readonly held?: boolean;
  /** Where its worker is to run: all flows of the worker have the same; absent: wherever the system has it run. */
  readonly placement?: Placement;
  /** Of a server that several workers serve; absent: this one opens a socket of its own. */
  readonly share?: ServerShare;
  /** Whether its samples are taken on the main side; absent: they are. */
  readonly recorded?: boolean;
  /** The memory of the account of a server, see {@linkcode ServerAccount}; absent: it has one of its own. */
  readonly account?: SharedArrayBuffer;
}

/** What one of several workers that serve an address has of that. The main side opens and closes the sockets. */
export interface ServerShare {
  /** The number of the worker, from 0. */
  readonly worker: number;
  readonly workers: number;
  /** The file of the socket to serve: bound, or listening. */
  readonly fd: number;
  /** 32 random bytes that only the workers of the server know. */
  readonly secret: Uint8Array<ArrayBuffer>;
  /** Where the workers count their flows; absent: they need not know of each other. */
  readonly memory?: SharedArrayBuffer;
}

/**
 * A flow or a server: a state machine that is driven by the watches and timers of its host. An error of one of their
 * handlers fails the flow.
 */
export interface EngineFlow {
  /** Called once, first. An error fails the flow. */
  start(): void;
  /** Lets it send from now on; called once at most, if the request is held, and only while the flow runs. */
  release?(): void;
  /**
   * Has it send no more, as if its time were over: it comes to its end with all that belongs to that. Called once at most,
   * and only while the flow runs.
   */
  finish?(): void;
  /**
   * Called exactly once: after the flow has ended or failed, or because it is canceled. Closes its sockets and its
   * arena, and may add last samples. Its watches and timers have ended already. Must not throw.
   */
  close(): void;
}

/** Makes a flow; it opens nothing before {@linkcode EngineFlow.start}. */
export type EngineFlowFactory<Config = unknown> = (host: FlowHost, request: FlowRequest<Config>) => EngineFlow;

/** What an engine can run, by the kind that a request names. */
// deno-lint-ignore no-explicit-any -- each takes the configuration that the main side sends for its kind.
export type FlowKinds = Readonly<Record<string, EngineFlowFactory<any>>>;

/** Calls back once, at a time; is set again for every call. */
export interface Timer {
  /** Calls back at this time of {@linkcode Scope.now}, instead of the time set before; at once if it has passed. */
  set(atNanos: number): void;
  /** Does not call back. */
  clear(): void;
}

/** Options of a timer. */
export interface TimerOptions {
  /** Whether the last microseconds are spent looking at the clock: on time to 1 or 2 µs, at the cost of a busy core. */
  readonly precise?: boolean;
}

/** A set of watches and timers that end together. */
export interface Scope {
  /** Nanoseconds of CLOCK_MONOTONIC since the worker's start, exact. */
  now(): number;
  /**
   * Calls back whenever a file is ready; see Poller. Close it before the file is closed.
   *
   * @param interest READABLE, WRITABLE, both or 0
   */
  watch(fd: number, interest: number, handler: ReadyHandler): Watch;
  /** Makes a timer, not set. */
  timer(handler: () => void, options?: TimerOptions): Timer;
  /** A part that can fail for itself, such as a client of a server; it ends with this one at the latest. */
  scope(onError: (error: unknown) => void): Scope;
  /** Ends all watches, timers and scopes in it, for ever. Also from within a handler. */
  close(): void;
}

/** Samples of one kind of one flow, on their way to the main side: within 50 ms, 100 where there are many flows, or as soon as a chunk is full. */
export interface SampleSink<K extends RecordKind> {
  /**
   * Returns the writer of the next sample, with room for at least one. Ask again for each sample, do not keep it.
   *
   *     const chunk = sink.writer();
   *     const i = chunk.next();
   *     chunk.columns.t[i] = ...
   */
  writer(): ChunkWriter<K>;
  /** Hands over what there is at once; called at the end by the engine too. */
  flush(): void;
}

/** What the engine gives to a flow. */
export interface FlowHost extends Scope {
  /** See {@linkcode FlowEvents.info}. */
  info(info: FlowInfoEvent): void;
  /** A sink of samples of a flow; undefined where nothing takes them. */
  samples<K extends RecordKind>(kind: K, flow: string): SampleSink<K> | undefined;
  /** See {@linkcode FlowEvents.progress}. */
  progress(flow: string, report: FlowProgress): void;
  /** Logs a line for people. */
  log(text: string): void;
  /** A server listens at this address; the main side learns it at once. */
  listening(address: string): void;
  /** The flow is over; a client has a report. Then the engine calls close(). */
  end(report?: FlowReport): void;
  /** The flow has failed: a TineError keeps its code on the main side. Then the engine calls close(). */
  fail(error: unknown): void;
  /** What all flows of the worker share, since only one runs at a time: zeros of up to 16 MiB, and random bytes. */
  readonly shared: SharedPayloads;
}

/**
 * Calls back again and again, from one period on, as long as the scope lasts.
 *
 * @param nanos the period, in nanoseconds
 */
export function every(scope: Scope, nanos: number, handler: () => void): void {
  const timer = scope.timer(() => {
    timer.set(scope.now() + nanos);
    handler();
  });
  timer.set(scope.now() + nanos);
}
