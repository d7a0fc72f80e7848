import type { FlowOptions } from "../../../flow/flows.ts";
import type { RunContext } from "../../runner.ts";

/** What flows tell goes to the root; the run is canceled with them. */
export function flowOptions(context: RunContext, hmac = true): FlowOptions {
  return {
    signal: context.signal,
    key: hmac ? context.key : undefined,
    // Flows never wait for results to be sent: what is too much for the memory goes to a file.
    events: {
      info: (info) => void context.send(info),
      records: (flow, chunk) => void context.send({ type: "records", flow, chunk }),
      progress: (flow, values) => void context.send({ type: "progress", flow, values }),
      log: (text) => void context.log(text),
    },
  };
}
