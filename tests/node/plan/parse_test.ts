import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  parsePlan,
  plan,
  PlanError,
  readPlan,
  type ReadPlanOptions,
  type Runner,
  runner,
  runners as allRunners,
  serial,
  sleep,
  test,
  TineError,
} from "../../../src/node/mod.ts";
import { parseJsonc, TextError } from "../../../src/node/plan/jsonc.ts";
import { runPlanModule } from "../../../src/node/plan/plan_module.ts";
import { planFormat } from "../../../src/node/plan/parse.ts";
import { Random } from "../../support/random.ts";
import { EVERYTHING } from "./samples.ts";

const message = async (text: string, name?: string) =>
  (await assertRejects(() => parsePlan(text, name), PlanError)).message;

Deno.test("parsePlan() reads the same plan as JSON, JSONC and YAML", async () => {
  const expected = { tests: [{ id: { name: "hello" }, timeout: 60_000, serial: [{ sleep: 1000 }] }] };
  for (
    const text of [
      '{"tests":[{"id":{"name":"hello"},"timeout":"60s","serial":[{"sleep":"1s"}]}]}',
      '// a plan\n{"tests":[/* one */{"id":{"name":"hello"},"timeout":"60s","serial":[{"sleep":"1s"},],},]}\n',
      "# a plan\ntests:\n- id: {name: hello}\n  timeout: 60s\n  serial:\n  - sleep: 1s\n",
      "--- \ntests: [{id: &a {name: hello}, timeout: 60s, serial: [sleep: 1s]}]\n",
    ]
  ) assertEquals(await parsePlan(text), expected);
  assertEquals((await parsePlan(JSON.stringify(EVERYTHING), "x.yaml")).tests.length, 2);
});

Deno.test("parsePlan() takes runners of one's own, and what builders make", async () => {
  const say: Runner<string, string> = { schema: ({ z }) => z.string(), run: () => Promise.resolve() };
  const runners = { sleep: { ...allRunners.sleep }, say } as Record<string, Runner>;
  const expected = [{ id: { name: "x" }, timeout: 660_000, serial: [{ say: "hi" }, { sleep: 1000 }] }];
  const text = "tests:\n- id: {name: x}\n  serial: [{say: hi}, {sleep: 1s}]\n";
  assertEquals((await parsePlan(text, "x.yaml", { runners })).tests as unknown, expected);
  const built = plan(test({ name: "x" }, serial(runner("say", "hi"), sleep("1s"))));
  assertEquals((await parsePlan(built, "built", { runners })).tests as unknown, expected);
  const error = await assertRejects(() => parsePlan(text, "x.yaml"), PlanError);
  assertStringIncludes(error.message, 'x.yaml: tests[0].serial[0]: unknown key "say"');
});

Deno.test("planFormat() goes by the ending, else by the first character", () => {
  assertEquals(planFormat("a.json", "a: 1"), "jsonc");
  assertEquals(planFormat("a.JSONC", ""), "jsonc");
  assertEquals(planFormat("a.yml", "{}"), "yaml");
  assertEquals(planFormat("stdin", "\n // x\n{"), "jsonc");
  assertEquals(planFormat("stdin", "[1]"), "jsonc");
  assertEquals(planFormat("a.plan", "# x\ntests:"), "yaml");
});

Deno.test("parsePlan() names line and column of what is no JSON", async () => {
  const cases: [string, string][] = [
    ['{\n  "tests": [\n}', 'p.json:3:1: not JSON: expected a value, not "}"'],
    ['{\n  "tests": [ 1 2 ]\n}', 'p.json:2:16: not JSON: expected , or ], not "2"'],
    ['{"tests": []', "p.json:1:13: not JSON: expected , or }, not the end"],
    ['{\r\n"tests": [],\r\n"tests": [] }', 'p.json:3:1: not JSON: the key "tests" is there twice'],
    ["{tests: []}", 'p.json:1:2: not JSON: expected a key in double quotes or }, not "tests"'],
    ['{"a" 1}', 'p.json:1:6: not JSON: expected : after the key "a", not "1"'],
    ['{"a": "x\n"}', "p.json:1:7: not JSON: a text does not end on its line"],
    ['{"a": "\\x"}', "p.json:1:7: not JSON: a text has an escape that JSON does not know"],
    ['{"a": 01}', 'p.json:1:7: not JSON: expected a value, not "01"'],
    ["{} x", 'p.json:1:4: not JSON: expected nothing more, not "x"'],
    ["/* {}", "p.json:1:1: not JSON: a comment does not end"],
    ["[".repeat(500_000), "p.json:1:201: not JSON: is nested too deeply: at most 200 levels are possible"],
  ];
  for (const [text, expected] of cases) assertEquals(await message(text, "p.json"), expected);
});

