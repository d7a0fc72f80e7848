import type { EngineFlowFactory } from "./engine/engine_flow.ts";
import { streamClientFlow } from "./stream/stream_client_flow.ts";
import { streamServerFlow } from "./stream/stream_server_flow.ts";

/** What runs in workers, by the kind that a request names. */
// deno-lint-ignore no-explicit-any -- each takes the configuration that the main side sends for its kind.
export const flowKinds: Readonly<Record<string, EngineFlowFactory<any>>> = {
  streamServer: streamServerFlow,
  streamClient: streamClientFlow,
};
