import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { temporaryPath, Watchdog } from "../../../src/node/process/watchdog.ts";
import { TineError } from "../../../src/base/errors.ts";
import { noLeftovers } from "../../support/leaks.ts";
import { processesWith } from "../../support/processes_with.ts";
import { whyNoNamespaces } from "../../support/namespaces.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";

const noNamespaces = whyNoNamespaces({ rootless: false });

/** Starts a program that makes a watchdog and waits; what it prints first is its first line. */
async function startProgram(body: string): Promise<{ child: Deno.ChildProcess; line: string }> {
  const module = new URL("../../../src/node/process/", import.meta.url);
  const code = `import { Watchdog } from "${module}watchdog.ts";
    import { createProcesses } from "${module}node_processes.ts";
    const watchdog = new Watchdog();
    const processes = createProcesses(watchdog);
    ${body}
    setInterval(() => {}, 1000);`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(code));
  await writer.close();
  let line = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    line += text;
    if (line.includes("\n")) break;
  }
  return { child, line: line.trimEnd() };
}

Deno.test("Watchdog starts nothing until it is needed", async () => {
  await using watchdog = new Watchdog();
  assertEquals(processesWith(watchdog.lineage.marker), []);
});

Deno.test("Watchdog removes folders when it is disposed of", async () => {
  await using _ = noLeftovers();
  const watchdog = new Watchdog();
  const folder = await watchdog.makeFolder();
  await Deno.writeTextFile(`${folder}/x`, "");
  assertEquals((await Deno.stat(folder)).mode! & 0o777, 0o700);
  const other = await watchdog.makeFolder();
  await watchdog[Symbol.asyncDispose]();
  await watchdog[Symbol.asyncDispose]();
  for (const path of [folder, other]) await assertRejects(() => Deno.stat(path), Deno.errors.NotFound);
  assertThrows(() => watchdog.watchGroup(12345), TineError, "the node has ended");
});

Deno.test("Watchdog leaves alone what was taken off its list", async () => {
  await using _ = noLeftovers();
  const folder = await Deno.makeTempDir();
  {
    await using watchdog = new Watchdog();
    using _path = await watchdog.watchPath(folder);
  }
  await Deno.remove(folder);
});

Deno.test("Watchdog removes nothing but absolute paths below a folder", async () => {
  await using watchdog = new Watchdog();
  for (const path of ["x", "/", "/tmp", "/tmp/", "/tmp/..", "/tmp/../etc", "/tmp//x", "/tmp/a\nb", "/tmp/ "]) {
    await assertRejects(() => watchdog.watchPath(path), TineError, "no absolute path");
  }
});

Deno.test({
  ...unless(whyNotInstalled("setsid"), "Watchdog kills groups and what carries the marker when the node is killed"),
  async fn() {
    await using _ = noLeftovers();
    const { child, line } = await startProgram(`
      const start = (program, ...args) => processes.start({ program, args, stdout: false, stderr: false });
      start("sleep", "1001");
      start("sh", "-c", "trap '' INT TERM HUP; setsid sleep 1002 & sleep 1003 & wait");
      start("env", "-i", "sleep", "1004");
      start("sh", "-c", "kill -STOP $$; sleep 1005");
      console.log(watchdog.lineage.marker, await watchdog.makeFolder());`);
    const [marker, folder] = line.split(" ");
    assert((await Deno.stat(folder)).isDirectory);
    assert(processesWith(marker).length >= 5);
    child.kill("SIGKILL");
    await child.status;
  },
});

