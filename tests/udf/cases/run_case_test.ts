import { assert, assertEquals, assertMatch } from "@std/assert";
import type { CreateHandler, Output } from "../../../src/udf/handler.ts";
import type { Point } from "../../../src/udf/point.ts";
import type { EdgeType } from "../../../src/udf/messages.ts";
import { startProcess } from "../../../src/udf/udf_process.ts";
import { hasPythonAgent, preparePythonAgent, pythonAgentPeers } from "../../support/python_agent.ts";
import { named } from "../../support/peers.ts";
import { problemsIn, runFile } from "./cases.ts";

/** A UDF that does something at each point. */
function udf(onPoint: (point: Point, output: Output) => unknown, provides: EdgeType = "stream"): CreateHandler {
  return (output) => ({
    info: () => ({ wants: "stream", provides }),
    init: () => {},
    point: (point) => onPoint(point as Point, output) as void,
  });
}

Deno.test("runCase() passes where what comes is what is expected, and no more", async () => {
  const problems = await problemsIn(
    `options: { field: v, size: 2 }
cases:
  - name: exact
    input: &in |
      cpu,host=a v=1 1
      cpu,host=a v=2 2
    expect: |
      cpu,host=a avg=1 1
      cpu,host=a avg=1.5 2
  - name: any time
    input: *in
    expect: ["cpu,host=a avg=1", "cpu,host=a avg=1.5"]
  - name: changed
    input: *in
    expect: |
      cpu,host=a avg=1 1
      cpu,host=b avg=1.5,x=3i 2
  - name: missing
    input: *in
    expect: |
      cpu,host=a avg=1 1
      cpu,host=a avg=1.5 2
      cpu,host=a avg=1.5 3
  - name: extra
    input: *in
    expect: |
      cpu,host=a avg=1 1
  - name: int
    input: *in
    expect: ["cpu,host=a avg=1i 1", "mem,host=a avg=1.5 4"]
  - name: nothing said
    input: *in
  - name: none
    expect: none
`,
    "moving-avg",
  );
  assertEquals(problems, {
    exact: [],
    "any time": [],
    changed: ['17: point 2: tag host is "a", expected "b"; x is missing, expected 3i'],
    missing: ["23: point 3 did not come"],
    extra: ["26: point 2 was not expected"],
    int: ["30: point 1: avg is 1, expected 1i", '30: point 2: name is "cpu", expected "mem"; time is 2, expected 4'],
    "nothing said": ["31: nothing says what is expected: write expect, or let --update write what came"],
    none: [],
  });
});

Deno.test("runCase() compares numbers within the tolerance, absolute or relative", async () => {
  const problems = await problemsIn(
    `cases:
  - { name: none, input: &in cpu v=1000.5 1, expect: cpu v=1000 1 }
  - { name: absolute, tolerance: { absolute: 0.5 }, input: *in, expect: cpu v=1000 1 }
  - { name: too small, tolerance: { absolute: 0.4 }, input: *in, expect: cpu v=1000 1 }
  - { name: relative, tolerance: { relative: 0.001 }, input: *in, expect: cpu v=1000 1 }
  - { name: both, tolerance: 0.001, input: *in, expect: cpu v=1000 1 }
  - { name: time, tolerance: 10, input: *in, expect: cpu v=1000 2 }
  - { name: nan, tolerance: 1, input: &nan [{ name: cpu, time: 1, fields: { v: .nan } }], expect: *nan }
  - { name: type, tolerance: 10, input: cpu v=1 1, expect: cpu v=1i 1 }
`,
    "mirror",
  );
  assertEquals(problems, {
    none: ["2: point 1: v is 1000.5, expected 1000"],
    absolute: [],
    "too small": ["4: point 1: v is 1000.5, expected 1000"],
    relative: [],
    both: [],
    time: ["7: point 1: time is 1, expected 2"],
    nan: [],
    type: ["9: point 1: v is 1, expected 1i"],
  });
});

Deno.test("runCase() takes any order where the case does, and shows times in the unit of the case", async () => {
  const problems = await problemsIn(
    `precision: s
cases:
  - name: any
    input: &in ["a v=1 1", "a v=1 1", "b v=2 2"]
    expect: { order: any, points: ["b v=2 2", "a v=1", "a v=1 1"] }
  - name: exact
    input: *in
    expect: ["b v=2 2", "a v=1 1", "a v=1 1"]
  - name: odd one
    input: *in
    expect: { order: any, points: ["b v=2 3", "a v=5 1", "a v=1 1", "c v=1 1"] }
`,
    "mirror",
  );
  assertEquals(problems.any, []);
  assertEquals(problems.exact, ["8: point 1 did not come", "8: point 3 was not expected"]);
  assertEquals(problems["odd one"], [
    "11: point 1 did not come",
    "11: point 2: v is 1, expected 5",
    "11: point 4 did not come",
    "11: point 3 was not expected",
  ]);
  const { results } = await runFile(
    "precision: s\ncases:\n  - { name: a, input: a v=1 1, expect: a v=2 1 }\n",
    "mirror",
  );
  const [{ expected, actual }] = results.get("a")!.problems;
  assertEquals([expected, actual], ["a v=2 1", "a v=1 1"]);
});

