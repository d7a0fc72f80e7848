import { assertEquals, assertThrows } from "@std/assert";
import { parsePlan, type Plan, plan as planOf, PlanError, test as testOf } from "../../../src/node/mod.ts";
import { vetPlan } from "../../../src/node/plan/vet/vet.ts";
import { validatePlan } from "../../../src/node/plan/validate.ts";

/** A plan in YAML as it is decoded. */
const parse = (text: string, repeat?: number) => parsePlan(text, "plan.yaml", { repeat });
const ids = ({ tests }: Plan) => tests.map(({ id }) => Object.entries(id).map((pair) => pair.join("=")).join(" "));

async function problems(text: string, repeat?: number): Promise<string[]> {
  try {
    await parse(text, repeat);
    return [];
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return error.problems.map(({ place, message }) => `${place}: ${message}`);
  }
}

Deno.test("a matrix makes a test for each combination, with its values in the id and in texts", async () => {
  const plan = await parse(`
tests:
- id: { name: "fct-\${cca}" }
  matrix: { cca: [cubic, bbr], wait: [10ms, 20ms], root: [true], odd: ["a b/c"] }
  exclude: [{ cca: bbr, wait: 20ms }]
  serial:
  - sleep: \${wait}
  - system: { command: "sh -c 'echo \${cca} \${HOME} \${odd}'", root: "\${root}" }
- id: { name: other }
  sleep: 1s
`);
  assertEquals(ids(plan), [
    "name=fct-cubic cca=cubic wait=10ms root=true odd=a-b-c",
    "name=fct-cubic cca=cubic wait=20ms root=true odd=a-b-c",
    "name=fct-bbr cca=bbr wait=10ms root=true odd=a-b-c",
    "name=other",
  ]);
  assertEquals(plan.tests.map(({ serial }) => serial?.[0].sleep), [10, 20, 10, undefined]);
  const { command, root } = plan.tests[2].serial![1].system!;
  assertEquals([command, root], ["sh -c 'echo bbr ${HOME} a b/c'", true]);
});

Deno.test("repeats run in rounds, and ids have the number of the round", async () => {
  const text = "tests: [{id: {name: a}, repeat: 3}, {id: {name: b}}, {id: {name: c}, repeat: 2, sleep: 1s}]";
  const plan = await parse(text);
  assertEquals(ids(plan), [
    "name=a repeat=1",
    "name=b",
    "name=c repeat=1",
    "name=a repeat=2",
    "name=c repeat=2",
    "name=a repeat=3",
  ]);
  assertEquals(Object.keys(plan.tests[2]).toSorted(), ["id", "sleep", "timeout"]);
  assertEquals(
    ids(await parse(text, 2)).join(),
    "name=a repeat=1,name=b repeat=1,name=c repeat=1," +
      "name=a repeat=2,name=b repeat=2,name=c repeat=2",
  );
  assertEquals(ids(await parse(text, 1)), ["name=a", "name=b", "name=c"]);
});

Deno.test("a matrix and repeats together run all combinations in each round", async () => {
  const plan = await parse("tests: [{id: {name: a}, repeat: 2, matrix: {n: [1, 2]}, sleep: '${n}s'}]");
  assertEquals(ids(plan), ["name=a n=1 repeat=1", "name=a n=2 repeat=1", "name=a n=1 repeat=2", "name=a n=2 repeat=2"]);
});

Deno.test("plans of builders have matrices and repeats as well", () => {
  const { tests } = validatePlan(planOf(
    testOf({ name: "a" }, { sleep: "${n}s" }, { matrix: { n: [1, 2] }, exclude: [{ n: 1 }], repeat: 2 }),
  ));
  assertEquals(tests.map(({ id, sleep }) => [id.n, id.repeat, sleep]), [["2", "1", 2000], ["2", "2", 2000]]);
});

Deno.test("a plan without variations is as it was written", async () => {
  assertEquals((await parse("tests: [{id: {name: a}}]")).written, undefined);
});

