import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import type { RunTime } from "../../../src/node/item.ts";
import { openResults } from "../../../src/result/mod.ts";
import { type MakeTable, selectColumns, tableNamed, TABLES } from "../../../src/result/tables/mod.ts";
import type { Table, Value } from "../../../src/result/tables/table.ts";
import { packetReport, streamReport } from "../../flow/reports.ts";
import { objectsOf } from "../export/odd_table.ts";
import { errorMessage, inFolder, item, log } from "../fixtures.ts";
import { info, node, progressOf, record, recordsOf } from "../recorded_flows.ts";

const MS = 1e6;
const TINIT = 1_795_916_003_000_000_000n;
/** The server's clock is ahead by this. */
const AHEAD = 3000 * MS;

/** Opens a table of a test. */
async function tableOf(
  folder: string,
  name: string,
  options: { flows?: string; intervalMs?: number } = {},
): Promise<Table> {
  const test = await openResults(folder);
  if (test.kind !== "test") throw new Error(test.kind);
  return tableNamed(name)({ test, run: "a run", idKeys: ["name"], ...options });
}

/** The rows of a table, without what is alike in all of them. */
async function rowsOf(folder: string, name: string, options: { flows?: string; intervalMs?: number } = {}) {
  const rows = await objectsOf(await tableOf(folder, name, options));
  return rows.map(({ run, name: id, ...row }) => {
    assertEquals([run, id], ["a run", "a"]);
    return row;
  });
}

/**
 * Echoes, one each 10 ms: 1 ms to the server, 2 ms there, 4 ms back. Packet 3 is lost on its way to the server, the
 * reply to packet 5 on its way back.
 */
function* echoes(count: number, end = true) {
  yield node("left", "boot a");
  yield node("right", "boot b");
  yield info("packetInfo", "left", "voip", { tinit: TINIT });
  yield info("packetInfo", "right", "voip", { tinit: TINIT + BigInt(AHEAD), server: true });
  const seqs = Array.from({ length: count }, (_, seq) => seq);
  const common = { packets: 1, flag: 1, len: 100 };
  const at = (seq: number) => seq * 10 * MS;
  const left = seqs.flatMap((seq) => {
    const sent = { ...common, seq, t: at(seq) + 500, scheduled: at(seq), sent: 1 };
    if (seq === 3 || seq === 5) return [sent];
    return [sent, {
      ...{ ...common, flag: 2, seq, t: at(seq) + 500 + 7 * MS },
      ...{ serverReceived: -6 * MS + AHEAD, serverTime: 2 * MS, serverCount: seq < 3 ? seq + 1 : seq },
    }];
  });
  yield* recordsOf("left", "voip", "packetIO", left);
  const right = seqs.filter((seq) => seq !== 3).flatMap((seq) => [
    { ...common, seq, t: at(seq) + 500 + MS, server: 1 },
    { ...common, flag: 3, seq, t: at(seq) + 500 + 3 * MS, server: 1, sent: 1 },
  ]);
  yield* recordsOf("right", "voip", "packetIO", right);
  const counts = { sent: count, serverReceived: count - 1, received: count - 2, unsent: 0, sendErrors: 0 };
  if (end) yield progressOf("left", "voip", packetReport({ ...counts, socketDrops: 0 }));
}

/** A transfer of 1 MB/s for half a second. */
function* upload() {
  const values = { direction: "upload", client: "10.0.0.1:1", server: "10.0.0.2:2", cca: "cubic" };
  yield info("streamInfo", "left", "bulk", { tinit: TINIT, values });
  yield info("streamInfo", "right", "bulk", { tinit: TINIT, server: true, values });
  const steps = Array.from({ length: 6 }, (_, i) => ({ t: i * 100 * MS, total: i * 100_000 }));
  yield* recordsOf("right", "bulk", "streamIO", steps);
  yield* recordsOf(
    "left",
    "bulk",
    "tcpInfo",
    steps.map(({ t }, i) => ({ t: t + MS, rtt: 1000 + i, cwnd: 10, sndMss: 1448, totalRetrans: i, deliveredCe: -1 })),
  );
  const report = { bytes: 500_000, durationNanos: 500 * MS, fctNanos: 510 * MS, retransmits: 5 };
  yield progressOf("left", "bulk", streamReport(report));
}

