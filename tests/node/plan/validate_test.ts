import { assert, assertEquals, assertThrows } from "@std/assert";
import { PlanError } from "../../../src/node/mod.ts";
import { MAX_RUNS, validatePlan } from "../../../src/node/plan/validate.ts";
import { Random } from "../../support/random.ts";
import { EVERYTHING, LEFT, planOf } from "./samples.ts";

/** The problems of a value, a line each. */
function problems(value: unknown): string[] {
  try {
    validatePlan(value);
    return [];
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return error.problems.map(({ place, message }) => `${place}: ${message}`);
  }
}

/** The problems of a run, which stands as the first of a serial. */
const runProblems = (run: unknown) => problems(planOf({ serial: [run as never] }));
const nodeProblems = (node: unknown) => runProblems({ child: { node } });
const RUN = "tests[0].serial[0]";
const NODE = `${RUN}.child.node`;

Deno.test("validatePlan() takes one of everything, and decodes durations", () => {
  const { tests } = validatePlan(EVERYTHING);
  assertEquals([tests[0].timeout, tests[1].timeout, tests[1].sleep], [300_000, 0, 0.001]);
  const runs = tests[0].serial!;
  assertEquals(runs[1], { sleep: 500 });
  assertEquals(runs[6].schedule?.wait, [1, 2]);
  assertEquals(runs[2].system, EVERYTHING.tests[0].serial![2].system);
  assertEquals(JSON.parse(JSON.stringify(tests)), tests);
});

Deno.test("validatePlan() takes 0 for a duration as a number too, as YAML reads it", () => {
  const upload = { flow: "bulk", duration: 0 };
  const serial = [{ sleep: 0 }, { schedule: { wait: [0], run: [] } }, {
    streamClient: { addr: "127.0.0.1:1", upload },
  }];
  const { tests: [{ timeout, serial: runs }] } = validatePlan(planOf({ timeout: 0, serial: serial as never }));
  assertEquals([timeout, runs![0].sleep, runs![1].schedule!.wait, runs![2].streamClient!.upload!.duration], [
    0,
    0,
    [0],
    0,
  ]);
  assertEquals(problems(planOf({ timeout: -0.5 as never })), [`tests[0].timeout: ${DURATION}, not -0.5`]);
});

Deno.test("validatePlan() sets a timeout of 660s", () => {
  assertEquals(validatePlan(planOf({})).tests[0].timeout, 660_000);
});

const DURATION = "expected a duration such as 500ms, 1m30s or 1h";
const ID_TEXT = "expected a text of letters, digits and ._+-@%=, with a letter or digit first (numbers in quotes)";
const WORDS = "expected gather, stream, quiet, bufmem:NAME, buftmp:NAME, or a relative file name without .. and colons";

