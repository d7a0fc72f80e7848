import { assertEquals, assertStringIncludes } from "@std/assert";
import { junitReport, type JunitSuite } from "../../src/base/junit.ts";
import { findPythonWith, run } from "../support/peers.ts";
import { unless } from "../support/unless.ts";

const SUITES: readonly JunitSuite[] = [
  {
    name: "a.yaml",
    cases: [
      { name: "one", status: "pass", seconds: 0.25, file: "a.yaml", line: 3 },
      {
        name: "two",
        status: "failure",
        message: 'a < "b"',
        type: "x",
        text: "a < b\n& more",
        stderr: ["\x1b[1m", "c"],
      },
      { name: "three", status: "error", message: "died", seconds: 0.5 },
      { name: "four", status: "skipped", message: "later" },
    ],
  },
  { name: "b.yaml", cases: [] },
];

const junitparser = await findPythonWith("junitparser");

const READER = `
import json, sys
from junitparser import JUnitXml
xml = JUnitXml.fromstring(sys.stdin.buffer.read())
print(json.dumps([xml.tests, xml.failures, xml.errors, xml.skipped, xml.time, [[suite.name, [
    [case.name, case.time, [[type(r).__name__, r.message, r.text] for r in case.result], case.system_err]
    for case in suite]] for suite in xml]]))
`;

Deno.test({
  ...unless(junitparser.why, "junitReport() is read by junitparser as it is meant"),
  async fn() {
    const xml = new TextEncoder().encode(junitReport("all", SUITES));
    const { stdout, stderr, code } = await run(junitparser.python, ["-c", READER], xml);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(JSON.parse(new TextDecoder().decode(stdout)), [4, 1, 1, 1, 0.75, [
      ["a.yaml", [
        ["one", 0.25, [], null],
        ["two", 0, [["Failure", 'a < "b"', "a < b\n& more"]], "\ufffd[1m\nc"],
        ["three", 0.5, [["Error", "died", "died"]], null],
        ["four", 0, [["Skipped", "later", null]], null],
      ]],
      ["b.yaml", []],
    ]]);
  },
});

Deno.test("junitReport() has the place and the time of each test", () => {
  const xml = junitReport("all", SUITES, new Date("2026-11-21T02:55:00Z"));
  assertStringIncludes(xml, '<testcase name="one" classname="a.yaml" time="0.250" file="a.yaml" line="3">');
  assertStringIncludes(xml, '<testsuite name="a.yaml" tests="4" failures="1" errors="1" skipped="1" time="0.750"');
});
