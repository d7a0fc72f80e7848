import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { command } from "../../src/cli/init/init.ts";
import { nodeTypes } from "../../src/cli/init/node_types.ts";
import { main } from "../../src/cli/main.ts";
import type { CreateHandler } from "../../src/udf/handler.ts";
import { Host } from "../../src/udf/host.ts";
import { startInProcess } from "../../src/udf/running_udf.ts";
import { Point } from "../../src/udf/point.ts";
import { OWN_NAMES, whyNoNamespaces } from "../support/namespaces.ts";

const entry = new URL("../../main.ts", import.meta.url).pathname;
const udf = new URL("../../src/udf/mod.ts", import.meta.url).href;

async function temporary(): Promise<AsyncDisposable & { dir: string }> {
  const dir = await Deno.makeTempDir({ prefix: "tine-init-" });
  return { dir, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

async function run(cwd: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), { args, cwd, env: { NO_COLOR: "1" } });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const init = (cwd: string, ...args: string[]) => run(cwd, "run", "-A", entry, "init", ...args);

const files = (dir: string) => Array.from(Deno.readDirSync(dir), ({ name }) => name).sort();

Deno.test("what tine init writes is formatted, linted, checked, and passes its tests", async () => {
  await using folder = await temporary();
  const { dir } = folder;
  const first = await init(dir, "my_udf.ts");
  assertEquals([first.code, first.stdout], [
    0,
    "my_udf.ts\nmy_udf_test.ts\nmy_udf_cases.yaml\ntine_udf.d.ts\ndeno.json\n",
  ]);
  assertStringIncludes(first.stderr, "deno test my_udf_test.ts");
  assertStringIncludes(first.stderr, "tine agent ./my_udf.ts");
  assert(!first.stderr.includes("add to"));
  assertEquals((await init(dir, "in-js.js")).stdout, "in-js.js\nin-js_test.js\nin-js_cases.yaml\n");
  const cases = await run(dir, "run", "-A", entry, "test", ".");
  assertEquals(cases.code, 0, cases.stdout);
  assertStringIncludes(cases.stdout, "10 passed, 0 failed");
  for (const args of [["fmt", "--check"], ["lint"], ["test"]]) {
    const { code, stdout, stderr } = await run(dir, ...args);
    assertEquals(code, 0, stdout + stderr);
    if (args[0] === "test") assertStringIncludes(stdout, "10 passed | 0 failed");
  }
});

Deno.test("the skeletons run as they are, without the files beside them", async () => {
  for (const name of ["my_udf.ts", "my_udf.js"]) {
    await using folder = await temporary();
    await init(folder.dir, name);
    await Deno.remove(`${folder.dir}/deno.json`);
    await Deno.remove(`${folder.dir}/tine_udf.d.ts`);
    const { createHandler }: { createHandler: CreateHandler } = await import(`file://${folder.dir}/${name}`);
    const rates: unknown[] = [];
    const receiver = { point: (point: Point) => void rates.push(point.field("rate")), batch() {} };
    const feed = async (values: number[], from: number, snapshot?: Uint8Array) => {
      const host = new Host(startInProcess(name, createHandler), receiver);
      host.start();
      assertEquals((await host.info()).options.get("unit"), ["duration"]);
      await host.init([
        { name: "field", values: [{ type: "string", value: "v" }] },
        { name: "unit", values: [{ type: "duration", value: 1n }] },
      ]);
      if (snapshot !== undefined) await host.restore(snapshot);
      for (const [i, value] of values.entries()) {
        await host.point(new Point({ time: BigInt(from + i), fieldsDouble: new Map([["v", value]]) }));
      }
      const state = await host.snapshot();
      await host.stop();
      return state;
    };
    await feed([9, NaN, 5], 4, await feed([1, 4, 2], 1));
    assertEquals(rates, [3, -2, 7, NaN, NaN]);
  }
});

Deno.test("the types that tine init writes are the file of tine itself, and handlers for them fit tine", async () => {
  await using folder = await temporary();
  const { dir } = folder;
  await init(dir, "my_udf.ts");
  const types = new URL("../../src/udf/udf_types.ts", import.meta.url);
  assertEquals(await Deno.readTextFile(`${dir}/tine_udf.d.ts`), await Deno.readTextFile(types));
  // What one side calls, the other provides.
  await Deno.writeTextFile(
    `${dir}/both.ts`,
    `import type * as theirs from "./tine_udf.d.ts";
import type * as ours from "${udf}";
export const handler: (handler: theirs.Handler) => ours.Handler = (handler) => handler;
export const output: (output: ours.Output) => theirs.Output = (output) => output;
export const point: (point: ours.Point) => theirs.Point = (point) => point;
`,
  );
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { code, stderr } = await run(dir, "check", "--config", config, "both.ts");
  assertEquals(code, 0, stderr);
});

Deno.test("each skeleton has the name that tine init puts its own in place of", async () => {
  const folder = new URL("../../src/cli/init/skeletons/", import.meta.url);
  for (const name of files(folder.pathname)) {
    if (/_(test|cases)\./.test(name)) continue;
    await using written = await temporary();
    const { code, stdout } = await init(written.dir, name.replace("my_", "other_"));
    assertEquals(code, 0);
    for (const path of stdout.trim().split("\n")) {
      const skeleton = new URL(path.replace("other_", "my_"), folder);
      if (!path.startsWith("other_")) continue;
      const expected = (await Deno.readTextFile(skeleton)).replaceAll(/my_(udf|plan|udf_test|udf_cases)\b/g, "other_$1")
        .replace("./other_udf.ts }", `./${name.replace("my_", "other_")} }`);
      const reference = path.endsWith("plan.ts") ? '/// <reference path="./tine_node.d.ts" />\n' : "";
      assertEquals(await Deno.readTextFile(`${written.dir}/${path}`), reference + expected);
    }
  }
});

Deno.test("the types of plans that tine init writes are those of tine", async () => {
  await using folder = await temporary();
  const { dir } = folder;
  // The checkout's configuration maps the real name.
  await Deno.writeTextFile(`${dir}/theirs.d.ts`, nodeTypes().replace('"@tine/tine/node"', '"theirs"'));
  await Deno.writeTextFile(
    `${dir}/both.ts`,
    `/// <reference path="./theirs.d.ts" />
import type * as theirs from "theirs";
import type * as ours from "${new URL("../../src/node/mod.ts", import.meta.url).href}";
import type * as plain from "${new URL("../../src/node/plan/builders.ts", import.meta.url).href}";
import type * as random from "${new URL("../../src/node/plan/random.ts", import.meta.url).href}";
type builders = typeof plain & typeof random;
type Same<A, B> = [A] extends [B] ? [B] extends [A] ? true : false : false;
type SameBuilders = { [N in keyof builders]: Same<builders[N], (typeof theirs)[N]> };
export const same: [
  Same<keyof typeof theirs, keyof builders>,
  SameBuilders[keyof builders] extends true ? true : false,
  Same<theirs.PlanInput, ours.PlanInput>,
  Same<theirs.TestInput, ours.TestInput>,
  Same<theirs.RunInput, ours.RunInput>,
  Same<theirs.ScheduleInput, ours.ScheduleInput>,
  Same<theirs.ScheduleOptions, ours.ScheduleOptions>,
  Same<theirs.ChildInput, ours.ChildInput>,
  Same<theirs.Node, ours.Node>,
  Same<Required<theirs.Node>, Required<ours.Node>>,
  Same<theirs.RunnerInputs, ours.RunnerInputs>,
  Same<theirs.RunnerName, ours.RunnerName>,
  Same<keyof theirs.TestInput, keyof ours.TestInput>,
] = [true, true, true, true, true, true, true, true, true, true, true, true, true];
`,
  );
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const { code, stderr } = await run(dir, "check", "--config", config, "both.ts");
  assertEquals(code, 0, stderr);
});

Deno.test("a plan that tine init writes has its types beside it, without a configuration", async () => {
  await using folder = await temporary();
  const { dir } = folder;
  const { code, stdout, stderr } = await init(dir, "my_plan.ts");
  assertEquals([code, stdout], [0, "my_plan.ts\ntine_node.d.ts\n"], stderr);
  const checked = await run(dir, "check", "my_plan.ts");
  assertEquals(checked.code, 0, checked.stderr);
  const written = await Deno.readTextFile(`${dir}/my_plan.ts`);
  await Deno.writeTextFile(`${dir}/wrong.ts`, written.replace("sleep(pause)", "sleep(2)"));
  assertStringIncludes(
    (await run(dir, "check", "wrong.ts")).stderr,
    "'2' is not assignable to parameter of type 'string | 0'",
  );
  assertEquals((await init(dir, "plan.js")).stdout, "plan.js\n");
});

Deno.test("tine init never overwrites a file", async () => {
  for (const existing of ["my_udf.ts", "my_udf_test.ts", "my_udf_cases.yaml"]) {
    await using folder = await temporary();
    await Deno.writeTextFile(`${folder.dir}/${existing}`, "mine");
    const { code, stderr } = await init(folder.dir, "my_udf.ts");
    assertEquals(code, 1);
    assertStringIncludes(stderr, `${existing} exists already, nothing was written`);
    assertEquals(files(folder.dir), [existing]);
    assertEquals(await Deno.readTextFile(`${folder.dir}/${existing}`), "mine");
  }
});

Deno.test("tine init writes nothing beside a file that differs only in its language", async () => {
  for (
    const [there, name] of [["a.ts", "a.js"], ["b.js", "b.ts"], ["c.yml", "c.jsonc"], ["my_plan.ts", "my_plan.js"]]
  ) {
    await using folder = await temporary();
    await Deno.writeTextFile(`${folder.dir}/${there}`, "");
    const { code, stdout, stderr } = await init(folder.dir, name);
    assertEquals([code, stdout, files(folder.dir)], [1, "", [there]]);
    assertStringIncludes(stderr, `${there} exists already, and ${name} beside it is easily taken for it: nothing`);
  }
});

Deno.test("tine init warns of types of another version, and leaves them", async () => {
  await using folder = await temporary();
  for (const [types, name] of [["tine_udf.d.ts", "my_udf.ts"], ["tine_node.d.ts", "plan.ts"]]) {
    await Deno.writeTextFile(`${folder.dir}/${types}`, "// old");
    const { code, stderr } = await init(folder.dir, name);
    assertEquals(code, 0, stderr);
    assertStringIncludes(stderr, `warning: ${types} is not that of this version of tine; remove it to have it written`);
    assertEquals(await Deno.readTextFile(`${folder.dir}/${types}`), "// old");
  }
  assertEquals((await init(folder.dir, "next.ts")).stdout, "next.ts\nnext_test.ts\nnext_cases.yaml\n");
});

Deno.test("tine init writes all of its files or no file", async () => {
  for (const [name, limit] of [["my_udf.ts", "12"], ["my_plan.ts", "12"], ["my_plan.yaml", "1"]]) {
    await using folder = await temporary();
    // As on a full disk: a file over the limit, in units of 512 bytes, is written in part.
    const script = `trap '' XFSZ; ulimit -f ${limit}; exec "$@"`;
    const args = ["-c", script, "sh", Deno.execPath(), "run", "-A", "--no-check", entry, "init", name];
    const options = { args, cwd: folder.dir, env: { NO_COLOR: "1" } };
    const { code, stdout, stderr } = await new Deno.Command("sh", options).output();
    const [out, message] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assertEquals([code, out, files(folder.dir)], [1, "", []], message);
    assertMatch(message, /^tine init: cannot write \S+: no space is left\n$/);
  }
});

Deno.test("tine init prints a command to try a UDF that runs as it stands", async () => {
  await using folder = await temporary();
  const { stderr } = await init(folder.dir, "my_rate.ts");
  const [, command] = /^Try it: +(.*)$/m.exec(stderr) ?? [];
  const tine = `tine() { "${Deno.execPath()}" run -A --no-check "${entry}" "$@"; }`;
  const shell = new Deno.Command("sh", { args: ["-c", `${tine}\n${command}`], cwd: folder.dir });
  assertEquals(new TextDecoder().decode((await shell.output()).stdout), "m rate=2 2000000000\n");
});

Deno.test("tine init leaves a deno.json alone, and says what to add to it", async () => {
  await using folder = await temporary();
  const { dir } = folder;
  await Deno.writeTextFile(`${dir}/deno.json`, "{}\n");
  await Deno.mkdir(`${dir}/udfs`);
  const { code, stderr } = await init(dir, "udfs/rate.ts");
  assertEquals(code, 0, stderr);
  assertStringIncludes(stderr, '"imports": { "@tine/tine/udf": "./udfs/tine_udf.d.ts" }');
  assertEquals(files(dir), ["deno.json", "udfs"]);
  assertEquals(files(`${dir}/udfs`), ["rate.ts", "rate_cases.yaml", "rate_test.ts", "tine_udf.d.ts"]);
  await Deno.writeTextFile(`${dir}/deno.json`, '{ "imports": { "@tine/tine/udf": "./udfs/tine_udf.d.ts" } }\n');
  assertEquals((await run(dir, "check", "udfs/rate_test.ts")).code, 0);
  assert(!(await init(dir, "udfs/other.ts")).stderr.includes("add to"));
});

Deno.test("tine init explains names that it cannot use", async () => {
  assertEquals(command.name, "init");
  await using folder = await temporary();
  for (
    const name of [
      "my plan.yaml",
      "my_plan.toml",
      ".yaml",
      "udf",
      "types.d.ts",
      ".ts",
      "a b.ts",
      'q".ts',
      "folder.ts/",
      "a_test.ts",
      "tine_udf.ts",
    ]
  ) {
    assertEquals(await main(["init", `${folder.dir}/${name}`]), 2, name);
  }
  assertEquals(await main(["init"]), 2);
  assertEquals(await main(["init", `${folder.dir}/no/such/udf.ts`]), 1);
  assertEquals(files(folder.dir), []);
});

Deno.test("tine init names the file that it was to write where that has no folder", async () => {
  await using folder = await temporary();
  await Deno.writeTextFile(`${folder.dir}/file`, "mine");
  for (const name of ["my_udf.ts", "my_plan.yaml"]) {
    const { code, stderr } = await init(folder.dir, `file/${name}`);
    assertEquals([code, stderr], [1, `tine init: cannot write file/${name}: what stands above it is no folder\n`]);
  }
});

const ROOT = Deno.uid() === 0;
const noNamespaces = whyNoNamespaces({ rootless: !ROOT });

Deno.test({
  name: `the plans that tine init writes run as they stand${noNamespaces === undefined ? "" : ` (${noNamespaces})`}`,
  ignore: noNamespaces !== undefined,
  async fn() {
    const tine = ["run", "-A", "--no-check", entry];
    const plans = [
      ["my_plan.yaml", "name=hello"],
      ["my_plan.jsonc", "name=hello"],
      ["my_plan.ts", "distance=50ms,name=hello"],
      ["plan.js", "distance=100ms,name=hello"],
    ];
    for (const [plan, test] of plans) {
      await using folder = await temporary();
      const { dir } = folder;
      assertStringIncludes((await init(dir, plan)).stderr, `tine run ${plan}`);
      const vetted = await run(dir, ...tine, "vet", plan);
      assertStringIncludes(vetted.stdout, "0 errors, 0 warnings");
      const words = [...(ROOT ? OWN_NAMES : []), Deno.execPath(), ...tine, "run", plan];
      const { code, stderr } = await new Deno.Command(words[0], { args: words.slice(1), cwd: dir }).output();
      assertEquals(code, 0, new TextDecoder().decode(stderr));
      assertEquals(files(`${dir}/results/latest/${test}/files`), ["addr.txt"]);
      assertStringIncludes((await run(dir, ...tine, "log", "--node", "-")).stdout, "uname: Linux");
    }
  },
});
