import { TineError } from "../../base/errors.ts";
import type { FlowEvents, FlowInfoEvent, Flows } from "../../flow/flows.ts";
import { readChunk } from "../../flow/records/read_chunk.ts";
import type { ClientFlow } from "./client_flow.ts";

/** How flows are run together. */
export interface RunFlowsOptions {
  readonly key?: Uint8Array;
  /** Ends all of them. */
  readonly signal: AbortSignal;
  /** Makes all of them stop sending, and end in order. */
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
 * Runs flows at the same time, to the end of all. When one fails, the others are ended; when its server has ended it,
 * since it has lasted as long as it may, they come to their ends.
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
      failure ??= { error };
      // The others are ended for this one, unless it is complete: then their server lets them come to their ends as
      // well.
      if (!(error instanceof TineError) || error.code !== "server-limit") failed.abort(error);
    }
  }));
  return failure ?? {};
}

/** Hands events to their flows. */
function eventsTo(
  clients: readonly ClientFlow[],
  { log, onInfo, onOpen, onAllOpen }: RunFlowsOptions,
): Required<FlowEvents> {
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