const MATRIX = "tests: [{id: {name: z}}, {id: {name: a}, sleep: '${n}s', ";
const cases: [what: string, text: string, ...string[]][] = [
  [
    "a matrix that is none",
    `${MATRIX} matrix: 3}]`,
    "tests[1].matrix: expected names and lists of values such as {cca: [cubic, bbr]}, not 3",
  ],
  [
    "an empty list",
    `${MATRIX} matrix: {n: []}}]`,
    "tests[1].matrix.n: is empty, expected a list of values such as [cubic, bbr]",
  ],
  [
    "a value that is a list",
    `${MATRIX} matrix: {n: [[1]]}}]`,
    "tests[1].matrix.n[0]: expected a text, a number, true or false, not a list",
  ],
  [
    "an odd key",
    `${MATRIX} matrix: {"a b": [1]}}]`,
    'tests[1].matrix["a b"]: expected a name of letters, digits and _ as a key of the matrix',
  ],
  [
    "a key that is nowhere",
    `${MATRIX} matrix: {n: [1], m: [1]}}]`,
    "tests[1].matrix.m: ${m} stands nowhere in the test, so that its values would make no difference",
  ],
  [
    "a key of the id",
    `${MATRIX} matrix: {n: [1], name: [1]}}]`,
    "tests[1].matrix.name: name is a name in the id of the test too; give one of them another name",
    "tests[1].matrix.name: ${name} stands nowhere in the test, so that its values would make no difference",
  ],
  [
    "a value twice",
    `${MATRIX} matrix: {n: ["1/2", "1 2"]}}]`,
    'tests[1].matrix.n[1]: "1 2" is 1-2 in the id of the test, as a value before it is',
  ],
  [
    "exclude alone",
    `${MATRIX} exclude: [{n: 1}]}]`,
    "tests[1].exclude: leaves out combinations of a matrix, but the test has no matrix",
  ],
  [
    "exclude of everything",
    `${MATRIX} matrix: {n: [1]}, exclude: [{n: 1}]}]`,
    "tests[1].exclude: leaves out all combinations of the matrix",
  ],
  [
    "exclude of another key",
    `${MATRIX} matrix: {n: [1]}, exclude: [{nn: 1}]}]`,
    "tests[1].exclude[0].nn: is no key of the matrix, did you mean n?",
  ],
  [
    "exclude of another value",
    `${MATRIX} matrix: {n: [1, 2]}, exclude: [{n: 3}]}]`,
    "tests[1].exclude[0].n: 3 is no value of matrix.n, which has 1, 2",
  ],
  [
    "a value that does not fit, in two tests",
    `${MATRIX} matrix: {n: [x, 1, x2]}}]`,
    'tests[1].sleep: expected a duration such as 500ms, 1m30s or 1h, not "xs"',
    'tests[1].sleep: expected a duration such as 500ms, 1m30s or 1h, not "x2s"',
  ],
  [
    "a mistake that all tests share",
    `${MATRIX} matrix: {n: [1, 2]}, slep: 1}]`,
    'tests[1]: unknown key "slep", did you mean sleep?',
  ],
  ["repeat 0", "tests: [{id: {name: a}, repeat: 0}]", "tests[0].repeat: expected a whole number of at least 1, not 0"],
  [
    "repeat of text",
    "tests: [{id: {name: a}, repeat: two}]",
    'tests[0].repeat: expected a whole number of at least 1, not "two"',
  ],
  [
    "an id with repeat",
    "tests: [{id: {name: a}}, {id: {name: a, repeat: x}, repeat: 2}]",
    "tests[1].id.repeat: is the name of the round of a test that is repeated; give it another name",
  ],
  [
    "a matrix of too many",
    `${MATRIX} matrix: {n: [${Array.from({ length: 400 }, (_, i) => i)}], m: [${
      Array.from({ length: 400 }, (_, i) => i)
    }]}}]`,
    "tests[1].matrix: stands for 160000 tests, more than 100000; divide it into several plans",
  ],
];

for (const [what, text, ...expected] of cases) {
  Deno.test(`parsePlan() refuses ${what}, at the place that was written`, async () => {
    assertEquals(await problems(text), expected);
  });
}

Deno.test("repeats are counted before they are made", async () => {
  const tests = Array.from({ length: 11 }, (_, i) => `{id: {name: a${i}}}`).join();
  assertEquals(await problems(`tests: [${tests}]`, 10_000), [
    "tests: stands for 110000 tests, more than 100000; divide it into several plans",
  ]);
});

Deno.test("vetPlan() finds a fault once, at the place that was written, however many tests stand there", async () => {
  const plan = await parse(
    "tests: [{id: {name: z}, sleep: 1s}, {id: {name: a}, repeat: 3, matrix: {n: [1, 2]}, serial: [{system: {command: 'no-such-program ${n}'}}, {}]}]",
  );
  const { findings, tests } = vetPlan(plan);
  assertEquals(tests, 7);
  assertEquals(findings.map(({ code, place }) => `${code} ${place}`), [
    "nothing tests[1].serial[1]",
    "no-program tests[1].serial[0]",
  ]);
});

Deno.test("validatePlan() refuses a repeated test that refers to itself", () => {
  const loop: Record<string, unknown> = { id: { name: "a" }, matrix: { n: [1] } };
  loop.serial = [loop];
  assertThrows(() => validatePlan({ tests: [loop] }), PlanError, "contains itself");
});
