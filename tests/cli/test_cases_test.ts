import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { TineError } from "../../src/base/errors.ts";
import { parse } from "../../src/cli/parse.ts";
import { command } from "../../src/cli/test/test_cases.ts";
import { findPythonWith, run } from "../support/peers.ts";
import { tine } from "../support/tine.ts";
import { unless } from "../support/unless.ts";

const examples = new URL("../../examples", import.meta.url).pathname;

/** A module that answers with twice the value, and fails at 13. */
const MODULE = `export function createHandler(agent) {
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    point(point) {
      const v = point.field("v");
      if (v === 13) throw new Error("thirteen");
      if (v === 99) for (;;);
      console.error("took", v);
      point.setFields([["twice", 2 * v]]);
      return agent.point(point);
    },
  };
}
`;

const CASES = `udf: { handler: ./twice.ts }
cases:
  - name: passes
    input: a v=2 1
    expect: a twice=4 1
  - name: differs
    input: a v=2 1
    expect: |
      a twice=5 1
  - { name: fails, input: a v=13, expect: none }
  - { name: hangs, timeout: 500ms, input: a v=99, expect: none }
  - { name: waits, skip: "later #2", expect: none }
  - { name: passes still, udf: { handler: mirror }, input: a v=2 1, expect: a v=2 1 }
`;

async function temporary(): Promise<AsyncDisposable & { dir: string }> {
  const dir = await Deno.makeTempDir({ prefix: "tine-test-" });
  await Deno.writeTextFile(`${dir}/twice.ts`, MODULE);
  await Deno.writeTextFile(`${dir}/twice_cases.yaml`, CASES);
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

Deno.test("tine test passes the cases of the examples, found in their folder", async () => {
  const { code, stdout } = await tine(["test", examples]);
  assertEquals(code, 0, stdout);
  assertMatch(stdout, /^\S+handler_cases\.yaml\n {2}ok {4}the moving average/);
  assertMatch(stdout, /\n\d+ passed, 0 failed \(/);
});

Deno.test("tine test shows which point differs, where it stands, and goes on after UDFs that fail or hang", async () => {
  await using folder = await temporary();
  const path = `${folder.dir}/twice_cases.yaml`;
  const [people, json, tap, cat, one] = await Promise.all([
    tine(["test", path]),
    tine(["test", path, "--json", "--junit", `${folder.dir}/report.xml`]),
    tine(["test", path, "--tap"]),
    tine(["test", path, "--filter", "/^passes$/", "--", "cat"]),
    tine(["test", path, "--filter", "still"]),
  ]);
  assertEquals([people, json, tap, cat, one].map(({ code }) => code), [1, 1, 1, 1, 0]);
  const text = people.stdout.replaceAll(folder.dir, "").replaceAll(/\([\d.]+s\)/g, "()");
  assertStringIncludes(
    text,
    `/twice_cases.yaml
  ok    passes  ()
  FAIL  differs
        /twice_cases.yaml:9: point 1: twice is 4, expected 5
          - a twice=5 1
          + a twice=4 1
        stderr: took 2
  FAIL  fails
        /twice_cases.yaml:10: the UDF reported an error: thirteen (`,
  );
  assertMatch(text, /\/twice_cases.yaml:11: the UDF (did not end within 0.5 s|has given no sign of life for 0.5 s)/);
  assert(
    text.endsWith("  skip  waits  (later #2)\n  ok    passes still  ()\n\n2 passed, 3 failed, 1 skipped ()\n"),
    text,
  );

  const lines = json.stdout.trim().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ name, status }) => [name, status]), [
    ["passes", "pass"],
    ["differs", "fail"],
    ["fails", "error"],
    ["hangs", "error"],
    ["waits", "skip"],
    ["passes still", "pass"],
    [undefined, undefined],
  ]);
  const { passed, failed, skipped } = lines.at(-1);
  assertEquals([passed, failed, skipped], [2, 3, 1]);
  assertEquals(lines[1].problems, [{
    line: 9,
    message: "point 1: twice is 4, expected 5",
    expected: "a twice=5 1",
    actual: "a twice=4 1",
  }]);
  const report = await Deno.readTextFile(`${folder.dir}/report.xml`);
  assertStringIncludes(report, 'tests="6" failures="1" errors="2" skipped="1"');

  const points = tap.stdout.split("\n").filter((line) => /^\S/.test(line)).map((line) => line.replace(folder.dir, ""));
  assertEquals(points, [
    "TAP version 14",
    "1..6",
    "ok 1 - /twice_cases.yaml: passes",
    "not ok 2 - /twice_cases.yaml: differs",
    "not ok 3 - /twice_cases.yaml: fails",
    "not ok 4 - /twice_cases.yaml: hangs",
    "ok 5 - /twice_cases.yaml: waits # SKIP later \\#2",
    "ok 6 - /twice_cases.yaml: passes still",
  ]);
  assertStringIncludes(tap.stdout, "  ---\n  duration_ms: ");
  assertStringIncludes(tap.stdout, '  message: "point 1: twice is 4, expected 5"\n');

  assertStringIncludes(cat.stdout, "this is no UDF: it sends back what it is sent, as cat does");
  assertMatch(one.stdout, /ok {4}passes still.*\n\n1 passed, 0 failed/);
});

const junitparser = await findPythonWith("junitparser");

