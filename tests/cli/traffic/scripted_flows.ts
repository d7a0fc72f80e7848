import type { Flows, FlowServer, PacketClientOptions } from "../../../src/flow/flows.ts";
import { ChunkWriter } from "../../../src/flow/records/chunk_writer.ts";
import type { RecordKind, Sample } from "../../../src/flow/records/format.ts";
import { type FlowReport, reportOf } from "../../../src/flow/report.ts";
import { packetReport, streamReport } from "../../flow/reports.ts";

/** What a flow does in a test, in place of traffic. */
export type Script = (flow: string, options: PacketClientOptions) => Promise<FlowReport | void>;

/** Flows that do what a test says. */
export function scriptedFlows(
  scripts: { upload?: Script; download?: Script; packets?: Script; transactions?: Script },
): Flows {
  const missing: Script = () => Promise.reject(new Error("no script"));
  return {
    kind: "ffi",
    streamServer: (): Promise<FlowServer> => Promise.reject(new Error("no server")),
    packetServer: (): Promise<FlowServer> => Promise.reject(new Error("no server")),
    streamClient(_addr, { upload, download }, options) {
      const script = (upload === undefined ? scripts.download : scripts.upload) ?? missing;
      return script((upload ?? download)!.flow, options).then((report) => reportOf("stream", report ?? streamReport()));
    },
    streamTransactions: (_addr, { requestResponse }, options) =>
      (scripts.transactions ?? missing)(requestResponse!.flow, options).then((report) =>
        reportOf("transactions", report ?? undefined)
      ),
    packetClient: (_addr, { flow }, options) =>
      (scripts.packets ?? missing)(flow, options).then((report) => reportOf("packets", report ?? packetReport())),
    packetTransactions: (_addr, { flow }, options) =>
      missing(flow, options).then((report) => reportOf("transactions", report ?? undefined)),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** Samples as a chunk; what is not given is 0. */
export function chunkOf<K extends RecordKind>(kind: K, samples: readonly Partial<Sample<K>>[]): Uint8Array {
  const writer = new ChunkWriter(kind);
  for (const sample of samples) {
    const i = writer.next();
    for (const [name, values] of Object.entries<Float64Array>(writer.columns)) {
      values[i] = (sample as Record<string, number>)[name] ?? 0;
    }
  }
  return writer.take();
}

/** A script that never ends by itself. */
export const endless: Script = (_flow, { signal }) =>
  new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