Deno.test("round_trips has a row for each echo, by the clock of the client, with delays of both ways", () =>
  inFolder(async (out) => {
    const folder = await record(out, echoes(10));
    const rows = await rowsOf(folder, "round_trips");
    const arrived = [0, 1, 2, 4, 6, 7, 8, 9];
    assertEquals(rows.map(({ seq }) => seq), arrived);
    // Nobody knows how the 5 ms are divided: half each way, give or take half.
    assertEquals(rows[3], {
      time: TINIT + BigInt(4 * 10 * MS + 500),
      node: "left",
      flow: "voip",
      sender: 0,
      seq: 4,
      rtt_us: 5000,
      server_time_us: 2000,
      to_server_us: 2500,
      from_server_us: 2500,
      one_way_bound_us: 2500,
      lateness_us: 0.5,
    });
  }));

Deno.test("losses has each packet that did not arrive, with the direction in which it was lost", () =>
  inFolder(async (out) => {
    const expected = [[3, "toServer"], [5, "fromServer"]] as const;
    assertEquals(
      await rowsOf(await record(out, echoes(10)), "losses"),
      expected.map(([seq, direction]) => ({
        time: TINIT + BigInt(seq * 10 * MS + 500),
        node: "left",
        flow: "voip",
        sender: 0,
        direction,
        seq,
      })),
    );
  }));

Deno.test("losses of a flow that was cut end at the last packet that arrived", () =>
  inFolder(async (out) => {
    // The last one is lost, or its reply was not recorded any more.
    assertEquals(
      await rowsOf(await record(out, echoes(6, false)), "losses").then((rows) => rows.map(({ seq }) => seq)),
      [3],
    );
    assertEquals((await rowsOf(await record(`${out}/2`, echoes(6)), "losses")).map(({ seq }) => seq), [3, 5]);
  }));

Deno.test("intervals counts the packets that were sent in each, and what became of them", () =>
  inFolder(async (out) => {
    const rows = await rowsOf(await record(out, echoes(10)), "intervals", { intervalMs: 50 });
    assertEquals(rows.length, 2);
    assertEquals(rows[0], {
      time: TINIT,
      node: "left",
      flow: "voip",
      sender: 0,
      direction: "toServer",
      interval_seconds: 0.05,
      goodput_bits_per_second: 4 * 800 / 0.05,
      sent_packets: 5,
      received_packets: 4,
      lost_packets: 1,
      rtt_min_us: 5000,
      rtt_mean_us: 5000,
      rtt_median_us: 5000,
      rtt_p99_us: 5000,
      rtt_max_us: 5000,
      to_server_mean_us: 2500,
      from_server_mean_us: 2500,
      congestion_marks_packets: 0,
    });
    assertEquals([rows[1].time, rows[1].sent_packets, rows[1].lost_packets], [TINIT + BigInt(50 * MS), 5, 0]);
  }));

Deno.test("intervals count all that arrived, though a server replies before it reads what came earlier", () =>
  inFolder(async (out) => {
    const common = { packets: 1, flag: 1, len: 100 };
    const at = (seq: number) => seq * 10 * MS;
    const echo = (seq: number, t = at(seq)) => [
      { ...common, seq, t, scheduled: t, sent: 1 },
      { ...common, flag: 2, seq, t: t + 7 * MS, serverReceived: -6 * MS, serverTime: 2 * MS, serverCount: seq + 1 },
    ];
    const seqs = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
    const received = (seq: number) => ({ ...common, seq, t: at(seq) + MS, server: 1 });
    const reply = (seq: number, t: number) => ({ ...common, flag: 3, seq, t: t * MS, server: 1, sent: 1 });
    const folder = await record(out, [
      node("left", "boot"),
      node("right", "boot"),
      info("packetInfo", "left", "voip", { tinit: TINIT }),
      info("packetInfo", "right", "voip", { tinit: TINIT, server: true }),
      ...recordsOf("left", "voip", "packetIO", seqs(0, 30).flatMap((seq) => echo(seq))),
      ...recordsOf("left", "voip", "packetIO", seqs(30, 35).flatMap((seq) => echo(seq, at(seq) + 95 * MS))),
      ...recordsOf("right", "voip", "packetIO", seqs(0, 10).map(received)),
      ...recordsOf("right", "voip", "packetIO", [reply(0, 390), ...seqs(10, 20).map(received)]),
      ...recordsOf("right", "voip", "packetIO", [reply(1, 396), ...seqs(20, 30).map(received)]),
    ]);
    const rows = await rowsOf(folder, "intervals", { intervalMs: 100 });
    assertEquals(rows.slice(0, 3).map((row) => row.goodput_bits_per_second), [80_000, 80_000, 80_000]);
  }));

