import { assertEquals } from "@std/assert";
import {
  detailLines,
  logLines,
  planLine,
  summaryLine,
  udfLine,
  udfProgressText,
} from "../../../src/cli/run/outcome_text.ts";
import { log } from "./samples.ts";

const OUTCOME = { id: { name: "a" }, number: 1, status: "failed", durationMs: 1, folder: "out/a" } as const;

Deno.test("logLines() shows each line of an entry, a few of many", () => {
  assertEquals(logLines(log("left", "a\nb\n")), ["left system: a", "left system: b"]);
  assertEquals(logLines(log("left", "")), ["left system: "]);
  const many = logLines(log("left", "x\n".repeat(100_000)));
  assertEquals([many.length, many.at(-1)], [21, "left system: ... and more, in the results"]);
  assertEquals(logLines(log("left", "x".repeat(1_000_000)))[0].length, 2003);
});

Deno.test("logLines() makes visible what would act on the terminal", () => {
  assertEquals(logLines(log("left", "\x1b[2J\r")), ["left system: \\x1b[2J\\r"]);
});

Deno.test("detailLines() shows errors that were not shown, what is missing, and where to look", () => {
  const errors = ["one", "two"].map((message) => ({ nodeId: "left", tag: "system", code: "command-failed", message }));
  const missing = [{ nodeId: "far", what: "12 frames of records" }];
  assertEquals(detailLines({ ...OUTCOME, errors, moreErrors: 3, missing }, new Set(["left system: one"])), [
    "error left system: two",
    "... and 3 more errors, in the results",
    "missing from far: 12 frames of records",
    "results: out/a",
  ]);
  assertEquals(detailLines({ ...OUTCOME, status: "ok", errors: [] }), []);
});

Deno.test("detailLines() counts errors beyond the first", () => {
  const errors = Array.from(
    { length: 30 },
    (_, i) => ({ nodeId: "left", tag: "system", code: "command-failed", message: String(i) }),
  );
  assertEquals(detailLines({ ...OUTCOME, errors }).slice(19), [
    "error left system: 19",
    "... and 10 more errors, in the results",
    "results: out/a",
  ]);
});

Deno.test("planLine() and summaryLine() count tests", () => {
  assertEquals(planLine({ plan: "p.yaml", folder: "out", tests: 1, kept: 0 }), "p.yaml: 1 test");
  assertEquals(planLine({ plan: "p.yaml", folder: "out", tests: 3, kept: 2 }), "p.yaml: 3 tests, 2 kept from before");
  const summary = { ok: 1, failed: 0, canceled: 0, kept: 0, notRun: 0, notNeeded: 0, durationMs: 1234, folder: "out" };
  assertEquals(summaryLine(summary), "1 test: 1 ok; 1.2s");
  assertEquals(
    summaryLine({ ...summary, failed: 2, canceled: 1, kept: 3, notRun: 4 }),
    "11 tests: 1 ok, 2 failed, 1 canceled, 3 kept, 4 not run; 1.2s",
  );
});

Deno.test("udfLine() has what went in and out of a UDF, and what was odd", () => {
  const udf = {
    name: "smooth",
    table: "round_trips",
    rowsIn: 1200,
    pointsOut: 1,
    batchesOut: 0,
    droppedRows: 0,
    droppedSamples: 0,
    restarts: 0,
    bytes: 0,
    columns: [],
  };
  assertEquals(udfLine(udf), "udf smooth: 1,200 rows in, 1 point out");
  const odd = {
    ...udf,
    batchesOut: 2,
    droppedRows: 1,
    droppedSamples: 20,
    restarts: 3,
    warnings: ["it floods"],
    marks: { anomaly: 5 },
    alert: {
      condition: "avg above 30",
      verdict: "failed",
      points: 2,
      first: { time: "1", group: "flow=a", value: 31.5 },
    },
    error: { code: "gave-up", message: "it died" },
  } as const;
  assertEquals(
    udfLine(odd),
    "udf smooth: 1,200 rows in, 1 point out in 2 batches, 1 row dropped, 20 samples dropped, restarted 3 times, " +
      "anomaly in 5 points, warning: it floods, ALERT avg above 30: 2 points, first 31.5 in flow=a, failed: it died",
  );
  const passed = { condition: "avg above 30", verdict: "passed", points: 0 } as const;
  assertEquals(
    [udfLine({ ...udf, alert: passed }), udfLine({ ...udf, alert: passed, droppedRows: 2 })],
    [
      "udf smooth: 1,200 rows in, 1 point out, alert avg above 30 passed",
      "udf smooth: 1,200 rows in, 1 point out, 2 rows dropped, ALERT avg above 30: undecided",
    ],
  );
  // What it failed of is an error of the test as well, and stands there once.
  const failure = { nodeId: "-", tag: "udf smooth", code: "gave-up", message: "it died" };
  const other = { ...failure, tag: "udf other" };
  assertEquals(detailLines({ ...OUTCOME, status: "ok", errors: [failure, other], udfs: [odd] }), [
    "error - udf other: it died",
    udfLine(odd),
  ]);
});

Deno.test("udfProgressText() has what a UDF returned last", () => {
  const none = { name: "a", rowsIn: 0, pointsOut: 0, group: "", last: {} };
  assertEquals(udfProgressText(none), "0 rows in");
  const some = { ...none, rowsIn: 20, group: "flow=a", last: { anomaly: true, avg: 31.23456, seq: 7, more: 1 } };
  assertEquals(udfProgressText(some), "anomaly true, avg 31.23, seq 7 in flow=a; 20 rows in");
});
