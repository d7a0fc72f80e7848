/**
 * Reports of flows as numbers by name: the form in which they travel between nodes, are stored with results and are
 * printed by `tine run --json --verbose`. Names are added, never changed; yes is 1 and no is 0. Of a UDP flow, each
 * count stands once for all senders and once for each, with its index: `sent`, `sent.0`.
 *
 * @module
 */
import { decodeArrivals, decodeReception, encodeArrivals, encodeReception } from "./arrival_values.ts";
import { bad, countOf, knownCount, numberOf, type ReportValues, yes } from "./report_numbers.ts";
export type { ReportValues } from "./report_numbers.ts";
import {
  type ConnectionReport,
  type FlowProgress,
  PACKET_COUNTS,
  type PacketCounts,
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
  type TransactionReport,
} from "./report.ts";

/** More senders than a packet can name are damage. */
const MAX_SENDERS = 256;

const CONNECTION = [
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
] as const satisfies readonly (keyof ConnectionReport)[];

const RTT = [
  ["rttMicros", "smoothedMicros"],
  ["rttMinMicros", "minMicros"],
  ["rttMeanMicros", "meanMicros"],
  ["rttMaxMicros", "maxMicros"],
  ["rttLastMicros", "lastMicros"],
] as const satisfies readonly (readonly [name: string, key: keyof RttSummary])[];

const SERVED = [
  "received",
  "duplicates",
  "sent",
  "sendErrors",
  "bytesReceived",
  "bytesSent",
  "bad",
  "socketDrops",
] as const satisfies readonly (keyof ServedPacketReport)[];

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
  switch (report.kind) {
    case "streamProgress": {
      const { elapsedNanos, warmupNanos, role, bytes, goodputBitsPerSecond } = report;
      const name = role === "sender" ? "bytesSent" : "bytesReceived";
      const warmup = warmupNanos !== undefined && { warmupNanos };
      return { elapsedNanos, ...warmup, [name]: bytes, goodputBitsPerSecond, ...encodeSenderReport(report) };
    }
    case "stream": {
      const { bytes, durationNanos, goodputBitsPerSecond, fctNanos, keyProofNanos } = report;
      const proof = keyProofNanos !== undefined && { keyProofNanos };
      return { bytes, durationNanos, goodputBitsPerSecond, fctNanos, ...proof, ...encodeSenderReport(report) };
    }
    case "servedStream": {
      const { bytes, durationNanos, goodputBitsPerSecond, complete } = report;
      const end = !complete && { unclosed: 1 };
      return { bytes, durationNanos, goodputBitsPerSecond, ...encodeSenderReport(report), ...end };
    }
    case "packets":
      return encodePackets(report);
    case "servedPackets":
      return encodeServedPackets(report);
    case "transactions":
      return encodeTransactions(report);
    case "servedTransactions": {
      const { complete, elapsedNanos, transactions, connections } = report;
      return { server: 1, complete: complete ? 1 : 0, elapsedNanos, transactions, connections };
    }
  }
}

function encodeTransactions(report: TransactionReport): Record<string, number> {
  const { elapsedNanos, warmupNanos, transactions, lost, transactionsPerSecond, latency } = report;
  const { serverTransactions, serverCpuNanos } = report;
  return {
    transactions,
    lost,
    elapsedNanos,
    ...warmupNanos !== undefined && { warmupNanos },
    complete: report.complete ? 1 : 0,
    transactionsPerSecond,
    ...latency !== undefined && {
      latencyMinMicros: latency.minMicros,
      latencyMeanMicros: latency.meanMicros,
      latencyMaxMicros: latency.maxMicros,
    },
    ...serverTransactions !== undefined && { serverTransactions },
    ...serverCpuNanos !== undefined && { serverCpuNanos },
  };
}

/**
 * Makes numbers of what a sender reports of its connection; without what is not known.
 */