Deno.test("intervals has goodput and the kernel's view of TCP flows", () =>
  inFolder(async (out) => {
    const rows = await rowsOf(await record(out, upload()), "intervals", { intervalMs: 100 });
    const expected = { interval_seconds: 0.1, goodput_bits_per_second: 8e6, cwnd_bytes: 14_480 };
    const common = { node: "left", flow: "bulk", direction: "toServer", ...expected };
    assertEquals(
      rows.slice(0, 5),
      [0, 1, 2, 3, 4].map((i) => ({
        time: TINIT + BigInt(i * 100 * MS),
        ...common,
        srtt_us: 1000 + i,
        retransmits_segments: i === 0 ? 0 : 1,
      })),
    );
    // All bytes are in the rows, once each.
    const bytes = rows.reduce((sum, row) => sum + (row.goodput_bits_per_second as number) * 0.1 / 8, 0);
    assertEquals(Math.round(bytes), 500_000);
  }));

Deno.test("intervals wait for the receiver's samples, which end later than the sender's", () =>
  inFolder(async (out) => {
    function* late() {
      const values = { direction: "upload", client: "10.0.0.1:1", server: "10.0.0.2:2", cca: "cubic" };
      yield info("streamInfo", "left", "bulk", { tinit: TINIT, values });
      yield info("streamInfo", "right", "bulk", { tinit: TINIT, server: true, values });
      for (let i = 0; i < 6; i++) {
        // The receiver's sample that ends an interval comes after the sender's that begins the next one.
        yield* recordsOf("left", "bulk", "tcpInfo", [{ t: i * 100 * MS + MS, rtt: 1000, cwnd: 10, sndMss: 1448 }]);
        yield* recordsOf("right", "bulk", "streamIO", [{ t: i * 105 * MS, total: i * 105_000 }]);
      }
    }
    const rows = await rowsOf(await record(out, late()), "intervals", { intervalMs: 100 });
    assertEquals(rows.slice(0, 5).map((row) => row.goodput_bits_per_second), [8e6, 8e6, 8e6, 8e6, 8e6]);
    assertEquals(rows.map((row) => row.srtt_us), [1000, 1000, 1000, 1000, 1000, 1000]);
  }));

Deno.test("flows has a row for each flow, absent where its protocol has no such figure", () =>
  inFolder(async (out) => {
    const [voip, bulk] = await rowsOf(await record(out, [...echoes(10), ...upload()]), "flows");
    const { time, protocol, direction, complete, sender, to_server_lost_packets, rtt_median_us, bytes } = voip;
    assertEquals([time, protocol, direction, complete, sender], [TINIT, "udp", "toServer", true, 0]);
    assertEquals([to_server_lost_packets, rtt_median_us, bytes], [1, 5000, undefined]);
    assertEquals([bulk.flow, bulk.bytes, bulk.congestion_control, bulk.goodput_bits_per_second], [
      "bulk",
      500_000,
      "cubic",
      8e6,
    ]);
    assertEquals([bulk.completion_seconds, bulk.to_server_lost_packets, bulk.sender], [0.51, undefined, undefined]);
    assertEquals((await rowsOf(`${out}/latest/name=a`, "flows", { flows: "b*" })).length, 1);
  }));

