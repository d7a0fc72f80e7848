import { assertEquals, assertThrows } from "@std/assert";
import type { FlowProgress, PacketSenderReport } from "../../src/flow/report.ts";
import { decodeReport, decodeSenderReport, encodeReport, type ReportValues } from "../../src/flow/report_values.ts";
import { TineError } from "../../src/base/errors.ts";
import { packetReport, servedPackets, streamProgress, streamReport } from "./reports.ts";

const CONNECTION = {
  retransmits: 1,
  rttMicros: 2,
  rttVarMicros: 3,
  minRttMicros: 4,
  cwndBytes: 5,
  busyMicros: 6,
  receiveWindowMicros: 7,
  sendBufferMicros: 8,
};

/** Of a sender that counts from `base` on. */
function sender(base: number, more: Partial<PacketSenderReport> = {}): PacketSenderReport {
  return {
    sent: base,
    sendErrors: base + 1,
    unsent: base + 2,
    received: base + 3,
    duplicates: base + 4,
    serverReceived: base + 5,
    serverDuplicates: base + 6,
    serverSent: base + 7,
    serverSendErrors: base + 8,
    lostToServer: base + 9,
    lostFromServer: base + 10,
    ...more,
  };
}

const ARRIVALS = {
  reordered: 1,
  delay: { count: 9, min: -(2 ** 51), mean: -3, max: 2 ** 51 },
  ipdv: { count: 8, min: 1, mean: 2, max: 3 },
  jitterNanos: 4.5,
};

const ARRIVAL_VALUES = {
  ...{ "delayToServerCount.0": 9, "delayToServerMinNanos.0": -(2 ** 51), "delayToServerMeanNanos.0": -3 },
  ...{ "delayToServerMaxNanos.0": 2 ** 51, "ipdvToServerCount.0": 8, "ipdvToServerMinNanos.0": 1 },
  ...{ "ipdvToServerMeanNanos.0": 2, "ipdvToServerMaxNanos.0": 3, "reorderedToServer.0": 1 },
  ...{ "jitterToServerNanos.0": 4.5 },
};

