import { assertEquals, assertStringIncludes } from "@std/assert";
import { type GateVerdict, junitXml } from "../../../src/result/gates/mod.ts";
import { findPythonWith, run } from "../../support/peers.ts";
import { unless } from "../../support/unless.ts";

const common = { figure: "rttP99Micros", unit: "us", flows: [] };
const VERDICTS: readonly GateVerdict[] = [
  { ...common, gate: "a rttP99 < 3ms", test: { name: "x" }, status: "pass", message: "a: 1 ms" },
  {
    ...common,
    gate: `b & "c" rttP99 > 3ms`,
    test: { name: "x" },
    status: "fail",
    message: "b: <1 ms>\x1b\0\ud800",
    flows: [
      { flow: "b", status: "fail", message: "b: <1 ms>", repeats: 1 },
      { flow: "c", status: "pass", message: "c: 4 ms", repeats: 1 },
    ],
  },
  { ...common, gate: "a rttP99 within 5% of baseline", test: { name: "y" }, status: "undecided", message: "a: few" },
  { ...common, gate: "d rttP99 < 3ms", status: "no data", message: "no flow matches d" },
];

/** Prints what a reader of JUnit's XML makes of it, as JSON. */
const READER = `
import json, sys
from junitparser import JUnitXml
xml = JUnitXml.fromstring(sys.stdin.buffer.read())
print(json.dumps({
    "counts": [xml.tests, xml.failures, xml.errors],
    "suites": [[suite.name, suite.tests, suite.failures, suite.errors, [
        [case.classname, case.name, [[type(result).__name__, result.type, result.message, result.text]
                                     for result in case.result], case.system_out]
        for case in suite]] for suite in xml],
}))
`;

const junitparser = await findPythonWith("junitparser");

Deno.test({
  ...unless(junitparser.why, "junitXml() is read by junitparser as it is meant"),
  async fn() {
    const xml = junitXml("results <latest>", VERDICTS, new Date("2026-11-21T02:55:00Z"));
    const { stdout, stderr, code } = await run(junitparser.python, ["-c", READER], new TextEncoder().encode(xml));
    assertEquals([code, stderr], [0, ""]);
    assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
      counts: [4, 2, 1],
      suites: [
        ["name=x", 2, 1, 0, [
          ["name=x", "a rttP99 < 3ms", [], "a: 1 ms"],
          ["name=x", `b & "c" rttP99 > 3ms`, [
            ["Failure", "fail", "b: <1 ms>\ufffd\ufffd\ufffd", "fail: b: <1 ms>\npass: c: 4 ms"],
          ], null],
        ]],
        ["name=y", 1, 0, 1, [[
          "name=y",
          "a rttP99 within 5% of baseline",
          [["Error", "undecided", "a: few", "a: few"]],
          null,
        ]]],
        ["all tests", 1, 1, 0, [["all tests", "d rttP99 < 3ms", [[
          "Failure",
          "no data",
          "no flow matches d",
          "no flow matches d",
        ]], null]]],
      ],
    });
  },
});

Deno.test("junitXml() escapes what was recorded", () => {
  const xml = junitXml("r", VERDICTS, new Date("2026-11-21T02:55:00Z"));
  assertStringIncludes(xml, `<testcase name="b &amp; &quot;c&quot; rttP99 &gt; 3ms" classname="name=x" time="0">`);
  assertStringIncludes(xml, `<failure message="b: &lt;1 ms&gt;\ufffd\ufffd\ufffd" type="fail">`);
  assertStringIncludes(
    xml,
    `<testsuite name="name=x" tests="2" failures="1" errors="0" skipped="0" time="0" timestamp="2026-11-21T02:55:00">`,
  );
});