Deno.test("flows has where a flow stands in the plan, and what it was configured to do", () =>
  inFolder(async (out) => {
    const transfer = { flow: "bulk", length: 1e6, duration: 1500, bufLen: 131072, cca: "bbr", dscp: 8 };
    const senders = [
      { unresponsive: { wait: [20], length: [172, 300], duration: 10_000, echo: true } },
      { unresponsive: { rate: { bitsPerSecond: 1e6 }, length: [1200], duration: 5000 } },
      { unresponsive: { rate: "max", duration: 5000 } },
    ];
    const described = (flow: string, path: string, config: string) =>
      info(flow === "bulk" ? "streamInfo" : "packetInfo", "left", flow, { tinit: TINIT, values: { path, config } });
    const voip = JSON.stringify({ flow: "voip", sender: senders, dscp: 46, ecn: 2 });
    const folder = await record(out, [
      described("bulk", "tests[0].serial[1]", JSON.stringify({ upload: transfer })),
      described("voip", "tests[0].serial[2]", voip),
      ...recordsOf("left", "voip", "packetIO", [0, 1, 2].map((sender) => ({ sender, sent: 1, packets: 1 }))),
      described("odd", "", "{"),
      ...recordsOf("left", "odd", "packetIO", [{ sent: 1, packets: 1 }]),
    ]);
    const rows = await rowsOf(folder, "flows");
    const configs = rows.map((row) =>
      Object.fromEntries(Object.entries(row).filter(([name]) => /^(config|path|sender$)/.test(name)))
    );
    const marks = { config_dscp: 46, config_ecn: 2, path: "tests[0].serial[2]", config: voip };
    assertEquals(configs, [
      {
        path: "tests[0].serial[1]",
        ...{ config_duration_seconds: 1.5, config_length_bytes: 1e6, config_buf_len_bytes: 131072, config_dscp: 8 },
        config_congestion_control: "bbr",
        config: JSON.stringify({ upload: transfer }),
      },
      { sender: 0, config_duration_seconds: 10, config_wait_us: 20_000, ...marks },
      {
        ...{ sender: 1, config_duration_seconds: 5, config_rate_bits_per_second: 1e6, config_length_bytes: 1200 },
        ...marks,
      },
      { sender: 2, config_duration_seconds: 5, ...marks },
      { sender: 0, path: "", config: "{" },
    ]);
  }));

Deno.test("tables of records have each sample, its time absolute, and nothing for what the kernel did not report", () =>
  inFolder(async (out) => {
    const folder = await record(out, [...echoes(10), ...upload()]);
    const packets = await rowsOf(folder, "packets");
    assertEquals(packets.length, 18 + 18);
    assertEquals(packets[0], {
      ...{ time: TINIT + 500n, node: "left", flow: "voip", sender: 0, seq: 0, packets: 1, flag: 1, len_bytes: 100 },
      ...{ scheduled_time: TINIT, sent: true, server: false, tos: 0, stamp_source: 0 },
      ...{ server_received_ns: 0, server_time_ns: 0, server_count: 0 },
    });
    const [first] = await rowsOf(folder, "tcp_info");
    assertEquals([first.time, first.rtt_us, first.delivered_ce_segments], [TINIT + BigInt(MS), 1000, undefined]);
    const io = await rowsOf(folder, "stream_io");
    assertEquals(io.map(({ total_bytes }) => total_bytes), [0, 1e5, 2e5, 3e5, 4e5, 5e5]);
  }));

