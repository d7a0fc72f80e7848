import { testIdText } from "../names.ts";
import type { GateVerdict } from "./evaluate.ts";

/**
 * Returns verdicts as JUnit's XML, as Jenkins, GitLab and GitHub take it: a suite a test, a case a gate. A gate that
 * fails, also without data, is a failure; one that is undecided is an error.
 *
 * Source: junit-10.xsd of Jenkins' xUnit plugin; "Unit test reports" in the documentation of GitLab.
 *
 * @param name of the whole, such as that of the run
 * @param time when it was measured; left out where that is not known
 */
export function junitXml(name: string, verdicts: readonly GateVerdict[], time?: Date): string {
  const suites = [
    ...Map.groupBy(verdicts, ({ test }) => test === undefined ? "all tests" : testIdText(test) || "the test"),
  ];
  const stamp = time === undefined ? "" : ` timestamp="${time.toISOString().slice(0, 19)}"`;
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<testsuites name="${xml(name)}" ${counts(verdicts)} time="0">`,
    ...suites.flatMap(([suite, those]) => [
      `  <testsuite name="${xml(suite)}" ${counts(those)} skipped="0" time="0"${stamp}>`,
      ...those.flatMap((verdict) => testCase(suite, verdict)),
      "  </testsuite>",
    ]),
    "</testsuites>",
    "",
  ].join("\n");
}

function testCase(suite: string, { gate, status, message, flows }: GateVerdict): string[] {
  const head = `    <testcase name="${xml(gate)}" classname="${xml(suite)}" time="0"`;
  const lines = flows.length === 0 ? [message] : flows.map((flow) => `${flow.status}: ${flow.message}`);
  const text = xml(lines.join("\n"));
  if (status === "pass") return [`${head}>`, `      <system-out>${text}</system-out>`, "    </testcase>"];
  const element = status === "undecided" ? "error" : "failure";
  return [
    `${head}>`,
    `      <${element} message="${xml(message)}" type="${status}">${text}</${element}>`,
    "    </testcase>",
  ];
}

function counts(verdicts: readonly GateVerdict[]): string {
  const count = (...wanted: GateVerdict["status"][]) => verdicts.filter(({ status }) => wanted.includes(status)).length;
  return `tests="${verdicts.length}" failures="${count("fail", "no data")}" errors="${count("undecided")}"`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Escapes text for XML 1.0; what it has no place for, such as control characters, becomes U+FFFD. */
function xml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character])
    // deno-lint-ignore no-control-regex -- these are what no document may hold
    .replace(/[\0-\x08\v\f\x0e-\x1f\x7f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd");
}
