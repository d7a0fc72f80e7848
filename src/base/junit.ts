import { escapeMarkup } from "./markup.ts";

/** A test in a report of JUnit. */
export interface JunitCase {
  readonly name: string;
  readonly status: "pass" | "failure" | "error" | "skipped";
  /** What is wrong, in one line; of a test that is skipped, why. */
  readonly message?: string;
  /** The kind of failure, such as the class of an exception. */
  readonly type?: string;
  /** All there is to know. */
  readonly text?: string;
  /** What the test printed besides, as lines. */
  readonly stderr?: readonly string[];
  /** How long it took; left out where that is not known. */
  readonly seconds?: number;
  readonly file?: string;
  readonly line?: number;
}

/** Tests that belong together. */
export interface JunitSuite {
  readonly name: string;
  readonly cases: readonly JunitCase[];
}

/**
 * Returns a report of tests as JUnit's XML, as Jenkins, GitLab and GitHub take it.
 *
 * Source: junit-10.xsd of Jenkins' xUnit plugin; "Unit test reports" in the documentation of GitLab.
 *
 * @param name of the whole
 * @param time when it was made; left out where that is not known
 *
 * @example
 * ```ts
 * import { junitReport } from "./junit.ts";
 * const xml = junitReport("all", [{ name: "a", cases: [{ name: "adds", status: "pass" }] }]);
 * console.assert(xml.includes('<testcase name="adds" classname="a" time="0">'));
 * ```
 */
export function junitReport(name: string, suites: readonly JunitSuite[], time?: Date): string {
  const all = suites.flatMap(({ cases }) => cases);
  const stamp = time === undefined ? "" : ` timestamp="${time.toISOString().slice(0, 19)}"`;
  return [
    `<?xml version="1.0" encoding="UTF-8"?>`,
    `<testsuites name="${escapeMarkup(name)}" ${counts(all)} time="${secondsOf(all)}">`,
    ...suites.flatMap(({ name: suite, cases }) => [
      `  <testsuite name="${escapeMarkup(suite)}" ${counts(cases)} skipped="${count(cases, "skipped")}" ` +
      `time="${secondsOf(cases)}"${stamp}>`,
      ...cases.flatMap((test) => testCase(suite, test)),
      "  </testsuite>",
    ]),
    "</testsuites>",
    "",
  ].join("\n");
}

function testCase(suite: string, test: JunitCase): string[] {
  const { name, status, message = "", type, text = message, stderr = [], file, line } = test;
  const place = (file === undefined ? "" : ` file="${escapeMarkup(file)}"`) +
    (line === undefined ? "" : ` line="${line}"`);
  const body: string[] = [];
  if (status === "skipped") body.push(`      <skipped message="${escapeMarkup(message)}"/>`);
  else if (status !== "pass") {
    const kind = type === undefined ? "" : ` type="${escapeMarkup(type)}"`;
    body.push(`      <${status} message="${escapeMarkup(message)}"${kind}>${escapeMarkup(text)}</${status}>`);
  } else if (text !== "") body.push(`      <system-out>${escapeMarkup(text)}</system-out>`);
  if (stderr.length > 0) body.push(`      <system-err>${escapeMarkup(stderr.join("\n"))}</system-err>`);
  return [
    `    <testcase name="${escapeMarkup(name)}" classname="${escapeMarkup(suite)}" time="${
      secondsOf([test])
    }"${place}>`,
    ...body,
    "    </testcase>",
  ];
}

function counts(cases: readonly JunitCase[]): string {
  return `tests="${cases.length}" failures="${count(cases, "failure")}" errors="${count(cases, "error")}"`;
}

function count(cases: readonly JunitCase[], wanted: JunitCase["status"]): number {
  return cases.filter(({ status }) => status === wanted).length;
}

function secondsOf(cases: readonly JunitCase[]): string {
  const sum = cases.reduce((sum, { seconds = 0 }) => sum + seconds, 0);
  return sum === 0 ? "0" : sum.toFixed(3);
}