Deno.test("rows of a warm-up are marked, have the sender of the others, and are in no figure", () =>
  inFolder(async (out) => {
    const values = { direction: "upload", warmupNanos: 200 * MS };
    const common = { packets: 1, flag: 1, len: 100 };
    const packets = [1, 3, 0, 2].flatMap((sender, i) => [
      { ...common, sender, t: i * 10 * MS, scheduled: i * 10 * MS, sent: 1 },
      ...i === 3 ? [] : [{ ...common, flag: 2, sender, t: i * 10 * MS + MS, serverCount: 1, serverReceived: -MS }],
    ]);
    const folder = await record(out, [
      info("streamInfo", "left", "bulk", { tinit: TINIT, values: { ...values, warmupEndNanos: 220 * MS } }),
      info("streamInfo", "right", "bulk", {
        ...{ tinit: TINIT, server: true, values: { ...values, warmupEndNanos: 200 * MS } },
      }),
      ...recordsOf("right", "bulk", "streamIO", [0, 1, 2, 3].map((i) => ({ t: i * 100 * MS, total: i * 1000 }))),
      ...recordsOf("left", "bulk", "tcpInfo", [1, 2, 3].map((i) => ({ t: i * 100 * MS, rtt: i * 1000 }))),
      info("packetInfo", "left", "voip", { tinit: TINIT, values: { warmupNanos: 20 * MS, senders: 2 } }),
      ...recordsOf("left", "voip", "packetIO", packets),
      progressOf("left", "voip", packetReport()),
    ]);
    const marks = async (name: string) =>
      (await rowsOf(folder, name)).map(({ flow, sender = "", warmup }) => `${flow} ${sender} ${warmup}`);
    assertEquals(await marks("stream_io"), ["true", "true", "false", "false"].map((mark) => `bulk  ${mark}`));
    assertEquals(await marks("tcp_info"), ["true", "true", "false"].map((mark) => `bulk  ${mark}`));
    const echoes = ["voip 1 false", "voip 1 true", "voip 0 true"];
    // Senders 0 and 1 are measured, 2 and 3 are those of the warm-up.
    assertEquals(await marks("packets"), [
      "voip 1 false",
      "voip 1 false",
      "voip 1 true",
      "voip 1 true",
      "voip 0 false",
      "voip 0 false",
      "voip 0 true",
    ]);
    assertEquals((await marks("round_trips")).toSorted(), ["voip 0 false", echoes[0], echoes[1]].toSorted());
    assertEquals(await marks("losses"), [echoes[2]]);
    const intervals = (await marks("intervals")).filter((mark) => mark.startsWith("bulk"));
    assertEquals(intervals, ["bulk  true", "bulk  true", "bulk  true"]);
    const flows = await rowsOf(folder, "flows");
    assertEquals(flows.map(({ flow, sender, warmup_us }) => [flow, sender, warmup_us]), [
      ["bulk", undefined, 200_000],
      ["voip", 0, 20_000],
      ["voip", 1, 20_000],
    ]);
    assertEquals(flows.map(({ bytes, to_server_sent_packets: sent }) => bytes ?? sent), [1000, 1, 1]);
    assertEquals([flows[0].rtt_last_us, flows[0].goodput_bits_per_second], [3000, 80_000]);
  }));

Deno.test("transactions, intervals and flows have requests and responses", () =>
  inFolder(async (out) => {
    const config = JSON.stringify({ flow: "urr", sender: [{ requestResponse: { duration: 400 } }] });
    const values = { transport: "udp", connect: false, requestBytes: 60, responseBytes: 70, config };
    const warm = { warmupNanos: 30 * MS, warmupEndNanos: 50 * MS };
    // Over after 40, 60, 110 and 350 ms; the third one is lost.
    const samples = [[40, 10], [60, 20], [110, 50, 1], [350, 5]].map(([t, latency, lost = 0]) => {
      return { t: t * MS, latency: latency * MS, connect: -1, lost };
    });
    const folder = await record(out, [
      node("left", "a"),
      info("transactionInfo", "left", "urr", { tinit: TINIT, values: { ...values, ...warm } }),
      ...recordsOf("left", "urr", "transactionIO", samples),
      progressOf("left", "urr", {
        ...{ kind: "transactions", complete: true, elapsedNanos: 320 * MS, transactions: 3, lost: 1 },
        transactionsPerSecond: 10,
      }),
    ]);
    assertEquals(
      await rowsOf(folder, "transactions"),
      [
        [40, 10, false, true],
        [60, 20, false, false],
        [110, 50, true, false],
        [350, 5, false, false],
      ].map(([t, latency, lost, warmup]) => {
        const time = TINIT + BigInt(Number(t) * MS);
        return { time, node: "left", flow: "urr", latency_ns: Number(latency) * MS, lost, warmup };
      }),
    );
    const intervals = await rowsOf(folder, "intervals");
    // From the first one that was over on; what follows has no gaps.
    assertEquals(
      intervals.map(({ transactions, latency_max_us, unanswered_transactions, transactions_per_second }) => [
        transactions,
        latency_max_us,
        unanswered_transactions,
        transactions_per_second,
      ]),
      [[2, 20_000, 0, 20], [0, undefined, 1, 0], [0, undefined, 0, 0], [1, 5000, 0, 10]],
    );
    const [flow] = await rowsOf(folder, "flows");
    assertEquals(
      [flow.protocol, flow.transport, flow.request_bytes, flow.response_bytes, flow.config_duration_seconds],
      ["rr", "udp", 60, 70, 0.4],
    );
    assertEquals(
      [flow.transactions, flow.unanswered_transactions, flow.unanswered_percent, flow.latency_max_us, flow.complete],
      [2, 1, 100 / 3, 20_000, true].map((value) => typeof value === "number" ? Number(value.toPrecision(10)) : value),
    );
    assertEquals([flow.duration_seconds, flow.connect_mean_us, flow.goodput_bits_per_second], [
      0.3,
      undefined,
      undefined,
    ]);
  }));

