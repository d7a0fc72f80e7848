import type { MeasuredStream } from "../read_flows.ts";
import type { Column, Value } from "./table.ts";

/** JSON of a plan, in which anything may be missing. */
type Json = Readonly<Record<string, unknown>>;

/** The configuration of a flow. */
interface FlowConfig {
  /** The transfer of a TCP flow, or a sender of a UDP flow. */
  readonly sending: Json;
  /** Where the TOS byte of packets is: the transfer of a TCP flow, the client of a UDP flow. */
  readonly marking: Json;
}

/** A column, and its value where the configuration is known. */
interface ConfigColumn extends Column {
  value(config: FlowConfig): unknown;
}

const FIELDS: readonly ConfigColumn[] = [
  {
    name: "config_duration_seconds",
    type: "double",
    unit: "s",
    definition: "Time after which the sender was to stop.",
    value: ({ sending }) => typeof sending.duration === "number" ? sending.duration / 1e3 : undefined,
  },
  {
    name: "config_length_bytes",
    type: "int",
    unit: "bytes",
    definition:
      "Of TCP: bytes after which the sender was to stop. Of UDP: length of packets, where all have one length.",
    value: ({ sending }) => single(sending.length),
  },
  {
    name: "config_buf_len_bytes",
    type: "int",
    unit: "bytes",
    definition: "Of TCP: length of reads and writes.",
    value: ({ sending }) => sending.bufLen,
  },
  {
    name: "config_congestion_control",
    type: "text",
    definition: "Of TCP: congestion control that the plan asked for; absent: that of the system.",
    value: ({ sending }) => sending.cca,
  },
  {
    name: "config_wait_us",
    type: "double",
    unit: "us",
    definition: "Of UDP: wait between packets, where it is one.",
    value({ sending }) {
      const ms = single(sending.wait);
      return typeof ms === "number" ? ms * 1e3 : undefined;
    },
  },
  {
    name: "config_rate_bits_per_second",
    type: "double",
    unit: "bit/s",
    definition: "Of UDP: rate at which packets were to be sent, where it is in bits.",
    value: ({ sending }) => objectIn(sending.rate).bitsPerSecond,
  },
  {
    name: "config_rate_packets_per_second",
    type: "double",
    unit: "packets/s",
    definition: "Of UDP: rate at which packets were to be sent, where it is in packets.",
    value: ({ sending }) => objectIn(sending.rate).packetsPerSecond,
  },
  {
    name: "config_dscp",
    type: "int",
    definition: "Differentiated services code point that packets were to have.",
    value: ({ marking }) => marking.dscp,
  },
  {
    name: "config_ecn",
    type: "int",
    definition: "Of UDP: ECN code point that packets were to have: 0 is not capable, 1 ECT(1), 2 ECT(0).",
    value: ({ marking }) => marking.ecn,
  },
];

const PATH: Column = {
  name: "path",
  type: "text",
  definition:
    "Place of the flow's client in the plan of the run's folder, plan.json; of its server where the client is not part of the test.",
};
const CONFIG: Column = {
  name: "config",
  type: "text",
  definition:
    "Configuration of the client as JSON, with defaults: durations are milliseconds, sizes bytes. Absent where it has more than 16,384 characters.",
};

/** The columns of where a flow stands in its plan, and of what it was configured to do. */
export const CONFIG_COLUMNS: readonly Column[] = [
  PATH,
  ...FIELDS.map(({ value: _, ...column }) => column),
  CONFIG,
];

/**
 * Returns the values of {@linkcode CONFIG_COLUMNS}.
 *
 * @param flow its path in the plan, and its configuration as JSON
 * @param sender index of the sender of a UDP flow
 */
export function configValues(
  { path, config }: Pick<MeasuredStream, "path" | "config">,
  sender: number | undefined,
): Value[] {
  const parsed = config === undefined ? undefined : flowConfig(config, sender);
  return [
    path,
    ...FIELDS.map(({ type, value }) => {
      const found = parsed && value(parsed);
      return type === "text" ? textOrNothing(found) : Number.isFinite(found) ? found as number : undefined;
    }),
    config,
  ];
}

/** Returns undefined for what is not JSON: it was not made by tine. */
function flowConfig(text: string, sender: number | undefined): FlowConfig | undefined {
  let config: Json;
  try {
    config = objectIn(JSON.parse(text));
  } catch {
    return undefined;
  }
  if (sender === undefined) {
    if (Array.isArray(config.sender)) {
      return { sending: objectIn(objectIn(config.sender[0]).requestResponse), marking: config };
    }
    const sending = objectIn(config.upload ?? config.download ?? config.requestResponse);
    return { sending, marking: sending };
  }
  const senders = Array.isArray(config.sender) ? config.sender : [];
  return { sending: objectIn(objectIn(senders[sender]).unresponsive), marking: config };
}

/** Returns the value of a list of one, and a value that is no list. */
function single(value: unknown): unknown {
  return Array.isArray(value) ? value.length === 1 ? value[0] : undefined : value;
}

function objectIn(value: unknown): Json {
  return typeof value === "object" && value !== null ? value as Json : {};
}

function textOrNothing(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
