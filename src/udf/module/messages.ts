import type { AgentCounts } from "../agent.ts";
import type { RingMemory } from "./ring_connection.ts";

/** What a worker is told: to serve a connection, or to stop one in order. */
export type ToWorker =
  | { id: number; connection: RingMemory; progress: SharedArrayBuffer; maxFrameBytes: number | undefined }
  | { stop: number };

/** What a worker tells: that a connection has ended, that the module wanted to end the process, or threw an error that nobody awaits. */
export type FromWorker =
  | { ended: number; error: string | undefined; counts: AgentCounts }
  | { exit: number }
  | { uncaught: string };
