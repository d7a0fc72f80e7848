import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { type PlanOutcome, runPlan } from "../../src/experiment/run_plan.ts";
import { exportToStream } from "../../src/result/export/mod.ts";
import { openResults, testsOf } from "../../src/result/mod.ts";
import type { TestSummary, UdfSummary } from "../../src/result/summary.ts";
import { Kind } from "../../src/node/protocol/frame.ts";
import { decodeItem } from "../../src/node/protocol/kinds.ts";
import { Canceled } from "../../src/node/runner.ts";
import { parsePlan } from "../../src/node/plan/parse.ts";
import { noLeftovers } from "../support/leaks.ts";
import { needsProcessors } from "../support/quiet.ts";
import { run } from "../support/peers.ts";
import { hasPythonAgent, preparePythonAgent, type PythonAgent } from "../support/python_agent.ts";
import { startTine, TextReader } from "../support/tine.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

/** Both ends of a TCP and of two UDP flows on loopback. */
const FLOWS = `
  serial:
  - streamServer: { listenAddr: "127.0.0.1:0", listenAddrKey: tcp }
  - packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: udp }
  - parallel:
    - streamClient: { addrKey: tcp, upload: { flow: bulk, duration: 1s, tcpInfoInterval: 50ms } }
    - packetClient: { addrKey: udp, flow: voip.a, sender: [{ unresponsive: { wait: [10ms], duration: 1s, echo: true } }] }
    - packetClient: { addrKey: udp, flow: voip.b, sender: [{ unresponsive: { wait: [7ms], duration: 1s, echo: true } }] }
`;

/** Tables whose rows UDFs can get. */
const TABLES = ["round_trips", "losses", "packets", "stream_io", "tcp_info", "intervals", "runs", "logs", "errors"];

const DOUBLE = `export function createHandler(agent) {
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    point: (point) => {
      if (point.field("seq") === 3n) console.log("the fourth packet");
      return agent.point({ name: "double", time: point.time, tags: point.tags, fields: { rtt: 2 * point.field("rtt_us"), node: 1n, even: point.field("seq") % 2n === 0n } });
    },
  };
}`;

const CRASHES = `export function createHandler(agent) {
  let points = 0;
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    point(point) {
      if (++points === 20) throw new Error("point 20 is too much");
      return agent.point(point);
    },
    snapshot: () => new Uint8Array(),
    restore() {},
  };
}`;

const HANGS = CRASHES.replace('throw new Error("point 20 is too much")', "for (;;);");