Deno.test("parsePlan() names line and column of what is no YAML", async () => {
  assertStringIncludes(await message("tests:\n  - id: {a: b}\n sleep: 1s\n", "p.yaml"), "p.yaml:3:");
  assertStringIncludes(await message("a: 1\na: 2\n", "p.yaml"), "duplicated key");
  assertStringIncludes(await message("a: !!js/function x", "p.yaml"), "unknown tag");
  assertStringIncludes(await message("a: 1\n---\nb: 2\n", "p.yaml"), "more than 1 document");
  assertStringIncludes(await message("- ".repeat(20_000) + "x", "p.yaml"), "nested too deeply");
});

Deno.test("parsePlan() refuses bombs and rings of anchors, at once", async () => {
  const levels = Array.from({ length: 60 }, (_, i) => `- &a${i + 1} {serial: [*a${i}, *a${i}, *a${i}]}`);
  const bomb = `tests:\n- id: {a: b}\n  serial:\n  - &a0 {sleep: 1s}\n  ${levels.join("\n  ")}\n`;
  assertEquals(
    await message(bomb),
    "plan: has more than 10000000 values, anchors counted wherever they are referred to",
  );
  assertEquals(await message("tests: &a [*a]"), "plan: tests[0]: contains itself");
  const shared = "tests:\n- id: {a: b}\n  serial: [&a {sleep: 1s}, *a, *a]\n";
  assertEquals((await parsePlan(shared)).tests[0].serial!.length, 3);
});

Deno.test("parsePlan() merges keys << of YAML, and passes over x- keys that anchors stand in", async () => {
  const text = `
x-local: &local
  launcher: { local: {} }
x-env: &env
  env: { vars: [A=1] }
  netns: { create: true }
x-both: &both
  <<: [*local, *env]
  netns: { name: both }
tests:
- id: { name: a }
  child:
    node: { <<: *both, id: left }
    sleep: 1s
- id: { name: b }
  child:
    node:
      id: right
      <<: [*env, *local]
    sleep: 1s
`;
  const { tests } = await parsePlan(text);
  assertEquals(tests.map(({ child }) => child!.node), [
    { id: "left", launcher: { local: {} }, netns: { name: "both" }, env: { vars: ["A=1"] } },
    { id: "right", launcher: { local: {} }, netns: { create: true }, env: { vars: ["A=1"] } },
  ]);
  // The same as JSON, where there is nothing to merge.
  assertEquals(await parsePlan('{"x-a": [1], "tests": []}'), { tests: [] });
  for (
    const [text, problem] of [
      [
        "tests:\n- id: {a: b}\n  <<: 3\n",
        'tests[0]["<<"]: expected an object such as *anchor, or a list of them, not 3',
      ],
      [
        "x: &a [1]\ntests: {<<: [*a]}\n",
        'tests["<<"]: expected an object such as *anchor, or a list of them, not a list',
      ],
      ["x-a: &a {<<: *a}\ntests: []\n", '["x-a"]["<<"]: contains itself'],
      ["x-a: &a {__proto__: {a: b}}\ntests:\n- <<: *a\n", "__proto__"],
      ['{"tests": [{"id": {"a": "b"}, "<<": {}}]}', 'unknown key "<<"'],
      ["x-a: 1\ntests:\n- {id: {a: b}, x-b: 1}\n", 'unknown key "x-b"'],
    ]
  ) assertStringIncludes(await message(text), problem);
});

Deno.test("parsePlan() takes no key of YAML for a prototype", async () => {
  assertEquals(await message("tests:\n- __proto__: {id: {a: b}}\n"), 'plan: tests[0]: unknown key "__proto__"');
});

Deno.test("parsePlan() explains an empty text", async () => {
  assertEquals(await message(" \n"), "plan: is empty, expected a plan with tests");
  assertEquals(await message("# nothing\n"), "plan: expected a plan such as {tests: [...]}, not nothing");
});

