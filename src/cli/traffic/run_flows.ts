import type { FlowEvents, Flows } from "../../flow/flows.ts";
import { readChunk } from "../../flow/records/read_chunk.ts";
import type { ClientFlow } from "./client_flow.ts";

/** How flows are run together. */
export interface RunFlowsOptions {
  readonly key?: Uint8Array;
  /** Ends all of them. */
  readonly signal: AbortSignal;
  /** Is told what is to be known. */
  log(text: string): void;
  /** Is told once the first of them is open. */
  onOpen?(): void;
  /** Is told once all of them are. */
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
      await client.run(flows, { events, signal, key: options.key });
    } catch (error) {
      // The others fail for this one's sake.
      failure ??= { error };
      failed.abort(error);
    }
  }));
  return failure ?? {};
}

/** Gives to each flow what is told of it. */
function eventsTo(clients: readonly ClientFlow[], { log, onOpen, onAllOpen }: RunFlowsOptions): FlowEvents {
  const byId = new Map(clients.map((client) => [client.id, client]));
  const waiting = new Set(byId.keys());
  let tinit: bigint | undefined;
  return {
    info(info) {
      const first = tinit === undefined;
      tinit ??= info.tinit;
      byId.get(info.flow)?.info(info, Number(info.tinit - tinit));
      if (first) onOpen?.();
      if (waiting.delete(info.flow) && waiting.size === 0) onAllOpen?.();
    },
    records: (flow, chunk) => byId.get(flow)?.records(readChunk(chunk)),
    progress: (flow, report) => byId.get(flow)?.progress(report),
    log,
  };
}