const cases: [string, () => string[], string[]][] = [
  ["a plan that is none", () => problems([]), [": expected a plan such as {tests: [...]}, not an empty list"]],
  ["a plan without tests", () => problems({}), ["tests: missing, expected a list of tests"]],
  ["a test without an id", () => problems({ tests: [{ sleep: "1s" }] }), [
    "tests[0].id: missing, expected names and values such as {name: hello}",
  ]],
  ["an empty id", () => problems({ tests: [{ id: {} }] }), [
    "tests[0].id: is empty, expected names and values such as {name: hello}",
  ]],
  ["numbers and odd texts in ids", () => problems({ tests: [{ id: { a: 1, b: "/x", c: "-x", "d e": "f" } }] }), [
    `tests[0].id.a: ${ID_TEXT}, not 1`,
    `tests[0].id.b: ${ID_TEXT}, not "/x"`,
    `tests[0].id.c: ${ID_TEXT}, not "-x"`,
    'tests[0].id["d e"]: expected a name of letters, digits and _ as a key of the id',
  ]],
  ["a timeout without a unit", () => problems(planOf({ timeout: 60 as never })), [
    `tests[0].timeout: ${DURATION}, not 60; a unit is missing: "60s"?`,
  ]],
  ["bad durations", () => problems(planOf({ parallel: [{ sleep: "soon" }, { sleep: "101d" }, { sleep: "5" }] })), [
    `tests[0].parallel[0].sleep: ${DURATION}, not "soon"`,
    'tests[0].parallel[1].sleep: expected a duration of at most 100d, not "101d"',
    `tests[0].parallel[2].sleep: ${DURATION}, not "5"; a unit is missing: "5s"?`,
  ]],
  ["a list that is nothing", () => problems(planOf({ serial: null as never })), [
    "tests[0].serial: expected a list of runs, not nothing",
  ]],
  ["a run that is a word", () => runProblems("sleep"), [`${RUN}: expected a run such as {sleep: 1s}, not "sleep"`]],
  ["several kinds in one run, together with other errors", () => runProblems({ sleep: "x", system: {} }), [
    `${RUN}.sleep: ${DURATION}, not "x"`,
    `${RUN}.system.command: missing, expected a command such as "ip -br addr"`,
    `${RUN}: holds sleep and system, but a run is only one of them; put them into the list of a serial or parallel`,
  ]],
  [
    "several kinds in a test and a child",
    () => problems(planOf({ serial: [{ child: { node: LEFT, serial: [], sleep: "1s" } }], parallel: [] })),
    [
      "tests[0].serial[0].child: holds serial and sleep, but a run is only one of them; put them into the list of a " +
      "serial or parallel",
      "tests[0]: holds serial and parallel, but a run is only one of them; put them into the list of a serial or " +
      "parallel",
    ],
  ],
  ["misspelt and unknown keys", () => runProblems({ slep: "1s", foo: 1 }), [
    `${RUN}: unknown key "slep", did you mean sleep?; unknown key "foo", known are serial, parallel, schedule, ` +
    `child, ` +
    "sleep, system, resultStream, sysInfo, counters, streamServer, streamClient, packetServer, packetClient",
  ]],
  ["misspelt keys of a runner", () => runProblems({ system: { command: "true", stdot: "quiet" } }), [
    `${RUN}.system: unknown key "stdot", did you mean stdout?`,
  ]],
  ["a schedule without runs", () => runProblems({ schedule: { wait: "1s" } }), [
    `${RUN}.schedule.wait: expected a list of durations such as [100ms], not "1s"`,
    `${RUN}.schedule.run: missing, expected a list of runs`,
  ]],
  ["an empty node", () => nodeProblems({}), [
    `${NODE}.id: missing, expected an id such as left: at most 63 letters, digits, _, . and -`,
    `${NODE}.launcher: missing, expected an object such as {local: {}} or {ssh: {}}`,
  ]],
  ["a child without a node", () => runProblems({ child: { sleep: "1s" } }), [
    `${NODE}: missing, expected an object such as {id: left, launcher: {local: {}}}`,
  ]],
  ["two launchers and none", () => [
    ...nodeProblems({ id: "a", launcher: { local: {}, ssh: {} } }),
    ...nodeProblems({ id: "a", launcher: {} }),
  ], Array(2).fill(`${NODE}.launcher: expected exactly one of local and ssh, such as {local: {}}`)],
  ["a launcher that is nothing", () => nodeProblems({ id: "a", launcher: { local: null } }), [
    `${NODE}.launcher.local: expected an object, {} for the usual, not nothing`,
  ]],
  [
    "a destination that is an option of ssh",
    () => nodeProblems({ id: "a", launcher: { ssh: { destination: "-oProxyCommand=x" } } }),
    [
      `${NODE}.launcher.ssh.destination: expected a destination as for ssh, such as user@host, not "-oProxyCommand=x"`,
    ],
  ],
  ["a namespace without name and create", () => nodeProblems({ ...LEFT, netns: { create: false } }), [
    `${NODE}.netns: expected a name, create: true, or both`,
  ]],
  ["ids and names that are paths", () => nodeProblems({ ...LEFT, id: "-", netns: { name: "../x" } }), [
    `${NODE}.id: expected an id such as left: at most 63 letters, digits, _, . and -, not "-"`,
    `${NODE}.netns.name: expected a name of at most 63 letters, digits, _, . and -, not "../x"`,
  ]],
  ["variables without a value", () => nodeProblems({ ...LEFT, env: { vars: ["A"] } }), [
    `${NODE}.env.vars[0]: expected KEY=value, not "A"`,
  ]],
  ["commands that cannot be split", () => [
    ...runProblems({ system: { command: "a 'b" } }),
    ...runProblems({ system: { command: " " } }),
  ], [
    `${RUN}.system.command: has a quote or backslash that does not end: a 'b`,
    `${RUN}.system.command: is empty, expected a command such as "ip -br addr"`,
  ]],
  ["a flag that is a text", () => runProblems({ system: { command: "a", kill: "yes" } }), [
    `${RUN}.system.kill: expected true or false, not "yes"`,
  ]],
  ["a flow id with capitals", () => runProblems({ resultStream: { include: { flow: ["Bulk"] } } }), [
    `${RUN}.resultStream.include.flow[0]: expected a flow id such as bulk.1, not "Bulk"`,
  ]],
];
for (const [what, made, expected] of cases) {
  Deno.test(`validatePlan() explains ${what}`, () => assertEquals(made(), expected));
}

