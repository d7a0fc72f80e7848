import { Clock } from "../../sys/clock.ts";
import type { FlowHost, Scope } from "../engine/engine_flow.ts";
import type { FlowInfoEvent } from "../flows.ts";
import type { SenderReport } from "../report.ts";
import { type FlowLimits, limitValues } from "../serving_limits.ts";
import { requestAt, sendingSide, type StreamRequest } from "./messages.ts";
import { Pace } from "./pacing.ts";
import type { StreamPeer } from "./stream_peer.ts";
import { hasEcn } from "../../sys/tcp_info.ts";
import type { StreamKernel, StreamPort, StreamPorts } from "./stream_port.ts";

/** What both ends of a transfer work with. */
export interface TransferContext {
  readonly host: FlowHost;
  /** Of the connection. */
  readonly scope: Scope;
  /** Takes errors. */
  readonly fail: (error: unknown) => void;
  readonly peer: StreamPeer;
  readonly request: StreamRequest;
  /** The content of the file that the transfer carries; absent: it carries none. */
  readonly file?: Uint8Array;
  /** Whether this is the server's end. */
  readonly server: boolean;
  /** What the server lets the flow have; absent at a client. */
  readonly limits?: FlowLimits;
  /** The flow's `tinit` as {@linkcode Scope.now} had it. */
  readonly tinitNanos: number;
  /** When the warm-up is over, in nanoseconds since the flow's `tinit`; absent without one: see {@linkcode warmupEnd}. */
  readonly warmupEndNanos?: number;
  /**
   * Of a sender that does not wait for the server's messages: reads those that come before the receipt.
   *
   * @returns whether the server has taken the request
   * @throws {TineError} what the server refused it with
   */
  readonly accepted?: () => boolean;
}

/** The result of a complete transfer at one end. */
export interface TransferResult {
  /** As the receiver counted them. */
  readonly bytes: number;
  /** As the receiver measured it, from when it was ready to the last byte. */
  readonly durationNanos: number;
  /** How long of that the server's thread computed, where the server received. */
  readonly serverCpuNanos?: number;
  /** What the sender knows of its connection; empty at the receiver. */
  readonly report: SenderReport;
}

/** One end of a transfer under way. */
export interface Transfer {
  /** The bytes of this end so far, and how long they took: from when it was ready to the last, in nanoseconds. */
  readonly soFar: { readonly bytes: number; readonly durationNanos: number };
  /** Has the sender stop as if its time were over; called at a client, once, and before it has ended. */
  finish(): void;
  /** Has a sender at a client send no faster than its server allows, on average from its start on. */
  limitRate?(limits: FlowLimits): void;
  /** Ends its watches and timers, and takes the last samples; called before the connection is closed, in every case. */
  stop(): void;
}

/** Describes a stream, as its first event. */
export function streamInfo(
  port: StreamPort,
  request: StreamRequest,
  { engine, server, tinit, warmupEndNanos, expectsEcn, limits }: {
    readonly engine: StreamPorts["kind"];
    readonly server: boolean;
    readonly tinit: bigint;
    readonly warmupEndNanos?: number;
    readonly expectsEcn?: boolean;
    readonly limits?: FlowLimits;
  },
): FlowInfoEvent {
  const local = port.local.toString(), remote = port.remote.toString();
  const { kernel } = port;
  return {
    type: "streamInfo",
    flow: request.flow,
    server,
    tinit,
    values: {
      engine,
      direction: request.direction,
      client: server ? remote : local,
      server: server ? local : remote,
      ...kernel === undefined ? {} : connectionValues(kernel),
      ...expectsEcn ? { expectsEcn: 1 } : {},
      ...requestValues(request),
      ...limitValues(limits),
      ...warmupEndNanos === undefined ? {} : { warmupEndNanos },
    },
  };
}

/** Returns what the ends of a connection have agreed on, as an info event has it. */
function connectionValues(kernel: StreamKernel): Record<string, number | string> {
  const info = kernel.tcpInfo();
  const ecn = hasEcn(info);
  return {
    cca: kernel.congestionControl,
    ...info.sndMss > 0 ? { mssBytes: info.sndMss } : {},
    ...ecn === undefined ? {} : { ecn: Number(ecn) },
  };
}

/** Returns what a request asks for, as an info event has it. */
function requestValues(request: StreamRequest): Record<string, number | string> {
  const { durationMs, lengthBytes, bufLenBytes, dscp, payload = "zeros" } = request;
  const pace = Pace.of(requestAt(sendingSide(request), request));
  return {
    bufLenBytes,
    payload,
    ...durationMs === undefined ? {} : { durationMs },
    ...lengthBytes === undefined ? {} : { lengthBytes },
    ...dscp === undefined ? {} : { dscp },
    ...warmupOf(request),
    ...pace === undefined ? {} : { pacedBitsPerSecond: pace.bytesPerSecond * 8 },
  };
}

/**
 * Returns when the warm-up of a transfer that starts now is over.
 *
 * @param elapsedNanos the time since the flow's `tinit`
 * @returns nanoseconds since the flow's `tinit`; undefined: there is no warm-up
 */
export function warmupEnd({ warmupMs = 0 }: StreamRequest, elapsedNanos: number): number | undefined {
  return warmupMs > 0 ? elapsedNanos + warmupMs * 1e6 : undefined;
}

/** Returns the warm-up of a transfer as reports have it. */
export function warmupOf({ warmupMs }: StreamRequest): { readonly warmupNanos?: number } {
  return warmupMs === undefined ? {} : { warmupNanos: warmupMs * 1e6 };
}

/** Measures how long this thread computes. */
export class ThreadTime {
  readonly #clock = new Clock("thread");
  readonly #start = this.#clock.now();

  /** Computing time since the construction, in nanoseconds. */
  get nanos(): number {
    return Number(this.#clock.now() - this.#start);
  }
}

/** Returns the computing time as a server reports it; empty at a client, which sees its own threads. */
export function serverCpu(time: ThreadTime | undefined): { readonly serverCpuNanos?: number } {
  return time === undefined ? {} : { serverCpuNanos: time.nanos };
}
