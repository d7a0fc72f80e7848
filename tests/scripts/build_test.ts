import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TextReader } from "../support/tine.ts";
import { unless, whyNoRoot } from "../support/unless.ts";

const root = new URL("../../", import.meta.url).pathname;
let folder = "";
let executable = "";
/** A cache that all tests share that only need the program to run. */
let cache = "";

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "tine-build-test-" });
  cache = `${folder}/cache`;
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${root}scripts/build.ts`, "--pack", "--out", folder],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  [executable] = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`);
  await placeShared(executable, NOWHERE);
  // The first start is not what most tests are about.
  await run(["--version"]);
});

/** Where the executable unpacks itself if there is no cache; tests do not touch the real place. */
const SHARED = "/var/tmp/tine-$me";
const NOWHERE = "/dev/null/tine$me";

/** Makes an executable that unpacks itself in another folder, whose path has the length of the real one. */
async function placeShared(file: string, place: string, before = SHARED): Promise<void> {
  assertEquals(place.length, before.length);
  using opened = await Deno.open(file, { read: true, write: true });
  const bytes = new Uint8Array(32_768); // the head
  await opened.read(bytes);
  const at = new TextDecoder("latin1").decode(bytes).indexOf(before);
  assert(at > 0);
  await opened.seek(at, Deno.SeekMode.Start);
  await opened.write(new TextEncoder().encode(place));
}

Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

interface Result {
  code: number;
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
}

