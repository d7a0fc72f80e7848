import {
  CLOCK_FIGURES,
  figureColumns,
  type Figures,
  type FigureUnit,
  LOAD_FIGURES,
  LOAD_SUMMARY_FIGURES,
  PACKET_FIGURES,
  PACKET_INTERVAL_FIGURES,
  PATH_FIGURES,
  REFUSED_FIGURES,
  SERVED_PACKET_FIGURES,
  SERVED_STREAM_FIGURES,
  SERVED_TRANSACTION_FIGURES,
  STREAM_FIGURES,
  STREAM_INTERVAL_FIGURES,
  STREAM_TOTAL_FIGURES,
  TRANSACTION_FIGURES,
  TRANSACTION_INTERVAL_FIGURES,
} from "../../flow/analysis/mod.ts";
import { REFUSAL_REASONS, type RefusalReason } from "../../flow/server_account.ts";

const REFUSALS: Readonly<Record<RefusalReason, string>> = {
  "max-flows": "There were as many as --max-flows already, or as the server has room for.",
  "max-rate": "They were to have more than --max-rate.",
  "max-duration": "They were to last longer than --max-duration.",
  "one-off": "They were of a client other than the one served.",
  key: "The key of the client was missing or wrong.",
  request: "The server does not take what was asked for.",
};

/** A part of a JSON Schema. */
type Schema = Readonly<Record<string, unknown>>;
type Properties = Readonly<Record<string, Schema>>;

/** Units that keys do not carry, as descriptions have them. */
const UNITS: Readonly<Record<FigureUnit, string>> = {
  "bit/s": "bits per second",
  byte: "bytes",
  s: "seconds",
  us: "microseconds",
  "%": "percent",
  packet: "packets",
  segment: "segments",
  sample: "samples",
  transaction: "transactions",
  "1/s": "per second",
  "1/minute": "per minute",
  flag: "",
};

const text = (description: string): Schema => ({ type: "string", description });
const truth = (description: string): Schema => ({ type: "boolean", description });
const numberOf = (description: string): Schema => ({ type: "number", description });
const time = (description: string): Schema => ({ type: "string", format: "date-time", description });
const list = (items: Schema, description: string): Schema => ({ type: "array", items, description });
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });

/** An object with these keys and no others; all are optional but those that are required. */
function objectOf(description: string, properties: Properties, required: readonly string[] = []): Schema {
  return { type: "object", description, properties, required, additionalProperties: false };
}

/** The keys of figures, with their definitions. */
function keysOf<T>(figures: Figures<T>): Properties {
  return Object.fromEntries(
    figureColumns(figures).map(({ key, unit, definition }) => {
      if (unit === "flag") return [key, truth(definition)];
      return [key, numberOf(`${definition} In ${UNITS[unit]}.`)];
    }),
  );
}

const MADE: Properties = {
  tine: text("Version of tine."),
  command: list({ type: "string" }, "The command line, word by word."),
  started: time("When it began, by the wall clock of this machine."),
  ended: time("When it was over."),
};
const CONNECTION: Properties = {
  client: text("Address and port of the client."),
  server: text("Address and port of the server."),
  worker: numberOf("Of a server with workers: number of the worker that has the flow, from 1."),
  cpus: text("Where the thread of this end ran, if not wherever there is a CPU: a list such as 0-1."),
  realtimePriority: numberOf(
    "Priority of the thread of this end, if --priority asked for one; 0: it was not granted.",
  ),
  mssBytes: numberOf("Of TCP: largest segment that this end sends, as both have agreed."),
  options: { type: "object", description: "What was asked for, by names that carry their units." },
};
const COMPLETE = truth("Whether it came to its end, and both ends have reported what they know.");
const DIRECTION: Schema = {
  enum: ["upload", "download"],
  description: "An upload is sent by the client, a download by the server.",
};
const BOTTLENECKS = list(
  objectOf("Where tine and its machines were the limit.", {
    code: text("Stays the same."),
    message: text("A sentence for people."),
  }, ["code", "message"]),
  "Where tine and its machines may have been the limit, not the network.",
);
const ERROR = objectOf("Why it did not come to its end.", {
  code: text("Stays the same."),
  message: text("A sentence for people."),
}, ["code", "message"]);
const NAMES: Properties = {
  flow: text("The flow as people see it: up, down2."),
  id: text("The flow as the server knows it."),
  direction: DIRECTION,
  complete: COMPLETE,
};
const STREAM_KEYS: Properties = { cca: text("Congestion control of the sender, as far as it is known.") };
const PACKET_KEYS: Properties = {
  ...keysOf(PACKET_FIGURES),
  ...keysOf(CLOCK_FIGURES),
  toServer: objectOf("What was measured on the way to the server.", keysOf(PATH_FIGURES)),
  fromServer: objectOf("What was measured on the way from the server.", keysOf(PATH_FIGURES)),
};

function summaryOf(protocol: string, properties: Properties, flow: Properties): Schema {
  return objectOf(`What ${protocol} measured.`, {
    type: { const: "summary" },
    ...MADE,
    protocol: { enum: ["tcp", "udp"] },
    server: text("The server as it was given: HOST:PORT."),
    kind: { enum: ["ffi", "portable"], description: "Whether traffic went over raw sockets or Deno's own API." },
    warmupSeconds: numberOf("The warm-up, which is in no figure. In seconds."),
    complete: COMPLETE,
    error: ERROR,
    ...properties,
    flows: list(objectOf("A flow.", { ...NAMES, ...flow, ...CONNECTION }, ["flow", "id", "complete"]), "All flows."),
    bottlenecks: BOTTLENECKS,
  }, ["type", "tine", "command", "started", "ended", "protocol", "server", "complete", "flows", "bottlenecks"]);
}

