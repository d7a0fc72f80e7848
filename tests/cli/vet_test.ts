import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { tine } from "../support/tine.ts";

const FINE = "tests:\n- id: {name: fine}\n  sleep: 1s\n";
const lines = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("tine vet accepts a plan on standard input", async () => {
  const { code, stdout, stderr } = await tine(["vet", "-"], FINE);
  assertEquals([code, stdout, stderr], [0, "stdin: 1 test, 1 run, 0 nodes; 0 errors, 0 warnings\n", ""]);
});

Deno.test("tine vet reports all that is wrong with a plan, each with its place", async () => {
  const plan = "tests:\n- id: {name: 1}\n  timeout: 60\n  serial:\n  - {slep: 1s}\n";
  const { code, stdout } = await tine(["vet", "-"], plan);
  assertEquals(
    stdout,
    `ERROR  tests[0].id.name
       expected a text of letters, digits and ._+-@%=, with a letter or digit first (numbers in quotes), not 1
ERROR  tests[0].timeout
       expected a duration such as 500ms, 1m30s or 1h, not 60; a unit is missing: "60s"?
ERROR  tests[0].serial[0]
       unknown key "slep", did you mean sleep?

stdin: no usable plan; 3 errors, 0 warnings
`,
  );
  assertEquals(code, 1);
});

Deno.test("tine vet counts problems beyond those it shows", async () => {
  const plan = JSON.stringify({ tests: [{ id: { a: "b" }, serial: Array(30).fill({ sleep: 1 }) }] });
  const { code, stdout } = await tine(["vet", "-"], plan);
  assertStringIncludes(stdout, "... and 10 more\n\nstdin: no usable plan; 30 errors, 0 warnings\n");
  assertEquals([code, stdout.match(/^ERROR/gm)?.length], [1, 20]);
});

Deno.test("tine vet ends with 0 for warnings", async () => {
  const { code, stdout } = await tine(["vet", "-"], '{"tests":[{"id":{"a":"b"},"sleep":"1h"}]}');
  assertStringIncludes(stdout, "WARN   tests[0]\n       takes 1h or longer");
  assertStringIncludes(stdout, "stdin: 1 test, 1 run, 0 nodes; 0 errors, 1 warning\n");
  assertEquals(code, 0);
});

Deno.test("tine vet --rootless checks for a run without root", async () => {
  const node = { id: "a", launcher: { local: {} }, netns: { name: "tine-no-such" } };
  const plan = JSON.stringify({ tests: [{ id: { a: "b" }, child: { node, sleep: "1s" } }] });
  const { code, stdout } = await tine(["vet", "--rootless", "-"], plan);
  assertStringIncludes(
    stdout,
    "ERROR  tests[0].child.node.netns\n       enters the namespace tine-no-such, but without",
  );
  assertEquals(code, 1);
});

Deno.test("tine vet --json prints an object a line, with the place of errors of syntax", async () => {
  const fine = await tine(["vet", "--json", "-"], FINE);
  assertEquals(lines(fine.stdout), [
    { type: "summary", plan: "stdin", tests: 1, runs: 1, nodes: 0, errors: 0, warnings: 0 },
  ]);
  const broken = await tine(["vet", "--json", "-"], '{"tests": [\n}');
  assertEquals(lines(broken.stdout), [
    {
      type: "finding",
      severity: "error",
      code: "bad-plan",
      place: "",
      line: 2,
      column: 1,
      message: 'not JSON: expected a value, not "}"',
    },
    { type: "summary", plan: "stdin", errors: 1, warnings: 0 },
  ]);
  assertEquals([fine.code, broken.code], [0, 1]);
});

Deno.test("tine vet shows what a plan holds without acting on it", async () => {
  const { stdout } = await tine(["vet", "-"], JSON.stringify({ tests: [{ id: { a: "\x1b[31m\n" }, "\x1b[2J": 1 }] }));
  assert(!stdout.includes("\x1b"), stdout);
});

Deno.test("tine vet explains a missing file and a missing argument", async () => {
  const missing = await tine(["vet", "no-such.yaml"]);
  assertEquals([missing.code, missing.stderr], [1, "tine vet: cannot read no-such.yaml: there is no such file\n"]);
  const none = await tine(["vet"]);
  assertEquals([none.code, none.stderr], [2, "tine vet: PLAN is missing\nTry: tine vet --help\n"]);
});

Deno.test("what tine init writes as a plan vets cleanly, and is never overwritten", async () => {
  const folder = await Deno.makeTempDir({ prefix: "tine-vet-" });
  try {
    for (const name of ["my_plan.yaml", "a.yml", "b.json", "c.jsonc"]) {
      const path = `${folder}/${name}`;
      const { code, stdout, stderr } = await tine(["init", path]);
      assertEquals([code, stdout], [0, `${path}\n`]);
      assertStringIncludes(stderr, `tine vet ${path}`);
      assertStringIncludes(await Deno.readTextFile(path), `tine vet ${name}`);
      const vetted = await tine(["vet", path, "--json"]);
      assertEquals(vetted.code, 0, vetted.stdout);
      // The machine may lack ip and the like.
      for (const { type, code } of lines(vetted.stdout)) assert(type === "summary" || code === "no-program");
      assertStringIncludes((await tine(["init", path])).stderr, "exists already, nothing was written");
    }
    const config = { args: ["fmt", "--check", "my_plan.yaml", "p.json", "p.jsonc"], cwd: folder };
    const { success, stderr } = await new Deno.Command(Deno.execPath(), config).output();
    assert(success, new TextDecoder().decode(stderr));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("help and the node library load neither zod nor YAML before they need them", async () => {
  const loads = async (path: string, ...args: string[]) => {
    const module = new URL(`../../${path}`, import.meta.url).pathname;
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--log-level=debug", module, ...args],
      env: { NO_COLOR: "1" },
    });
    const { code, stderr } = await command.output();
    assertEquals(code, 0);
    return ["zod", "deno-std"].filter((name) => new RegExp(`/${name}/[0-9]`).test(new TextDecoder().decode(stderr)));
  };
  assertEquals(await loads("main.ts", "schema"), ["zod", "deno-std"]);
  assertEquals(await loads("main.ts", "--help"), []);
  assertEquals(await loads("main.ts", "vet", "--help"), []);
  assertEquals(await loads("src/node/mod.ts"), []);
  assertEquals(await loads("src/node/runners.ts"), []);
  assertEquals(await loads("src/node/serve.ts"), []);
  assertEquals(await loads("src/flow/create_flows.ts"), []);
});

Deno.test("tine vet refuses arguments and permissions for a plan that no module writes", async () => {
  for (
    const [args, given] of [[["--", "10s"], "--"], [["--allow-read", "/"], "--allow-read"], [
      ["--trust"],
      "--trust",
    ]] as const
  ) {
    const { code, stderr } = await tine(["vet", "plan.yaml", ...args]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, `${given} is for plans that a module writes, a .ts or .js file, not for plan.yaml`);
  }
});