Deno.test("parsePlan() throws nothing but PlanError for mutated texts", async () => {
  const random = new Random(5);
  const texts = [
    JSON.stringify(EVERYTHING, null, 1),
    "tests:\n- id: {name: hello}\n  serial:\n  - sleep: 1s\n  - &a {}\n",
  ];
  for (let i = 0; i < 1500; i++) {
    let text = random.pick(texts);
    for (let n = 1 + random.below(4); n > 0; n--) {
      const at = random.below(text.length + 1);
      const insert = random.oneIn(3) ? "" : random.pick([...'{}[]:,"*&!|>-#\n\t\0\\\u2028', "  ", "<<: ", "? ", "%"]);
      text = text.slice(0, at) + insert + text.slice(at + random.below(3));
    }
    try {
      await parsePlan(text);
    } catch (error) {
      if (!(error instanceof PlanError)) throw new Error(`${JSON.stringify(text)}: ${error}`, { cause: error });
    }
  }
});

Deno.test("parseJsonc() reads JSON as JSON.parse does", () => {
  const random = new Random(6);
  const value = (depth: number): unknown => {
    const kind = random.below(depth > 4 ? 4 : 6);
    if (kind === 0) return random.pick([null, true, false]);
    if (kind === 1) return JSON.parse(JSON.stringify(random.double()));
    if (kind < 4) return random.string();
    const inner = Array.from({ length: random.below(4) }, () => value(depth + 1));
    return kind === 4 ? inner : Object.fromEntries(inner.map((value) => [random.string(), value]));
  };
  for (let i = 0; i < 2000; i++) {
    const text = JSON.stringify(value(0), null, random.pick([undefined, 1, "\t"]));
    assertEquals(parseJsonc(text), JSON.parse(text));
  }
});

Deno.test("parseJsonc() refuses what JSON.parse refuses", () => {
  const random = new Random(7);
  for (let i = 0; i < 3000; i++) {
    const base = random.pick(['{"a":[1,-2.5e3,"x\\n"],"b":null}', "[true,false,0.1]", '{"k":{"l":""}}']);
    const at = random.below(base.length);
    const text = base.slice(0, at) + random.pick([...'{}[]:,"\\-+.eE0x \n']) + base.slice(at + random.below(2));
    let ours: unknown;
    try {
      ours = parseJsonc(text);
    } catch (error) {
      assert(error instanceof TextError, text);
      continue;
    }
    // A comma before a closing bracket is all that is more.
    assertEquals(ours, JSON.parse(text.replace(/,\s*([\]}])/g, "$1")), text);
  }
});

Deno.test("readPlan() reads files and standard input", async () => {
  const path = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(path, "\ufefftests: []\n");
    assertEquals(await readPlan(path), { tests: [] });
    await Deno.writeFile(path, new Uint8Array([0xff, 0xfe, 0x00]));
    assertEquals((await assertRejects(() => readPlan(path), PlanError)).message, `${path}: is not UTF-8 text`);
  } finally {
    await Deno.remove(path);
  }
  assertEquals(await readPlan("-", { stdin: new Blob(['{"tests":[]}']).stream() }), { tests: [] });
  const missing = await assertRejects(() => readPlan("/no/such.yaml"), TineError);
  assertEquals(missing.message, "cannot read /no/such.yaml: there is no such file");
  assertEquals((await assertRejects(() => readPlan("/tmp"), TineError)).message, "cannot read /tmp: it is a folder");
  const below = await assertRejects(() => readPlan("/dev/null/x.yaml"), TineError);
  assertEquals(below.message, "cannot read /dev/null/x.yaml: what stands above it is no folder");
  await using denied = await unreadableFile();
  if (!denied.readable) {
    const { message } = await assertRejects(() => readPlan(denied.path), TineError);
    assertEquals(message, `cannot read ${denied.path}: permission denied`);
  }
});

