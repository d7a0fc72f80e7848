import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openResults, type RunResults } from "../../src/result/mod.ts";
import { errorMessage, fileData, inFolder, item, log, STARTED, startRun, testNamed } from "../result/fixtures.ts";
import { logFileName } from "../../src/result/names.ts";
import { info, node, recordsOf } from "../result/recorded_flows.ts";
import { eventually } from "../support/eventually.ts";
import { outputOf, TINE, tine, type TineOutput } from "../support/tine.ts";

const lines = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));
const versions = { tine: "1", deno: "2", kernel: "6" };

/** Two tests, one of which failed. */
async function aRun(out: string, finish = true): Promise<void> {
  await using run = await startRun(out);
  const hello = await run.startTest(testNamed("hello"));
  await hello.add(
    item({
      type: "nodeInfo",
      nodeId: "left",
      platform: "linux-x64",
      hostname: "h",
      bootId: "b",
      clock: { offsetNs: 0, errorNs: 0 },
      pid: 1,
      versions,
    }),
  );
  await hello.add(fileData("left", "a/b.txt", "x".repeat(1500)));
  await hello.add(log("left", 1, "x"));
  await hello.finish({ status: "ok" });
  const bad = await run.startTest(testNamed("bad", { cca: "bbr" }));
  await bad.add(errorMessage("left", "ip foo: exited with status 1\x1b[2J"));
  await bad.add(errorMessage("-", "another"));
  await bad.add(item({ type: "missing", nodeId: "-", from: "right", what: "3 frames of records" }));
  await bad.finish({ status: "failed" });
  if (finish) await run.finish();
}

/** Measured times differ. */
const steady = (text: string, out: string) =>
  text.replaceAll(out, "OUT").replace(/ +\d\.\d+s/g, " TIME").replace(/\d+ B/g, "SIZE").replace(/1\.[6-9]\d kB/, "SIZE")
    .replace(/TIME +SIZE/g, "TIME SIZE");

Deno.test("tine results lists the tests of a run", () =>
  inFolder(async (out) => {
    await aRun(out);
    const { code, stdout, stderr } = await tine(["results", `${out}/latest`]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(
      steady(stdout, out),
      `OUT/latest: hello.yaml, 2 tests, TIME
ok         name=hello TIME SIZE
failed     cca=bbr, name=bad TIME SIZE
           left system: ip foo: exited with status 1\\x1b[2J (and 1 more error)
`,
    );
    // The only run of a folder.
    assertStringIncludes((await tine(["results", out])).stdout, `${out}/2026-11-21T02-55-00Z: hello.yaml, 2 tests`);
  }));

Deno.test("tine results lists runs, also one that was cut", () =>
  inFolder(async (out) => {
    await aRun(out);
    await aRun(out, false);
    const { code, stdout } = await tine(["results", out]);
    assertEquals(
      steady(stdout, out),
      `2026-11-21T02-55-00Z  hello.yaml  2 tests: 1 ok, 1 failed TIME
2026-11-21T02-55-00Z-2.work  hello.yaml  2 tests: 1 ok, 1 failed  not complete
`,
    );
    assertEquals(code, 0);
    const cut = await tine(["results", `${out}/2026-11-21T02-55-00Z-2.work`]);
    assertStringIncludes(cut.stdout, "\nnot complete: it is still running, or was killed\nok ");
    const json = lines((await tine(["results", "--json", out])).stdout);
    assertEquals(json.map(({ type, complete, started }) => [type, complete, started]), [
      ["run", true, STARTED.toISOString()],
      ["run", false, STARTED.toISOString()],
    ]);
  }));

Deno.test("tine results shows a test that is under way as far as it goes", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const test = await run.startTest(testNamed("hello"));
    await test.add(node("left", "b"));
    await test.add(info("streamInfo", "left", "bulk", { values: { direction: "upload" } }));
    const samples = Array.from({ length: 1000 }, (_, i) => ({ t: i * 1e6, total: i * 125 }));
    for (const message of recordsOf("left", "bulk", "streamIO", samples)) await test.add(message);
    await test.add(errorMessage("left", "it failed"));
    await test.add(fileData("left", "a/b.txt", "x".repeat(1500)));
    await test.add(log("left", 1, "x"));
    const folder = test.folder;
    const written = ["records.tine", "errors.jsonl", "files/a/b.txt"];
    const isWritten = (path: string) => {
      try {
        return Deno.statSync(`${folder}/${path}`).size > 0;
      } catch {
        return false; // It is not there yet.
      }
    };
    await eventually("all is written", () => written.every(isWritten) && isWritten(`logs/${logFileName("left")}`));
    const { code, stdout, stderr } = await tine(["results", folder]);
    assertEquals([code, stderr], [0, ""]);
    for (
      const part of [
        "error    left system: it failed\nnode     left: linux-x64 on h\nrecords  ",
        ", 1000 streamIO\nlogs     ",
        ", 1 entry\nfile     a/b.txt: 1.50 kB\n",
        "bulk*  ",
        "* 1 flow did not come to its end",
      ]
    ) {
      assertStringIncludes(stdout, part);
    }
    const [json, flow] = lines((await tine(["results", "--json", folder])).stdout);
    assertEquals([json.status, json.records.samples, json.records.frames], ["running", { streamIO: 1000 }, 4]);
    assertEquals([flow.flow, flow.complete, flow.bytes], ["bulk", false, 124_875]);
    const [of] = (await openResults(folder.slice(0, folder.lastIndexOf("/"))) as RunResults).summary.tests;
    assert(of.bytes > 1500, `${of.bytes} bytes`);
  }));

