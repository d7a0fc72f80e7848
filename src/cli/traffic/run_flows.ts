import type { FlowEvents, FlowInfoEvent, FlowOptions, Flows } from "../../flow/flows.ts";
import { type Chunk, readChunk } from "../../flow/records/read_chunk.ts";
import type { FlowProgress } from "../../flow/report.ts";

/** A flow that a client runs, with all that is kept of it. */
export interface ClientFlow {
  /** As the server knows it. */
  readonly id: string;
  /** For people: `up`, `down2`. */
  readonly label: string;
  /** The direction of its sender: an upload is sent by this client. */
  readonly direction: "upload" | "download";
  /** Whether it came to its end, and both ends have reported what they know. */
  readonly complete: boolean;
  /** Its warm-up: how long it is, and when it is over in the time of {@linkcode lastMs}, as far as is known. */
  readonly warmUp?: { readonly ms: number; readonly endMs: number };
  /** When the last sample was taken, in milliseconds since the first of the flows has started. */
  readonly lastMs: number;
  /**
   * Takes what its samples refer to.
   *
   * @param startNanos when it started, since the first of the flows has
   */
  info(info: FlowInfoEvent, startNanos: number): void;
  /** Takes samples. */
  records(chunk: Chunk): void;
  /** Takes what is known while it runs. */
  progress(report: FlowProgress): void;
  /** Runs it to its end. */
  run(flows: Flows, options: FlowOptions): Promise<void>;
}

/** How flows are run together. */
export interface RunFlowsOptions {
  readonly key?: Uint8Array;
  /** Ends all of them. */
  readonly signal: AbortSignal;
  /** Has all of them stop sending, and come to their ends. */
  readonly finish?: AbortSignal;
  /** Receives messages for people. */
  log(text: string): void;
  /** Gets how each of them was opened. */
  onInfo?(info: FlowInfoEvent): void;
  /** Called once the first of them is open. */
  onOpen?(): void;
  /** Called once all of them are open. */
  onAllOpen?(): void;
}

/**
 * Runs flows at the same time, to the end of all. When one fails, the others are ended.
 *
 * @returns the error of the first one that failed, or the signal's reason; undefined if all came to their end
 */
export async function runFlows(
  flows: Flows,
  clients: readonly ClientFlow[],
  options: RunFlowsOptions,
): Promise<{ readonly error?: unknown }> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  const events = eventsTo(clients, options);
  let failure: { error: unknown } | undefined;
  await Promise.all(clients.map(async (client) => {
    try {
      await client.run(flows, { events, signal, key: options.key, finish: options.finish });
    } catch (error) {
      // The others fail for this one's sake.
      failure ??= { error };
      failed.abort(error);
    }
  }));
  return failure ?? {};
}

/** Hands events to their flows. */
function eventsTo(clients: readonly ClientFlow[], { log, onInfo, onOpen, onAllOpen }: RunFlowsOptions): FlowEvents {
  const byId = new Map(clients.map((client) => [client.id, client]));
  const waiting = new Set(byId.keys());
  let tinit: bigint | undefined;
  return {
    info(info) {
      const first = tinit === undefined;
      tinit ??= info.tinit;
      onInfo?.(info);
      byId.get(info.flow)?.info(info, Number(info.tinit - tinit));
      if (first) onOpen?.();
      if (waiting.delete(info.flow) && waiting.size === 0) onAllOpen?.();
    },
    records: (flow, chunk) => byId.get(flow)?.records(readChunk(chunk)),
    progress: (flow, report) => byId.get(flow)?.progress(report),
    log,
  };
}