/** A file that nobody but root can read. */
async function unreadableFile(): Promise<{ path: string; readable: boolean } & AsyncDisposable> {
  const path = await Deno.makeTempFile();
  await Deno.chmod(path, 0);
  return { path, readable: Deno.uid() === 0, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

/** Runs a module as a plan. */
async function planOfModule(text: string, options?: ReadPlanOptions) {
  const folder = await Deno.makeTempDir({ prefix: "tine-plan-" });
  try {
    await Deno.writeTextFile(`${folder}/part.ts`, 'export const pause: string = "2s";');
    await Deno.writeTextFile(`${folder}/x_plan.ts`, text);
    return await readPlan(`${folder}/x_plan.ts`, options);
  } catch (error) {
    if (!(error instanceof PlanError)) throw error;
    return error.message.replace(`${folder}/`, "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("readPlan() runs a module, whose default export or output is the plan", async () => {
  const expected = { tests: [{ id: { name: "a" }, timeout: 660_000, sleep: 2000 }] };
  const exports = 'import { plan, sleep, test } from "@tine/tine/node"; import { pause } from "./part.ts";\n' +
    'export default plan(test({ name: "a" }, sleep(pause as string)));';
  assertEquals(await planOfModule(exports), expected);
  const prints = 'import { plan, printPlan, sleep, test } from "@tine/tine/node";\n' +
    'await printPlan(plan(test({ name: "a" }, sleep(Deno.args[0]))));';
  assertEquals(await planOfModule(prints, { args: ["2s"] }), expected);
  for (
    const print of [
      "console.log(text)",
      "Deno.stdout.writeSync(new TextEncoder().encode(text))",
      'import process from "node:process"; process.stdout.write(text)',
      "await new Blob([text]).stream().pipeTo(Deno.stdout.writable)",
      "console.info(text); Deno.exit(0)",
    ]
  ) {
    assertEquals(await planOfModule(`const text = 'tests: [{id: {name: a}, sleep: 2s}]';\n${print};`), expected, print);
  }
});

Deno.test("readPlan() says what is wrong with a module", async () => {
  const cases: [text: string, message: string, options?: ReadPlanOptions][] = [
    ["", "x_plan.ts: the module writes no plan: export default plan(...), or print it by printPlan()"],
    [
      "export default 3n;",
      "x_plan.ts: the default export of the module is no plan: Do not know how to serialize a BigInt",
    ],
    ["export default () => {};", "x_plan.ts: the default export of the module is no plan"],
    ["export default { tests: 1 };", "x_plan.ts: tests: expected a list of tests, not 1"],
    ["\n  throw new Error('boo');", "x_plan.ts: the module failed: Error: boo (x_plan.ts:2:9)"],
    ["await Promise.reject(new Error('boo'));", "x_plan.ts: the module failed: Error: boo (x_plan.ts:1:22)"],
    ["Deno.exit(3);", "x_plan.ts: the module called exit(3)"],
    [
      'Deno.readTextFileSync("/etc/hostname");',
      'x_plan.ts: the module failed: NotCapable: Requires read access to "/etc/hostname" (x_plan.ts:1:6); permit it by ' +
      "--allow-read",
    ],
    [
      'new Deno.Command("true").outputSync();',
      'x_plan.ts: the module failed: NotCapable: Requires run access to "true" (x_plan.ts:1:26); permit it by --trust',
    ],
  ];
  for (const [text, message, options] of cases) assertEquals(await planOfModule(text, options), message);
  const permitted = { permissions: { read: ["/proc/self/status"] } };
  const reads = 'Deno.statSync("/etc/hostname"); export default { tests: [] };';
  assertEquals(await planOfModule(reads, { permissions: { read: ["/etc/hostname"] } }), { tests: [] });
  assertStringIncludes(String(await planOfModule(reads, permitted)), "Requires read access");
  await assertRejects(
    () => readPlan("/no/such_plan.ts"),
    TineError,
    "cannot read /no/such_plan.ts: there is no such file",
  );
});

Deno.test("runPlanModule() gives up a module that does not end in time", async () => {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    // Deno does not stop the thread of an endless loop: it would keep a processor busy beside all tests that follow.
    await Deno.writeTextFile(path, "const end = Date.now() + 5000; while (Date.now() < end);");
    const message = `${path}: the module has written no plan after 0.5 s`;
    await assertRejects(() => runPlanModule(path, { timeoutMs: 500 }), PlanError, message);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readPlan() stops at 64 MiB", async () => {
  const chunk = new Uint8Array(2 ** 20).fill(32);
  const endless = new ReadableStream<Uint8Array>({ pull: (controller) => controller.enqueue(chunk) });
  assertEquals(
    (await assertRejects(() => readPlan("-", { stdin: endless }), PlanError)).message,
    "stdin: is larger than 64 MiB",
  );
});
