import { toText } from "@std/streams";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { inFolder, listing } from "../result/fixtures.ts";
import { noLeftovers } from "../support/leaks.ts";
import { TextReader, TINE, tine } from "../support/tine.ts";

/** Two tests with two flows of echoes on loopback each, whose rows go through UDFs while they run. */
const PLAN = `
udfs:
- { name: smooth, table: round_trips, handler: moving-avg, options: { field: rtt_us, size: 5 }, groupBy: [flow] }
- { name: far, table: round_trips, handler: anomaly, options: { field: rtt_us, size: 9, warmUp: 3 }, groupBy: [flow] }
- { name: odd, table: round_trips, handler: outliers, options: { field: rtt_us }, groupBy: [flow], batchWindow: 100ms }
tests:
${
  ["one", "two"].map((name) => `
- id: { name: ${name} }
  serial:
  - packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: udp }
  - parallel:
    - packetClient: { addrKey: udp, flow: a.x, sender: [{ unresponsive: { wait: [5ms], duration: 300ms, echo: true } }] }
    - packetClient: { addrKey: udp, flow: b.x, sender: [{ unresponsive: { wait: [7ms], duration: 300ms, echo: true } }] }
`).join("")
}`;

/** The same UDFs, for stored rows. */
const AFTERWARDS: readonly [name: string, table: string, handler: string, ...args: string[]][] = [
  ["smooth", "round_trips", "moving-avg", "--set=field=rtt_us", "--set=size=5"],
  ["far", "round_trips", "anomaly", "--set=field=rtt_us", "--set=size=9", "--set=warmUp=3"],
  ["odd", "round_trips", "outliers", "--set=field=rtt_us", "--batch-window=100ms"],
];

const lines = (text: string) => text.trimEnd().split("\n");