Deno.test("validatePlan() refuses output files that lead out of the results", () => {
  for (
    const name of ["/etc/passwd", "..", "a/../b", "./a", "a/", "a//b", "bufmem:", "bufmem:../a", "c:d", "a\\b", "a\0"]
  ) {
    const [problem, ...more] = runProblems({ system: { command: "a", stdout: name } });
    assert(problem.startsWith(`${RUN}.system.stdout: ${WORDS}, not `), problem);
    assertEquals(more, []);
  }
  for (const name of ["a", "a/b.txt", "..a", "a..b", ".hidden", "buftmp:a/b"]) {
    assertEquals(runProblems({ system: { command: "a", stdout: name } }), [], name);
  }
});

Deno.test("validatePlan() reports at most 20 problems, and how many more there are", () => {
  const plan = planOf({ serial: Array.from({ length: 50 }, () => ({ sleep: "x" })) });
  const error = assertThrows(() => validatePlan(plan, "p.yaml"), PlanError);
  assertEquals([error.problems.length, error.more], [20, 30]);
  assertEquals(error.message, `p.yaml: tests[0].serial[0].sleep: ${DURATION}, not "x" (and 49 more)`);
});

Deno.test("validatePlan() finds keys with a meaning in JavaScript harmless", () => {
  for (const key of ["__proto__", "constructor", "toString", "hasOwnProperty"]) {
    for (const place of [`{"tests":[],"${key}":{"x":1}}`, `{"tests":[{"id":{"a":"b"},"${key}":{}}]}`]) {
      const [problem] = problems(JSON.parse(place));
      assert(problem.includes(`unknown key "${key}"`), problem);
    }
  }
  const [problem] = problems(JSON.parse('{"tests":[{"id":{"__proto__":"x"}}]}'));
  assertEquals(problem, 'tests[0].id: unknown key "__proto__"');
  assertEquals(validatePlan(JSON.parse('{"tests":[{"id":{"constructor":"x"}}]}')).tests[0].id, { constructor: "x" });
  assertEquals(({} as { x?: number }).x, undefined);
});

Deno.test("validatePlan() refuses too many runs, and plans that are too deep", () => {
  const most = planOf({ serial: Array(MAX_RUNS).fill({}) });
  assertEquals(problems(most), [`: has more than ${MAX_RUNS} runs; divide it into several plans`]);
  for (const levels of [200, 100_000]) {
    let deep = {};
    for (let i = 0; i < levels; i++) deep = { serial: [deep] };
    assert(problems(planOf(deep))[0].endsWith(": is nested too deeply: at most 200 levels are possible"));
  }
  let deep = {};
  for (let i = 0; i < 95; i++) deep = { child: { node: LEFT, ...deep } };
  assertEquals(problems(planOf(deep)), []);
});

