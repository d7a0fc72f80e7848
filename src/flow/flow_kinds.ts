import type { EngineFlowFactory } from "./engine/engine_flow.ts";
import type { Rehearsal } from "./engine/warm_up.ts";
import { packetClientFlow } from "./packet/packet_client_flow.ts";
import { packetRehearsal } from "./packet/packet_warm_up.ts";
import { packetServerFlow } from "./packet/packet_server_flow.ts";
import { SocketPorts } from "./packet/socket_port.ts";
import { streamClientFlow } from "./stream/stream_client_flow.ts";
import { streamServerFlow } from "./stream/stream_server_flow.ts";

/** What runs in workers, by the kind that a request names. */
// deno-lint-ignore no-explicit-any -- each takes the configuration that the main side sends for its kind.
export const flowKinds: Readonly<Record<string, EngineFlowFactory<any>>> = {
  streamServer: streamServerFlow,
  streamClient: streamClientFlow,
  packetServer: packetServerFlow((host) => new SocketPorts(host)),
  packetClient: packetClientFlow((host) => new SocketPorts(host)),
};

/** What workers play before they have flows whose first packets matter, by name. */
export const rehearsals = { packets: packetRehearsal } as const satisfies Record<string, Rehearsal>;

/** The name of a rehearsal. */
export type RehearsalName = keyof typeof rehearsals;
