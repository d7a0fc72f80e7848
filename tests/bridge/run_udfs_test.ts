import { assert, assertEquals, assertMatch } from "@std/assert";
import { followRun } from "../../src/result/export/mod.ts";
import { openResults } from "../../src/result/mod.ts";
import { eventually } from "../support/eventually.ts";
import { noLeftovers } from "../support/leaks.ts";
import { RunningTine } from "../support/running_tine.ts";
import { TINE, tine } from "../support/tine.ts";
import { whyNotInstalled } from "../support/unless.ts";

/** Echoes on loopback. */
const ECHOES = (duration: string) => `
  serial:
  - packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: udp }
  - packetClient: { addrKey: udp, flow: voip, sender: [{ unresponsive: { wait: [10ms], duration: ${duration}, echo: true } }] }
`;
const SMOOTH = "name: smooth, table: round_trips, handler: moving-avg, options: { field: rtt_us, size: 5 }";
/** Words before a command that leaves its process group, where there is the program for that. */
const AWAY = whyNotInstalled("setsid") === undefined ? "setsid, -w, " : "";
/** A UDF that ends by nothing but SIGKILL. */
const STUBBORN =
  `name: stubborn, table: logs, command: [${AWAY}sh, -c, "trap '' TERM INT HUP; while :; do sleep 1; done"]`;

async function inFolder(work: (out: string) => Promise<void>): Promise<void> {
  const out = await Deno.makeTempDir({ prefix: "tine-udfs-" });
  try {
    await work(out);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

function start(plan: string, out: string): RunningTine {
  return new RunningTine([...TINE, "run", "-", "--json", "--verbose", "--out", out], {
    cwd: out,
    env: {},
    input: plan,
  });
}

Deno.test("tine run has a line for each UDF in its summary, and exits with 3 for an alert", async () => {
  await using _ = noLeftovers();
  await inFolder(async (out) => {
    const plan = `udfs: [{ ${SMOOTH}, alert: { field: avg, above: 0 } }]\ntests:\n- id: { a: b }${ECHOES("300ms")}`;
    const { code, stderr } = await tine(["run", "-", "--out", out], plan);
    assertEquals(code, 3, stderr);
    const line = /udf +smooth: (\d+) rows in, \1 points out, ALERT avg above 0: \1 points, first [\d.]+$/m;
    assertMatch(stderr, line);
    const { stdout } = await tine(["results", `${out}/latest/a=b`]);
    assertMatch(stdout, line);
  });
});

Deno.test("tine export --follow writes what a UDF returns while its test runs", async () => {
  await inFolder(async (out) => {
    const odd = "name: odd, table: round_trips, handler: outliers, options: { field: rtt_us }, batchWindow: 100ms";
    const run = start(`udfs: [{ ${SMOOTH} }, { ${odd} }]\ntests:\n- id: { a: b }${ECHOES("600ms")}`, out);
    const { folder } = await run.event("plan");
    const tables = ["udf.smooth", "udf.odd"];
    const lines = new Map(tables.map((table) => [table, ""]));
    const { signal } = new AbortController();
    const followed = await followRun({ run: folder, tables, format: "jsonl", signal }, (table) => (bytes) => {
      lines.set(table, lines.get(table)! + new TextDecoder().decode(bytes));
      return Promise.resolve();
    });
    assert(followed.complete);
    const ended = await run.end();
    for (const table of tables) {
      const { stdout } = await tine(["export", ended.folder, "--table", table, "--format", "jsonl"]);
      assertEquals(lines.get(table), stdout);
    }
    assert(lines.get("udf.smooth") !== "");
  });
});

Deno.test("the module of a UDF is found from the folder of tine run, also where its name begins as a flag does", async () => {
  await using _ = noLeftovers();
  await inFolder(async (out) => {
    await Deno.writeTextFile(
      `${out}/-mirror.ts`,
      `export const createHandler = (agent) => ({
        info: () => ({ wants: "stream", provides: "stream", options: {} }),
        init() {},
        point: (point) => agent.point(point),
      });`,
    );
    const run = start(
      "tests: [{ id: { a: b }, udfs: [{ name: x, table: logs, handler: -mirror.ts }], system: { command: echo hi } }]",
      out,
    );
    const { test } = await run.end();
    const [{ pointsOut, error }] = test.udfs;
    assertEquals([pointsOut, error], [1, undefined]);
  });
});

Deno.test("tine run refuses UDFs that cannot work before it runs anything", async () => {
  const plan = `tests: [{ id: { a: b }, udfs: [{ name: x, table: logs, handler: miror }], sleep: 60s }]`;
  const { code, stderr } = await tine(["run", "-"], plan);
  assertEquals(code, 1);
  assertEquals(
    stderr,
    'tine run: stdin: tests[0].udfs[0].handler: there is no handler "miror": did you mean mirror?; tine vet lists all\n',
  );
});

Deno.test("Ctrl-C ends UDFs with their test, and keeps what they returned", async () => {
  await using _ = noLeftovers();
  await inFolder(async (out) => {
    const run = start(`udfs: [{ ${SMOOTH} }, { ${STUBBORN} }]\ntests:\n- id: { a: b }${ECHOES("600s")}`, out);
    const hasRows = () =>
      run.events.some(({ type, name, rowsIn }) => type === "udf" && name === "smooth" && rowsIn > 0);
    await eventually("rows reach the UDF", hasRows);
    run.kill("SIGINT");
    const { code, test } = await run.end();
    assertEquals([code, test.status], [130, "canceled"]);
    const [smooth, stubborn] = test.udfs;
    assert(smooth.pointsOut > 0 && smooth.pointsOut === smooth.rowsIn, JSON.stringify(smooth));
    assertEquals(stubborn.error.code, "drain-timeout");
  });
});

Deno.test("a killed tine run leaves no UDF behind, and what was returned until then", async () => {
  await using _ = noLeftovers();
  await inFolder(async (out) => {
    const run = start(`udfs: [{ ${SMOOTH} }, { ${STUBBORN} }]\ntests:\n- id: { a: b }${ECHOES("600s")}`, out);
    const { folder } = await run.event("plan");
    const file = `${folder}/a=b/udfs/1.tine`;
    await eventually("points are stored", () => sizeOf(file) > 10_000);
    run.kill("SIGKILL");
    await run.end();
    const test = await openResults(`${folder}/a=b`);
    assert(test.kind === "test");
    const { name, pointsOut, columns } = test.summary.udfs![0];
    assertEquals([name, columns.at(-1)?.name], ["smooth", "avg"]);
    assert(pointsOut > 10, `${pointsOut}`);
    const csv = await tine(["export", `${folder}/a=b`, "--table", "udf.smooth", "--format", "csv"]);
    assert(csv.stdout.split("\n").length > 10, csv.stderr);
  });
});

function sizeOf(path: string): number {
  try {
    return Deno.statSync(path).size;
  } catch {
    return 0; // not yet there
  }
}