Deno.test("logs has all entries by time, errors among them; errors has those alone", () =>
  inFolder(async (out) => {
    const folder = await record(out, [
      node("left", "b"),
      log("left", 2000, "hello\n", "ip"),
      errorMessage("left", "broken"),
    ]);
    const error = { time: 1000n, node: "left", tag: "system", text: "broken" };
    assertEquals(await rowsOf(folder, "logs"), [error, { time: 2000n, node: "left", tag: "ip", text: "hello\n" }]);
    assertEquals(await rowsOf(folder, "errors"), [{ ...error, code: "command-failed" }] as Record<string, Value>[]);
  }));

/** Runs of a node as it reports them. */
const runsOf = (nodeId: string, ...runs: RunTime[]) => item({ type: "runTimes", nodeId, runs });

Deno.test("runs has each run that ended, with its times and error, and then those that go on", () =>
  inFolder(async (out) => {
    const start = TINIT;
    const end = TINIT + BigInt(1500 * MS);
    const whole = { path: "tests[0]", name: "serial", start };
    const inner = { path: "tests[0].serial[1].child", name: "ip", start };
    const folder = await record(out, [
      node("-", "boot a"),
      node("left", "boot a"),
      runsOf("-", whole, { path: "tests[0].serial[0]", name: "sleep", start, end }),
      runsOf("left", inner),
      runsOf("-", { path: "tests[0].serial[1]", name: "child", start: end }),
      runsOf("left", { ...inner, end, error: "ip: broken" }),
    ]);
    const expected: Record<string, Value>[] = [
      {
        ...{ time: start, node: "-", run_name: "sleep", path: "tests[0].serial[0]" },
        ...{ end_time: end, duration_seconds: 1.5 },
      },
      {
        ...{ time: start, node: "left", run_name: "ip", path: "tests[0].serial[1].child" },
        ...{ end_time: end, duration_seconds: 1.5, error: "ip: broken" },
      },
      { time: start, node: "-", run_name: "serial", path: "tests[0]" },
      { time: end, node: "-", run_name: "child", path: "tests[0].serial[1]" },
    ];
    assertEquals(await rowsOf(folder, "runs"), expected);
  }));

Deno.test("times are corrected linearly between the offsets of a clock that drifts, with the larger bound", () =>
  inFolder(async (out) => {
    // 100 s by the root's clock; that of left is 1 s ahead at first, and gains 10 ms a second; right runs as the root's.
    const GAIN = 1.01;
    const start = TINIT + BigInt(1000 * MS);
    const left = (rootSeconds: number) => start + BigInt(Math.round(rootSeconds * GAIN * 1e9));
    const values = { direction: "upload" };
    const folder = await record(out, [
      node("-", "boot a"),
      node("left", "boot b", { clock: { offsetNs: 1e9, errorNs: 2000 }, time: start }),
      // It is killed: what another node of its machine finds at its end holds for it too.
      node("killed", "boot b", { clock: { offsetNs: 1e9, errorNs: 2000 }, time: start }),
      node("right", "boot a"),
      info("streamInfo", "left", "bulk", { tinit: left(10), values }),
      info("streamInfo", "right", "bulk", { tinit: TINIT + BigInt(20_000 * MS), server: true, values }),
      ...recordsOf("left", "bulk", "tcpInfo", [0, 40].map((t) => ({ t: Math.round(t * GAIN * 1e9), cwnd: 1 }))),
      ...recordsOf("right", "bulk", "streamIO", [0, 10, 20, 30].map((t) => ({ t: t * 1e9, total: t * 1e8 }))),
      runsOf("killed", { path: "tests[0]", name: "sleep", start: left(30), end: left(50) }),
      item({ type: "log", nodeId: "left", time: left(60), tag: "x", text: "" }),
      item({ type: "nodeEnd", nodeId: "left", clock: { offsetNs: 2e9, errorNs: 5000 }, time: left(100) }),
    ]);
    const seconds = (time: Value) => Math.round(Number(time as bigint - TINIT) / 1e3) / 1e6;
    const timesIn = async (name: string) => (await rowsOf(folder, name)).map(({ time }) => seconds(time));
    const [flow] = await rowsOf(folder, "flows");
    assertEquals([seconds(flow.time), flow.time_bound_us], [10, 5]);
    assertEquals(await timesIn("tcp_info"), [10, 50]);
    assertEquals(await timesIn("stream_io"), [20, 30, 40, 50]);
    const [run] = await rowsOf(folder, "runs");
    assertEquals([seconds(run.time), seconds(run.end_time)], [30, 50]);
    assertEquals(await timesIn("logs"), [60]);
    // Intervals have their length by the clock of the client. Bytes arrive from 20 s to 50 s.
    const intervals = await rowsOf(folder, "intervals", { intervalMs: 10_100 });
    assertEquals(intervals.map(({ time }) => seconds(time)), [10, 20, 30, 40]);
    assertEquals(
      intervals.map(({ goodput_bits_per_second: rate }) => Math.round(Number(rate) * 10.1 / 8e7)),
      [0, 100, 100, 100],
    );
  }));

