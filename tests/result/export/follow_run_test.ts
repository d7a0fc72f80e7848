import { assertEquals } from "@std/assert";
import { exportToStream, type FollowOptions, followRun } from "../../../src/result/export/mod.ts";
import { openResults, testsOf } from "../../../src/result/mod.ts";
import type { Sample } from "../../../src/flow/records/format.ts";
import { packetReport, streamReport } from "../../flow/reports.ts";
import { eventually } from "../../support/eventually.ts";
import { errorMessage, inFolder, item, log, rejection, startRun, testNamed } from "../fixtures.ts";
import { info, node, progressOf, recordsOf } from "../recorded_flows.ts";

const MS = 1e6;
const TINIT = 1_795_916_003_000_000_000n;
const TABLES = [
  ...["runs", "flows", "intervals", "round_trips", "losses", "packets", "stream_io", "tcp_info", "logs", "errors"],
] as const;

const decoder = new TextDecoder();

/** The rows of a run, as lines of JSON by table, in no order. */
async function exported(run: string): Promise<Record<string, string[]>> {
  const results = await openResults(run);
  if (results.kind !== "run") throw new Error(results.kind);
  const tests = [];
  for await (const test of testsOf(results)) tests.push({ test, run: results.name });
  const rows: Record<string, string[]> = {};
  for (const table of TABLES) {
    let text = "";
    await exportToStream({ tests, tables: [table], format: "jsonl" }, (bytes) => {
      text += decoder.decode(bytes);
      return Promise.resolve();
    });
    rows[table] = linesOf(text).sort();
  }
  return rows;
}

function linesOf(text: string): string[] {
  return text.split("\n").slice(0, -1);
}

/** Follows all tables of a run. */
function followed(run: string, options: Partial<FollowOptions> = {}) {
  const texts = new Map<string, string>();
  const signal = options.signal ?? new AbortController().signal;
  const end = followRun({ run, tables: TABLES, format: "jsonl", ...options, signal }, (table) => (bytes) => {
    texts.set(table, (texts.get(table) ?? "") + decoder.decode(bytes));
    return Promise.resolve();
  });
  const lines = (table: string) => linesOf(texts.get(table) ?? "");
  return { end, lines, rows: () => Object.fromEntries(TABLES.map((table) => [table, lines(table).sort()])) };
}

/** Packets that are echoed, one each 10 ms. Every 50th is lost, on its way there or back. */
function samplesOf(from: number, to: number) {
  const common = { packets: 1, flag: 1, len: 100 };
  const at = (seq: number) => seq * 10 * MS;
  const seqs = Array.from({ length: to - from }, (_, i) => from + i);
  const isLost = (seq: number) => seq % 50 === 3;
  const left = seqs.flatMap((seq) => {
    const sent = { ...common, seq, t: at(seq) + 500, scheduled: at(seq), sent: 1 };
    if (isLost(seq) || seq % 50 === 5) return [sent];
    const received = { ...common, flag: 2, seq, t: at(seq) + 500 + 7 * MS };
    return [sent, { ...received, serverReceived: -6 * MS, serverTime: 2 * MS, serverCount: seq + 1 }];
  });
  const right = seqs.filter((seq) => !isLost(seq)).flatMap((seq) => [
    { ...common, seq, t: at(seq) + 500 + MS, server: 1 },
    { ...common, flag: 3, seq, t: at(seq) + 500 + 3 * MS, server: 1, sent: 1 },
  ]);
  return { left, right };
}

/** Records of both ends. */
function* echoes(from: number, to: number) {
  const { left, right } = samplesOf(from, to);
  yield* recordsOf("left", "voip", "packetIO", left);
  yield* recordsOf("right", "voip", "packetIO", right);
}

/** Each sample by itself, so that they come in as many chunks. */
function* oneByOne(node: string, samples: Iterable<Partial<Sample<"packetIO">>>) {
  for (const sample of samples) yield* recordsOf(node, "voip", "packetIO", [sample]);
}