Deno.test("runCase() checks properties: count, order of times, range, type and course of fields", async () => {
  const problems = await problemsIn(
    `x-in: &in ["a,t=1 v=1 1", "a,t=2 v=9 1", "a,t=1 v=3 3", "b v=2i 2"]
cases:
  - { name: fine, input: *in, expect: { count: 4, batches: 0, fields: { v: { min: 1, max: 9 } } } }
  - { name: count, input: *in, expect: { count: { max: 3 } } }
  - { name: least, input: *in, expect: { count: { min: 5 } } }
  - { name: range, input: *in, expect: { fields: { v: { min: 2 }, w: { optional: true, max: 1 } } } }
  - { name: type, input: *in, expect: { fields: { v: { type: double } } } }
  - { name: lacks, input: "a w=1 1", expect: { fields: { v: {} } } }
  - { name: no point, expect: { fields: { v: {} } } }
  - { name: rises, input: *in, expect: { time: increasing, fields: { v: { monotone: increasing } } } }
  - { name: falls, input: *in, expect: { fields: { v: { monotone: nonincreasing } } } }
  - { name: time, input: ["a v=1 2", "a v=2 2", "a v=3 1"], expect: { time: nondecreasing } }
  - { name: nan, input: [{ name: a, time: 1, fields: { v: .nan } }], expect: { fields: { v: { min: 0 } } } }
`,
    "mirror",
  );
  assertEquals(problems, {
    fine: [],
    count: ["4: expected at most 3 points, 4 points came"],
    least: ["5: expected at least 5 points, 4 points came"],
    range: ["6: field v: point 1 has 1, expected at least 2"],
    type: ["7: field v: point 4 has 2i, expected a value of type double"],
    lacks: ["8: field v: point 1 has none"],
    "no point": ["9: field v: no point came that could have it"],
    rises: [],
    falls: ["11: field v: point 3 has 3 after 1, expected nonincreasing values"],
    time: ["12: time: point 3 has 1 after 2, expected nondecreasing values"],
    nan: ["13: field v: point 1 has NaN, expected at least 0"],
  });
});

Deno.test("runCase() restores the snapshot into a fresh UDF between steps", async () => {
  let started = 0;
  const counting: CreateHandler = (output) => {
    started++;
    let count = 0;
    return {
      info: () => ({ wants: "stream", provides: "stream" }),
      init: () => {},
      point: (point) => output.point({ name: "n", time: point.time, fields: { count: ++count } }),
      snapshot: () => new Uint8Array([count]),
      restore: ([saved]) => {
        if (saved === undefined || saved > 200) return { success: false, error: "no count of mine" };
        count = saved;
      },
    };
  };
  const problems = await problemsIn(
    `cases:
  - name: goes on
    steps:
      - { input: ["a v=1", "a v=1"], expect: ["n count=1", "n count=2"] }
      - { input: a v=1, expect: n count=3 }
      - { input: a v=1, expect: n count=5 }
  - { name: from bytes, restore: { base64: Bw== }, input: a v=1, expect: n count=8 }
  - { name: from text, restore: "!", input: a v=1, expect: n count=34 }
  - { name: refused, restore: { base64: /w== }, expect: { error: no count of mine } }
`,
    counting,
  );
  assertEquals(problems, {
    "goes on": ["6: point 1: count is 4, expected 5"],
    "from bytes": [],
    "from text": [],
    refused: [],
  });
  assertEquals(started, 6);
});

