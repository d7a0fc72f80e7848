import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  CLOCK_FIGURES,
  figureColumns,
  figuresOf,
  LIVE_FIGURE_LISTS,
  LOAD_FIGURES,
  LOAD_SUMMARY_FIGURES,
  PACKET_FIGURE_LISTS,
  PACKET_FIGURES,
  PACKET_INTERVAL_FIGURES,
  PATH_FIGURES,
  REFUSED_FIGURES,
  SERVED_PACKET_FIGURES,
  SERVED_STREAM_FIGURES,
  STREAM_FIGURE_LISTS,
  STREAM_FIGURES,
  STREAM_INTERVAL_FIGURES,
  STREAM_TOTAL_FIGURES,
  StreamAnalysis,
} from "../../../src/flow/analysis/mod.ts";
import { streamReport } from "../reports.ts";

const times = (name: string) => ["Min", "Mean", "Median", "P99", "P999", "Max"].map((part) => `${name}${part}Micros`);

Deno.test("figureColumns() has the keys that programs know", () => {
  const keys = [
    STREAM_FIGURES,
    STREAM_INTERVAL_FIGURES,
    PACKET_FIGURES,
    PATH_FIGURES,
    CLOCK_FIGURES,
    PACKET_INTERVAL_FIGURES,
    LOAD_FIGURES,
    LOAD_SUMMARY_FIGURES,
    STREAM_TOTAL_FIGURES,
    REFUSED_FIGURES,
    SERVED_STREAM_FIGURES,
    SERVED_PACKET_FIGURES,
  ].map((figures) => figureColumns<never>(figures).map(({ key }) => key));
  assertEquals(keys, [
    [
      "bytes",
      "receiverCounted",
      "durationSeconds",
      "completionSeconds",
      "keyProofSeconds",
      "goodputBitsPerSecond",
      "retransmits",
      "retransmittedPercent",
      "minRttMicros",
      ...times("rtt"),
      "rttLastMicros",
      "cwndMinBytes",
      "cwndMedianBytes",
      "cwndMaxBytes",
      "cwndLastBytes",
      "busyPercent",
      "receiveWindowLimitedPercent",
      "sendBufferLimitedPercent",
      "ecn",
      "congestionMarks",
      "congestionMarkedBytes",
      "serverBusyPercent",
    ],
    ["bytes", "goodputBitsPerSecond", "retransmits", "congestionMarks", "rttMicros", "cwndBytes"],
    [
      "durationSeconds",
      "sendBitsPerSecond",
      "goodputBitsPerSecond",
      ...times("rtt"),
      ...times("serverTime"),
      ...times("lateness"),
      "sendErrors",
      "unsent",
      "unanswered",
      "incoherent",
    ],
    [
      "sent",
      "received",
      "lost",
      "lostPercent",
      "duplicates",
      "reordered",
      "early",
      "late",
      "socketDrops",
      "congestionMarks",
      "pathMtuBytes",
      ...times("oneWayDelay"),
      "oneWayDelayBoundMicros",
      ...times("ipdv"),
      "jitterMicros",
    ],
    ["clockOffsetMicros", "clockOffsetBoundMicros", "clockDrifted"],
    ["sent", "received", "sendBitsPerSecond", "receiveBitsPerSecond", ...times("rtt")],
    [
      "sent",
      "lostPercent",
      "dropped",
      ...times("rtt"),
      "roundTripsPerMinute",
      "uploadGoodputBitsPerSecond",
      "downloadGoodputBitsPerSecond",
    ],
    ["addedRttMedianMicros", "roundTripsPerMinute"],
    ["goodputBitsPerSecond", "uploadGoodputBitsPerSecond", "downloadGoodputBitsPerSecond"],
    ["bad", "serverBad"],
    ["bytes", "durationSeconds", "goodputBitsPerSecond", "retransmits", "congestionMarks"],
    [
      "received",
      "sent",
      "sendErrors",
      "duplicates",
      "bad",
      "socketDrops",
      "congestionMarks",
      "overRate",
      "bytesReceived",
      "bytesSent",
      "durationSeconds",
    ],
  ]);
});

Deno.test("figuresOf() leaves out what is not known, and rounds to what was measured", () => {
  const totals = streamReport({ bytes: 1e6, durationNanos: 3e9, fctNanos: 3.5e9, retransmits: 0, minRttMicros: 1234 });
  assertEquals(figuresOf(STREAM_FIGURES, new StreamAnalysis().figures(totals)), {
    bytes: 1e6,
    receiverCounted: true,
    durationSeconds: 3,
    goodputBitsPerSecond: 2666666.667,
    completionSeconds: 3.5,
    retransmits: 0,
    minRttMicros: 1234,
  });
  assertEquals(figuresOf(CLOCK_FIGURES, { offsetNanos: -1234.56, boundNanos: 0, drifted: false }), {
    clockOffsetMicros: -1.235,
    clockOffsetBoundMicros: 0,
    clockDrifted: false,
  });
});

Deno.test("each figure has a definition of whole sentences, and keys that carry its unit", () => {
  const suffixes = {
    "bit/s": /[bB]itsPerSecond$/,
    byte: /ytes/,
    s: /Seconds$/,
    us: /Micros$/,
    "%": /Percent$/,
  } as const;
  for (const { title, figures } of [...STREAM_FIGURE_LISTS, ...PACKET_FIGURE_LISTS, ...LIVE_FIGURE_LISTS]) {
    for (const [name, { definition, unit, parts }] of Object.entries(figures)) {
      assertMatch(definition, /^[A-Z].*\.$/, `${title}: ${name}`);
      const suffix = parts === undefined && unit in suffixes ? suffixes[unit as keyof typeof suffixes] : /./;
      assertMatch(name, suffix, `${title}: ${name}`);
    }
  }
});

Deno.test("a phase under load has no share of losses where nothing was sent", () => {
  assertEquals(figuresOf(LOAD_FIGURES, {}), { sent: 0, dropped: 0 });
});

Deno.test("a phase under load has lost all if nothing came back and the server reported nothing", () => {
  const path = { sent: 5, duplicates: 0, reordered: 0, socketDrops: 0 };
  const figures = {
    sender: 0,
    toServer: path,
    slowReplies: 0,
    lateSends: 0,
    sendNanos: 1,
    sendErrors: 0,
    unsent: 0,
    incoherent: 0,
  };
  const { lostPercent, dropped } = figuresOf(LOAD_FIGURES, { packets: figures });
  assert(lostPercent === 100 && dropped === 0);
});