Deno.test({
  ...unless(junitparser.why, "tine test --junit - is read by junitparser"),
  async fn() {
    await using folder = await temporary();
    const { stdout, code } = await tine(["test", folder.dir, "--junit", "-", "--filter", "/passes|differs|waits/"]);
    assertEquals(code, 1);
    const program = "import sys; from junitparser import JUnitXml\n" +
      "xml = JUnitXml.fromstring(sys.stdin.buffer.read())\n" +
      "print(xml.tests, xml.failures, xml.errors, xml.skipped, [case.name for suite in xml for case in suite])";
    const read = await run(junitparser.python, ["-c", program], new TextEncoder().encode(stdout));
    const text = new TextDecoder().decode(read.stdout).trim();
    assertEquals(text, "4 1 0 1 ['passes', 'differs', 'waits', 'passes still']");
  },
});

Deno.test("tine test --update writes what came into the file, and reports the rest as it is", async () => {
  await using folder = await temporary();
  const path = `${folder.dir}/twice_cases.yaml`;
  await Deno.chmod(path, 0o640);
  const { code, stdout } = await tine(["test", path, "--update", "--filter", "/passes|differs|fails/"]);
  assertEquals(code, 1); // one still fails
  assertMatch(stdout, / {2}ok {4}passes .*\n {2}new {3}differs\n {2}FAIL {2}fails\n/);
  assertMatch(stdout, /2 passed, 1 failed, 1 updated/);
  assertEquals(await Deno.readTextFile(path), CASES.replace("a twice=5 1", "a twice=4 1"));
  assertEquals((await Deno.stat(path)).mode! & 0o777, 0o640);
  assertEquals(Array.from(Deno.readDirSync(folder.dir), ({ name }) => name).sort(), ["twice.ts", "twice_cases.yaml"]);
});

Deno.test("tine test counts a file that is wrong as a failure, and runs the others", async () => {
  await using folder = await temporary();
  await Deno.writeTextFile(`${folder.dir}/a_cases.yaml`, "cases:\n  - name: a\n    exepct: none\n");
  await Deno.writeTextFile(`${folder.dir}/plan.yaml`, "tests: []\n");
  const { code, stdout } = await tine(["test", folder.dir, "--handler", "mirror", "--filter", "still"]);
  assertEquals(code, 1);
  assertStringIncludes(stdout, 'a_cases.yaml:2: cases[0]: unknown key "exepct", did you mean expect?\n');
  assertMatch(stdout, /1 passed, 1 failed/);
  assert(!stdout.includes("plan.yaml"));
});

Deno.test("tine test reads points from files beside the cases, such as a recording of Kapacitor", async () => {
  await using folder = await temporary();
  const recording = "telegraf\nautogen\na v=1 1\ntelegraf\nautogen\na v=2 2\n";
  await Deno.writeTextFile(`${folder.dir}/session.srpl`, recording);
  await Deno.writeTextFile(`${folder.dir}/out.csv`, "time,name,v\n1,a,1\n2,a,7\n");
  await Deno.writeTextFile(
    `${folder.dir}/files_cases.yaml`,
    `udf: { handler: mirror }
cases:
  - name: exact
    input: { file: session.srpl }
    expect:
      - { name: a, time: 1, fields: { v: 1.0 }, database: telegraf, retentionPolicy: autogen }
      - { name: a, time: 2, fields: { v: 2.0 }, database: telegraf, retentionPolicy: autogen }
  - { name: csv, input: { file: session.srpl }, expect: { file: out.csv } }
  - { name: missing, input: { file: nothing.txt }, expect: none }
`,
  );
  const { code, stdout } = await tine(["test", `${folder.dir}/files_cases.yaml`, "--json"]);
  assertEquals(code, 1);
  const results = stdout.trim().split("\n").map((line) => JSON.parse(line)).slice(0, -1);
  assertEquals(results.map(({ status }) => status), ["pass", "fail", "error"]);
  assertEquals(results[1].problems.map(({ message }: { message: string }) => message), [
    "point 1: v is 1, expected 1i",
    "point 2: v is 2, expected 7i",
  ]);
  assertMatch(results[2].problems[0].message, /cannot read \S+nothing\.txt: there is no such file/);
});

Deno.test("tine test names what is wrong with its use", async () => {
  await using folder = await temporary();
  const path = `${folder.dir}/none_cases.yaml`;
  await Deno.writeTextFile(path, "cases:\n  - { name: a, expect: none }\n");
  await Deno.mkdir(`${folder.dir}/empty`);
  const wrong: readonly (readonly [string[], string])[] = [
    [[], "FILE is missing: a file of cases, or a folder"],
    [[path], "none_cases.yaml:2 names none (udf: {handler: ...}), and neither does the command line"],
    [[path, "--handler", "mirror", "--filter", "b"], '--filter: no case has "b" in its name'],
    [[path, "--handler", "mirror", "--filter", "/(/"], "--filter: /(/ is no regular expression"],
    [[path, "--handler", "mirror", "--tap", "--json"], "--tap and --json exclude each other"],
    [[path, "--handler", "mirror", "--socket", "x"], "--handler and --socket exclude each other"],
    [[path, "--from-recording", "x.rec"], "--from-recording prints cases and tests nothing"],
    [[`${folder.dir}/empty`], "no file of YAML in"],
    [[`${folder.dir}/nothing`], "there is no such file"],
  ];
  for (const [args, message] of wrong) {
    await assertRejects(async () => await command.run(parse(command, args) as never), TineError, message);
  }
});