async function run(args: string[], env: Record<string, string> = {}, input = "", file = executable): Promise<Result> {
  const child = new Deno.Command(file, {
    args,
    env: { XDG_CACHE_HOME: cache, XDG_RUNTIME_DIR: "", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, signal, stdout, stderr } = await child.output();
  return { code, signal, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

async function newFolder(name: string): Promise<string> {
  return await Deno.makeTempDir({ dir: folder, prefix: `${name}-` });
}

function list(path: string): string[] {
  return [...Deno.readDirSync(path)].map(({ name }) => name).sort();
}

/** Waits until something holds, for what other processes do in their own time. */
async function eventually(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!holds()) {
    assert(performance.now() < deadline, `${what}: not within 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("the packed executable says what it is", async () => {
  const { code, stdout } = await run(["--version"]);
  assertEquals(code, 0);
  assertMatch(stdout, /^tine \d+\.\d+\.\d+ \(packed, deno /);
});

Deno.test("the packed executable has the manual, and what tine init writes, as the checkout has them", async () => {
  const text = (path: string) => Deno.readTextFile(`${root}${path}`);
  const page = await run(["help", "ssh"]);
  assertEquals([page.code, page.stderr], [0, ""]);
  const { renderMarkdown } = await import("../../src/cli/help/markdown.ts");
  assertEquals(page.stdout, renderMarkdown(await text("src/cli/help/topics/ssh.md"), { isTerminal: () => false }));
  for (const name of ["my_udf.ts", "my_udf.js", "my_plan.yaml"]) {
    // Both UDFs have cases of one name beside them.
    const written = await newFolder(`skeleton-${name}`);
    const { code, stderr } = await run(["init", `${written}/${name}`]);
    assertEquals(code, 0, stderr);
    assertEquals(await Deno.readTextFile(`${written}/${name}`), await text(`src/cli/init/skeletons/${name}`));
    if (name !== "my_udf.ts") continue;
    assertEquals(await Deno.readTextFile(`${written}/tine_udf.d.ts`), await text("src/udf/udf_types.ts"));
  }
});

Deno.test("the packed executable passes arguments on, whatever is in them", async () => {
  const odd = ["", " a  b ", "*", "$HOME", "`id`", "'\"\\", "line\nline", "-x", "--", "ü", "a=b", "~", "!"];
  const file = `${await newFolder("args")}/args`;
  await run(["host", "--", "sh", "-c", 'out=$1; shift; printf "%s\\0" "$@" >"$out"', "sh", file, ...odd]);
  assertEquals((await Deno.readTextFile(file)).split("\0").slice(0, -1), odd);
});

Deno.test("the packed executable passes stdin, stdout and exit codes on", async () => {
  const driven = await run(["host", "--handler", "mirror"], {}, "m,t=a v=1 1\n");
  assertEquals(driven.code, 0, driven.stderr);
  assertStringIncludes(driven.stdout, "m,t=a v=1 1");
  assertEquals((await run(["host", "--no-such-flag"])).code, 2);
  assertEquals((await run(["host", "--handler", "mirror", "--input", "/no/such/file"])).code, 1);
});

Deno.test("the packed executable reads messages with protobufjs by the schemas that it brings", async () => {
  const checked = await run(["check", "--handler", "mirror", "--only", "decoders-agree"]);
  assertStringIncludes(checked.stdout, "PASS  decoders-agree");
  const file = `${await newFolder("raw")}/run.rec`;
  await run(["host", "--handler", "mirror", "--record", file], {}, "m v=9007199254740993i 7\n");
  const shown = await run(["replay", file, "--show", "--raw"]);
  assertEquals([shown.code, shown.stderr], [0, ""]);
  assertStringIncludes(shown.stdout, '{"point":{"time":7,"name":"m","fieldsInt":{"v":9007199254740993}}}');
  assertStringIncludes(shown.stdout, " 2 value, varint: 9007199254740993\n");
});

Deno.test("the packed executable leaves deno's variables to the children of the program", async () => {
  const file = `${await newFolder("env")}/env`;
  await run(["host", "--", "sh", "-c", 'echo "$DENO_DIR|$TINE_PACKED" >"$1"', "sh", file], { DENO_DIR: "" });
  assertEquals(await Deno.readTextFile(file), `|${executable}\n`);
});

Deno.test("the packed executable runs an author's TypeScript module in a worker", async () => {
  const module = `${await newFolder("module")}/my_udf.ts`;
  assertEquals((await run(["init", module])).code, 0);
  const driven = await run(["host", "--set", "field=value", "--", executable, "agent", module], {}, "m value=1 1\n");
  assertEquals(driven.code, 0, driven.stderr);
});

Deno.test("the packed executable names the place in an author's module where output is misused", async () => {
  const module = `${await newFolder("misuse")}/my_udf.ts`;
  await Deno.writeTextFile(
    module,
    `export const createHandler = (agent: { beginBatch(begin: { name: string }): void }) => ({
      info: () => ({ wants: "stream", provides: "stream" }),
      init() {},
      point: () => agent.beginBatch({ name: "m" }),
    });`,
  );
  const { code, stderr } = await run(["host", "--handler", module], {}, "m value=1 1\n");
  assertEquals(code, 1);
  assertStringIncludes(stderr, 'the beginning of a batch "m", on an edge of single points (my_udf.ts:4:26)');
});

Deno.test("the packed executable runs an author's TypeScript plan, which imports what the executable has", async () => {
  const plan = `${await newFolder("plan")}/my_plan.ts`;
  assertEquals((await run(["init", plan])).code, 0);
  // As the head of what init writes says: arguments are in Deno.args.
  const text = await Deno.readTextFile(plan);
  await Deno.writeTextFile(plan, text.replace('const pause = "1s";', 'const [pause = "1s"] = Deno.args;'));
  const vetted = await run(["vet", "--json", plan, "--", "3s"]);
  assertEquals(vetted.code, 0, vetted.stderr);
  const dry = await run(["run", "--dry-run", "--json", plan, "--", "3s"]);
  assertEquals(JSON.parse(dry.stdout).tests[1].serial[1].child.serial[2], { sleep: 3000 });
});

for (const protocol of ["tcp", "udp"]) {
  Deno.test(`the packed executable is a ${protocol} server and client by hand`, async () => {
    const server = new Deno.Command(executable, {
      args: [protocol, "server", "--listen", "127.0.0.1:0", "--json"],
      env: { XDG_CACHE_HOME: cache },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    try {
      await using lines = new TextReader(server.stdout);
      const [, address] = await lines.until(/"address": ?"([^"]+)"/);
      const { code, stdout, stderr } = await run([protocol, "client", address, "--duration=200ms", "--json"]);
      assertEquals([code, stderr], [0, ""]);
      // Workers and system calls are there in the build, too.
      const { kind, complete, protocol: told } = JSON.parse(stdout);
      assertEquals([kind, complete, told], [Deno.build.os === "linux" ? "ffi" : "portable", true, protocol]);
      await lines.until(/"type":"flow"/);
    } finally {
      server.kill("SIGINT");
      assertEquals((await server.status).signal, null);
    }
  });
}

for (const place of ["the cache", "a private folder"]) {
  Deno.test(`a program that runs from ${place} gets signals itself and leaves nothing behind`, async () => {
    const temporary = await newFolder("signals");
    const socket = `${temporary}/s`;
    const child = new Deno.Command(executable, {
      args: ["agent", "mirror", "--socket", socket],
      env: { XDG_CACHE_HOME: place === "the cache" ? cache : "/dev/null/none", XDG_RUNTIME_DIR: "", TMPDIR: temporary },
      stdin: "null",
      stderr: "null",
    }).spawn();
    await eventually("the agent listens", () => exists(socket));
    child.kill("SIGTERM");
    const { code, signal } = await child.status;
    assertEquals([code, signal], [0, null]);
    await eventually("the folder is empty", () => list(temporary).length === 0);
  });
}

Deno.test("the private folder goes also when the program is killed", async () => {
  const temporary = await newFolder("killed");
  const socket = `${await newFolder("socket")}/s`;
  const child = new Deno.Command(executable, {
    args: ["agent", "mirror", "--socket", socket],
    env: { XDG_CACHE_HOME: "/dev/null/none", XDG_RUNTIME_DIR: "", TMPDIR: temporary },
    stdin: "null",
    stderr: "null",
  }).spawn();
  await eventually("the agent listens", () => exists(socket));
  child.kill("SIGKILL");
  assertEquals((await child.status).signal, "SIGKILL");
  await eventually("the folder is empty", () => list(temporary).length === 0);
});

Deno.test("first starts at the same time all succeed and leave one entry", async () => {
  const empty = await newFolder("concurrent");
  const results = await Promise.all([1, 2, 3].map(() => run(["--version"], { XDG_CACHE_HOME: empty })));
  assertEquals(results.map(({ code, stderr }) => [code, stderr]), [[0, ""], [0, ""], [0, ""]]);
  const [entry, ...others] = list(`${empty}/tine`);
  assertEquals(others, []);
  assertEquals(list(`${empty}/tine/${entry}`), ["deno", "program", "tine-deno-dir"]);
  assertEquals(Deno.statSync(`${empty}/tine/${entry}`).mode! & 0o777, 0o700);
});

Deno.test("a start reads the modules that it needs, and not all that there are", async () => {
  const own = await newFolder("lazy");
  await run(["--version"], { XDG_CACHE_HOME: own });
  const program = `${own}/tine/${list(`${own}/tine`)[0]}/program`;
  const lazy = list(program).filter((name) => name.endsWith(".js"))
    .flatMap((name) => [...Deno.readTextFileSync(`${program}/${name}`).matchAll(/\bimport\((.*?)\.js"/g)]);
  assert(lazy.length > 10, "the subcommands are imported lazily");
  for (const [, start] of lazy) assertMatch(start, /^String\("\.\//);
  // The first module of Node.js that is imported takes as long as the rest of the start.
  for (const path of staticModules(`${program}/scripts/build/packed_start.js`)) {
    assert(!/^import .* from "node:/m.test(Deno.readTextFileSync(path)), `${path} needs Node.js`);
  }
});

Deno.test("later starts run the entry that the first one has made, in each shell that is there", async () => {
  const own = await newFolder("later");
  await run(["--version"], { XDG_CACHE_HOME: own });
  const entry = `${own}/tine/${list(`${own}/tine`)[0]}`;
  const { ino } = await Deno.stat(entry);
  for (const shell of ["sh", "dash", "bash", "busybox"]) {
    const args = shell === "busybox" ? ["sh", executable, "--version"] : [executable, "--version"];
    const options: Deno.CommandOptions = { args, env: { XDG_CACHE_HOME: own }, stdout: "piped", stderr: "piped" };
    let output: Deno.CommandOutput;
    try {
      output = await new Deno.Command(shell, options).output();
    } catch (error) {
      if (shell === "sh" || !(error instanceof Deno.errors.NotFound)) throw error;
      continue;
    }
    assertEquals(new TextDecoder().decode(output.stderr), "", shell);
    assertMatch(new TextDecoder().decode(output.stdout), /^tine /, shell);
    assertEquals((await Deno.stat(entry)).ino, ino, shell);
  }
});

Deno.test({
  name: "local nodes start from a bundle of their own, with few modules" +
    (Deno.build.os === "linux" ? "" : " (needs /proc)"),
  ignore: Deno.build.os !== "linux",
  async fn() {
    const own = await newFolder("node");
    const system = {
      system: { command: "sh", args: ["-c", "tr '\\0' '\\n' < /proc/$PPID/cmdline"], stdout: "command" },
    };
    const node = (id: string, run: unknown) => ({ child: { node: { id, launcher: { local: {} } }, ...Object(run) } });
    // The child of a node starts as that of the root does.
    const plan = { tests: [{ id: { name: "bundle" }, ...node("outer", node("inner", system)) }] };
    await Deno.writeTextFile(`${own}/plan.json`, JSON.stringify(plan));
    const { code, stderr } = await run(["run", "--out", `${own}/results`, `${own}/plan.json`]);
    assertEquals(code, 0, stderr);
    const [output] = [...files(own)].filter((path) => path.endsWith("/command"));
    const command = (await Deno.readTextFile(output)).trim().split("\n");
    assertEquals(command.slice(-3), ["node", "serve", "inner"]);
    const entry = command.at(-4)!;
    assertMatch(entry, /\/program\/node\/packed_node\.js$/);
    const modules = staticModules(entry);
    assert(modules.size < 10, `a node reads ${modules.size} modules before it starts`);
    // What is of Node.js, timers too, takes as much memory as all the code of a node; see startLongTimer().
    const ofNodeJs = /^import .* from "node:|\b(?:set|clear)(?:Timeout|Interval)\(/m;
    for (const path of modules) assert(!ofNodeJs.test(Deno.readTextFileSync(path)), `${path} needs Node.js`);
  },
});

/** Paths of the files below a folder. */
function* files(folder: string): Generator<string> {
  for (const { name, isDirectory, isFile } of Deno.readDirSync(folder)) {
    if (isDirectory) yield* files(`${folder}/${name}`);
    else if (isFile) yield `${folder}/${name}`;
  }
}

/** A module, and all that it imports without choice. */
function staticModules(path: string, found = new Set<string>()): Set<string> {
  if (found.has(path)) return found;
  found.add(path);
  for (const [, specifier] of Deno.readTextFileSync(path).matchAll(/^(?:import|\} from) ?"(\.[^"]+)";$/gm)) {
    staticModules(new URL(specifier, `file://${path}`).pathname, found);
  }
  return found;
}

Deno.test("a damaged entry of the cache is noticed and replaced", async () => {
  const own = await newFolder("damaged");
  await run(["--version"], { XDG_CACHE_HOME: own });
  const entry = `${own}/tine/${list(`${own}/tine`)[0]}`;
  const start = `${entry}/program/scripts/build/packed_start.js`;
  const { size } = Deno.statSync(start);
  const damages: [string, () => void][] = [
    ["a short deno", () => Deno.truncateSync(`${entry}/deno`, 1000)],
    ["a short program", () => Deno.truncateSync(start, 10)],
    ["a missing file", () => Deno.removeSync(start)],
  ];
  for (const [what, damage] of damages) {
    damage();
    const { code, stderr } = await run(["--version"], { XDG_CACHE_HOME: own });
    assertEquals([code, stderr], [0, ""], what);
    assertEquals(Deno.statSync(start).size, size, what);
    assertEquals(list(`${own}/tine`).length, 1, what);
  }
});

Deno.test("an entry of the cache that others can write to is not executed", async () => {
  const own = await newFolder("writable");
  await run(["--version"], { XDG_CACHE_HOME: own });
  const deno = `${own}/tine/${list(`${own}/tine`)[0]}/deno`;
  await Deno.writeTextFile(deno, "#!/bin/sh\necho foreign\n");
  await Deno.truncate(deno, (await Deno.stat(Deno.execPath())).size);
  await Deno.chmod(deno, 0o777);
  assertMatch((await run(["--version"], { XDG_CACHE_HOME: own })).stdout, /^tine /);
});

Deno.test({
  ...unless(whyNoRoot, "root executes nothing from a cache that others can write to"),
  async fn() {
    const own = await newFolder("foreign");
    await Deno.chmod(own, 0o777);
    assertEquals((await run(["--version"], { XDG_CACHE_HOME: own })).code, 0);
    assertEquals(list(`${own}/tine`), []);
  },
});

Deno.test("where the cache cannot be written, the runtime folder serves, and one line says so at the first start", async () => {
  const runtime = await newFolder("runtime");
  const env = { XDG_CACHE_HOME: "/dev/null/none", XDG_RUNTIME_DIR: runtime, TMPDIR: "/dev/null/none" };
  const first = await run(["--version"], env);
  const place = `${runtime}/tine`;
  const said = `tine: /dev/null/none/tine cannot be written: unpacked in ${place}, for later starts too\n`;
  assertEquals([first.code, first.stderr], [0, said]);
  const later = await run(["--version"], env);
  assertEquals([later.code, later.stdout, later.stderr], [0, first.stdout, ""]);
  assertEquals(list(place).length, 1);
});

Deno.test("without a cache and a runtime folder, a folder of the user's own for temporary files serves", async () => {
  const parent = `/tmp/${crypto.randomUUID().slice(0, 8)}`;
  const place = `${parent}/tin`;
  await Deno.mkdir(parent, { mode: 0o755 });
  try {
    const file = `${folder}/shared`;
    await Deno.copyFile(executable, file);
    await placeShared(file, place, NOWHERE);
    const temporary = await newFolder("private");
    const env = { XDG_CACHE_HOME: "/dev/null/none", TMPDIR: temporary };
    const first = await run(["--version"], env, "", file);
    assertEquals(first.code, 0);
    assertStringIncludes(first.stderr, `unpacked in ${place}, for later starts too\n`);
    assertEquals((await run(["--version"], env, "", file)).stderr, "");
    assertEquals(Deno.statSync(place).mode! & 0o777, 0o700);
    // Another user could put something else in the place of the entry.
    await Deno.chmod(place, 0o777);
    const foreign = await run(["--version"], env, "", file);
    assertEquals(foreign.code, 0);
    assertStringIncludes(foreign.stderr, "unpacked for this run only");
    assertEquals(foreign.stderr.split("\n").length, 2);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
});

Deno.test("without a cache and a temporary folder, one sentence says what to do", async () => {
  const { code, stderr } = await run(["--version"], { XDG_CACHE_HOME: "/dev/null/none", TMPDIR: "/dev/null/none" });
  assertEquals(code, 1);
  assertMatch(stderr, /^tine: cannot unpack: .*set XDG_CACHE_HOME or TMPDIR\)\n$/);
});

Deno.test("an executable that was cut short says that it cannot be unpacked", async () => {
  const cut = `${folder}/cut`;
  await Deno.copyFile(executable, cut);
  await Deno.truncate(cut, 5_000_000);
  const empty = await newFolder("cut");
  const { code, stderr } = await run(["--version"], { XDG_CACHE_HOME: empty, TMPDIR: empty }, "", cut);
  assertEquals(code, 1);
  assertMatch(stderr, /^tine: cannot unpack .*\/cut: gzip: .*\n$/);
  assertEquals(list(empty), ["tine"]);
  assertEquals(list(`${empty}/tine`), []);
});

Deno.test("the build refuses a deno of another platform", async () => {
  const wrong = `${folder}/wrong`;
  await Deno.writeTextFile(wrong, "#!/bin/sh\n");
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", `${root}scripts/build.ts`, "--platform", "macos-arm64", "--deno", wrong, "--out", folder],
  }).output();
  assertEquals(code, 1);
  assertEquals(new TextDecoder().decode(stderr), `build: ${wrong} is not an executable for macos-arm64\n`);
});
