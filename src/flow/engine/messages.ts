import { messageOf, TineError } from "../../base/errors.ts";
import type { FlowInfoEvent } from "../flows.ts";
import type { FlowProgress, FlowReport } from "../report.ts";
import type { FlowRequest } from "./engine_flow.ts";

/** What a worker gets once, as a message of its event loop, before it enters the loop of flows. */
export interface WorkerStart {
  /** Carries {@linkcode ToWorker}; the worker reads it when woken. */
  readonly port: MessagePort;
  /** The file of the EventFd that wakes it. */
  readonly wakeFd: number;
}

/** What the main side orders of a worker. */
export type ToWorker =
  | FlowOrder
  /** Run this warm-up, and answer `warmedUp`. */
  | { readonly type: "warmUp"; readonly name: string }
  /** Close all flows, and end. */
  | { readonly type: "stop" };

/** What the main side orders of a flow. */
export type FlowOrder =
  | { readonly type: "start"; readonly id: number; readonly request: FlowRequest }
  | { readonly type: "release"; readonly id: number }
  | { readonly type: "finish"; readonly id: number }
  | { readonly type: "cancel"; readonly id: number };

/** What a worker reports of a flow. */
export type FlowMessage =
  | { readonly type: "info"; readonly id: number; readonly info: FlowInfoEvent }
  | { readonly type: "records"; readonly id: number; readonly flow: string; readonly chunk: Uint8Array<ArrayBuffer> }
  | { readonly type: "progress"; readonly id: number; readonly flow: string; readonly report: FlowProgress }
  | { readonly type: "log"; readonly id: number; readonly text: string }
  | { readonly type: "listening"; readonly id: number; readonly address: string }
  /** The last of a flow is one of these three. */
  | { readonly type: "ended"; readonly id: number; readonly report?: FlowReport }
  | { readonly type: "failed"; readonly id: number; readonly error: PlainError }
  | { readonly type: "canceled"; readonly id: number };

/** What a worker sends; `warmedUp` answers the order, `stopped` is its last message. */
export type FromWorker = readonly FlowMessage[] | "warmedUp" | "stopped";

/** An error on its way between threads: cloning would make a TineError a plain one. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
}

/** An error as data. */
export function plainError(error: unknown): PlainError {
  // An error of another class is a fault of this program; its message alone does not name the place.
  if (!(error instanceof TineError)) {
    const stack = error instanceof Error ? error.stack : undefined;
    return { code: "flow-failed", message: `the flow failed: ${stack ?? messageOf(error)}` };
  }
  return { code: error.code, message: error.message };
}
