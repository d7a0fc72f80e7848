import type { FlowInfoEvent, FlowOptions, Flows } from "../../flow/flows.ts";
import type { FlowProgress } from "../../flow/report.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";

/** A flow that a client runs, with all that is kept of it. */
export interface ClientFlow {
  /** As the server knows it. */
  readonly id: string;
  /** For people: `up`, `down2`. */
  readonly label: string;
  /** The direction of its sender: an upload is sent by this client. */
  readonly direction: "upload" | "download";
  /** Whether it came to its end, and both ends have told what they know. */
  readonly complete: boolean;
  /** When the last sample was taken, in milliseconds since the first of the flows has started. */
  readonly lastMs: number;
  /**
   * What its samples refer to.
   *
   * @param startNanos when it started, since the first of the flows has
   */
  info(info: FlowInfoEvent, startNanos: number): void;
  /** Samples. */
  records(chunk: Chunk): void;
  /** What is known while it runs. */
  progress(report: FlowProgress): void;
  /** Runs it to its end. */
  run(flows: Flows, options: FlowOptions): Promise<void>;
}