/** A transfer of 1 MB/s: progress at the receiver, the kernel's view at the sender. */
function* upload(from: number, to: number) {
  const steps = Array.from({ length: to - from }, (_, i) => from + i);
  yield* recordsOf("right", "bulk", "streamIO", steps.map((i) => ({ t: i * 50 * MS, total: i * 50_000 })));
  yield* recordsOf("left", "bulk", "streamIO", steps.map((i) => ({ t: i * 50 * MS, total: i * 50_000, sent: 1 })));
  yield* recordsOf(
    "left",
    "bulk",
    "tcpInfo",
    steps.map((i) => ({
      t: i * 50 * MS + MS,
      rtt: 1000 + i,
      cwnd: 10,
      sndMss: 1448,
      totalRetrans: i,
      deliveredCe: -1,
    })),
  );
}

function* start() {
  yield node("left", "boot");
  yield node("right", "boot");
  yield info("packetInfo", "left", "voip", { tinit: TINIT });
  yield info("packetInfo", "right", "voip", { tinit: TINIT, server: true });
  const values = { direction: "upload", client: "10.0.0.1:1", server: "10.0.0.2:2", cca: "cubic" };
  yield info("streamInfo", "left", "bulk", { tinit: TINIT, values });
  yield info("streamInfo", "right", "bulk", { tinit: TINIT, server: true, values });
}

/** The end of flows of so many packets, of which every 25th was lost, and steps of a transfer. */
function* end(packets = 400, steps = 80) {
  const runs = [{ path: "tests[0].serial[0]", name: "sleep", start: TINIT, end: TINIT + 5n }];
  yield item({ type: "runTimes", nodeId: "left", runs: [...runs, { path: "tests[0]", name: "serial", start: TINIT }] });
  const counts = { sent: packets, serverReceived: packets * 0.98, received: packets * 0.96 };
  yield progressOf("left", "voip", packetReport({ ...counts, unsent: 0, sendErrors: 0, socketDrops: 0 }));
  const bytes = (steps - 1) * 50_000;
  yield progressOf(
    "left",
    "bulk",
    streamReport({ bytes, durationNanos: bytes * 1000, fctNanos: bytes * 1000 + 5e7, retransmits: steps - 1 }),
  );
}

Deno.test("followRun() writes rows while they are recorded, in the end those of the export afterwards", () =>
  inFolder(async (out) => {
    const run = await startRun(out);
    await using _ = run;
    const test = await run.startTest(testNamed("a"));
    const add = async (messages: Iterable<Parameters<typeof test.add>[0]>) => {
      for (const message of messages) await test.add(message);
    };
    const { end: ended, lines, rows } = followed(run.path);
    await add(start());
    await add([log("left", 2000, "hello\n", "ip"), errorMessage("left", "broken")]);
    for (let part = 0; part < 8; part++) {
      await add(echoes(part * 75, (part + 1) * 75));
      await add(upload(part * 15, (part + 1) * 15));
    }
    // Of 600 packets, 24 are lost: those of the last three seconds may still be under way.
    await eventually(
      "rows come while the test goes on",
      () =>
        lines("round_trips").length === 576 && lines("losses").length >= 10 && lines("intervals").length >= 30 &&
        lines("logs").length === 2 && lines("errors").length === 1,
    );
    assertEquals(lines("flows"), []);
    await add(echoes(600, 700));
    await add(upload(120, 140));
    await add(end(700, 140));
    await eventually("flows have ended", () => lines("flows").length === 2);
    await test.finish({ status: "ok" });
    const path = await run.finish();
    const { complete, lostRows, rows: count } = await ended;
    assertEquals([complete, lostRows], [true, 0]);
    const wanted = await exported(path);
    assertEquals(rows(), wanted);
    assertEquals(count, Object.values(wanted).flat().length);
    assertEquals([wanted.losses.length, wanted.round_trips.length], [28, 672]);
  }));

