/**
 * Reports of flows as numbers by name: the form in which they travel between nodes, are stored with results and are
 * printed by `tine run --json --verbose`. Names are added, never changed; yes is 1 and no is 0. Of a UDP flow, each
 * count stands once for all senders and once for each, with its index: `sent`, `sent.0`.
 *
 * @module
 */
import {
  type ArrivalTotals,
  type ClockBounds,
  type FlowProgress,
  type GroupReception,
  type GroupReport,
  PACKET_COUNTS,
  type PacketReport,
  type PacketSenderReport,
  type RttSummary,
  type SenderReport,
  type ServedPacketReport,
  type ServedStreamReport,
  type ServedTransactionReport,
  type StreamProgress,
  type StreamReport,
  sumCounts,
  type TimeSpread,
  type TransactionReport,
} from "./report.ts";
import {
  alike,
  bad,
  constant,
  count,
  type Field,
  type Fields,
  flag,
  newer,
  number,
  object,
  optional,
  type ReportValues,
} from "./report_fields.ts";
import { MAX_SENDERS } from "./packet/header.ts";

export type { ReportValues } from "./report_fields.ts";

/** What a sender reports of its connection. Kernels that do not report a figure have -1. */
const SENDER: Fields<SenderReport> = alike([
  "retransmits",
  "rttMicros",
  "rttVarMicros",
  "minRttMicros",
  "cwndBytes",
  "busyMicros",
  "receiveWindowMicros",
  "sendBufferMicros",
  "ecn",
  "congestionMarks",
  "congestionMarkedBytes",
  "serverCpuNanos",
], (name) => ({
  ...optional(number(name)),
  read: ({ [name]: value }) => typeof value === "number" && value >= 0 && value <= 2 ** 53 ? value : undefined,
}));
const CONNECTION = object(SENDER);

function streamProgress(role: StreamProgress["role"], bytes: string): Field<StreamProgress> {
  const { serverCpuNanos: _, ...connection } = SENDER;
  return object<StreamProgress>({
    kind: constant("streamProgress"),
    role: constant(role),
    elapsedNanos: number("elapsedNanos"),
    warmupNanos: optional(number("warmupNanos")),
    bytes: count(bytes),
    goodputBitsPerSecond: number("goodputBitsPerSecond"),
    ...connection,
  });
}

const PROGRESS = {
  sender: streamProgress("sender", "bytesSent"),
  receiver: streamProgress("receiver", "bytesReceived"),
};

const STREAM_END = {
  bytes: count("bytes"),
  durationNanos: number("durationNanos"),
  goodputBitsPerSecond: number("goodputBitsPerSecond"),
};

function spread(name: string, sender: number): Field<TimeSpread> {
  const field = object<TimeSpread>({
    count: count(`${name}Count.${sender}`),
    // Delays are by two clocks, which may be apart either way.
    min: number(`${name}MinNanos.${sender}`),
    mean: number(`${name}MeanNanos.${sender}`),
    max: number(`${name}MaxNanos.${sender}`),
  });
  return { ...field, isIn: ({ [`${name}Count.${sender}`]: values = 0 }) => values > 0 };
}

function arrivals(sender: number): Field<ArrivalTotals> {
  return object<ArrivalTotals>({
    delay: spread("delayToServer", sender),
    ipdv: optional(spread("ipdvToServer", sender)),
    reordered: count(`reorderedToServer.${sender}`),
    jitterNanos: count(`jitterToServerNanos.${sender}`),
  });
}

/** Senders by their index, as far as there were some: reports come four times a second. */
const SENDER_AT: Field<PacketSenderReport>[] = [];

function senderAt(i: number): Field<PacketSenderReport> {
  return SENDER_AT[i] ??= object<PacketSenderReport>({
    serverCongestionMarks: optional(count(`serverCongestionMarks.${i}`)),
    ...alike(PACKET_COUNTS, (name) => count(`${name}.${i}`)),
    serverSendErrors: newer(`serverSendErrors.${i}`),
    arrivals: optional(arrivals(i)),
  });
}

const SENDERS: Field<readonly PacketSenderReport[]> = {
  write(values, senders) {
    Object.assign(values, sumCounts(senders));
    const marks = senders.map(({ serverCongestionMarks }) => serverCongestionMarks);
    // Where one of them is not known, their sum is not.
    if (marks.length > 0 && !marks.includes(undefined)) {
      values.serverCongestionMarks = marks.reduce<number>((sum, count) => sum + count!, 0);
    }
    for (const [i, sender] of senders.entries()) senderAt(i).write(values, sender);
  },
  read(values) {
    const senders: PacketSenderReport[] = [];
    for (let i = 0; `sent.${i}` in values; i++) {
      if (i === MAX_SENDERS) throw bad(`has more than ${MAX_SENDERS} senders`);
      senders.push(senderAt(i).read(values));
    }
    return senders;
  },
  isIn: (values) => "sent" in values,
};

const CLOCK = object<ClockBounds>({ least: number("clockAheadLeastNanos"), most: number("clockAheadMostNanos") });

