import type { Message } from "../../node/protocol/frame.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import type { OffsetEstimate } from "../../flow/analysis/mod.ts";
import type { Measured } from "../read_flows.ts";
import type { IndexedFlow } from "../flow_index.ts";
import type { LoggedLine } from "../read_logs.ts";
import type { SourceFlows } from "./source.ts";
import type { RowChunk } from "./table.ts";

/** Makes the rows of a flow from its samples, merged by time. */
export interface FlowRows {
  /** Rows that wait. */
  readonly count: number;
  add(chunk: Chunk): void;
  /** No sample follows. */
  end(): void;
  /** Takes out the rows that wait; undefined where there are none. */
  take(): RowChunk | undefined;
}

/** Makes the rows of a test from its records. */
export interface MessageRows {
  /** Takes a record of any kind. */
  add(message: Message): RowChunk | undefined;
  /** No record follows. */
  end(): RowChunk | undefined;
}

/** How rows of a table come about, as records arrive. */
export type LiveRows =
  | {
    /** From the samples of a flow, merged by time. */
    readonly of: "samples";
    /**
     * @param clocks how the clocks of the ends relate; undefined: learnt from the samples
     * @returns undefined where the table has nothing of such a flow
     */
    start(flow: IndexedFlow, flows: SourceFlows, clocks: OffsetEstimate | undefined): FlowRows | undefined;
  }
  | {
    /** From a chunk of samples by itself. */
    readonly of: "chunk";
    rows(chunk: Chunk, node: string, flow: IndexedFlow, flows: SourceFlows): RowChunk | undefined;
  }
  | {
    /** From a flow that has ended. */
    readonly of: "flow";
    rows(measured: Measured): Iterable<RowChunk>;
  }
  | {
    /** From single records of a test. */
    readonly of: "message";
    start(flows: SourceFlows): MessageRows;
  }
  | {
    /** From lines of logs. */
    readonly of: "lines";
    wanted(line: LoggedLine): boolean;
    /** @param lines at least one */
    rows(lines: readonly LoggedLine[], flows: SourceFlows): RowChunk;
  };