Deno.test("a test without records has tables without rows", () =>
  inFolder(async (out) => {
    const folder = await record(out, []);
    for (const name of TABLES.keys()) assertEquals([name, await rowsOf(folder, name)], [name, []]);
  }));

Deno.test("every column has a definition, and a name that no other column has", async () => {
  await inFolder(async (out) => {
    const folder = await record(out, []);
    for (const name of TABLES.keys()) {
      const { columns } = await tableOf(folder, name);
      assertEquals(columns[0].type, "time");
      assertEquals(new Set(columns.map(({ name }) => name)).size, columns.length);
      for (const { name, definition } of columns) {
        if (!/^[a-z][a-z0-9_]*$/.test(name) || !/^[^]{5,}\.$/.test(definition)) {
          throw new Error(`${name}: ${definition}`);
        }
      }
    }
  });
});

Deno.test("keys of an id hide no column, and no other key", () => {
  const test = { path: "", summary: { id: {} } } as Parameters<MakeTable>[0]["test"];
  const { columns } = tableNamed("round_trips")({ test, idKeys: ["flow", "id_flow", "name", "time", "rtt_us"] });
  const names = columns.map(({ name }) => name);
  assertEquals(names.slice(2, 7), ["id_flow", "id_id_flow", "name", "id_time", "id_rtt_us"]);
  assertEquals(new Set(names).size, names.length);
});

Deno.test("selectColumns() takes columns in the order wanted, and names the nearest one", () =>
  inFolder(async (out) => {
    const table = await tableOf(await record(out, echoes(2)), "round_trips");
    assertEquals(await objectsOf(selectColumns(table, ["rtt_us", "seq"])), [{ rtt_us: 5000, seq: 0 }, {
      rtt_us: 5000,
      seq: 1,
    }]);
    const error = assertThrows(() => selectColumns(table, ["rtt_u"]), TineError);
    assertEquals(error.message, 'the table round_trips has no column "rtt_u": did you mean rtt_us?');
    const flows = await tableOf(`${out}/latest/name=a`, "flows");
    const hint = (name: string) =>
      assertThrows(() => selectColumns(flows, [name]), TineError).message.replace(/^.*": /, "");
    assertEquals(
      hint("one_way_bound_us"),
      "did you mean to_server_one_way_delay_bound_us or from_server_one_way_delay_bound_us?",
    );
    assertMatch(hint("rtt_us"), /^did you mean min_rtt_us, rtt_min_us, rtt_mean_us, rtt_median_us or a similar one\?$/);
    assertMatch(hint("xyzzy"), /^`tine help tables` lists its \d{3} columns$/);
    assertEquals(
      assertThrows(() => tableNamed("flow"), TineError).message,
      'there is no table "flow": did you mean flows?',
    );
  }));