/** The kinds of reports; those of servers of packets and of requests have a mark. */
const KINDS: { readonly [K in FlowProgress["kind"]]: Field<Extract<FlowProgress, { kind: K }>> } = {
  streamProgress: {
    write: (values, report) => PROGRESS[report.role].write(values, report),
    read: (values) => PROGRESS["bytesReceived" in values ? "receiver" : "sender"].read(values),
    isIn: () => true,
  },
  stream: object<StreamReport>({
    kind: constant("stream"),
    ...STREAM_END,
    fctNanos: number("fctNanos"),
    keyProofNanos: optional(number("keyProofNanos")),
    ...SENDER,
  }),
  servedStream: object<ServedStreamReport>({
    kind: constant("servedStream"),
    ...STREAM_END,
    ...SENDER,
    complete: {
      write(values, complete) {
        if (!complete) values.unclosed = 1;
      },
      read: (values) => !flag("unclosed").read(values),
      isIn: () => true,
    },
  }),
  packets: object<PacketReport>({
    kind: constant("packets"),
    senders: SENDERS,
    bytesSent: count("bytesSent"),
    bytesReceived: count("bytesReceived"),
    bad: count("bad"),
    socketDrops: count("socketDrops"),
    serverSocketDrops: newer("serverSocketDrops"),
    serverBad: newer("serverBad"),
    elapsedNanos: number("elapsedNanos"),
    warmupNanos: optional(number("warmupNanos")),
    complete: flag("complete"),
    group: optional(object<GroupReport>({ ended: flag("groupEnded"), receivers: constant([]) })),
    uncounted: optional(flag("uncounted")),
    pathMtuBytes: optional(count("pathMtuBytes")),
    serverPathMtuBytes: optional(count("serverPathMtuBytes")),
    serverClock: optional(CLOCK),
    rtt: optional(object<RttSummary>({
      smoothedMicros: number("rttMicros"),
      minMicros: number("rttMinMicros"),
      meanMicros: number("rttMeanMicros"),
      maxMicros: number("rttMaxMicros"),
      lastMicros: number("rttLastMicros"),
    })),
    rates: optional(object<NonNullable<PacketReport["rates"]>>({
      sentBitsPerSecond: number("sentBitsPerSecond"),
      receivedBitsPerSecond: number("receivedBitsPerSecond"),
    })),
  }),
  servedPackets: object<ServedPacketReport>({
    kind: constant("servedPackets", { server: 1 }),
    received: count("received"),
    duplicates: count("duplicates"),
    sent: count("sent"),
    sendErrors: count("sendErrors"),
    bytesReceived: count("bytesReceived"),
    bytesSent: count("bytesSent"),
    bad: count("bad"),
    socketDrops: count("socketDrops"),
    state: {
      write(values, state) {
        values.complete = state === "closed" ? 1 : 0;
        if (state === "unclosed") values.unclosed = 1;
      },
      read(values) {
        if (flag("unclosed").read(values)) return "unclosed";
        return flag("complete").read(values) ? "closed" : "running";
      },
      isIn: () => true,
    },
    elapsedNanos: number("elapsedNanos"),
    congestionMarks: optional(count("congestionMarks")),
    overRate: optional(count("overRate")),
    group: optional(object<GroupReception>({
      expected: count("expected"),
      arrivals: optional(arrivals(0)),
      clock: optional(CLOCK),
    })),
  }),
  transactions: object<TransactionReport>({
    kind: constant("transactions"),
    transactions: count("transactions"),
    lost: count("lost"),
    elapsedNanos: number("elapsedNanos"),
    warmupNanos: optional(number("warmupNanos")),
    complete: flag("complete"),
    transactionsPerSecond: number("transactionsPerSecond"),
    latency: optional(object<NonNullable<TransactionReport["latency"]>>({
      minMicros: number("latencyMinMicros"),
      meanMicros: number("latencyMeanMicros"),
      maxMicros: number("latencyMaxMicros"),
    })),
    serverTransactions: optional(count("serverTransactions")),
    serverCpuNanos: optional(count("serverCpuNanos")),
  }),
  servedTransactions: object<ServedTransactionReport>({
    kind: constant("servedTransactions", { server: 1 }),
    complete: flag("complete"),
    elapsedNanos: number("elapsedNanos"),
    transactions: count("transactions"),
    connections: count("connections"),
  }),
};

/**
 * Makes numbers of a report.
 *
 * @example
 * ```ts
 * import { decodeReport, encodeReport } from "./report_values.ts";
 * const values = { elapsedNanos: 1e9, bytesSent: 1e6, goodputBitsPerSecond: 8e6 };
 * const report = decodeReport(values);
 * console.assert(report.kind === "streamProgress" && report.role === "sender");
 * console.assert(encodeReport(report).bytesSent === 1e6);
 * ```
 */
export function encodeReport(report: FlowProgress): Record<string, number> {
  const values: Record<string, number> = {};
  const { [report.kind]: field } = KINDS as Record<string, Field<FlowProgress>>;
  field.write(values, report);
  return values;
}

/**
 * Reads the numbers of a report, of this version or an earlier one. Names that are not known here are left out.
 *
 * @throws {TineError} `bad-report`, if they are not those of a report
 */
export function decodeReport(values: ReportValues): FlowProgress {
  return KINDS[kindOf(values)].read(values);
}

function kindOf(values: ReportValues): FlowProgress["kind"] {
  const isOfServer = flag("server").read(values);
  if ("transactions" in values) return isOfServer ? "servedTransactions" : "transactions";
  if (isOfServer) return "servedPackets";
  if ("sent" in values) return "packets";
  if ("bytes" in values) return "fctNanos" in values ? "stream" : "servedStream";
  if ("bytesSent" in values || "bytesReceived" in values) return "streamProgress";
  throw bad("has neither transactions, sent, bytes, bytesSent nor bytesReceived");
}

/** Makes numbers of what a sender reports of its connection; without what is not known. */
export function encodeSenderReport(report: SenderReport): Record<string, number> {
  const values: Record<string, number> = {};
  CONNECTION.write(values, report);
  return values;
}

/** Reads what a sender reports of its connection, as far as it is known. */
export function decodeSenderReport(values: Readonly<Record<string, unknown>>): SenderReport {
  return CONNECTION.read(values as ReportValues);
}