/** A flow that a server by hand has served. */
function servedOf(protocol: string, figures: Properties): Schema {
  return objectOf("A flow that a server has served, and that is over.", {
    type: { const: "flow" },
    protocol: { const: protocol },
    id: NAMES.id,
    started: MADE.started,
    ended: MADE.ended,
    ...CONNECTION,
    complete: COMPLETE,
    ...figures,
  }, ["type", "protocol", "id", "started", "ended", "client", "complete"]);
}

/**
 * Makes the JSON Schema of what `tine tcp` and `tine udp` print with `--json`, from the lists of figures.
 *
 * @returns draft 2020-12
 */
export function figuresJsonSchema(): Schema {
  const phase = objectOf("A phase of latency under load.", {
    type: { const: "phase" },
    phase: { enum: ["idle", "upload", "download", "both"] },
    complete: COMPLETE,
    ...keysOf(LOAD_FIGURES),
  }, ["type", "phase", "complete"]);
  const $defs: Record<string, Schema> = {
    tcpSummary: summaryOf("tine tcp client", keysOf(STREAM_TOTAL_FIGURES), {
      ...STREAM_KEYS,
      ...keysOf(STREAM_FIGURES),
    }),
    udpSummary: summaryOf("tine udp client", {
      totals: list(
        objectOf("All flows in a direction.", {
          direction: DIRECTION,
          flows: numberOf("How many flows."),
          complete: COMPLETE,
          ...PACKET_KEYS,
        }),
        "Sums of flows, by direction.",
      ),
    }, {
      ...PACKET_KEYS,
      ...keysOf(REFUSED_FIGURES),
      receivers: list(
        objectOf("A receiver.", {
          address: text("Where its reports came from."),
          complete: truth("Whether it has reported what it counted until the end."),
          ...keysOf(PATH_FIGURES),
        }, ["address", "complete"]),
        "Of a flow to a group: the receivers that have reported, which takes a key.",
      ),
    }),
    transactionSummary: summaryOf("--rr or --crr", keysOf(TRANSACTION_FIGURES), keysOf(TRANSACTION_FIGURES)),
    interval: objectOf("What a flow did in an interval.", {
      type: { const: "interval" },
      flow: NAMES.flow,
      direction: DIRECTION,
      warmup: { const: true, description: "It is of the warm-up, which is in no figure of the summary." },
      startSeconds: numberOf("Its start, since the first flow began. In seconds."),
      endSeconds: numberOf("Its end. In seconds."),
      ...keysOf(STREAM_INTERVAL_FIGURES),
      ...keysOf(PACKET_INTERVAL_FIGURES),
      ...keysOf(TRANSACTION_INTERVAL_FIGURES),
    }, ["type", "flow", "startSeconds", "endSeconds"]),
    phase,
    underLoadSummary: objectOf("What --under-load has found.", {
      type: { const: "summary" },
      ...MADE,
      protocol: { const: "udp" },
      server: text("The server as it was given: HOST:PORT."),
      kind: { enum: ["ffi", "portable"] },
      complete: COMPLETE,
      error: ERROR,
      ...keysOf(LOAD_SUMMARY_FIGURES),
      phases: list(ref("phase"), "All phases."),
      bottlenecks: BOTTLENECKS,
    }, ["type", "tine", "command", "started", "ended", "protocol", "server", "complete", "phases", "bottlenecks"]),
    listening: objectOf("A server listens.", {
      type: { const: "listening" },
      ...MADE,
      address: text("Where: address and port."),
      metrics: text("The address of its metrics; only with --metrics."),
    }, ["type", "tine", "command", "started", "address"]),
    stats: objectOf("What a server has served until now, those flows that run included.", {
      type: { const: "stats" },
      at: time("When, by the clock of the server."),
      flowsActive: numberOf("Flows that run."),
      flows: numberOf("Flows that were taken."),
      flowsIncomplete: numberOf("Flows that are over and did not come to their end."),
      bytesReceived: numberOf("Payload of TCP and UDP that flows have received. In bytes."),
      bytesSent: numberOf("Payload that they have sent. In bytes."),
      packetsReceived: numberOf("The same of UDP, in packets, each counted once."),
      packetsSent: numberOf("Packets of UDP that they have sent."),
      overRate: numberOf("Packets that were dropped since their flow was over the server's --max-rate."),
      refusals: objectOf(
        "Flows that were refused, by reason.",
        Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, numberOf(REFUSALS[reason])])),
        REFUSAL_REASONS,
      ),
    }, ["type", "at", "flowsActive", "flows", "flowsIncomplete", "refusals"]),
    servedStream: servedOf("tcp", { direction: DIRECTION, ...STREAM_KEYS, ...keysOf(SERVED_STREAM_FIGURES) }),
    servedTransactions: servedOf("tcp", {
      connections: numberOf("Connections that it took."),
      ...keysOf(SERVED_TRANSACTION_FIGURES),
    }),
    servedPackets: servedOf("udp", {
      ...keysOf(SERVED_PACKET_FIGURES),
      toServer: objectOf("Of a flow to a group that was joined: how it was received.", keysOf(PATH_FIGURES)),
    }),
  };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "An object that tine tcp or tine udp prints with --json, one a line",
    anyOf: Object.keys($defs).map(ref),
    $defs,
  };
}
