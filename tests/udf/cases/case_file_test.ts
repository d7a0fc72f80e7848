import { assertEquals, assertRejects } from "@std/assert";
import { CaseFileError, parseCaseFile } from "../../../src/udf/cases/mod.ts";
import type { CasePoints } from "../../../src/udf/cases/points.ts";

/** What is wrong with a file: `LINE: MESSAGE`. */
async function wrongWith(text: string): Promise<string[]> {
  const error = await assertRejects(() => parseCaseFile(text, "cases.yaml"), CaseFileError);
  return error.problems.map(({ line, message }) => `${line}: ${message}`);
}

function pointsIn(points: CasePoints | undefined): unknown[] {
  if (points === undefined || !("items" in points)) throw new Error("expected points that stand in the case");
  return points.items.map((item) =>
    item.kind === "point"
      ? [item.line, item.point.name, item.point.time, [...item.point.fields()]]
      : [item.line, item.kind]
  );
}

Deno.test("parseCaseFile() reads points as texts, lists of lines and objects, each with its line", async () => {
  const { cases } = await parseCaseFile(
    `x-one: &one cpu v=1 1
precision: s
cases:
  - name: text
    input: | # a comment
      cpu v=1 1

      cpu v=2i
      cpu v=3
    expect: none
  - name: list
    input:
      - cpu v=1 1
      - { name: cpu, time: 2, fields: { v: 9007199254740993, w: 3.0, x: .nan, y: "NaN ", z: true } }
      - "{\\"begin\\":{\\"name\\":\\"b\\"}}"
      - { time: 3, fields: { v: 1 } }
      - { end: { name: b, tmax: 4 } }
    expect: []
  - { name: alias, input: *one, expect: *one }
`,
    "cases.yaml",
  );
  const [text, list, alias] = cases.map(({ steps: [{ input }] }) => pointsIn(input));
  // Points without a time are a second apart.
  assertEquals(text, [
    [6, "cpu", 1_000_000_000n, [["v", 1]]],
    [7, "boundary"],
    [8, "cpu", 0n, [["v", 2n]]],
    [9, "cpu", 1_000_000_000n, [["v", 3]]],
  ]);
  assertEquals(list, [
    [13, "cpu", 1_000_000_000n, [["v", 1]]],
    [14, "cpu", 2_000_000_000n, [["z", true], ["w", 3], ["x", NaN], ["v", 9007199254740993n], ["y", "NaN "]]],
    [15, "begin"],
    [16, "", 3_000_000_000n, [["v", 1n]]],
    [17, "end"],
  ]);
  assertEquals(alias, [[1, "cpu", 1_000_000_000n, [["v", 1]]]]);
  assertEquals(cases.map(({ line }) => line), [4, 11, 19]);
});

Deno.test("parseCaseFile() puts settings of a case on top of those of the file", async () => {
  const { cases } = await parseCaseFile(
    `udf: { handler: moving-avg }
options: { field: v, size: 9007199254740993 }
tolerance: 0.5
batchWindow: 10s
cases:
  - { name: plain, expect: none }
  - { name: own, options: { size: 2 }, tolerance: { relative: 0.1 }, batchSize: 3, limit: 5s, expect: none }
  - { name: other, udf: { command: [cat] }, options: { x: [1, 2] }, expect: none }
`,
    "cases.yaml",
  );
  const settings = cases.map(({ udf, options, tolerance, batches, limitMs }) => ({
    udf,
    options,
    tolerance,
    batches,
    limitMs,
  }));
  const udf = { handler: "moving-avg" };
  assertEquals(settings, [
    {
      udf,
      options: { field: "v", size: 9007199254740993n },
      tolerance: { absolute: 0.5, relative: 0.5 },
      batches: { size: undefined, windowNs: 10_000_000_000n },
      limitMs: 60_000,
    },
    {
      udf,
      options: { field: "v", size: 2n },
      tolerance: { absolute: 0, relative: 0.1 },
      batches: { size: 3, windowNs: undefined },
      limitMs: 5000,
    },
    {
      udf: { command: ["cat"] },
      options: { x: [1n, 2n] },
      tolerance: { absolute: 0.5, relative: 0.5 },
      batches: { size: undefined, windowNs: 10_000_000_000n },
      limitMs: 60_000,
    },
  ]);
});

Deno.test("parseCaseFile() names the line and the remedy of each mistake", async () => {
  assertEquals(
    await wrongWith(`udf: { handler: a, command: [b] }
tolerance: -1
cases:
  - name: a
    optoins: {}
    input: |
      cpu v=1 1
      cpu v= 2
    expect: { count: { min: 3, max: 2 } }
  - name: b
    expect: { fields: { v: { monotone: up } } }
  - name: c
    expect: {}
  - name: d
    steps: [{ input: x v=1 }]
    input: x v=1
  - input: [1]
`),
    [
      "1: udf: expected exactly one of handler, command, socket and connect",
      "2: tolerance: expected a number such as 1e-9, or {absolute: 0.001, relative: 1e-9}, not -1",
      '4: cases[0]: unknown key "optoins", did you mean options?',
      "9: cases[0].expect.count: expected min to be at most max",
      '11: cases[1].expect.fields.v.monotone: expected increasing, nondecreasing, decreasing, nonincreasing, not "up"',
      "13: cases[2].expect: expected points, count, batches, time, fields or error",
      "14: cases[3]: steps stand in place of input and expect: expected only one of them",
      "17: cases[4].name: missing, expected a name",
      "17: cases[4].input: expected line protocol, a list of points, or {file: PATH}, not a list",
    ],
  );
  assertEquals(
    await wrongWith(`cases:
  - name: a
    input: |
      cpu v=1 1
      cpu v=
    expect:
      - { name: cpu, feilds: { v: 1 } }
  - name: a
    expect: none
  - name: b
    steps:
      - expect: { error: no }
      - expect: none
`),
    [
      '5: a bad point: the field "v" has no value: cpu v=',
      '7: a bad point: a point has no "feilds": it has name, time, tags, fields, database, retentionPolicy, group, ' +
      'dimensions and byName: {"name":"cpu","feilds":{"v":1}}',
      '8: the name "a" stands on line 2 too',
      "12: only the last step can end in an error: nothing comes after it",
    ],
  );
});

Deno.test("parseCaseFile() refuses what is no YAML, and bombs", async () => {
  const [first] = await wrongWith("cases:\n  - name: 'a\n");
  assertEquals(first.slice(0, 3), "3: ");
  assertEquals((await wrongWith("")).length, 1);
  assertEquals((await wrongWith("- 1\n")).length, 1);
  assertEquals(await wrongWith("cases: []\n"), ["1: cases: expected at least one case, not an empty list"]);
  const bomb = Array.from(
    { length: 12 },
    (_, i) => `x${i}: &x${i} [${Array(10).fill(i === 0 ? "1" : `*x${i - 1}`).join(", ")}]`,
  );
  assertEquals(await wrongWith(bomb.join("\n") + "\ncases: *x11\n"), [
    "1: Excessive alias count indicates a resource exhaustion attack",
  ]);
});