Deno.test("followRun() takes no packet for lost whose records at the other end come late, however late", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const test = await run.startTest(testNamed("a"));
    const { end: ended, lines, rows } = followed(run.path);
    const { left, right } = samplesOf(0, 400);
    for (const message of [...start(), ...oneByOne("left", left)]) await test.add(message);
    // All samples of one end have come, and none of the other.
    await eventually("samples come", () => lines("packets").length === left.length);
    assertEquals(lines("losses"), []);
    for (const message of oneByOne("right", right.slice(0, 600))) await test.add(message);
    await eventually("round trips come", () => lines("round_trips").length > 250);
    for (const message of [...oneByOne("right", right.slice(600)), ...upload(0, 80), ...end()]) {
      await test.add(message);
    }
    await test.finish({ status: "ok" });
    const path = await run.finish();
    await ended;
    assertEquals(rows(), await exported(path));
  }));

Deno.test("followRun() orders samples by the times of both ends, also where one describes itself late", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const test = await run.startTest(testNamed("a"));
    const { end: ended, lines, rows } = followed(run.path);
    const EARLIER = 10_000 * MS;
    const samples = samplesOf(0, 500);
    const [first, ...left] = samples.left;
    const right = samples.right.map((sample) => ({ ...sample, t: sample.t + EARLIER }));
    for (const message of [node("left", "boot"), node("right", "boot"), ...oneByOne("left", [first])]) {
      await test.add(message);
    }
    await test.add(info("packetInfo", "left", "voip", { tinit: TINIT }));
    await eventually("a sample comes", () => lines("packets").length === 1);
    await test.add(info("packetInfo", "right", "voip", { tinit: TINIT - BigInt(EARLIER), server: true }));
    for (const message of [...oneByOne("left", left), ...oneByOne("right", right)]) await test.add(message);
    await test.finish({ status: "ok" });
    const path = await run.finish();
    await ended;
    assertEquals(rows(), await exported(path));
    assertEquals(lines("losses").length, 20);
  }));

Deno.test("followRun() writes a run that has ended from its start to its end", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    for (const name of ["a", "b"]) {
      const test = await run.startTest(testNamed(name, { cca: name }));
      for (const part of [start(), echoes(0, 400), upload(0, 80), end()]) {
        for (const message of part) await test.add(message);
      }
      await test.finish({ status: "ok" });
    }
    const path = await run.finish();
    const all = followed(path);
    assertEquals((await all.end).complete, true);
    assertEquals(all.rows(), await exported(path));
    const one = followed(path, { test: "cca=b,name=b" });
    await one.end;
    const wanted = followed(path, { wanted: ({ cca }) => cca === "b" });
    await wanted.end;
    assertEquals(wanted.lines("packets").length, all.lines("packets").length / 2);
    assertEquals(one.lines("packets"), wanted.lines("packets"));
  }));

Deno.test("followRun() ends with what there is where the run was killed, and says so", () =>
  inFolder(async (out) => {
    const { path } = await (async () => {
      await using run = await startRun(out);
      const test = await run.startTest(testNamed("a"));
      for (const part of [start(), echoes(0, 100)]) for (const message of part) await test.add(message);
      return run;
    })();
    const { end, lines } = followed(path);
    assertEquals((await end).complete, false);
    assertEquals(lines("round_trips").length, 96);
  }));

Deno.test("followRun() stops at once when it is canceled, and names unknown tables and columns", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const stop = new AbortController();
    const { end } = followed(run.path, { signal: stop.signal });
    stop.abort(new Error("enough"));
    assertEquals(await end.catch((error) => error.message), "enough");
    assertEquals((await rejection(followed(run.path, { tables: ["flow"] }).end)).code, "unknown-table");
    assertEquals((await rejection(followed(run.path, { columns: ["tim"] }).end)).code, "unknown-column");
  }));
