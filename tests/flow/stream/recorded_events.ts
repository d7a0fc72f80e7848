import type { FlowEvents, FlowInfoEvent } from "../../../src/flow/flows.ts";
import type { FlowProgress } from "../../../src/flow/report.ts";
import { encodeReport, type ReportValues } from "../../../src/flow/report_values.ts";
import { type Chunk, readChunk } from "../../../src/flow/records/read_chunk.ts";

/** Records what flows report. */
export class RecordedEvents implements FlowEvents {
  readonly infos: FlowInfoEvent[] = [];
  readonly chunks: { readonly flow: string; readonly chunk: Chunk }[] = [];
  readonly reports: { readonly flow: string; readonly report: FlowProgress }[] = [];
  /** The reports as they travel. */
  readonly aggregates: { readonly flow: string; readonly values: ReportValues }[] = [];
  readonly logs: string[] = [];
  /** The line that says that there are no raw sockets, which is the same in all tests without them. */
  readonly notices: string[] = [];

  info(info: FlowInfoEvent): void {
    this.infos.push(info);
  }

  records(flow: string, chunk: Uint8Array): void {
    this.chunks.push({ flow, chunk: readChunk(chunk) });
  }

  progress(flow: string, report: FlowProgress): void {
    this.reports.push({ flow, report });
    this.aggregates.push({ flow, values: encodeReport(report) });
  }

  log(text: string): void {
    (text.startsWith("Deno's own network API serves") ? this.notices : this.logs).push(text);
  }

  /** Samples of a flow's bytes, in order. */
  io(flow: string): { t: number; total: number; sent: number }[] {
    return this.chunks.flatMap(({ flow: of, chunk }) =>
      of !== flow || chunk.kind !== "streamIO" ? [] : Array.from(
        chunk.columns.t,
        (t, i) => ({ t, total: chunk.columns.total[i], sent: chunk.columns.sent[i] }),
      )
    );
  }

  /** How many samples of the kernel's view of a flow there are, and from which ends. */
  tcpInfo(flow: string): { t: number; server: number; bytesAcked: number }[] {
    return this.chunks.flatMap(({ flow: of, chunk }) =>
      of !== flow || chunk.kind !== "tcpInfo" ? [] : Array.from(
        chunk.columns.t,
        (t, i) => ({ t, server: chunk.columns.server[i], bytesAcked: chunk.columns.bytesAcked[i] }),
      )
    );
  }
}
