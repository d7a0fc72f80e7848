import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Plan, Test } from "../../src/node/plan/types.ts";
import { createRun } from "../../src/result/mod.ts";
import { inFolder, log, STARTED, testNamed } from "../result/fixtures.ts";
import { info, node, progressOf, recordsOf } from "../result/recorded_flows.ts";
import { streamReport } from "../flow/reports.ts";
import { tine } from "../support/tine.ts";

const values = { direction: "upload", client: "10.0.0.1:1", server: "10.0.0.2:2", cca: "cubic" };
const SECOND = 1_000_000_000;
const START = 1_795_916_003_000_000_000n;

/** A run of two tests with two TCP flows each, whose samples were recorded by turns: one every 0.4 s of each. */
async function aRun(out: string): Promise<void> {
  // Only clients: nothing waits for what servers have recorded.
  const tests = ["cubic", "bbr"].map((cca) => ({ ...testNamed("bulk", { cca }), parallel: [{ streamClient: {} }] }));
  await using run = await createRun(out, { tests } as unknown as Plan, {
    planName: "bulk.yaml",
    tine: "1",
    started: STARTED,
  });
  for (const planned of tests) {
    const test = await run.startTest(planned as unknown as Test);
    await test.add(node("left", "b"));
    await test.add(log("left", START + 1n, 'a "quoted", text'));
    for (const flow of ["one", "two"]) await test.add(info("streamInfo", "left", flow, { tinit: START, values }));
    for (let i = 0; i < 5; i++) {
      for (const [j, flow] of ["one", "two"].entries()) {
        const sample = { t: (4 * i + j) * SECOND / 10, total: 1000 * (i + 1) * (j + 1), sent: 1 };
        for (const message of recordsOf("left", flow, "streamIO", [sample])) await test.add(message);
      }
    }
    const report = { bytes: 5000, durationNanos: 2e9, fctNanos: 2e9, retransmits: 0 };
    for (const flow of ["one", "two"]) await test.add(progressOf("left", flow, streamReport(report)));
    await test.finish({ status: "ok" });
  }
  await run.finish();
}

interface PointLine {
  time: number;
  tags: Record<string, string>;
  fields: Record<string, unknown>;
}

const pointsOf = (stdout: string): PointLine[] => stdout.trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("tine host --from-results sends the rows that tine export writes", () =>
  inFolder(async (out) => {
    await aRun(out);
    for (const table of ["stream_io", "logs", "flows"]) {
      const exported = await tine(["export", out, "--table", table, "--format=jsonl"]);
      const rows = exported.stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
      const { code, stdout, stderr } = await tine(["host", "--from-results", out, "--table", table, "--json"]
        .concat("--handler", "mirror"));
      assertEquals([code, stderr.includes("error")], [0, false], stderr);
      const points = pointsOf(stdout).map(({ time, tags, fields }) => ({ time, ...tags, ...fields }));
      const sorted = (list: object[]) => list.map((row) => JSON.stringify(Object.entries(row).sort())).sort();
      assertEquals(sorted(points), sorted(rows));
      assert(rows.length > 1);
    }
  }));

Deno.test("tine host --from-results sends rows of all flows mixed, in groups, and in batches of a second", () =>
  inFolder(async (out) => {
    await aRun(out);
    const rows = ["host", "--from-results", `${out}/latest`, "--table=stream_io", "--test=cca=bbr", "--json"];
    const rates = await tine([...rows, "--flow=*", "--group-by=flow", "--handler=rate", "--set=field=total_bytes"]);
    assertEquals([rates.code, pointsOf(rates.stdout).length], [0, 8]);
    for (const { tags, fields } of pointsOf(rates.stdout)) {
      assertEquals([Math.round(Number(fields.rate)), tags.cca], [tags.flow === "one" ? 2500 : 5000, "bbr"]);
    }
    // The second half of each flow comes behind the first half of both.
    const flows = pointsOf(rates.stdout).map(({ tags }) => tags.flow);
    assertEquals([flows.slice(0, 4).includes("two"), flows.slice(4).includes("one")], [true, true]);
    assertStringIncludes(rates.stderr, '"pointsIn":10,"pointsOut":8');
    assertStringIncludes(rates.stderr, '"lostRows":0');
    const batches = await tine([...rows, "--flow=one", "--handler=outliers", "--set=field=total_bytes"]);
    assertStringIncludes(batches.stderr, '"pointsIn":5,"pointsOut":0,"batchesIn":2,"batchesOut":2');
    const whole = [...rows, "--flow=one", "--handler=outliers", "--set=field=total_bytes", "--batch-size=5"];
    assertStringIncludes((await tine(whole)).stderr, '"batchesIn":1,');
  }));

Deno.test("tine host --from-results says what is wrong with its flags and results", () =>
  inFolder(async (out) => {
    await aRun(out);
    const from = ["--from-results", out];
    const table = [...from, "--table=stream_io"];
    const cases: [args: string[], code: number, message: string][] = [
      [from, 2, "--table is missing: name the table of the results, such as --table round_trips"],
      [[...table, "--input=x"], 2, "--from-results and --input exclude each other"],
      [[...table, "--precision=s"], 2, "--from-results and --precision exclude each other"],
      [[...table, "--database=x"], 2, "--from-results and --database exclude each other"],
      [
        [...table, "--interval=1s"],
        2,
        "--interval is the length of the rows of intervals, and no row of stream_io has one",
      ],
      [["--table=flows"], 2, "--table means nothing without --from-results"],
      [[...table, "--test=cca=reno"], 2, "no test is selected by --test cca=reno"],
      [[...from, "--table=stream-io"], 1, 'there is no table "stream-io": did you mean stream_io?'],
      [[...table, "--group-by=flw"], 1, 'the table stream_io has no tag "flw" to group by: did you mean flow?'],
      [["--from-results", `${out}/nix`, "--table=flows"], 1, "there are no results in"],
      [[...table, "--flow=nix"], 0, "there is no row of a flow that matches --flow nix"],
    ];
    for (const [args, code, message] of cases) {
      const ended = await tine(["host", ...args, "--handler=mirror", "--format=line"]);
      assertStringIncludes(ended.stderr, message);
      assertEquals([ended.code, ended.stdout], [code, ""]);
    }
  }));
