import { assert, assertEquals } from "@std/assert";
import { updateCases } from "../../../src/udf/cases/mod.ts";
import { outputText, parsePoints } from "../../../src/udf/cases/points.ts";
import { judge } from "../../../src/udf/cases/judge.ts";
import { Point } from "../../../src/udf/point.ts";
import { Random } from "../../support/random.ts";
import { runFile } from "./cases.ts";

/** Updates a file by what a handler sends, and makes sure that all of it passes then. */
async function updated(text: string, handler = "mirror"): Promise<string> {
  const { file, results } = await runFile(text, handler);
  const { text: changed } = updateCases(file, results);
  const again = await runFile(changed, handler);
  for (const [name, { status, problems }] of again.results) {
    assert(status !== "fail", `${name}: ${problems[0]?.message} in\n${changed}`);
  }
  return changed;
}

Deno.test("updateCases() writes what came, and leaves all else as it is", async () => {
  const text = `# the head stays
udf:   {handler: mirror}   # as it is written

cases:
# before a case
- name: 'literal'
  input: |
    a v=1 1
    a v=2 2
  expect: |  # why
    a v=7 1
    a v=2 2

  # after it
  limit:   5s
- name: list
  input: [ a v=1 1 ]
  expect:   # of a list
    - a v=3 1   # the first
    - {name: a, time: 2, fields: {v: 1}}
- {name: flow, input: a v=1 1, expect: "a v=2 1"}   # flows stay
- name: quoted
  expect: "a v=1 1" # that too
  input: a v=5 1
- name: none
  expect: a v=1 1
- name: empty
  input: a v=1 1
  expect:
- name: passes
  input: a v=1 1
  expect: a   v=1   1
- name: properties
  expect: { count: 1 }
  skip: not now
- name: points
  input: a v=1 1
  expect:
    order: any # stays
    points: a v=2 1
    # the end
- name: anchored
  input: a v=1 1
  expect: &one >
    a v=2 1
- {name: alias, input: a v=3 1, expect: *one}
- name: nothing said
  input: a v=1 1 # in
# the tail stays
`;
  assertEquals(
    await updated(text),
    `# the head stays
udf:   {handler: mirror}   # as it is written

cases:
# before a case
- name: 'literal'
  input: |
    a v=1 1
    a v=2 2
  expect: | # why
    a v=1 1
    a v=2 2

  # after it
  limit:   5s
- name: list
  input: [ a v=1 1 ]
  expect: | # of a list
    a v=1 1
- {name: flow, input: a v=1 1, expect: "a v=1 1\\n"}   # flows stay
- name: quoted
  expect: | # that too
    a v=5 1
  input: a v=5 1
- name: none
  expect: none
- name: empty
  input: a v=1 1
  expect: |
    a v=1 1
- name: passes
  input: a v=1 1
  expect: a   v=1   1
- name: properties
  expect: { count: 1 }
  skip: not now
- name: points
  input: a v=1 1
  expect:
    order: any # stays
    points: |
      a v=1 1
    # the end
- name: anchored
  input: a v=1 1
  expect: &one |
    a v=1 1
- {name: alias, input: a v=3 1, expect: "a v=3 1\\n"}
- name: nothing said
  input: a v=1 1 # in
  expect: |
    a v=1 1
# the tail stays
`,
  );
});

Deno.test("updateCases() writes expectations of steps, and does not touch errors and properties", async () => {
  const text = `cases:
  - name: steps
    steps:
      - input: a v=1 1
      - input: a v=2 2
        expect: a v=7 2`; // no newline at the end
  assertEquals(
    await updated(text),
    `cases:
  - name: steps
    steps:
      - input: a v=1 1
        expect: |
          a v=1 1
      - input: a v=2 2
        expect: |
          a v=2 2
`,
  );
  const fixed = "cases:\n  - { name: a, input: a v=1, expect: { count: 2 } }\n  - { name: b, expect: { error: no } }\n";
  const { file, results } = await runFile(fixed, "mirror");
  assertEquals(updateCases(file, results), { text: fixed, updated: [] });
});

Deno.test("outputText() gives what parsePoints() reads back as it was, whatever the points", async () => {
  const random = new Random(17);
  const texts = [
    "",
    "a",
    "a b",
    "é\u{1f600}",
    "a\nb",
    "\x1b[31m",
    "NaN",
    '"',
    "\\",
    "a,b=c",
    "#x",
    "\u2028",
    "{",
    "__proto__",
  ];
  const doubles = [0, -0, 1.5, 1e300, NaN, Infinity, -Infinity, 5e-324, 3];
  const kinds = { line: 0, json: 0 };
  for (let round = 0; round < 400; round++) {
    const plain = round % 2 === 0;
    const name = () => plain ? random.pick(["a", "cpu load", "x"]) : random.pick(texts) || "n";
    const makePoint = (): Point =>
      new Point({
        name: name(),
        time: BigInt(random.below(6)) * random.pick([1n, 1_000_000_000n]),
        tags: new Map(plain ? [] : [[name(), random.pick(texts)]]),
        fieldsDouble: new Map([["d", plain ? 1.5 : random.pick(doubles)]]),
        fieldsInt: new Map([["i", random.pick([0n, 2n ** 63n - 1n, -(2n ** 63n)])]]),
        fieldsString: new Map(random.oneIn(2) ? [] : [["s", plain ? "text" : random.pick(texts)]]),
        fieldsBool: new Map([["b", true]]),
      });
    const precision = random.pick(["ns", "s"] as const);
    const output = Array.from({ length: random.below(5) }, () => ({ kind: "point" as const, point: makePoint() }));
    const text = outputText(output, precision);
    if (text.startsWith("{")) kinds.json++;
    else kinds.line++;
    const onBad = (line: number, message: string) => {
      throw new Error(`${line}: ${message}: ${text}`);
    };
    const points = await parsePoints({ text, lineOf: (line) => line }, { precision, now: () => 7n, onBad });
    const problems = judge({
      expectation: { line: 1 },
      points: points.filter(({ kind }) => kind === "point"),
      output,
      provides: "stream",
      tolerance: { absolute: 0, relative: 0 },
      unit: 1n,
    });
    assertEquals(problems, [], text);
  }
  assert(kinds.line > 50 && kinds.json > 50, JSON.stringify(kinds));
});
