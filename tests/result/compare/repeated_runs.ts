/** Results of repeats, with chosen figures. */

import type { Message } from "../../../src/node/protocol/frame.ts";
import type { Plan, Test } from "../../../src/node/plan/types.ts";
import { createRun } from "../../../src/result/mod.ts";
import { packetReport, streamReport } from "../../flow/reports.ts";
import { item } from "../fixtures.ts";
import { info, node, progressOf, recordsOf } from "../recorded_flows.ts";

const MS = 1e6;

/** A TCP flow of ten seconds. */
export interface TcpFlow {
  readonly goodput: number;
  /** In milliseconds. */
  readonly rtt?: number;
  readonly retransmits?: number;
  /** Whether its sender had nothing to send for half of the time. */
  readonly limited?: boolean;
  /** Whether it was cut. */
  readonly cut?: boolean;
}

/** A UDP flow of fifty packets. */
export interface UdpFlow {
  /** In milliseconds. */
  readonly rtt: number;
  /** Packets lost on the way to the server. */
  readonly lost?: number;
  /** Whether the sender's kernel did not take two packets. */
  readonly limited?: boolean;
}

/** A test that was run. */
export interface StoredTest {
  readonly id: Readonly<Record<string, string>>;
  readonly flows: Readonly<Record<string, TcpFlow | UdpFlow>>;
  readonly gates?: readonly string[];
  readonly status?: "ok" | "failed";
}

/** How a run is stored. */
export interface StoredRunOptions {
  readonly kernel?: string;
  /** A processor that sysInfo has found. */
  readonly processor?: string;
  readonly started?: string;
  /** Gates of the plan. */
  readonly gates?: readonly string[];
  /** Flows that the plan has, and that were not measured. */
  readonly planned?: readonly string[];
}

/** Stores a run; returns its folder. */
export async function storeRun(
  out: string,
  tests: readonly StoredTest[],
  { kernel = "6.1", processor, started = "2026-11-21T02:55:00Z", gates, planned = [] }: StoredRunOptions = {},
): Promise<string> {
  const plan = { ...gates && { gates }, tests: tests.map((test) => plannedTest(test, processor, planned)) } as Plan;
  await using run = await createRun(out, plan, { planName: "plan.yaml", tine: "1.2.3", started: new Date(started) });
  for (const [i, { flows, status = "ok" }] of tests.entries()) {
    const store = await run.startTest(plan.tests[i]);
    await store.add(node("left", "boot", {}));
    if (processor !== undefined) {
      const sections = { cpu: { model: processor, cpus: "2" }, qdiscs: "qdisc tbf 8001: dev eth0 root rate 20Mbit\n" };
      await store.add(item({ type: "sysInfo", nodeId: "left", sections }));
    }
    for (const [flow, figures] of Object.entries(flows)) {
      const messages = "goodput" in figures ? tcp(flow, figures) : udp(flow, figures);
      for (const message of messages) await store.add(message);
    }
    await store.finish({ status });
  }
  const path = await run.finish();
  // What a node of another machine would have reported.
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    if (!isDirectory) continue;
    const file = `${path}/${name}/test.json`;
    await Deno.writeTextFile(file, (await Deno.readTextFile(file)).replace('"kernel": "6"', `"kernel": "${kernel}"`));
  }
  return path;
}

function plannedTest({ id, flows, gates }: StoredTest, processor: string | undefined, more: readonly string[]): Test {
  const run = (flow: string) => ({ streamClient: { addr: "10.0.0.2:7", upload: { flow, duration: 10_000 } } });
  const parallel = [...Object.keys(flows), ...more].map(run);
  if (processor !== undefined) parallel.unshift({ sysInfo: {} } as never);
  return { id, timeout: 60_000, ...gates && { gates }, parallel } as unknown as Test;
}

function* tcp(flow: string, { goodput, rtt, retransmits = 0, limited, cut }: TcpFlow): Generator<Message, void, void> {
  const config = JSON.stringify({ addr: "10.0.0.2:7", upload: { flow, duration: 10_000 } });
  yield info("streamInfo", "left", flow, { values: { direction: "upload", cca: "cubic", config } });
  const times = rtt === undefined ? [] : Array.from({ length: 20 }, (_, i) => (i + 1) * 500 * MS);
  yield* recordsOf(
    "left",
    flow,
    "tcpInfo",
    times.map((t) => ({
      ...{ t, rtt: rtt! * 1000, minRtt: rtt! * 1000, cwnd: 10, sndMss: 1448, totalRetrans: retransmits },
      busyTime: t / (limited ? 2000 : 1000),
    })),
  );
  if (cut) return;
  const report = { bytes: Math.round(goodput * 10 / 8), durationNanos: 10e9, goodputBitsPerSecond: goodput };
  yield progressOf("left", flow, streamReport({ ...report, fctNanos: 10.1e9, retransmits }));
}

function* udp(flow: string, { rtt, lost = 0, limited }: UdpFlow): Generator<Message, void, void> {
  yield info("packetInfo", "left", flow, {});
  const sent = Array.from({ length: 50 }, (_, seq) => ({
    ...{ seq, t: seq * 20 * MS, scheduled: seq * 20 * MS, packets: 1, flag: 1, sent: 1, len: 172 },
  }));
  const back = sent.slice(lost).map(({ seq, t }, i) => ({
    ...{ seq, t: t + rtt * MS, packets: 1, flag: 2, len: 172, serverCount: i + 1 },
  }));
  const samples = [...sent, ...back].sort((a, b) => a.t - b.t);
  yield* recordsOf("left", flow, "packetIO", samples);
  const received = 50 - lost;
  yield progressOf(
    "left",
    flow,
    packetReport({
      sent: 50,
      serverReceived: received,
      serverSent: 0,
      received,
      lostToServer: lost,
      ...limited && { sendErrors: 2 },
    }),
  );
}

/** Repeats of a test: one for each value. */
export function repeats<T>(
  id: Readonly<Record<string, string>>,
  values: readonly T[],
  flows: (value: T) => StoredTest["flows"],
): StoredTest[] {
  return values.map((value, i) => ({ id: { ...id, repeat: String(i + 1) }, flows: flows(value) }));
}
