import { assert, assertEquals, assertRejects } from "@std/assert";
import { readChunk } from "../../src/flow/records/read_chunk.ts";
import { Kind } from "../../src/node/protocol/frame.ts";
import {
  createRun,
  findPrevious,
  hashTest,
  listRuns,
  openResults,
  readLogs,
  readRecords,
  testsOf,
} from "../../src/result/mod.ts";
import { readTestSummary } from "../../src/result/summary.ts";
import { TineError } from "../../src/base/errors.ts";
import { errorMessage, fileData, inFolder, item, listing, log, rejection, startRun, testNamed } from "./fixtures.ts";
import { unless, whyNoRoot } from "../support/unless.ts";

Deno.test("createRun() stores a run, and leads to it by a link", () =>
  inFolder(async (folder) => {
    const out = `${folder}/new/results`;
    await using run = await startRun(out);
    assertEquals(run.path, `${out}/2026-11-21T02-55-00Z.work`);
    const test = testNamed("hello");
    const store = await run.startTest(test);
    assertEquals((await readTestSummary(store.folder))?.status, "running");
    const clock = { offsetNs: 0, errorNs: 0 };
    const versions = { tine: "1.2.3", deno: "2.9.6", kernel: "6.1" };
    const node = { nodeId: "left", platform: "linux-x64", hostname: "h", bootId: "b", clock, pid: 7, versions };
    await store.add(item({ type: "nodeInfo", ...node }));
    await store.add(log("left", 1, "hello"));
    await store.add(fileData("left", "dir/a.txt", "one "));
    await store.add(fileData("left", "dir/a.txt", "two"));
    await store.add(fileData("-", "empty", ""));
    await store.add(errorMessage("left", "it failed"));
    await store.add(item({ type: "feedback", nodeId: "-", values: { addr: "::1" } }));
    await store.add(item({ type: "missing", nodeId: "-", from: "right", what: "12 frames of records" }));
    const summary = await store.finish({ status: "failed" });
    assertEquals(await run.finish(), `${out}/2026-11-21T02-55-00Z`);
    assertEquals(await listing(out), [
      "2026-11-21T02-55-00Z",
      "2026-11-21T02-55-00Z/name=hello",
      "2026-11-21T02-55-00Z/name=hello/errors.jsonl",
      "2026-11-21T02-55-00Z/name=hello/files",
      "2026-11-21T02-55-00Z/name=hello/files/dir",
      "2026-11-21T02-55-00Z/name=hello/files/dir/a.txt",
      "2026-11-21T02-55-00Z/name=hello/files/empty",
      "2026-11-21T02-55-00Z/name=hello/logs",
      "2026-11-21T02-55-00Z/name=hello/logs/left.jsonl",
      "2026-11-21T02-55-00Z/name=hello/records.tine",
      "2026-11-21T02-55-00Z/name=hello/test.json",
      "2026-11-21T02-55-00Z/plan.json",
      "2026-11-21T02-55-00Z/run.json",
      "latest -> 2026-11-21T02-55-00Z",
    ]);
    const test_ = `${out}/latest/name=hello`;
    assertEquals(await Deno.readTextFile(`${test_}/files/dir/a.txt`), "one two");
    assertEquals(
      await Deno.readTextFile(`${test_}/logs/left.jsonl`),
      '{"time":"1","tag":"system","text":"hello"}\n',
    );
    assertEquals(
      await Deno.readTextFile(`${test_}/errors.jsonl`),
      '{"time":"1000","tag":"system","text":"it failed","nodeId":"left","error":"command-failed"}\n',
    );
    const read = await readTestSummary(test_);
    assertEquals(read, summary);
    assertEquals(read?.id, { name: "hello" });
    assertEquals(read?.hash, await hashTest(test));
    assertEquals(read?.status, "failed");
    assertEquals(read?.nodes, [node]);
    assertEquals(read?.feedback, { addr: "::1" });
    assertEquals(read?.files, [
      { name: "dir/a.txt", nodeId: "left", bytes: 7 },
      { name: "empty", nodeId: "-", bytes: 0 },
    ]);
    assertEquals(read?.missing, [{ nodeId: "right", what: "12 frames of records" }]);
    assertEquals(read?.errors, [
      { time: "1000", nodeId: "left", tag: "system", code: "command-failed", message: "it failed" },
    ]);
    assertEquals([read?.logs.entries, read?.records.frames], [1, 4]);
    const results = await openResults(`${out}/latest`);
    assert(results.kind === "run");
    assertEquals([results.name, results.complete], ["2026-11-21T02-55-00Z", true]);
    assertEquals(results.summary.tests.map(({ status, errors, folder }) => [status, errors, folder]), [
      ["failed", 1, "name=hello"],
    ]);
  }));

