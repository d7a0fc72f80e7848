import { assert, assertEquals } from "@std/assert";
import { type MeasuredPackets, openResults, readFlows, testsOf } from "../../src/result/mod.ts";
import { exportToStream, followRun } from "../../src/result/export/mod.ts";
import { wantedSamples } from "../../src/result/tables/source.ts";
import type { Message } from "../../src/node/protocol/frame.ts";
import { packetReport, servedPackets } from "../flow/reports.ts";
import { eventually } from "../support/eventually.ts";
import { inFolder, startRun, testNamed } from "./fixtures.ts";
import { info, node, progressOf, record, recordsOf } from "./recorded_flows.ts";

const MS = 1e6;
const TINIT = 1_795_916_003_000_000_000n;
const PACKETS = 20;
const VALUES = { client: "10.0.0.1:5", server: "239.1.2.3:7001", group: true, senders: 1 };

function receiver(nodeId: string, values: Record<string, string | boolean> = {}): Message {
  return info("packetInfo", nodeId, "video", { tinit: TINIT, server: true, values: { ...VALUES, ...values } });
}

/** Packets as they come to a receiver, `delay` after they were sent. */
function* arrivals(nodeId: string, delay: number, seqs: readonly number[]) {
  const samples = seqs.map((seq) => ({ seq, packets: 1, len: 100, t: seq * MS + delay, server: 1 }));
  yield* recordsOf(nodeId, "video", "packetIO", samples);
}

function* sends(from: number, to: number) {
  const samples = Array.from({ length: to - from }, (_, i) => from + i)
    .map((seq) => ({ seq, packets: 1, len: 100, t: seq * MS, scheduled: seq * MS, sent: 1 }));
  yield* recordsOf("sender", "video", "packetIO", samples);
}

const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** A flow to three receivers: one has all, one misses some, and one joins late, and comes late to the root. */
function* flow(lateBoot = "other"): Generator<Message, void, void> {
  for (const [id, boot] of [["sender", "one"], ["near", "one"], ["lossy", "one"], ["late", lateBoot]]) {
    yield node(id, boot);
  }
  yield info("packetInfo", "sender", "video", { tinit: TINIT, values: VALUES });
  yield receiver("near");
  yield* sends(0, 10);
  yield receiver("lossy");
  yield* arrivals("near", 1000, numbers(0, 10));
  yield receiver("late", { first: "15" });
  yield* sends(10, PACKETS);
  yield* arrivals("lossy", 2000, numbers(0, PACKETS).filter((seq) => seq % 5 !== 2));
  yield* arrivals("near", 1000, numbers(10, PACKETS));
  yield* arrivals("late", 7000, numbers(15, PACKETS).filter((seq) => seq !== 17));
}

/** The last reports. */
function* ends(): Generator<Message, void, void> {
  const sent = packetReport({ sent: PACKETS, complete: false });
  yield progressOf("sender", "video", { ...sent, group: { ended: true, receivers: [] } });
  yield progressOf("near", "video", servedPackets({ received: 20, group: { expected: 20 } }));
  yield progressOf("lossy", "video", servedPackets({ received: 16, group: { expected: 20 } }));
  // Its clock is 5 µs ahead.
  const clock = { least: 2000, most: 6000 };
  yield progressOf("late", "video", servedPackets({ received: 4, group: { expected: 5, clock } }));
}

Deno.test("a flow to a group is in results once for each receiver, with the loss and delay of that", () =>
  inFolder(async (out) => {
    const flows = await Array.fromAsync(readFlows(await record(out, [...flow(), ...ends()]))) as MeasuredPackets[];
    assertEquals(flows.map(({ flow, complete, server }) => [flow, complete, server?.nodeId]), [
      ["video@near", true, "near"],
      ["video@lossy", true, "lossy"],
      ["video@late", true, "late"],
    ]);
    const paths = flows.map(({ figures: { senders: [{ toServer }] } }) => toServer!);
    assertEquals(paths.map(({ sent, received, lost }) => [sent, received, lost]), [[20, 20, 0], [20, 16, 4], [
      5,
      4,
      1,
    ]]);
    const delays = paths.map(({ oneWayDelay, oneWayDelayBoundNanos }) => [oneWayDelay?.min, oneWayDelayBoundNanos]);
    assertEquals(delays, [[1000, 0], [2000, 0], [3000, 2000]]);
  }));

Deno.test("a receiver whose node died, or that did not receive the end, is not complete, and the others are", () =>
  inFolder(async (out) => {
    const some = [...ends()].filter(({ origin }) => origin !== "lossy");
    const unclosed = servedPackets({ received: 4, state: "unclosed", group: { expected: 5 } });
    const messages = [...flow(), ...some, progressOf("late", "video", unclosed)];
    const flows = await Array.fromAsync(readFlows(await record(out, messages)));
    assertEquals(flows.map(({ complete }) => complete), [true, false, false]);
  }));

Deno.test("a flow to a group without receivers in the test is there once, with what was sent", () =>
  inFolder(async (out) => {
    const messages = [...flow(), ...ends()].filter(({ origin }) => origin === "sender");
    const [measured, ...others] = await Array.fromAsync(readFlows(await record(out, messages))) as MeasuredPackets[];
    const { sent, received, lost } = measured.figures.senders[0].toServer!;
    assertEquals([measured.flow, measured.complete, sent, received, lost, others.length], [
      ...["video", true, PACKETS, undefined, undefined, 0],
    ]);
  }));

const TABLES = ["flows", "losses", "packets", "intervals"] as const;

Deno.test("followRun() writes the rows of each receiver that the export has afterwards", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const test = await run.startTest({ ...testNamed("a") });
    const texts = new Map<string, string>();
    const { signal } = new AbortController();
    const ended = followRun({ run: run.path, tables: TABLES, format: "jsonl", signal }, (table) => (bytes) => {
      texts.set(table, (texts.get(table) ?? "") + new TextDecoder().decode(bytes));
      return Promise.resolve();
    });
    for (const message of flow("one")) await test.add(message);
    await eventually("rows come while the test goes on", () => texts.has("packets"));
    for (const message of ends()) await test.add(message);
    await test.finish({ status: "ok" });
    const path = await run.finish();
    await ended;
    const results = await openResults(path);
    assert(results.kind === "run");
    const tests = [];
    for await (const test of testsOf(results)) tests.push({ test, run: results.name });
    for (const table of TABLES) {
      let text = "";
      await exportToStream({ tests, tables: [table], format: "jsonl" }, (bytes) => {
        text += new TextDecoder().decode(bytes);
        return Promise.resolve();
      });
      assertEquals(texts.get(table)?.split("\n").sort(), text.split("\n").sort(), table);
      assert(text.includes('"video@late"') && !text.includes('"video"'), table);
    }
  }));

Deno.test("wantedSamples() picks the flow whose samples receivers have, by patterns of their ids", () => {
  const picks = (pattern: string | undefined, flow: string) => (wantedSamples(pattern) ?? (() => true))(flow);
  for (const pattern of ["video@near", "video@*", "*@near", "video*", "*", undefined]) {
    assert(picks(pattern, "video"), pattern);
  }
  for (const pattern of ["voip@near", "video.b", "v@*"]) assert(!picks(pattern, "video"), pattern);
});
