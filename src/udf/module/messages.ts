import type { AgentCounts } from "../agent.ts";
import type { RingMemory } from "./ring_connection.ts";

/** What a worker is told: to serve a connection, or to stop one in order. */
export type ToWorker =
  | {
    id: number;
    connection: RingMemory;
    progress: SharedArrayBuffer;
    maxFrameBytes: number | undefined;
    maxSnapshotBytes: number;
  }
  | { stop: number };

/** What a worker tells: that a connection has ended, that the module wanted to end the process, threw an error that nobody
 * awaits, or printed a line. */
export type FromWorker =
  | { ended: number; error: string | undefined; counts: AgentCounts }
  | { exit: number }
  | { uncaught: string }
  | { line: string; unprinted: Int32Array<SharedArrayBuffer> };

/** The name of a global that the root of a worker sets where lines that the module prints are to come as messages. */
export const CAPTURE = "tineCapturesConsole";