Deno.test("createRun() lets nobody find a run whose plan is not there yet", () =>
  inFolder(async (out) => {
    const found: string[] = [];
    const plan = {
      tests: [],
      // It is called when the plan is about to be written.
      toJSON() {
        const [{ name }] = [...Deno.readDirSync(out)].filter(({ isDirectory }) => isDirectory);
        found.push(...Array.from(Deno.readDirSync(`${out}/${name}`), ({ name }) => name));
        return { tests: [] };
      },
    };
    await using run = await createRun(out, plan, { planName: "plan.yaml", tine: "0" });
    assertEquals(found.filter((name) => name === "run.json"), []);
    assertEquals((await listRuns(out)).runs.map(({ path }) => path), [run.path]);
  }));

Deno.test("createRun() never uses the folder of another run, also at the same time", () =>
  inFolder(async (out) => {
    const runs = await Promise.all([startRun(out), startRun(out), startRun(out)]);
    const finished = await Promise.all(runs.map(async (run) => {
      const store = await run.startTest(testNamed("hello"));
      await store.add(fileData("left", "run", run.path));
      await store.finish({ status: "ok" });
      return await run.finish();
    }));
    const stamp = "2026-11-21T02-55-00Z";
    assertEquals(finished.map((path) => path.slice(out.length + 1)).sort(), [stamp, `${stamp}-2`, `${stamp}-3`]);
    assertEquals((await Array.fromAsync(Deno.readDir(out))).length, 4);
    await using later = await startRun(out);
    assertEquals(later.path, `${out}/${stamp}-4.work`);
    // Somebody takes the name meanwhile.
    await Deno.mkdir(`${out}/${stamp}-4`);
    assertEquals(await later.finish(), `${out}/${stamp}-5`);
    assertEquals(await Deno.readLink(`${out}/latest`), `${stamp}-5`);
  }));

Deno.test("RunFolder.startTest() gives tests with the same id folders of their own", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    for (const folder of ["name=a", "name=a-2"]) {
      const store = await run.startTest(testNamed("a"));
      assertEquals(store.folder, `${run.path}/${folder}`);
      await store.finish({ status: "ok" });
    }
    await run.finish();
  }));

Deno.test("createRun() refuses a folder in place of the link before anything runs", () =>
  inFolder(async (out) => {
    await Deno.mkdir(`${out}/latest`);
    const error = await rejection(startRun(out));
    assertEquals(error.code, "latest-not-link");
    assertEquals(await listing(out), ["latest"]);
  }));

Deno.test("createRun() names a folder that it cannot make", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "");
    for (
      const [out, why] of [
        [`${folder}/file`, "it is no folder"],
        [`${folder}/file/below`, "what stands above it is no folder"],
        ["/proc/none", "it does not exist, and cannot be made there"],
      ]
    ) {
      const { code, message } = await rejection(startRun(out));
      assertEquals([code, message], ["results-failed", `cannot write results to ${out}: ${why}`]);
    }
  }));

Deno.test("createRun() leaves nothing behind where there is no room", () =>
  inFolder(async (out) => {
    const module = new URL("../../src/result/run_folder.ts", import.meta.url).href;
    const script = `import { createRun } from ${JSON.stringify(module)};
      await createRun(${
      JSON.stringify(out)
    }, { tests: [] }, { planName: "x", tine: "0" }).catch(({ code }) => console.log(code));`;
    // As on a full disk: a file over 100 KiB is written in part.
    const limited = 'trap "" XFSZ; ulimit -f 200; exec "$@"';
    const args = ["-c", limited, "sh", Deno.execPath(), "run", "-A", "--no-check", "--ext=ts", "-"];
    const child = new Deno.Command("sh", { args, stdin: "piped", stdout: "piped" }).spawn();
    await new Response(script).body!.pipeTo(child.stdin);
    const { stdout } = await child.output();
    assertEquals(new TextDecoder().decode(stdout), "results-full\n");
    assertEquals(await listing(out), []);
  }));

Deno.test("a run whose folder has gone in the meantime says so, and promises nothing", () =>
  inFolder(async (out) => {
    await using run = await startRun(`${out}/runs`);
    const store = await run.startTest(testNamed("a"));
    await Deno.rename(`${out}/runs`, `${out}/moved`);
    const { code, message } = await rejection(store.finish({ status: "ok" }));
    const why = `cannot write results to ${store.folder}: it was moved or removed while they were written`;
    assertEquals([code, message], ["results-failed", why]);
  }));