Deno.test("tine results shows a test", () =>
  inFolder(async (out) => {
    await aRun(out);
    const hello = await tine(["results", `${out}/latest/name=hello`]);
    assertEquals(
      steady(hello.stdout, out),
      `OUT/latest/name=hello: name=hello, ok, TIME
node     left: linux-x64 on h
records  SIZE
logs     SIZE, 1 entry
file     a/b.txt: 1.50 kB from left
`,
    );
    const bad = await tine(["results", `${out}/latest/cca=bbr,name=bad`]);
    assertStringIncludes(
      bad.stdout,
      `
error    left system: ip foo: exited with status 1\\x1b[2J
error    - system: another
missing  right: 3 frames of records
records  `,
    );
  }));

Deno.test("tine results --json prints a run and its tests", () =>
  inFolder(async (out) => {
    await aRun(out);
    const [run, ...tests] = lines((await tine(["results", "--json", `${out}/latest`])).stdout);
    assertEquals([run.type, run.plan, run.tests.length], ["run", "hello.yaml", 2]);
    assertEquals(tests.map(({ type, status, files, errors }) => [type, status, files.length, errors.length]), [
      ["test", "ok", 1, 0],
      ["test", "failed", 0, 2],
    ]);
  }));

Deno.test("tine results and tine log say where there are no results", () =>
  inFolder(async (out) => {
    for (const command of ["results", "log"]) {
      const empty = await tine([command, out]);
      assertEquals([empty.code, empty.stdout], [1, ""]);
      assertEquals(empty.stderr, `tine ${command}: there are no results in ${out}: no run has written there\n`);
      const none = await tine([command, `${out}/none`]);
      assertEquals(none.code, 1);
      assertEquals(none.stderr, `tine ${command}: there are no results in ${out}/none: there is no such folder\n`);
    }
    await Deno.writeTextFile(`${out}/file`, "mine");
    assertEquals(
      (await tine(["results", `${out}/file/x`])).stderr,
      `tine results: cannot read ${out}/file/x: what stands above it is no folder\n`,
    );
    assertEquals(
      (await tine(["compare", `${out}/file/x`, `${out}/file`])).stderr,
      `tine compare: cannot read ${out}/file/x: what stands above it is no folder\n`,
    );
    await Deno.remove(`${out}/file`);
    await Deno.mkdir(`${out}/name=hello`);
    assertEquals(
      (await tine(["results", `${out}/name=helo`])).stderr,
      `tine results: there are no results in ${out}/name=helo: there is no such folder, did you mean name=hello?\n`,
    );
  }));

Deno.test("tine results --system reports what sysInfo found", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const test = await run.startTest(testNamed("hello"));
    const sections = {
      kernel: { release: "6.1\x1b[2J", commandLine: "a" },
      files: { "/x": "1\t0\n2\n" },
      qdiscs: "q 1\nq 2",
    };
    await test.add(item({ type: "sysInfo", nodeId: "left", sections }));
    await test.finish({ status: "ok" });
    await (await run.startTest(testNamed("none"))).finish({ status: "ok" });
    await run.finish();
    const { code, stdout } = await tine(["results", `${out}/latest/name=hello`, "--system"]);
    const text = `== left
kernel
  release: 6.1\\x1b[2J
  commandLine: a
files
  /x:
    1  0
    2
qdiscs
  q 1
  q 2
`;
    assertEquals([code, stdout], [0, text]);
    const json = await tine(["results", `${out}/latest/name=hello`, "--system", "--json"]);
    assertEquals(lines(json.stdout), [{ type: "system", nodeId: "left", sections }]);
    const whole = await tine(["results", `${out}/latest`, "--system"]);
    assertEquals(whole.code, 2);
    assertStringIncludes(whole.stderr, "--system needs the folder of a test");
    const none = await tine(["results", `${out}/latest/name=none`, "--system"]);
    assertEquals([none.code, none.stderr], [1, `tine results: the test in ${out}/latest/name=none has no sysInfo\n`]);
  }));