/** A report of each shape, and its numbers as versions before reports had types have written them. */
const REPORTS: readonly (readonly [report: FlowProgress, values: ReportValues])[] = [
  [
    {
      kind: "transactions",
      complete: true,
      elapsedNanos: 1,
      warmupNanos: 2,
      transactions: 3,
      lost: 4,
      transactionsPerSecond: 5,
      latency: { minMicros: 6, meanMicros: 7, maxMicros: 8 },
      serverTransactions: 9,
      serverCpuNanos: 10,
    },
    {
      complete: 1,
      elapsedNanos: 1,
      warmupNanos: 2,
      transactions: 3,
      lost: 4,
      transactionsPerSecond: 5,
      latencyMinMicros: 6,
      latencyMeanMicros: 7,
      latencyMaxMicros: 8,
      serverTransactions: 9,
      serverCpuNanos: 10,
    },
  ],
  [
    { kind: "servedTransactions", complete: false, elapsedNanos: 1, transactions: 2, connections: 3 },
    { server: 1, complete: 0, elapsedNanos: 1, transactions: 2, connections: 3 },
  ],
  [
    streamProgress({ elapsedNanos: 9, bytes: 10, goodputBitsPerSecond: 11, ...CONNECTION }),
    { elapsedNanos: 9, bytesSent: 10, goodputBitsPerSecond: 11, ...CONNECTION },
  ],
  [
    streamProgress({ role: "receiver", elapsedNanos: 9, bytes: 0, goodputBitsPerSecond: 11 }),
    { elapsedNanos: 9, bytesReceived: 0, goodputBitsPerSecond: 11 },
  ],
  [
    streamReport({ bytes: 1, durationNanos: 2, goodputBitsPerSecond: 3, fctNanos: 4, keyProofNanos: 5, ...CONNECTION }),
    { bytes: 1, durationNanos: 2, goodputBitsPerSecond: 3, fctNanos: 4, keyProofNanos: 5, ...CONNECTION },
  ],
  [
    streamReport({ bytes: 1, durationNanos: 2, goodputBitsPerSecond: 3, fctNanos: 4, serverCpuNanos: 6 }),
    { bytes: 1, durationNanos: 2, goodputBitsPerSecond: 3, fctNanos: 4, serverCpuNanos: 6 },
  ],
  [
    { kind: "servedStream", complete: true, bytes: 1, durationNanos: 2, goodputBitsPerSecond: 3, ...CONNECTION },
    { bytes: 1, durationNanos: 2, goodputBitsPerSecond: 3, ...CONNECTION },
  ],
  [
    { kind: "servedStream", complete: false, bytes: 1, durationNanos: 2, goodputBitsPerSecond: 3 },
    { bytes: 1, durationNanos: 2, goodputBitsPerSecond: 3, unclosed: 1 },
  ],
  [
    servedPackets({ state: "running", elapsedNanos: 1, received: 2, sent: 3, congestionMarks: 0 }),
    {
      ...{ server: 1, received: 2, duplicates: 0, sent: 3, sendErrors: 0, bytesReceived: 0, bytesSent: 0, bad: 0 },
      ...{ socketDrops: 0, complete: 0, elapsedNanos: 1, congestionMarks: 0 },
    },
  ],
  [
    servedPackets({ bad: 5 }),
    {
      ...{ server: 1, received: 0, duplicates: 0, sent: 0, sendErrors: 0, bytesReceived: 0, bytesSent: 0, bad: 5 },
      ...{ socketDrops: 0, complete: 1, elapsedNanos: 0 },
    },
  ],
  [
    servedPackets({ state: "unclosed" }),
    {
      ...{ server: 1, received: 0, duplicates: 0, sent: 0, sendErrors: 0, bytesReceived: 0, bytesSent: 0, bad: 0 },
      ...{ socketDrops: 0, complete: 0, elapsedNanos: 0, unclosed: 1 },
    },
  ],
  [
    servedPackets({ received: 9, group: { expected: 10, arrivals: ARRIVALS, clock: { least: -5, most: 6 } } }),
    {
      ...{ server: 1, received: 9, duplicates: 0, sent: 0, sendErrors: 0, bytesReceived: 0, bytesSent: 0, bad: 0 },
      ...{ socketDrops: 0, complete: 1, elapsedNanos: 0, expected: 10, ...ARRIVAL_VALUES },
      ...{ clockAheadLeastNanos: -5, clockAheadMostNanos: 6 },
    },
  ],
  [
    {
      kind: "packets",
      complete: true,
      elapsedNanos: 20,
      senders: [sender(0, { serverCongestionMarks: 3, arrivals: ARRIVALS }), sender(100, { serverCongestionMarks: 4 })],
      ...{ bytesSent: 21, bytesReceived: 22, bad: 23, serverBad: 24, socketDrops: 25, serverSocketDrops: 26 },
      rtt: { smoothedMicros: 31, minMicros: 32, meanMicros: 33, maxMicros: 34, lastMicros: 35 },
      serverClock: { least: -5, most: 6 },
      rates: { sentBitsPerSecond: 41, receivedBitsPerSecond: 42 },
    },
    {
      ...{ sent: 100, sendErrors: 102, unsent: 104, received: 106, duplicates: 108, serverReceived: 110 },
      ...{ serverDuplicates: 112, serverSent: 114, serverSendErrors: 116, lostToServer: 118, lostFromServer: 120 },
      ...{ bytesSent: 21, bytesReceived: 22, bad: 23, socketDrops: 25, serverSocketDrops: 26, serverBad: 24 },
      ...{ elapsedNanos: 20, complete: 1, clockAheadLeastNanos: -5, clockAheadMostNanos: 6 },
      ...{ rttMicros: 31, rttMinMicros: 32, rttMeanMicros: 33, rttMaxMicros: 34, rttLastMicros: 35 },
      ...{ "serverCongestionMarks": 7, "serverCongestionMarks.0": 3, "serverCongestionMarks.1": 4 },
      ...Object.fromEntries(
        [0, 1].flatMap((i) => Object.entries(sender(100 * i)).map(([key, value]) => [`${key}.${i}`, value])),
      ),
      ...ARRIVAL_VALUES,
      ...{ "sentBitsPerSecond": 41, "receivedBitsPerSecond": 42 },
    },
  ],
];

Deno.test("encodeReport() writes the names that results and programs know", () => {
  for (const [report, values] of REPORTS) assertEquals(encodeReport(report), values, report.kind);
});

