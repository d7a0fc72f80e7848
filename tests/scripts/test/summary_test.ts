import { assertEquals } from "@std/assert";
import {
  addSummaries,
  formatPutOff,
  formatSummary,
  INCONCLUSIVE,
  parseFailures,
  parseInconclusive,
  parsePutOff,
  parseSummary,
} from "../../../scripts/test/summary.ts";

Deno.test("parseSummary() reads the last line of deno test", () => {
  const cases: [string, ReturnType<typeof parseSummary>][] = [
    ["ok | 12 passed | 0 failed (2s)", { passed: 12, failed: 0, ignored: 0, steps: 0 }],
    ["FAILED | 1 passed (1 step) | 2 failed (3 steps) | 4 ignored (1m2s)", {
      passed: 1,
      failed: 2,
      ignored: 4,
      steps: 1,
    }],
    ["ok | 0 passed (7 steps) | 0 failed | 4 ignored (2 steps) | 15 filtered out (763ms)", {
      passed: 0,
      failed: 0,
      ignored: 4,
      steps: 7,
    }],
    ["some test ... ok (2s)", undefined],
    ["error: Module not found", undefined],
  ];
  for (const [line, expected] of cases) {
    assertEquals(parseSummary(`a test ... ok (1ms)\n\n${line}\n\nmore\n`), expected);
  }
  assertEquals(parseSummary("ok | 1 passed | 0 failed (1s)\nok | 2 passed | 0 failed (1s)\n")?.passed, 2);
});

Deno.test("formatSummary() writes a sum so that it can be read again", () => {
  const [a, b] = [{ passed: 3, failed: 0, ignored: 1, steps: 2 }, { passed: 4, failed: 1, ignored: 0, steps: 0 }];
  const sum = addSummaries([a, b]);
  assertEquals(formatSummary(sum, 61_700), "FAILED | 7 passed (2 steps) | 1 failed | 1 ignored (1m2s)");
  assertEquals(parseSummary(formatSummary(sum, 500)), sum);
  assertEquals(formatSummary({ passed: 1, failed: 0, ignored: 0, steps: 0 }, 59_000), "ok | 1 passed | 0 failed (59s)");
});

Deno.test("parseInconclusive() finds tests and steps that came to no result", () => {
  const lines = [
    "a ...",
    `${INCONCLUSIVE.test}b: why`,
    "b ... ok",
    `  ${INCONCLUSIVE.test}c`,
    `${INCONCLUSIVE.step}d: why`,
  ];
  assertEquals(parseInconclusive(lines.join("\n")), { tests: ["b: why"], steps: ["d: why"] });
});

Deno.test("parsePutOff() finds tests and steps that were put off", () => {
  const [test, step] = [{ origin: "file:///a_test.ts", name: "b: c" }, {
    origin: "file:///d_test.ts",
    name: "e",
    step: "f",
  }];
  const lines = ["b: c ...", formatPutOff(test), "b: c ... ok", `  ${formatPutOff(test)}`, formatPutOff(step)];
  assertEquals(parsePutOff(lines.join("\n")), [test, step]);
});

Deno.test("parseFailures() finds the tests that failed, each once, and takes a step for its test", () => {
  const text = [
    "a ... FAILED (2ms)",
    "",
    " ERRORS ",
    "",
    "a => ./tests/other_test.ts:1:6",
    "error: AssertionError",
    "",
    " FAILURES ",
    "",
    "a ... step one => ./tests/x_test.ts:1:6",
    "a => ./tests/x_test.ts:1:6",
    "b => y => ./tests/z/y_test.ts:12:34",
    "",
    "FAILED | 1 passed | 2 failed (2s)",
  ].join("\n");
  assertEquals(parseFailures(text), [
    { name: "a", file: "./tests/x_test.ts" },
    { name: "b => y", file: "./tests/z/y_test.ts" },
  ]);
  const together = [
    "running 1 test from ./tests/a_test.ts",
    "a ... ok (2ms)",
    "running 1 test from ./tests/b_test.ts",
    "b ...",
    "  step ... FAILED (2ms)",
    "b ... FAILED (due to 1 failed step) (2ms)",
    "",
    " FAILURES ",
    "",
    "b ... step => ./tests/support/together.ts:39:45",
    "",
    "FAILED | 1 passed | 1 failed (1 step) (2s)",
  ];
  assertEquals(parseFailures(together.join("\n")), [{ name: "b", file: "./tests/b_test.ts" }]);
  assertEquals(parseFailures("ok | 1 passed | 0 failed (1s)"), []);
});