/** Two tests with flows: a TCP flow, and two alike. */
async function aRunWithFlows(out: string): Promise<void> {
  await using run = await startRun(out);
  for (
    const [name, flows] of [["alone", ["bulk"]], [
      "crowd",
      Array.from({ length: 20 }, (_, i) => `page.${i}`),
    ]] as const
  ) {
    const test = await run.startTest(testNamed(name));
    for (const [i, flow] of flows.entries()) {
      await test.add(info("streamInfo", "left", flow, { values: { direction: "download" } }));
      for (const message of recordsOf("left", flow, "streamIO", [{ t: 1e9, total: (i + 1) * 125_000 }])) {
        await test.add(message);
      }
    }
    const tcpInfo = { t: 1e9, rtt: 1500, minRtt: 1000, cwnd: 10, sndMss: 1448, totalRetrans: 3 };
    for (const message of recordsOf("right", flows[0], "tcpInfo", [tcpInfo])) await test.add(message);
    const echo = { packets: 1, len: 100 };
    for (
      const message of recordsOf("left", "voip", "packetIO", [
        ...[0, 1, 2, 3].map((seq) => ({ ...echo, seq, t: seq * 1e7, scheduled: seq * 1e7, flag: 1, sent: 1 })),
        ...[0, 1, 3].map((seq) => ({
          ...echo,
          seq,
          t: seq * 1e7 + 5e6,
          flag: 2,
          serverReceived: -3e6,
          serverTime: 1e6,
          serverCount: seq + 1,
        })),
      ])
    ) await test.add(message);
    await test.finish({ status: "ok" });
  }
  await run.finish();
}

Deno.test("tine results of a run has a line for each flow of its tests, and one for flows that are alike", () =>
  inFolder(async (out) => {
    await aRunWithFlows(out);
    const look = async () => (await tine(["results", `${out}/latest`])).stdout;
    const first = await look();
    const lines = first.split("\n").filter((line) => line.startsWith(" "));
    // Flows of the crowd have 1 to 20 Mbit/s, one of them RTTs and segments sent again.
    assertEquals(lines, [
      "    bulk                 1.00 Mbit/s  RTT 1.500 ms                  3 resent",
      "    voip                 80.0 kbit/s  RTT 4.000 ms  p99 4.000  0% / 25% lost",
      "    page (median of 20)  10.5 Mbit/s  RTT 1.500 ms                  3 resent",
      "    voip                 80.0 kbit/s  RTT 4.000 ms  p99 4.000  0% / 25% lost",
    ]);
    assertEquals(await look(), first);
    for (const name of ["alone", "crowd"]) assert((await Deno.stat(`${out}/latest/name=${name}/figures.json`)).isFile);
  }));

Deno.test("tine results --json of a run has the flows of each test with its id", () =>
  inFolder(async (out) => {
    await aRunWithFlows(out);
    const look = async () => lines((await tine(["results", "--json", `${out}/latest`])).stdout);
    const [run, ...objects] = await look();
    assertEquals(run.type, "run");
    assertEquals(objects.map(({ type }) => type).join(" "), `test${" flow".repeat(2)} test${" flow".repeat(21)}`);
    const flows = objects.filter(({ type }) => type === "flow");
    assertEquals(flows.map(({ test }) => test.name), [...Array(2).fill("alone"), ...Array(21).fill("crowd")]);
    assertEquals(flows[0].goodputBitsPerSecond, 1e6);
    assertEquals(await look(), [run, ...objects]);
    const [, bulk] = lines((await tine(["results", "--json", `${out}/latest/name=alone`])).stdout);
    assertEquals(bulk, flows[0]);
  }));

Deno.test("tine results of a run passes over records that are damaged", () =>
  inFolder(async (out) => {
    await aRunWithFlows(out);
    const path = `${out}/latest/name=alone/records.tine`;
    await Deno.writeTextFile(path, "no records\n");
    const { code, stdout, stderr } = await tine(["results", `${out}/latest`]);
    assertEquals(code, 0);
    assertStringIncludes(stderr, `tine results: passed over: ${path} holds no records of tine`);
    assertStringIncludes(stdout, "page (median of 20)");
    assertEquals((await tine(["results", "--json", `${out}/latest`])).stdout.match(/"type":"flow"/g)?.length, 21);
  }));