Deno.test("mutated plans are valid, or have errors with a place", () => {
  const random = new Random(4);
  const values = [null, 1, -1, true, "", "x", "1s", "__proto__", [], {}, [{}], { sleep: "1s" }, { serial: [] }];
  const keys = ["sleep", "serial", "node", "id", "child", "x", "__proto__", "constructor", "system", "run"];
  let valid = 0;
  for (let i = 0; i < 3000; i++) {
    const plan = structuredClone(EVERYTHING);
    for (let n = 1 + random.below(3); n > 0; n--) mutate(plan, random, keys, values);
    const found = problems(plan);
    if (found.length === 0) valid++;
    for (const problem of found) assert(/^(?:tests\b[^]*?|\$schema|\[[^]*?|): \S.{4,}/.test(problem), problem);
  }
  assert(valid > 100 && valid < 2900, `${valid} of 3000 are valid`);
});

/** Changes, adds, moves or removes something anywhere. */
function mutate(plan: unknown, random: Random, keys: string[], values: unknown[]): void {
  const objects: Record<string, unknown>[] = [];
  const collect = (value: unknown) => {
    if (typeof value !== "object" || value === null) return;
    objects.push(value as Record<string, unknown>);
    Object.values(value).forEach(collect);
  };
  collect(plan);
  const object = random.pick(objects);
  const own = Object.keys(object);
  const key = own.length > 0 && !random.oneIn(3) ? random.pick(own) : random.pick(keys);
  if (random.oneIn(3)) delete object[key];
  else {
    const value = structuredClone(random.oneIn(3) ? random.pick(objects) : random.pick(values));
    Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
  }
}

const udfProblems = (udf: object) => problems({ tests: [{ id: { name: "a" }, udfs: [udf], sleep: "1s" }] });
const UDF = "tests[0].udfs[0]";

for (
  const [what, made, expected] of [
    ["a UDF that is reached in no way", { name: "a", table: "logs" }, [
      `${UDF}: expected exactly one of handler, command, socket and connect`,
    ]],
    ["a UDF that is reached in two ways", { name: "a", table: "logs", handler: "mirror", socket: "/s" }, [
      `${UDF}: expected exactly one of handler, command, socket and connect`,
    ]],
    ["a name that cannot be that of a table", { name: "../a", table: "logs", handler: "mirror" }, [
      `${UDF}.name: expected a name such as smooth: a letter, then up to 62 letters, digits, _ and -, not "../a"`,
    ]],
    ["an alert without a limit", { name: "a", table: "logs", handler: "mirror", alert: { field: "b" } }, [
      `${UDF}.alert: expected above: NUMBER or below: NUMBER`,
    ]],
    ["an address without a port", { name: "a", table: "logs", connect: "localhost" }, [
      `${UDF}.connect: expected HOST:PORT such as 127.0.0.1:9000, not "localhost"`,
    ]],
  ] as const
) {
  Deno.test(`validatePlan() explains ${what}`, () => assertEquals(udfProblems(made), [...expected]));
}

Deno.test("validatePlan() gives UDFs of the plan to each test, and explains a name that is taken", () => {
  const udf = (name: string) => ({ name, table: "logs", handler: "mirror" });
  const plan = (own: string) => ({
    udfs: [udf("a")],
    tests: [{ id: { name: "x" }, repeat: 2, udfs: [udf(own)], sleep: "1s" }, { id: { name: "y" }, sleep: "1s" }],
  });
  const { tests } = validatePlan(plan("b"));
  assertEquals(tests.map(({ udfs }) => udfs?.map(({ name }) => name)), [["a", "b"], ["a"], ["a", "b"]]);
  assertEquals(problems(plan("a")), ["tests[0].udfs[0].name: a UDF of the plan is called a too"]);
  assertEquals(problems({ udfs: [udf("a"), udf("a")], tests: [] }), ["udfs: two UDFs have the name a"]);
});