Deno.test("runCase() tells a UDF that fails from output that differs, and expects errors where the case does", async () => {
  const failing = udf((point, output) => {
    if (point.field("v") === 13) throw new Error("thirteen is\nnot taken");
    return output.point(point);
  });
  const text = `cases:
  - { name: fails, input: ["a v=1 1", "a v=13 2"], expect: none }
  - { name: expected, input: ["a v=1 1", "a v=13 2"], expect: { error: not taken, points: a v=1 1 } }
  - { name: another, input: a v=13, expect: { error: fourteen } }
  - { name: none, input: a v=1, expect: { error: not taken } }
  - { name: left out, skip: later, input: a v=13, expect: none }
`;
  const { results } = await runFile(text, failing);
  assertEquals(Array.from(results.values(), ({ status }) => status), ["error", "pass", "fail", "fail", "skip"]);
  const [{ line, message }] = results.get("fails")!.problems;
  assertEquals(line, 2);
  assertMatch(message, /^the UDF reported an error: thirteen is\nnot taken/);
  assertMatch(results.get("another")!.problems[0].message, /^expected an error with "fourteen", got: the UDF reported/);
  assertEquals(
    results.get("none")!.problems[0].message,
    'expected an error with "not taken", but the UDF ended well',
  );
});

Deno.test("runCase() ends a UDF that floods, hangs or never ends", async () => {
  const patient = { timeoutMs: 60_000 };
  const flood = udf(async (point, output) => {
    for (let i = 0; i < 2000; i++) await output.point(point);
  });
  assertEquals(
    await problemsIn("cases: [{ name: a, maxPoints: 1000, input: a v=1, expect: none }]\n", flood, patient),
    {
      a: ["1: the UDF sent more than 1,000 points (maxPoints)"],
    },
  );
  const hanging = udf(() => new Promise(() => {}));
  assertEquals(await problemsIn("cases: [{ name: a, limit: 200ms, input: a v=1, expect: none }]\n", hanging, patient), {
    a: ["1: the case took longer than its limit of 0.2 s"],
  });
  const silent: CreateHandler = async (output) => ({ ...await hanging(output), init: () => new Promise(() => {}) });
  assertEquals(await problemsIn("cases: [{ name: a, limit: 200ms, input: a v=1, expect: none }]\n", silent, patient), {
    a: ["1: the case took longer than its limit of 0.2 s: the UDF has not answered init"],
  });
  assertEquals(
    await problemsIn("cases: [{ name: a, timeout: 200ms, input: a v=1, expect: none }]\n", hanging, patient),
    {
      a: ["1: the UDF did not end within 0.2 s after the end of its input"],
    },
  );
});

Deno.test("runCase() runs cases of batches", async () => {
  const text = `options: { field: v }
groupBy: [host]
cases:
  - name: blank lines
    input: |
      cpu,host=a v=1 1
      cpu,host=a v=1 2
      cpu,host=b v=1 3

      cpu,host=a v=1 4
    expect: { batches: 3, count: 0 }
  - name: by size
    batchSize: 1
    input: &in |
      cpu,host=a v=1 1
      cpu,host=a v=1 2
    expect: |
      {"begin":{"name":"cpu","tags":{"host":"a"}}}
      {"end":{"name":"cpu","tags":{"host":"a"},"tmax":1}}
      {"begin":{"name":"cpu"}}
      {"end":{"name":"mem","tmax":3}}
`;
  assertEquals(await problemsIn(text, "outliers"), {
    "blank lines": [],
    "by size": ['20: batch 2: tmax is 2, expected 3; tag host is "a", expected none'],
  });
  const echo: CreateHandler = (output) => ({
    info: () => ({ wants: "batch", provides: "batch" }),
    init: () => {},
    beginBatch: (begin) => output.beginBatch(begin),
    point: (point) => output.point(point),
    endBatch: (end) => output.endBatch(end),
  });
  const lines = `cases:
  - name: same
    input: &in |
      cpu v=1 1
      cpu v=2 2

      mem v=3 3
    expect: *in
  - name: one less
    input: *in
    expect: |
      cpu v=1 1

      mem v=4 3
`;
  assertEquals(await problemsIn(lines, echo), {
    same: [],
    "one less": [
      "12: batch 1: it has 2 points, expected 1; its point 2 was not expected: cpu v=2 2",
      "14: batch 2: its point 1: v is 3, expected 4",
    ],
  });
});

Deno.test({
  name: named("runCase() runs a UDF of another language, and restarts it", ...pythonAgentPeers),
  ignore: !hasPythonAgent,
  async fn() {
    await using agent = await preparePythonAgent();
    const text = `options: { field: v }
cases:
  - name: a sum goes on
    steps:
      - { input: ["a v=1", "a v=2"], expect: { count: 2 } }
      - { input: a v=4, expect: { count: 1, fields: { sum: { min: 7, max: 7 } } } }
  - name: it does not
    input: a v=4
    expect: { fields: { sum: { min: 7 } } }
`;
    const reach = () => Promise.resolve(startProcess(agent.command("moving-sum"), () => {}));
    const { results } = await runFile(text, "mirror", { reach });
    const [goesOn, another] = results.values();
    assertEquals(goesOn.problems, []);
    assert(another.status === "fail", another.status);
  },
});