/** A run whose tests have a TCP flow of a second with a goodput of 1 Mbit/s. */
async function aFlow(out: string, tests = ["flow"]): Promise<void> {
  await using run = await startRun(out);
  for (const name of tests) {
    const test = await run.startTest(testNamed(name));
    await test.add(node("left", "b"));
    const tinit = BigInt(STARTED.getTime()) * 1_000_000n;
    await test.add(info("streamInfo", "left", "bulk", { tinit, values: { direction: "upload" } }));
    const samples = Array.from({ length: 1001 }, (_, i) => ({ t: i * 1e6, total: i * 125 }));
    for (const message of recordsOf("left", "bulk", "streamIO", samples)) await test.add(message);
    await test.finish({ status: "ok" });
    // Its records are those of a second.
    const summary = JSON.parse(await Deno.readTextFile(`${test.folder}/test.json`));
    await Deno.writeTextFile(
      `${test.folder}/test.json`,
      JSON.stringify({ ...summary, started: STARTED, durationMs: 1000 }),
    );
  }
  await run.finish();
}

async function plotted(env: Record<string, string>, ...args: string[]): Promise<TineOutput> {
  const [program, ...first] = TINE;
  return await outputOf(
    new Deno.Command(program, {
      args: [...first, "results", ...args],
      env: { LC_ALL: "", LC_CTYPE: "", LANG: "", TERM: "xterm", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
}

Deno.test("tine results --plot draws plots of each test, in braille where the locale has UTF-8", () =>
  inFolder(async (out) => {
    await aFlow(out, ["a", "b"]);
    const { code, stdout, stderr } = await plotted({ LANG: "C.UTF-8" }, `${out}/latest`, "--plot");
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout.match(/^== .*/gm), ["== name=a", "== name=b"]);
    assertEquals(stdout.match(/^Goodput, Mbit\/s$/gm)?.length, 2);
    assertStringIncludes(stdout, " 1.0┤⠤⠤⠤⠤⠤⠤⠤a⠤⠤⠤⠤⠤⠤⠤");
    assert(Math.max(...stdout.split("\n").map((line) => line.length)) <= 80);
    // deno-lint-ignore no-control-regex
    assert(!/\x1b/.test(stdout), "no terminal, no colours");
  }));

Deno.test("tine results --plot NAME draws one plot, of ASCII where the locale or the terminal has no more", () =>
  inFolder(async (out) => {
    await aFlow(out);
    const plain: Record<string, string>[] = [{ LC_ALL: "C", LANG: "C.UTF-8" }, { LANG: "C.UTF-8", TERM: "dumb" }];
    for (const env of plain) {
      const { code, stdout } = await plotted(env, "--plot", "goodput", `${out}/latest/name=flow`);
      assertEquals(code, 0);
      // deno-lint-ignore no-control-regex
      assert(/^[\x00-\x7f]*$/.test(stdout), stdout);
      assertStringIncludes(stdout, "aaaaaaaaaaaaaaaaaaaa");
      assertStringIncludes(stdout, "Mean: bulk 1.00 Mbit/s.");
    }
  }));

Deno.test("tine results --plot says what there is nothing of, and what it does not go with", () =>
  inFolder(async (out) => {
    await aFlow(out);
    const lacks = await tine(["results", "--plot=rtt-cdf", out]);
    assertEquals([lacks.code, lacks.stdout], [1, ""]);
    assertStringIncludes(lacks.stderr, `${out} has nothing to plot as rtt-cdf`);
    const unknown = await tine(["results", out, "--plot=rtts"]);
    assertEquals(unknown.code, 2);
    assertStringIncludes(unknown.stderr, "--plot NAME: expected gantt, goodput, rtt,");
    assertEquals((await tine(["results", out, "--plot", "--json"])).code, 2);
    await aRun(out);
    const several = await tine(["results", "--plot", out]);
    const [newest] = [...Deno.readDirSync(out)].map(({ name }) => name).filter((name) => name !== "latest").sort()
      .reverse();
    assertStringIncludes(several.stderr, `tine results: of the 2 runs in ${out}, the newest: ${newest}\n`);
    assertEquals([several.code, several.stdout], [1, ""]); // nothing was measured in it
  }));