Deno.test("a run that was killed stays readable in its work folder", () =>
  inFolder(async (out) => {
    {
      await using run = await startRun(out);
      const store = await run.startTest(testNamed("done"));
      await store.add(log("left", 1, "x"));
      await store.finish({ status: "ok" });
      await (await run.startTest(testNamed("cut"))).add(log("left", 1, "y"));
      const results = await openResults(out);
      assert(results.kind === "results");
      assertEquals(results.runs.map(({ complete }) => complete), [false]);
      assertEquals(results.runs[0].summary.tests.map(({ status }) => status), ["ok", "running"]);
    }
    // Without finish(), as after an error.
    const { runs: [run] } = await listRuns(out);
    assertEquals([run.complete, run.name], [false, "2026-11-21T02-55-00Z.work"]);
    assertEquals(run.summary.tests.map(({ status }) => status), ["ok", "canceled"]);
  }));

Deno.test("what a killed run has written is read up to the last whole frame and line", () =>
  inFolder(async (out) => {
    const script = new URL("endless_run.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script, out],
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const { value } = await child.stdout.values().next();
    child.kill("SIGKILL");
    await child.status;
    assert(value !== undefined);
    const results = await openResults(out);
    assert(results.kind === "results");
    const [run] = results.runs;
    assertEquals(run.complete, false);
    const [done, cut] = await Array.fromAsync(testsOf(run));
    assertEquals([done.summary.status, cut.summary.status], ["ok", "running"]);
    const records = await Array.fromAsync(readRecords(cut.path));
    assert(records.length > 100);
    for (const { kind, payload } of records.slice(1)) {
      assertEquals(kind, Kind.records);
      assert(readChunk(payload).count > 0);
    }
    const lines = await Array.fromAsync(readLogs(cut.path));
    assertEquals(lines.filter(({ error }) => error !== undefined).map(({ text }) => text), ["seen before the end"]);
    assertEquals((await findPrevious(out)).size, 1);
  }));

Deno.test("openResults() says where there are none", () =>
  inFolder(async (folder) => {
    for (const path of [folder, `${folder}/none`]) {
      assertEquals((await rejection(openResults(path))).code, "no-results");
    }
    await Deno.writeTextFile(`${folder}/file`, "");
    assertEquals((await rejection(openResults(`${folder}/file`))).code, "no-results");
  }));

Deno.test("openResults() takes the newest run where latest leads nowhere", () =>
  inFolder(async (out) => {
    const run = async (minute: number, finish: boolean) => {
      await using run = await startRun(out, { started: new Date(Date.UTC(2026, 0, 1, 0, minute)) });
      await (await run.startTest(testNamed("hello"))).finish({ status: "ok" });
      if (finish) await run.finish();
    };
    const opened = async (path: string) => {
      const { kind, path: found } = await openResults(`${out}/${path}`);
      return [kind, found.slice(out.length + 1)];
    };
    // The first run is under way, or was killed.
    await run(1, false);
    assertEquals(await opened("latest"), ["run", "2026-01-01T00-01-00Z.work"]);
    await run(2, true);
    await run(3, true);
    await run(4, false);
    assertEquals(await opened("latest"), ["run", "latest"]);
    await Deno.remove(`${out}/2026-01-01T00-03-00Z`, { recursive: true });
    assertEquals(await opened("latest"), ["run", "2026-01-01T00-02-00Z"]);
    assertEquals(await opened("latest/name=hello"), ["test", "2026-01-01T00-02-00Z/name=hello"]);
    assertEquals(await rejection(openResults(`${out}/latest/name=none`)), {
      code: "no-results",
      message: `there are no results in ${out}/2026-01-01T00-02-00Z/name=none: there is no such folder`,
    });
  }));

Deno.test("openResults() refuses damaged summaries", () =>
  inFolder(async (out) => {
    const summary = {
      version: 1,
      plan: "p",
      tine: "1.2.3",
      started: "2026",
      status: "complete",
      tests: [] as unknown[],
    };
    for (
      const text of [
        "",
        "{",
        "[]",
        "null",
        '{"version":2}',
        '{"version":1}',
        JSON.stringify({ ...summary, tests: [{ id: {}, hash: "", folder: "../../etc" }] }),
        JSON.stringify({ ...summary, tests: [{ id: {}, hash: "", folder: ".." }] }),
        JSON.stringify({ ...summary, tests: [null] }),
      ]
    ) {
      await Deno.writeTextFile(`${out}/run.json`, text);
      const { message } = await assertRejects(() => openResults(out), TineError, "run.json");
      assertEquals(message.includes("undefined"), false, message);
    }
    await Deno.writeTextFile(`${out}/run.json`, JSON.stringify(summary));
    assertEquals((await openResults(out)).kind, "run");
  }));

Deno.test("RunFolder.keepTest() takes over unchanged tests that succeeded", () =>
  inFolder(async (out) => {
    let minute = 0;
    const run = async (statuses: Record<string, "ok" | "failed">, finish = true) => {
      await using run = await startRun(out, { started: new Date(Date.UTC(2026, 0, 1, 0, ++minute)) });
      const previous = await findPrevious(out);
      const kept: string[] = [];
      for (const [name, status] of Object.entries(statuses)) {
        const test = testNamed(name);
        const before = previous.get(await hashTest(test));
        if (before !== undefined) {
          await run.keepTest(before);
          kept.push(name);
          continue;
        }
        const store = await run.startTest(test);
        await store.add(fileData("left", "dir/name", name));
        await store.finish({ status });
      }
      if (finish) await run.finish();
      return { kept, path: run.path };
    };
    assertEquals((await findPrevious(`${out}/none`)).size, 0);
    const first = await run({ a: "ok", b: "failed" });
    assertEquals(first.kept, []);
    const second = await run({ a: "ok", b: "failed", c: "ok" }, false); // killed
    assertEquals(second.kept, ["a"]);
    const third = await run({ a: "ok", b: "ok", c: "ok", d: "ok" });
    assertEquals(third.kept, ["a", "c"]);
    assertEquals(await Deno.readTextFile(`${third.path}/name=a/files/dir/name`), "a");
    const inode = async (path: string) => (await Deno.stat(`${path}/name=a/files/dir/name`)).ino;
    assertEquals(await inode(third.path), await inode(first.path));
    const results = await openResults(third.path);
    assert(results.kind === "run");
    assertEquals(results.summary.tests.map(({ keptFrom, status }) => [keptFrom, status]), [
      ["2026-01-01T00-01-00Z", "ok"],
      [undefined, "ok"],
      ["2026-01-01T00-02-00Z", "ok"],
      [undefined, "ok"],
    ]);
    // A run of some tests hides nothing of those before it.
    assertEquals((await run({ d: "ok" })).kept, ["d"]);
    assertEquals((await run({ a: "ok" })).kept, ["a"]);
  }));

Deno.test("findPrevious() looks through all runs for each test, the newest first", () =>
  inFolder(async (out) => {
    let minute = 0;
    const run = async (statuses: Record<string, "ok" | "failed" | "canceled">) => {
      await using run = await startRun(out, { started: new Date(Date.UTC(2026, 0, 1, 0, ++minute)) });
      for (const [name, status] of Object.entries(statuses)) {
        await (await run.startTest(testNamed(name))).finish({ status });
      }
      return await run.finish();
    };
    const found = async () => {
      const previous = await findPrevious(out);
      return Object.fromEntries(
        previous.values().map(({ summary: { id }, keptFrom }) => [id.name, keptFrom.slice(14, 16)]),
      );
    };
    await run({ both: "ok", breaks: "ok", cut: "ok", gone: "ok", damaged: "ok", mended: "failed" });
    await run({ both: "ok", breaks: "failed", cut: "canceled", mended: "ok" });
    const last = await run({ gone: "ok", damaged: "ok" });
    assertEquals(await found(), { both: "02", cut: "01", gone: "03", damaged: "03", mended: "02" });
    // What was removed or damaged by hand is no result; the one before it is.
    await Deno.remove(`${last}/name=gone`, { recursive: true });
    await Deno.writeTextFile(`${last}/name=damaged/test.json`, "{");
    assertEquals(await found(), { both: "02", cut: "01", gone: "01", damaged: "01", mended: "02" });
    const wanted = await hashTest(testNamed("both"));
    assertEquals([...(await findPrevious(out, new Set([wanted]))).keys()], [wanted]);
  }));

Deno.test("RunFolder.keepTest() reports when the results have gone", () =>
  inFolder(async (out) => {
    const run = await startRun(out);
    await (await run.startTest(testNamed("a"))).finish({ status: "ok" });
    await run.finish();
    const [previous] = (await findPrevious(out)).values();
    await Deno.remove(previous.folder, { recursive: true });
    assertEquals((await findPrevious(out)).size, 0);
    await using again = await startRun(out);
    assertEquals((await rejection(again.keepTest(previous))).code, "results-failed");
  }));

Deno.test({
  ...unless(whyNoRoot, "createRun() gives everything to the owner"),
  fn: () =>
    inFolder(async (out) => {
      await using run = await startRun(`${out}/a/b`, { owner: { uid: 12345, gid: 12346 } });
      const store = await run.startTest(testNamed("a"));
      await store.add(fileData("left", "dir/name", "x"));
      await store.add(log("left", 1, "x"));
      await store.finish({ status: "ok" });
      await run.finish();
      for (const path of (await listing(out)).filter((path) => !path.includes("->"))) {
        const { uid, gid } = await Deno.lstat(`${out}/${path}`);
        assertEquals([path, uid, gid], [path, 12345, 12346]);
      }
    }),
});