Deno.test("Watchdog goes on in another process when it is killed", async () => {
  await using _ = noLeftovers();
  await using watchdog = new Watchdog();
  const folder = await watchdog.makeFolder();
  const [process] = processesWith(watchdog.lineage.marker);
  const sleep = new Deno.Command("sleep", { args: ["1006"], detached: true }).spawn();
  watchdog.watchGroup(sleep.pid);
  Deno.kill(parseInt(process), "SIGKILL");
  while (processesWith(watchdog.lineage.marker)[0] === process) await new Promise((resolve) => setTimeout(resolve, 5));
  await watchdog[Symbol.asyncDispose]();
  assertEquals((await sleep.status).signal, "SIGKILL");
  await assertRejects(() => Deno.stat(folder), Deno.errors.NotFound);
});

Deno.test("createNamespace() refuses names that are none, without asking anybody", async () => {
  await using watchdog = new Watchdog();
  for (const name of ["", ".", "..", "-x", "a/b", "a b", "a\nb", "$(x)"]) {
    await assertRejects(() => watchdog.createNamespace(name), TineError, "is no name");
  }
});

Deno.test({
  ...unless(noNamespaces, "createNamespace() makes and deletes namespaces, and never one that existed"),
  async fn() {
    await using _ = noLeftovers();
    const name = `tine-t${Deno.pid}`;
    await using first = new Watchdog();
    await using second = new Watchdog();
    const namespace = await first.createNamespace(name);
    await assertRejects(() => second.createNamespace(name), TineError, `the network namespace ${name} exists already`);
    await second[Symbol.asyncDispose]();
    assert((await Deno.stat(`/run/netns/${name}`)).isFile);
    // What runs in it is killed with it.
    const sleep = new Deno.Command("ip", { args: ["netns", "exec", name, "sleep", "1007"] }).spawn();
    await inNamespace(sleep.pid, name);
    await namespace[Symbol.asyncDispose]();
    assertEquals((await sleep.status).signal, "SIGKILL");
    const again = await first.createNamespace(name);
    await again[Symbol.asyncDispose]();
  },
});

/** `ip netns exec` has entered. */
async function inNamespace(pid: number, name: string) {
  for (;;) {
    const { ino } = await Deno.stat(`/proc/${pid}/ns/net`);
    if (ino === (await Deno.stat(`/run/netns/${name}`)).ino) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test({
  ...unless(noNamespaces, "Watchdog deletes namespaces when the node is killed"),
  async fn() {
    await using _ = noLeftovers();
    const name = `tine-k${Deno.pid}`;
    const { child } = await startProgram(`
      await watchdog.createNamespace("${name}");
      new Deno.Command("ip", { args: ["netns", "exec", "${name}", "sleep", "1008"] }).spawn();
      console.log("ready");`);
    assert((await Deno.stat(`/run/netns/${name}`)).isFile);
    child.kill("SIGKILL");
    await child.status;
  },
});

/** Calls a function with another TMPDIR. */
async function inFolder<T>(folder: string, action: () => T | Promise<T>): Promise<T> {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  try {
    return await action();
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
}

Deno.test("temporaryPath() gives a path that a watchdog takes, however TMPDIR is written", async () => {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "tine test " }));
  const home = Deno.cwd();
  try {
    Deno.mkdirSync(`${folder}/a b`);
    Deno.chdir(folder);
    await using watchdog = new Watchdog();
    for (const written of [`${folder}/a b/`, `${folder}//a b`, `${folder}/./a b/../a b`, "a b"]) {
      const path = await inFolder(written, () => temporaryPath("tine-"));
      assertEquals(path.slice(0, path.lastIndexOf("/")), `${folder}/a b`);
      using _watched = await watchdog.watchPath(path);
      const made = await inFolder(written, () => watchdog.makeFolder());
      assert(Deno.statSync(made).isDirectory);
      assert(!made.includes(watchdog.lineage.marker), "the marker can be seen by all users");
    }
  } finally {
    Deno.chdir(home);
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("temporaryPath() reports a TMPDIR that is not there", async () => {
  await inFolder("/nonexistent/x", () => {
    const error = assertThrows(() => temporaryPath("tine-"), TineError, "/nonexistent/x");
    assertEquals(error.code, "no-temporary-folder");
  });
});