Deno.test("decodeReport() reads what encodeReport() has written, and leaves out names that it does not know", () => {
  for (const [report, values] of REPORTS) {
    assertEquals(decodeReport(values), report);
    assertEquals(decodeReport({ ...values, later: 1 }), report);
  }
});

Deno.test("encodeReport() has no sum of marks where those of one sender are not known", () => {
  const { senders: [one] } = packetReport({ serverCongestionMarks: 5 });
  const { senders: [other] } = packetReport();
  const values = encodeReport({ ...packetReport(), senders: [one, other] });
  assertEquals([values["serverCongestionMarks.0"], values.serverCongestionMarks], [5, undefined]);
});

Deno.test("decodeReport() reads reports of the first version, which counts less", () => {
  const whole = packetReport({ sent: 5, serverReceived: 4, lostToServer: 1 });
  const { serverBad: _, serverSendErrors: _1, "serverSendErrors.0": _2, ...first } = encodeReport(whole);
  const { serverCongestionMarks: _3, arrivals: _4, ...counts } = whole.senders[0];
  assertEquals(decodeReport(first), { ...whole, senders: [counts] });
  const minus = decodeReport({ elapsedNanos: 1, bytesSent: 2, goodputBitsPerSecond: 3, retransmits: -1, rttMicros: 4 });
  assertEquals(minus, streamProgress({ elapsedNanos: 1, bytes: 2, goodputBitsPerSecond: 3, rttMicros: 4 }));
});

Deno.test("decodeReport() names what is missing, negative, infinite or neither yes nor no", () => {
  const packets = encodeReport(packetReport({ sent: 1 }));
  const cases: [ReportValues, string][] = [
    [{}, "has neither transactions, sent, bytes, bytesSent nor bytesReceived"],
    [{ goodputBitsPerSecond: 1 }, "has neither transactions"],
    [{ bytes: 1, goodputBitsPerSecond: 1 }, "has no durationNanos"],
    [{ bytes: -1, durationNanos: 1, goodputBitsPerSecond: 1 }, "has bytes = -1, expected 0 or more"],
    [{ bytes: 1, durationNanos: Infinity, goodputBitsPerSecond: 1 }, "has durationNanos = Infinity, expected a finite"],
    [{ bytes: 1, durationNanos: 1, goodputBitsPerSecond: 1, unclosed: 2 }, "has unclosed = 2, expected 0 or 1"],
    [{ ...packets, complete: 0.5 }, "has complete = 0.5, expected 0 or 1"],
    [{ ...packets, "sent.1": 5 }, "has no sendErrors.1"],
    [{ ...packets, "lostToServer.0": -2 }, "has lostToServer.0 = -2"],
    [{ ...packets, "delayToServerCount.0": 1 }, "has no delayToServerMinNanos.0"],
    [{ ...packets, rttMicros: 1 }, "has no rttMinMicros"],
    [{ server: 1, sent: 1 }, "has no received"],
    [{ server: 3 }, "has server = 3"],
  ];
  for (const [values, text] of cases) {
    const error = assertThrows(() => decodeReport(values), TineError, `the report of a flow ${text}`);
    assertEquals(error.code, "bad-report");
  }
});

Deno.test("decodeReport() takes no more senders than a packet can name", () => {
  const { senders: [one] } = packetReport();
  const of = (count: number) => encodeReport({ ...packetReport(), senders: Array(count).fill(one) });
  const report = decodeReport(of(256));
  assertEquals(report.kind === "packets" && report.senders.length, 256);
  assertThrows(() => decodeReport(of(257)), TineError, "has more than 256 senders");
});

Deno.test("decodeSenderReport() takes only what it knows, and nothing that is no number", () => {
  assertEquals(decodeSenderReport({ ...CONNECTION, serverCpuNanos: 9, rttMicros: "5", evil: 1, busyMicros: NaN }), {
    ...Object.fromEntries(Object.entries(CONNECTION).filter(([key]) => !/^(rtt|busy)Micros/.test(key))),
    serverCpuNanos: 9,
  });
});

Deno.test("encodeReport() has whether a server counts packets, where it does not", () => {
  const uncounted = packetReport({ uncounted: true });
  assertEquals(encodeReport(uncounted).uncounted, 1);
  const decoded = decodeReport(encodeReport(uncounted));
  assertEquals(decoded.kind === "packets" && decoded.uncounted, true);
  assertEquals("uncounted" in encodeReport(packetReport()), false);
});