const FLOODS = CRASHES.replace(/if \(\+\+points.*/, "for (let i = 0; i < 1e9; i++) agent.point(point);");

/** Floods after one row, and waits where it is to wait. */
const STREAMS = CRASHES.replace("point(point) {", "async point(point) {")
  .replace(/if \(\+\+points.*/, "for (;;) await agent.point(point);");

/** Returns how old each row is. */
const AGES = CRASHES.replace(
  /if \(\+\+points[^]*?return .*/,
  "return agent.point({ name: 'age', time: point.time, tags: point.tags, fields: { ms: Date.now() - Number(point.time / 1_000_000n) } });",
);

interface Ran {
  readonly outcome: PlanOutcome;
  readonly summary: TestSummary;
  /** The folder of the test. */
  readonly folder: string;
}

const quiet = { planStarts() {}, testStarts() {}, message() {}, testEnds() {} };

async function runTest(out: string, plan: string, udfGraceMs?: number): Promise<Ran> {
  const outcome = await runPlan(await parsePlan(plan), { out, planName: "x", tine: "0", observer: quiet, udfGraceMs });
  const results = await openResults(outcome.folder);
  if (results.kind !== "run") throw new Error(results.kind);
  for await (const { path, summary } of testsOf(results)) return { outcome, summary, folder: path };
  throw new Error("no test");
}

// deno-lint-ignore no-explicit-any
type Row = Record<string, any>;

async function exported(folder: string, table: string): Promise<string> {
  const test = await openResults(folder);
  if (test.kind !== "test") throw new Error(test.kind);
  let text = "";
  const decoder = new TextDecoder();
  await exportToStream(
    { tests: [{ test, run: folder.split("/").at(-2) }], tables: [table], format: "jsonl" },
    (bytes) => {
      text += decoder.decode(bytes, { stream: true });
      return Promise.resolve();
    },
  );
  return text;
}

async function rowsOf(folder: string, table: string): Promise<Row[]> {
  return (await exported(folder, table)).split("\n").slice(0, -1).map((line) => JSON.parse(line));
}

/** One run with UDFs of all kinds, which most tests look at. */
let ran: Ran;
let out = "";
let python: PythonAgent | undefined;

Deno.test.beforeAll(async () => {
  out = await Deno.makeTempDir({ prefix: "tine-bridge-" });
  await Deno.writeTextFile(`${out}/double.ts`, DOUBLE);
  python = hasPythonAgent ? await preparePythonAgent() : undefined;
  const socket = startTine("agent", "mirror", "--socket", `${out}/mirror.sock`);
  await using stderr = new TextReader(socket.stderr);
  await stderr.until(/listening/);
  const udfs = [
    `{ name: smooth, table: round_trips, handler: moving-avg, options: { field: rtt_us, size: 5 }, groupBy: [flow], alert: { field: avg, below: 0 } }`,
    `{ name: odd, table: round_trips, handler: outliers, options: { field: rtt_us, quartiles: tukey }, groupBy: [flow], batchWindow: 500ms }`,
    `{ name: double, table: round_trips, flows: voip.a, handler: ${out}/double.ts, alert: { field: rtt, above: 0 } }`,
    `{ name: socket, table: intervals, socket: ${out}/mirror.sock, alert: { field: nothing, above: 0 } }`,
    ...(python ? [`{ name: python, table: round_trips, command: ${JSON.stringify(python.command("mirror"))} }`] : []),
    ...TABLES.map((table) => `{ name: all_${table}, table: ${table}, handler: mirror }`),
  ];
  ran = await runTest(out, `udfs:\n${udfs.map((udf) => `- ${udf}\n`).join("")}tests:\n- id: { kind: bridged }${FLOWS}`);
  socket.kill();
  await Promise.all([socket.status, socket.stdin.close(), socket.stdout.cancel()]);
});

Deno.test.afterAll(async () => {
  await python?.[Symbol.asyncDispose]();
  await Deno.remove(out, { recursive: true });
});

const udf = (name: string) => ran.summary.udfs!.find((udf) => udf.name === name)!;
const byTime = (a: Row, b: Row) => JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;

Deno.test("a test with UDFs succeeds as one without, and lists them in its summary", () => {
  assertEquals([ran.summary.status, ran.summary.errors], ["ok", []]);
  // Alerts are gates.
  assertEquals(ran.outcome.gates.map(({ gate, status }) => [gate, status]), [
    ["no alert of udf.smooth: avg below 0", "pass"],
    ["no alert of udf.double: rtt above 0", "fail"],
    ["no alert of udf.socket: nothing above 0", "no data"],
  ]);
  const { rowsIn, pointsOut, droppedRows, restarts, columns } = udf("smooth");
  assert(rowsIn > 100, `${rowsIn}`);
  assertEquals([pointsOut, droppedRows, restarts], [rowsIn, 0, 0]);
  assertEquals(columns.at(-1), { name: "avg", type: "double" });
});

for (const table of TABLES) {
  Deno.test(`live rows of ${table} are those of the export afterwards`, async () => {
    const { rowsIn, pointsOut, droppedRows } = udf(`all_${table}`);
    const rows = await rowsOf(ran.folder, table);
    if (table !== "logs" && table !== "errors" && table !== "losses") assert(rows.length > 0);
    const returned = await rowsOf(ran.folder, `udf.all_${table}`);
    // The UDFs of this very test log, too, which is no message of a node.
    const expected = rows.filter(({ tag }) => !String(tag).startsWith("udf "));
    assertEquals([rowsIn, pointsOut, droppedRows], [expected.length, expected.length, 0]);
    for (const row of expected) if (row.sender !== undefined) row.sender = String(row.sender);
    const sorted = (rows: Row[]) => rows.map((row) => Object.fromEntries(Object.entries(row).sort())).sort(byTime);
    assertEquals(sorted(returned), sorted(expected));
  });
}

Deno.test({
  ...unless(
    whyNotInstalled("python3"),
    "moving averages and outliers are those that plain Python computes from the exported rows",
  ),
  async fn() {
    const script = new URL("./smoothed.py", import.meta.url).pathname;
    const input = new TextEncoder().encode(await exported(ran.folder, "round_trips"));
    const { code, stdout, stderr } = await run("python3", [script], input);
    assertEquals([code, stderr], [0, ""]);
    const computed: Record<string, { averages: [number, number][]; outliers: number[] }> = JSON.parse(
      new TextDecoder().decode(stdout),
    );
    assertEquals(Object.keys(computed).sort(), ["voip.a", "voip.b"]);
    const [smooth, odd] = [await rowsOf(ran.folder, "udf.smooth"), await rowsOf(ran.folder, "udf.odd")];
    for (const [flow, { averages, outliers }] of Object.entries(computed)) {
      const rows = smooth.filter((row) => row.flow === flow);
      assertEquals(rows.map(({ time }) => time), averages.map(([time]) => time));
      for (const [i, [, average]] of averages.entries()) assertAlmostEquals(rows[i].avg, average, 1e-6);
      assertEquals(odd.filter((row) => row.flow === flow).map(({ time }) => time), outliers);
    }
  },
});

Deno.test("a module runs for the flows that it wants; what it prints is in the log", async () => {
  const rows = await rowsOf(ran.folder, "udf.double");
  const trips = (await rowsOf(ran.folder, "round_trips")).filter(({ flow }) => flow === "voip.a");
  assertEquals(rows.map(({ rtt }) => rtt), trips.map(({ rtt_us }) => 2 * rtt_us));
  assertEquals(udf("double").marks, { even: rows.filter(({ even }) => even).length });
  // A field with the name of a tag keeps both.
  assertEquals([rows[0].node, rows[0].node_field, rows[0].kind], ["-", 1, "bridged"]);
  const log = await rowsOf(ran.folder, "logs");
  assertEquals(log.filter(({ tag }) => tag === "udf double").map(({ text }) => text), ["the fourth packet"]);
});

Deno.test("a UDF on a socket gets all rows, and an alert without data is no pass", async () => {
  const intervals = await rowsOf(ran.folder, "intervals");
  assertEquals((await rowsOf(ran.folder, "udf.socket")).length, intervals.length);
  assertEquals([udf("socket").alert?.verdict, udf("smooth").alert?.verdict], ["no-data", "passed"]);
  const { verdict, points } = udf("double").alert!;
  assertEquals([verdict, points], ["failed", udf("double").pointsOut]);
});

Deno.test({
  ...unless(hasPythonAgent ? undefined : "protoc or Python's protobuf is missing", "a UDF in Python gets all rows"),
  async fn() {
    const trips = await rowsOf(ran.folder, "round_trips");
    const rows = await rowsOf(ran.folder, "udf.python");
    assertEquals(rows.map(({ rtt_us }) => rtt_us).sort(), trips.map(({ rtt_us }) => rtt_us).sort());
  },
});

Deno.test("UDFs that crash, hang, flood or are not there are errors of the results, and not of the test", async () => {
  await using _ = noLeftovers();
  for (const [name, text] of Object.entries({ CRASHES, HANGS, FLOODS })) {
    await Deno.writeTextFile(`${out}/${name}.ts`, text);
  }
  const { outcome, summary, folder } = await runTest(
    out,
    `
tests:
- id: { kind: bad }
  udfs:
  - { name: dead, table: round_trips, command: [sh, -c, "exit 3"] }
  - { name: gone, table: round_trips, command: [no-such-program] }
  - { name: silent, table: round_trips, command: [sleep, "1000"] }
  - { name: escaped, table: round_trips, command: [setsid, -f, sleep, "1000"] }
  - { name: crashes, table: round_trips, handler: ${out}/CRASHES.ts }
  - { name: hangs, table: round_trips, handler: ${out}/HANGS.ts }
  - { name: floods, table: round_trips, handler: ${out}/FLOODS.ts }
  - { name: well, table: round_trips, handler: mirror }${FLOWS}`,
    3000,
  );
  assertEquals([summary.status, outcome.failed], ["ok", 0]);
  const became = new Map(summary.udfs!.map((udf) => [udf.name, udf]));
  const trips = (await rowsOf(folder, "round_trips")).length;
  assertEquals([became.get("well")!.pointsOut, became.get("well")!.error], [trips, undefined]);
  assert(became.get("crashes")!.restarts > 0);
  // What it sends again after a restart is there once.
  const returned = (await rowsOf(folder, "udf.crashes")).map(({ flow, seq }) => `${flow} ${seq}`);
  assertEquals([new Set(returned).size, became.get("crashes")!.pointsOut], [returned.length, returned.length]);
  for (const name of ["dead", "gone", "silent", "hangs", "floods"]) {
    const { error, droppedRows, rowsIn } = became.get(name)!;
    assert(error !== undefined, name);
    assertEquals(droppedRows + rowsIn, trips, name);
    assert(summary.errors.some(({ tag, message }) => tag === `udf ${name}` && message === error.message), name);
  }
  assertStringIncludes(became.get("gone")!.error!.message, "there is no such program");
  assertStringIncludes(became.get("dead")!.error!.message, "exited with status 3");
});

// What is restrained returns little on a machine that is busy.
Deno.test(needsProcessors("a UDF that takes processor time from the test is restrained, with a warning", async () => {
  await using _ = noLeftovers();
  await Deno.writeTextFile(`${out}/LOOPS.ts`, HANGS.replace("=== 20", "=== 1"));
  await Deno.writeTextFile(`${out}/STREAMS.ts`, STREAMS);
  let summaries: readonly UdfSummary[] = [];
  const warned = new Map<string, string[]>();
  const control = new AbortController();
  await runPlan(
    await parsePlan(`
tests:
- id: { kind: busy }
  udfs:
  - { name: loops, table: logs, handler: ${out}/LOOPS.ts }
  - { name: streams, table: logs, handler: ${out}/STREAMS.ts }
  - { name: well, table: logs, handler: mirror }
  serial: [{ system: { command: echo a line of the log, stdout: stream } }, { sleep: 60s }]
`),
    {
      out,
      planName: "x",
      tine: "0",
      signal: control.signal,
      observer: {
        ...quiet,
        message(message) {
          const item = message.kind === Kind.log ? decodeItem(message) : undefined;
          if (item?.type !== "log" || !item.text.startsWith("warning: ")) return;
          warned.set(item.tag, [...warned.get(item.tag) ?? [], item.text.split(",", 1)[0]]);
          if (warned.size === 2) control.abort(new Canceled("interrupted", "it is enough"));
        },
        testEnds: ({ udfs }) => summaries = udfs!,
      },
    },
  );
  const loops = "it computes for long without taking a row";
  const floods = "it returns far more than it gets";
  assertEquals(warned.get("udf loops"), [`warning: ${loops}`]);
  // It waits where few of its points are read.
  assertEquals(warned.get("udf streams"), [`warning: ${floods}`]);
  const starts = summaries.map(({ warnings = [] }) => warnings.map((text) => text.split(",", 1)[0]).sort());
  assertEquals(starts, [[loops], [floods], []]);
}));

Deno.test(needsProcessors("rows reach a UDF within 100 ms of being measured, nearly all of them", async () => {
  await Deno.writeTextFile(`${out}/AGES.ts`, AGES);
  const { folder } = await runTest(
    out,
    `tests:\n- id: { kind: ages }\n  udfs: [{ name: ages, table: round_trips, handler: ${out}/AGES.ts }]${FLOWS}`,
  );
  // Those of the first moment wait for the UDF to start.
  const rows = await rowsOf(folder, "udf.ages");
  const ages = rows.slice(rows.length >> 1).map(({ ms }) => ms).sort((a, b) => a - b);
  const p95 = ages[Math.floor(ages.length * 0.95)];
  assert(
    p95 <= 100,
    `the age of 95% of ${ages.length} rows is at most ${p95} ms, the median ${ages[ages.length >> 1]} ms`,
  );
}));

Deno.test("a required UDF that fails for good fails its test, at once", async () => {
  await using _ = noLeftovers();
  const { summary } = await runTest(
    out,
    `tests: [{ id: { kind: required }, udfs: [{ name: a, table: logs, command: [no-such-program], required: true }], sleep: 60s }]`,
  );
  assertEquals(summary.status, "failed");
  assertEquals(summary.errors.map(({ tag, code }) => [tag, code]), [["udf a", "cannot-start"]]);
});

Deno.test("what a UDF returns ends the test early, in order and without failing it", async () => {
  await using _ = noLeftovers();
  const { summary, folder } = await runTest(
    out,
    `
tests:
- id: { kind: stopped }
  udfs:
  - name: smooth
    table: round_trips
    handler: moving-avg
    options: { field: rtt_us, size: 5 }
    stop: { field: avg, above: 0, for: 300ms }
  serial:
  - packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: udp }
  - packetClient: { addrKey: udp, flow: voip, sender: [{ unresponsive: { wait: [10ms], duration: 600s, echo: true } }] }
`,
  );
  assertEquals([summary.status, summary.errors], ["ok", []]);
  assertEquals(summary.stopped, "stopped by udf smooth: avg was above 0 for 300ms");
  assert((await rowsOf(folder, "round_trips")).length >= 30);
  const [flow] = await rowsOf(folder, "flows");
  assertEquals(flow.flow, "voip");
});

Deno.test("a UDF behind a socket that is not there is an error that names the socket and why", async () => {
  const out = await Deno.makeTempDir({ prefix: "tine-bridge-" });
  try {
    const socket = `${out}/udf.sock`;
    const plan = `tests: [{ id: { a: b }, udfs: [{ name: far, table: logs, socket: ${socket} }], sleep: 100ms }]`;
    const { summary } = await runTest(out, plan, 100);
    assertEquals(
      summary.udfs?.[0].error?.message,
      "the UDF had not taken its options 0.1 s after the end of the test; " +
        `cannot connect to ${socket}: there is no such socket; is the UDF running?`,
    );
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});
