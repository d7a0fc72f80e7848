import type { FlowHost, Scope } from "../engine/engine_flow.ts";
import type { Peer } from "./peer.ts";
import type { SenderReport } from "../report.ts";
import type { StreamRequest } from "./messages.ts";

/** What both ends of a transfer work with. */
export interface TransferContext {
  readonly host: FlowHost;
  /** Of the connection. */
  readonly scope: Scope;
  /** Gets what goes wrong. */
  readonly fail: (error: unknown) => void;
  readonly peer: Peer;
  readonly request: StreamRequest;
  /** This is the server's end. */
  readonly server: boolean;
  /** The flow's `tinit` as {@linkcode Scope.now} had it. */
  readonly tinitNanos: number;
  /**
   * Of a sender that does not wait for the server's words: reads them, which come before the receipt.
   *
   * @returns whether the server has taken the request
   * @throws {TineError} what the server refused it with
   */
  readonly accepted?: () => boolean;
}

/** What an end has when the transfer is complete. */
export interface TransferResult {
  /** As the receiver counted them. */
  readonly bytes: number;
  /** As the receiver measured it, from when it was ready to the last byte. */
  readonly durationNanos: number;
  /** For how much of that the server's thread computed, where the server received. */
  readonly serverCpuNanos?: number;
  /** What the sender says of its connection; empty at the receiver. */
  readonly report: SenderReport;
}

/** One end of a transfer that goes on. */
export interface Transfer {
  /** The bytes of this end so far, and how long they took: from when it was ready to the last, in nanoseconds. */
  readonly soFar: { readonly bytes: number; readonly durationNanos: number };
  /** Ends its watches and timers, and takes the last samples; called before the socket is closed, however it came to that. */
  stop(): void;
}