export function encodeSenderReport(report: SenderReport): Record<string, number> {
  const values: Record<string, number> = {};
  for (const name of [...CONNECTION, "serverCpuNanos"] as const) {
    const value = report[name];
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function encodePackets(report: PacketReport): Record<string, number> {
  const { senders, rtt, serverClock, rates } = report;
  const values: Record<string, number> = { ...sumCounts(senders) };
  for (const name of ["bytesSent", "bytesReceived", "bad", "socketDrops", "serverSocketDrops", "serverBad"] as const) {
    values[name] = report[name];
  }
  values.elapsedNanos = report.elapsedNanos;
  if (report.warmupNanos !== undefined) values.warmupNanos = report.warmupNanos;
  values.complete = report.complete ? 1 : 0;
  if (report.group !== undefined) values.groupEnded = report.group.ended ? 1 : 0;
  if (report.pathMtuBytes !== undefined) values.pathMtuBytes = report.pathMtuBytes;
  if (report.serverPathMtuBytes !== undefined) values.serverPathMtuBytes = report.serverPathMtuBytes;
  if (serverClock !== undefined) {
    values.clockAheadLeastNanos = serverClock.least;
    values.clockAheadMostNanos = serverClock.most;
  }
  if (rtt !== undefined) { for (const [name, key] of RTT) values[name] = rtt[key]; }
  const marks = senders.map(({ serverCongestionMarks }) => serverCongestionMarks);
  // Where one of them is not known, their sum is not.
  if (marks.length > 0 && !marks.includes(undefined)) {
    values.serverCongestionMarks = marks.reduce<number>((sum, count) => sum + count!, 0);
  }
  for (const [i, sender] of senders.entries()) {
    if (sender.serverCongestionMarks !== undefined) values[`serverCongestionMarks.${i}`] = sender.serverCongestionMarks;
    for (const name of PACKET_COUNTS) values[`${name}.${i}`] = sender[name];
    if (sender.arrivals !== undefined) encodeArrivals(values, i, sender.arrivals);
  }
  return { ...values, ...rates };
}

function encodeServedPackets(report: ServedPacketReport): Record<string, number> {
  const { state, elapsedNanos, congestionMarks, overRate, group } = report;
  const values: Record<string, number> = { server: 1 };
  for (const name of SERVED) values[name] = report[name];
  values.complete = state === "closed" ? 1 : 0;
  values.elapsedNanos = elapsedNanos;
  if (congestionMarks !== undefined) values.congestionMarks = congestionMarks;
  if (overRate !== undefined) values.overRate = overRate;
  if (group !== undefined) encodeReception(values, group);
  if (state === "unclosed") values.unclosed = 1;
  return values;
}

/**
 * Reads the numbers of a report, of this version or an earlier one. Names that are not known here are left out.
 *
 * @throws {TineError} `bad-report`, if they are not those of a report
 */
export function decodeReport(values: ReportValues): FlowProgress {
  if ("transactions" in values) return yes(values, "server") ? decodeServed(values) : decodeTransactions(values);
  if (yes(values, "server")) return decodeServedPackets(values);
  if ("sent" in values) return decodePackets(values);
  if ("bytes" in values) return decodeStreamEnd(values);
  if ("bytesSent" in values || "bytesReceived" in values) return decodeStreamProgress(values);
  throw bad("has neither transactions, sent, bytes, bytesSent nor bytesReceived");
}

function decodeTransactions(values: ReportValues): TransactionReport {
  const serverTransactions = knownCount(values, "serverTransactions");
  const serverCpuNanos = knownCount(values, "serverCpuNanos");
  return {
    kind: "transactions",
    complete: yes(values, "complete"),
    elapsedNanos: numberOf(values, "elapsedNanos"),
    ...warmupOf(values),
    transactions: countOf(values, "transactions"),
    lost: countOf(values, "lost"),
    transactionsPerSecond: numberOf(values, "transactionsPerSecond"),
    ...("latencyMeanMicros" in values) && {
      latency: {
        minMicros: numberOf(values, "latencyMinMicros"),
        meanMicros: numberOf(values, "latencyMeanMicros"),
        maxMicros: numberOf(values, "latencyMaxMicros"),
      },
    },
    ...serverTransactions !== undefined && { serverTransactions },
    ...serverCpuNanos !== undefined && { serverCpuNanos },
  };
}

function decodeServed(values: ReportValues): ServedTransactionReport {
  return {
    kind: "servedTransactions",
    complete: yes(values, "complete"),
    elapsedNanos: numberOf(values, "elapsedNanos"),
    transactions: countOf(values, "transactions"),
    connections: countOf(values, "connections"),
  };
}

/** Reads what a sender reports of its connection, as far as it is known. */
export function decodeSenderReport(values: Readonly<Record<string, unknown>>): SenderReport {
  const report: Record<string, number> = {};
  for (const name of [...CONNECTION, "serverCpuNanos"] as const) {
    const value = values[name];
    // Kernels that do not report a figure have -1.
    if (typeof value === "number" && value >= 0 && value <= 2 ** 53) report[name] = value;
  }
  return report;
}

function decodeStreamProgress(values: ReportValues): StreamProgress {
  const role = "bytesReceived" in values ? "receiver" : "sender";
  return {
    kind: "streamProgress",
    role,
    elapsedNanos: numberOf(values, "elapsedNanos"),
    ...warmupOf(values),
    bytes: countOf(values, role === "sender" ? "bytesSent" : "bytesReceived"),
    goodputBitsPerSecond: numberOf(values, "goodputBitsPerSecond"),
    ...decodeSenderReport(values),
  };
}

function warmupOf(values: ReportValues): { readonly warmupNanos?: number } {
  return "warmupNanos" in values ? { warmupNanos: numberOf(values, "warmupNanos") } : {};
}

function decodeStreamEnd(values: ReportValues): StreamReport | ServedStreamReport {
  const common = {
    bytes: countOf(values, "bytes"),
    durationNanos: numberOf(values, "durationNanos"),
    goodputBitsPerSecond: numberOf(values, "goodputBitsPerSecond"),
    ...decodeSenderReport(values),
  };
  if (!("fctNanos" in values)) return { kind: "servedStream", complete: !yes(values, "unclosed"), ...common };
  const keyProofNanos = values.keyProofNanos;
  return {
    kind: "stream",
    ...common,
    fctNanos: numberOf(values, "fctNanos"),
    ...keyProofNanos === undefined ? {} : { keyProofNanos },
  };
}

function decodePackets(values: ReportValues): PacketReport {
  const senders: PacketSenderReport[] = [];
  for (let i = 0; `sent.${i}` in values; i++) {
    if (i === MAX_SENDERS) throw bad(`has more than ${MAX_SENDERS} senders`);
    senders.push(decodeSender(values, i));
  }
  const { clockAheadLeastNanos: least, clockAheadMostNanos: most } = values;
  const { sentBitsPerSecond, receivedBitsPerSecond } = values;
  const pathMtuBytes = knownCount(values, "pathMtuBytes"),
    serverPathMtuBytes = knownCount(values, "serverPathMtuBytes");
  return {
    kind: "packets",
    complete: yes(values, "complete"),
    elapsedNanos: numberOf(values, "elapsedNanos"),
    ...warmupOf(values),
    ...("groupEnded" in values) && { group: { ended: yes(values, "groupEnded"), receivers: [] } },
    senders,
    bytesSent: countOf(values, "bytesSent"),
    bytesReceived: countOf(values, "bytesReceived"),
    bad: countOf(values, "bad"),
    serverBad: knownCount(values, "serverBad") ?? 0,
    socketDrops: countOf(values, "socketDrops"),
    serverSocketDrops: knownCount(values, "serverSocketDrops") ?? 0,
    ...pathMtuBytes === undefined ? {} : { pathMtuBytes },
    ...serverPathMtuBytes === undefined ? {} : { serverPathMtuBytes },
    ...("rttMicros" in values)
      ? { rtt: Object.fromEntries(RTT.map(([name, key]) => [key, numberOf(values, name)])) as unknown as RttSummary }
      : {},
    ...least === undefined || most === undefined ? {} : { serverClock: { least, most } },
    ...sentBitsPerSecond === undefined || receivedBitsPerSecond === undefined
      ? {}
      : { rates: { sentBitsPerSecond, receivedBitsPerSecond } },
  };
}

function decodeSender(values: ReportValues, i: number): PacketSenderReport {
  const counts = Object.fromEntries(
    // Earlier versions do not count echoes that could not be sent.
    PACKET_COUNTS.map((name) => [
      name,
      name === "serverSendErrors" ? knownCount(values, `${name}.${i}`) ?? 0 : countOf(values, `${name}.${i}`),
    ]),
  ) as Record<keyof PacketCounts, number>;
  const serverCongestionMarks = knownCount(values, `serverCongestionMarks.${i}`);
  const arrivals = decodeArrivals(values, i);
  return {
    ...counts,
    ...serverCongestionMarks === undefined ? {} : { serverCongestionMarks },
    ...arrivals === undefined ? {} : { arrivals },
  };
}

function decodeServedPackets(values: ReportValues): ServedPacketReport {
  const counts = Object.fromEntries(SERVED.map((name) => [name, countOf(values, name)])) as Pick<
    ServedPacketReport,
    typeof SERVED[number]
  >;
  const congestionMarks = knownCount(values, "congestionMarks"), overRate = knownCount(values, "overRate");
  return {
    kind: "servedPackets",
    state: yes(values, "unclosed") ? "unclosed" : yes(values, "complete") ? "closed" : "running",
    elapsedNanos: numberOf(values, "elapsedNanos"),
    ...counts,
    ...congestionMarks === undefined ? {} : { congestionMarks },
    ...overRate === undefined ? {} : { overRate },
    ...decodeReception(values),
  };
}
