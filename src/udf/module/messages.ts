import type { AgentCounts } from "../agent.ts";
import type { RingMemory } from "./ring_connection.ts";

/** A message to a worker: to serve a connection, or to stop one in order. */
export type ToWorker =
  | {
    id: number;
    connection: RingMemory;
    progress: SharedArrayBuffer;
    maxFrameBytes: number | undefined;
    maxSnapshotBytes: number;
  }
  | { stop: number };

/**
 * A message from a worker: a connection has ended, or the module wanted to end the process, threw an error that no code
 * awaits, or printed a line.
 */
export type FromWorker =
  | { ended: number; error: string | undefined; counts: AgentCounts }
  | { exit: number }
  | { uncaught: string }
  | { line: string; unprinted: Int32Array<SharedArrayBuffer> };

/** The name of a global that the root of a worker sets to get the lines that the module prints as messages. */
export const CAPTURE = "tineCapturesConsole";
