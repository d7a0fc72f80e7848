import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inFolder, listing, log, startRun, testNamed } from "../result/fixtures.ts";
import { info, node, progressOf, recordsOf } from "../result/recorded_flows.ts";
import { streamReport } from "../flow/reports.ts";
import { tine } from "../support/tine.ts";

const values = { direction: "upload", client: "10.0.0.1:1", server: "10.0.0.2:2", cca: "cubic" };

/** A run of two tests, with one TCP flow each. */
async function aRun(out: string, started = new Date("2026-11-21T02:55:00Z")): Promise<void> {
  await using run = await startRun(out, { started });
  for (const cca of ["cubic", "bbr"]) {
    const test = await run.startTest(testNamed("bulk", { cca }));
    await test.add(node("left", "b"));
    await test.add(log("left", 1_795_916_003_000_000_001n, `a "quoted", text`));
    await test.add(info("streamInfo", "left", "bulk", { tinit: 1_795_916_003_000_000_000n, values }));
    for (const message of recordsOf("left", "bulk", "streamIO", [{ t: 7, total: 5, sent: 1 }])) await test.add(message);
    const report = { bytes: 1000, durationNanos: 1e6, fctNanos: 2e6, retransmits: 0 };
    await test.add(progressOf("left", "bulk", streamReport(report)));
    await test.finish({ status: "ok" });
  }
  await run.finish();
}

Deno.test("tine export prints a table of all tests of a run, distinguished by their ids", () =>
  inFolder(async (out) => {
    await aRun(out);
    const columns = "--columns=cca,name,flow,bytes,time";
    const { code, stdout, stderr } = await tine(["export", out, "--table=flows", "--format=csv", columns]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(
      stdout,
      "cca,name,flow,bytes,time\ncubic,bulk,bulk,1000,1795916003000000000\nbbr,bulk,bulk,1000,1795916003000000000\n",
    );
    const logs = await tine(["export", `${out}/latest`, "--table", "logs", "--format", "jsonl", "--test", "cca=bbr"]);
    const [line] = logs.stdout.trimEnd().split("\n");
    assertStringIncludes(line, '"time":1795916003000000001,');
    assertEquals(JSON.parse(line).text, 'a "quoted", text');
  }));

Deno.test("tine export says that --flow matches no flow", () =>
  inFolder(async (out) => {
    await aRun(out);
    const flows = ["export", out, "--table=flows", "--format=csv", "--columns=flow"];
    const { code, stdout, stderr } = await tine([...flows, "--flow", "nix*"]);
    const message = "tine export: there is no row of a flow that matches --flow nix*\n";
    assertEquals([code, stdout, stderr], [0, "flow\n", message]);
    assertEquals(await tine([...flows, "--flow", "bu*"]), { code: 0, stdout: "flow\nbulk\nbulk\n", stderr: "" });
  }));

Deno.test("tine export --to fails where the server has refused lines, for scripts", () =>
  inFolder(async (out) => {
    await aRun(out);
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => Response.json({ error: "partial write: field type conflict dropped=1" }, { status: 400 }),
    );
    const to = `--to=http://127.0.0.1:${server.addr.port}/write?db=tine`;
    const { code, stdout, stderr } = await tine(["export", out, "--table=flows", "--format=line", to]);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /refuse.*field type conflict/);
    assertMatch(stderr, /: 1 line in 1 request, 1 line refused\n$/);
  }));

Deno.test("tine export writes a file a table, and of several runs a file a test, in folders that name both", () =>
  inFolder(async (out) => {
    await aRun(out);
    const one = await tine(["export", out, "--table=stream_io,logs", "--format=csv", "-o", `${out}/../x-${Deno.pid}/`]);
    assertEquals(one.code, 0);
    try {
      assertEquals(await listing(`${out}/../x-${Deno.pid}`), ["logs.csv", "stream_io.csv"]);
      assertMatch(one.stderr, /stream_io\.csv: 2 rows, \d+ B\n.*logs\.csv: 2 rows, \d+ B\n$/);
      await aRun(out, new Date("2026-11-22T00:00:00Z"));
      const all = ["export", out, "--table=flows", "--format=parquet", "-o", `${out}/../x-${Deno.pid}/data`];
      assertEquals((await tine(all)).code, 0);
      const files = (await listing(`${out}/../x-${Deno.pid}/data`)).filter((path) => path.endsWith(".parquet"));
      assertEquals(files, [
        "run=2026-11-21T02-55-00Z/test=cca%3Dbbr%2C%20name%3Dbulk/flows.parquet",
        "run=2026-11-21T02-55-00Z/test=cca%3Dcubic%2C%20name%3Dbulk/flows.parquet",
        "run=2026-11-22T00-00-00Z/test=cca%3Dbbr%2C%20name%3Dbulk/flows.parquet",
        "run=2026-11-22T00-00-00Z/test=cca%3Dcubic%2C%20name%3Dbulk/flows.parquet",
      ]);
    } finally {
      await Deno.remove(`${out}/../x-${Deno.pid}`, { recursive: true });
    }
  }));