Deno.test("tine export --to-udf returns for stored rows what the UDFs of a plan returned while they were measured", () =>
  inFolder(async (out) => {
    const ran = await tine(["run", "-", "--out", out], PLAN);
    assertEquals(ran.code, 0, ran.stderr);
    for (const [name, table, handler, ...args] of AFTERWARDS) {
      const live = await tine(["export", out, `--table=udf.${name}`, "--format=csv"]);
      const again = ["export", out, `--table=${table}`, "--format=csv", "--group-by=flow", `--as=${name}`, ...args];
      const inHere = await tine([...again, "--to-udf", handler]);
      assertEquals([inHere.code, lines(inHere.stdout)[0]], [0, lines(live.stdout)[0]], inHere.stderr);
      // Flows may be mixed in another way, as they come.
      assertEquals(lines(inHere.stdout).toSorted(), lines(live.stdout).toSorted());
      if (name === "smooth") {
        assert(lines(live.stdout).length > 100, live.stdout);
        const child = await tine([...again, "--", ...TINE, "agent", handler]);
        assertEquals(lines(child.stdout).toSorted(), lines(live.stdout).toSorted());
        assertStringIncludes(child.stderr, "smooth: ");
        // One UDF for all tests tells them apart by a group.
        const host = ["host", "--from-results", `${out}/latest`, `--table=${table}`, "--group-by=flow,name", "--json"];
        const printed = await tine([...host, "--handler", handler, ...args]);
        const values = lines(printed.stdout).map((line) => {
          const { tags, fields } = JSON.parse(line);
          const time = /"time":(\d+)/.exec(line)![1]; // more digits than a number of JavaScript has
          return `${time},${tags.run},${tags.name},"${tags.node}",${tags.flow},${tags.sender},${fields.avg}`;
        });
        assertEquals(values.toSorted(), lines(live.stdout).slice(1).toSorted());
      }
    }
    // One that has handled all rows may end badly, as beside a test.
    const badly = ["sh", "-c", '"$@"; exit 3', "sh", ...TINE, "agent", "mirror"];
    const whole = await tine(["export", `${out}/latest`, "--table=round_trips", "--format=csv", "--", ...badly]);
    assertEquals([whole.code, lines(whole.stdout).length > 100], [0, true], whole.stderr);
    assertStringIncludes(
      whole.stderr,
      "the UDF has handled all rows, but did not end well: the UDF exited with status 3",
    );
    // What a UDF returned goes through the next one; Parquet has its columns too.
    const next = [
      "export",
      `${out}/latest`,
      "--table=udf.smooth",
      "--to-udf=ewma",
      "--set=field=avg",
      "--set=alpha=1.0",
    ];
    const chained = await tine([...next, "--format=parquet", "--as=again", "-o", `${out}/next.parquet`]);
    assertEquals(chained.code, 0, chained.stderr);
    assertStringIncludes(chained.stderr, "next.parquet: ");
    const folder = await tine([...next, "--format=jsonl", "-o", `${out}/next/`]);
    assertEquals([folder.code, await listing(`${out}/next`)], [0, ["udf.ewma.jsonl"]]);
    const columns = await tine([...next, "--format=csv", "--columns=flow,ewma", "--test=name=two"]);
    assertEquals(lines(columns.stdout)[0], "flow,ewma");

    const wrong: [args: string[], code: number, message: string][] = [
      [["--to-udf=ewm"], 2, 'module, not "ewm"; did you mean ewma?'],
      [["--to-udf=mirror", "--socket=x"], 2, "--to-udf and --socket exclude each other: name one UDF"],
      [["--set=x=1"], 2, "--set is about a UDF: name it by --to-udf HANDLER"],
      [["--trust"], 2, "--trust is about a UDF"],
      [["--to-udf=mirror", "--trust"], 2, "--trust is for modules"],
      [["--to-udf=mirror", "--as=1x"], 2, "expected a name such as smooth"],
      [["--to-udf=mirror", "--follow"], 2, "--follow takes no UDF"],
      [["--to-udf=mirror", "--table=flows"], 2, "a UDF gets the rows of one table"],
      [["--to-udf=outliers", "--batch-size=1", "--batch-window=1s"], 2, "exclude each other: give one of them"],
      [["--to-udf=mirror", "--group-by=flw"], 1, 'has no tag "flw" to group by: did you mean flow?'],
      [["--to-udf=mirror", "--columns=flw"], 1, 'the table udf.mirror has no column "flw": did you mean flow?'],
      [["--to-udf=ewma", "--set=feild=x"], 1, "did you mean field?"],
      [["--to-udf=ewma", "--set=field=x"], 1, "missing option: alpha or halfLife (it takes field=STRING, "],
      [["--", "false"], 1, "the UDF exited with status 1"],
      [["--", "no-such-program"], 1, 'cannot start "no-such-program": there is no such program'],
    ];
    for (const [args, code, message] of wrong) {
      const ended = await tine(["export", `${out}/latest`, "--table=round_trips", "--format=csv", ...args]);
      assertStringIncludes(ended.stderr, message);
      assertEquals([ended.code, ended.stdout], [code, ""], message);
    }
  }));

Deno.test("tine export --to-udf ends its UDF when it is interrupted, and leaves nothing", () =>
  inFolder(async (out) => {
    await using _ = noLeftovers();
    const plan = "tests: [{ id: { name: a }, sleep: 1ms }]";
    assertEquals((await tine(["run", "-", "--out", `${out}/runs`], plan)).code, 0);
    const [program, ...args] = [...TINE, "export", `${out}/runs`, "--table=runs", "--format=csv"];
    const temporary = `${out}/temporary`;
    await Deno.mkdir(temporary);
    const child = new Deno.Command(program, {
      args: [...args, "--udf-timeout=500ms", "--", "sh", "-c", "echo started >&2; exec sleep 1000"],
      env: { TMPDIR: temporary },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    await using stderr = new TextReader(child.stderr);
    await stderr.until(/started/);
    child.kill("SIGINT");
    const [{ code }, stdout] = await Promise.all([child.status, toText(child.stdout)]);
    assertEquals([code, stdout, await listing(temporary)], [130, "", []]);
  }));