Deno.test("tine export says in one sentence what is wrong, and leaves nothing behind", () =>
  inFolder(async (out) => {
    await aRun(`${out}/results`);
    const wrong = async (...args: string[]) => {
      const { code, stdout, stderr } = await tine(["export", `${out}/results`, ...args]);
      assertEquals(stdout, "");
      return [code, stderr.split("\n")[0].replaceAll(out, "OUT")];
    };
    assertEquals(await wrong("--format=csv"), [
      2,
      "tine export: --table is missing: name a table, such as --table flows",
    ]);
    assertEquals(await wrong("--table=flows,logs", "--format=csv", "--interval=1s"), [
      2,
      "tine export: --interval is the length of the rows of intervals, and no row of flows, logs has one",
    ]);
    assertEquals(await wrong("--table=flows", "--format=csv", "--time=int64"), [
      2,
      "tine export: --time int64 is how Parquet may have times, not csv",
    ]);
    assertEquals(await wrong("--table=flow", "--format=csv"), [
      1,
      'tine export: there is no table "flow": did you mean flows?',
    ]);
    assertEquals(await wrong("--table=flows,logs", "--format=csv"), [
      1,
      "tine export: a stream of csv holds one table, not 2: name a folder for them",
    ]);
    assertEquals(await wrong("--table=flows", "--format=csv", "--columns=time,goodput"), [
      1,
      'tine export: the table flows has no column "goodput": did you mean goodput_bits_per_second?',
    ]);
    await Deno.writeTextFile(`${out}/file`, "mine");
    for (const folder of ["file", "file/below"]) {
      assertEquals(await wrong("--table=flows", "--format=csv", "-o", `${out}/${folder}/x.csv`), [
        1,
        `tine export: cannot write OUT/${folder}/x.csv: what stands above it is no folder`,
      ]);
    }
    const { stdout } = await tine(["export", `${out}/results`, "--table=flows", "--format=csv"]);
    const columns = stdout.split("\n")[0].split(",").length;
    assertEquals(await wrong("--table=flows", "--format=csv", "--columns=nothing", "-o", `${out}/file`), [
      1,
      `tine export: the table flows has no column "nothing": \`tine help tables\` lists its ${columns} columns`,
    ]);
    // Nothing is written of the first table where a later one is wrong.
    assertEquals((await wrong("--table=flows,logs", "--format=csv", "--columns=time,path", "-o", `${out}/new/`))[0], 1);
    assertEquals(
      await wrong("--table=flows", "--format=csv", "--columns=,"),
      [
        2,
        '--columns "," names no column: expected such as --columns time,rtt_us',
      ].map((text) => typeof text === "string" ? `tine export: ${text}` : text),
    );
    assertEquals(await Deno.readTextFile(`${out}/file`), "mine");
    assertEquals((await listing(out)).filter((path) => !path.startsWith("results")), ["file"]);
  }));

Deno.test("tine export has a row for each of a thousand flows of a hundred tests", () =>
  inFolder(async (out) => {
    {
      await using run = await startRun(out);
      for (let k = 0; k < 100; k++) {
        const test = await run.startTest(testNamed("many", { k: `${k}` }));
        for (let i = 0; i < 10; i++) {
          await test.add(info("streamInfo", "left", `f${i}`, { tinit: 1_000n, values }));
          const report = { bytes: k * 10 + i, durationNanos: 1e6, fctNanos: 2e6, retransmits: 0 };
          await test.add(progressOf("left", `f${i}`, streamReport(report)));
        }
        await test.finish({ status: "ok" });
      }
      await run.finish();
    }
    const { code, stdout } = await tine(["export", out, "--table=flows", "--format=csv", "--columns=k,flow,bytes"]);
    const rows = stdout.trimEnd().split("\n").slice(1).map((line) => line.split(","));
    assertEquals([code, rows.length], [0, 1000]);
    rows.forEach(([k, flow, bytes], i) =>
      assertEquals([k, flow, bytes], [`${Math.floor(i / 10)}`, `f${i % 10}`, `${i}`])
    );
  }));

Deno.test("tine export takes records that were cut as far as they go, and names what is none of its own", () =>
  inFolder(async (out) => {
    await aRun(out);
    const [folder] = (await listing(`${out}/latest`)).filter((path) => /^[^/]*bbr[^/]*$/.test(path));
    const records = `${out}/latest/${folder}/records.tine`;
    const bytes = await Deno.readFile(records);
    const exported = async () => {
      const { code, stdout, stderr } = await tine([
        "export",
        out,
        "--table=stream_io",
        "--format=csv",
        "--columns=time,cca",
      ]);
      return [code, stdout.split("\n").length - 2, stderr.replaceAll(out, "OUT")];
    };
    assertEquals(await exported(), [0, 2, ""]);
    await Deno.writeFile(records, bytes.subarray(0, bytes.length - 3));
    assertEquals(await exported(), [0, 2, ""]);
    await Deno.writeFile(records, bytes.subarray(0, 20));
    assertEquals(await exported(), [0, 1, ""]);
    await Deno.writeFile(records, new Uint8Array());
    assertEquals(await exported(), [0, 1, ""]);
    await Deno.writeTextFile(records, "PK a zip file\n");
    const [code, , message] = await exported();
    assertEquals(code, 1);
    assertStringIncludes(`${message}`, "records.tine holds no records of tine: it starts with");
    await Deno.writeTextFile(records, "tine records 2\n");
    assertStringIncludes(`${(await exported())[2]}`, "is of version 2, this tine reads version 1");
  }));
