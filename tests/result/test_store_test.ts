import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ChunkWriter } from "../../src/flow/records/chunk_writer.ts";
import { Kind, type Message } from "../../src/node/protocol/frame.ts";
import { openResults, readLogs, readRecords } from "../../src/result/mod.ts";
import { readTestSummary } from "../../src/result/summary.ts";
import { errorMessage, fileData, inFolder, item, listing, log, rejection, startRun, testNamed } from "./fixtures.ts";
import { unless, whyNoRoot, whyNotInstalled } from "../support/unless.ts";

/** A chunk of samples. */
function records(nodeId: string, flow: string, count: number): Message {
  const writer = new ChunkWriter("streamIO");
  for (let k = 0; k < count; k++) writer.columns.t[writer.next()] = k / 3;
  return { kind: Kind.records, origin: nodeId, name: flow, payload: writer.take() };
}

Deno.test("TestStore.add() keeps files of nodes in their folder", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    for (const name of ["../escaped", "/tmp/escaped", "a/../../escaped", "a\\b", "a\0", "", "a//b", "x".repeat(300)]) {
      const { code, message } = await rejection(store.add(fileData("left", name)));
      assertEquals(code, "bad-file-name");
      assertStringIncludes(message, "node left named a file ");
    }
    await store.add(fileData("left", "test.json", "mine"));
    await store.finish({ status: "ok" });
    assertEquals(await listing(`${store.folder}/files`), ["test.json"]);
    await run.finish();
  }));

Deno.test("TestStore.add() refuses a name that another node has used", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    await store.add(fileData("left", "a/b.txt", "1"));
    for (
      const [name, by] of [
        ["a/b.txt", "node left has written it"],
        ["a", "node left has a folder of this name"],
        ["a/b.txt/c", "node left has written a file a/b.txt"],
      ]
    ) {
      assertEquals(await rejection(store.add(fileData("right", name, "2"))), {
        code: "file-name-taken",
        message: `node right cannot write the file "${name}": ${by}`,
      });
    }
    assertEquals((await rejection(store.add(fileData("left", "a", "2")))).code, "file-name-taken");
    await store.add(fileData("right", "a/c.txt", "2"));
    await store.add(fileData("left", "a/b.txt", "2"));
    await store.finish({ status: "ok" });
    assertEquals(await Deno.readTextFile(`${store.folder}/files/a/b.txt`), "12");
  }));

Deno.test("TestStore never follows a link that is in the way", () =>
  inFolder(async (out) => {
    await using run = await startRun(`${out}/results`);
    for (const name of ["files", "logs", "records.tine"]) {
      const store = await run.startTest(testNamed("a"));
      await Deno.mkdir(`${out}/${name}`);
      await Deno.symlink(`${out}/${name}`, `${store.folder}/${name}`);
      await store.add(fileData("left", "a"));
      await store.add(log("left", 1, "x"));
      const summary = await store.finish({ status: "ok" });
      assertEquals([summary.status, summary.errors[0].code], ["failed", "results-failed"]);
      assertStringIncludes(summary.errors[0].message, `cannot write results to ${store.folder}: File exists`);
      assertEquals(await listing(`${out}/${name}`), []);
    }
  }));

Deno.test("TestStore.add() refuses what is no result", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    const payload = new Uint8Array([1, 2, 3]);
    const code = async (message: Partial<Message>) =>
      (await rejection(store.add({ kind: Kind.records, origin: "left", name: "f", payload, ...message }))).code;
    assertEquals(await code({}), "bad-records");
    assertEquals(await code({ kind: Kind.run }), "bad-item");
    assertEquals(await code({ kind: Kind.nodeInfo }), "bad-item");
    assertEquals(await code({ kind: Kind.log }), "bad-item");
    assertEquals(await code({ origin: "../left" }), "bad-node-id");
    assertEquals(await code({ kind: Kind.log, origin: "" }), "bad-node-id");
    await store.finish({ status: "ok" });
    assertEquals((await rejection(store.add(log("left", 1, "late")))).code, "results-closed");
    assertEquals(await listing(store.folder), ["records.tine", "test.json"]);
  }));

Deno.test("TestStore counts samples, and keeps messages as they came", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    const messages = [
      item({ type: "streamInfo", nodeId: "left", flow: "f", tinit: 1n << 60n, server: false, values: { cca: "bbr" } }),
      records("left", "f", 10),
      errorMessage("-", "x"),
      records("right", "g", 2000),
      { kind: 99 as Kind, origin: "left", name: "of a later version", payload: new Uint8Array(100_000).fill(7) },
    ];
    for (const message of messages) await store.add(message);
    const summary = await store.finish({ status: "ok" });
    assertEquals(summary.records.samples, { streamIO: 2010 });
    const read = await Array.fromAsync(readRecords(store.folder));
    assertEquals(read.map(({ kind, origin, name, payload }) => ({ kind, origin, name, payload })), messages);
    assertEquals((await Deno.stat(`${store.folder}/records.tine`)).size, summary.records.bytes);
  }));

Deno.test("TestStore.add() stops at the size limit, and keeps what came before", () =>
  inFolder(async (out) => {
    await using run = await startRun(out, { maxBytes: 1000 });
    const store = await run.startTest(testNamed("a"));
    await store.add(fileData("left", "a", new Uint8Array(900)));
    const { code, message } = await rejection(store.add(fileData("left", "a", new Uint8Array(200))));
    assertEquals(code, "results-too-large");
    assertStringIncludes(message, `the results in ${run.path} exceed the limit of 1000 bytes`);
    // Nothing more, so that there is no gap.
    assertEquals((await rejection(store.add(fileData("left", "a", "1")))).code, "results-too-large");
    assertEquals((await store.finish({ status: "failed" })).files[0].bytes, 900);
    assertEquals((await Deno.stat(`${store.folder}/files/a`)).size, 900);
    assertEquals((await rejection(run.startTest(testNamed("b")))).code, "results-too-large");
    await run.finish();
  }));

Deno.test("TestStore writes many files at once with few handles", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    const piece = new Uint8Array(10_000);
    for (let round = 0; round < 5; round++) {
      for (let i = 0; i < 300; i++) await store.add(fileData(`n${i % 7}`, `d${i % 10}/${i}`, piece.fill(round)));
    }
    assert((await Array.fromAsync(Deno.readDir("/proc/self/fd"))).length < 150);
    const { files } = await store.finish({ status: "ok" });
    assertEquals(files.length, 300);
    for (let i = 0; i < 300; i++) {
      const bytes = await Deno.readFile(`${store.folder}/files/d${i % 10}/${i}`);
      assertEquals(bytes.length, 50_000);
      assertEquals([0, 1, 2, 3, 4].map((round) => bytes[round * 10_000]), [0, 1, 2, 3, 4]);
    }
  }));

Deno.test("TestStore writes what comes little by little within a second or so", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    await store.add(fileData("left", "a", "seen"));
    const path = `${store.folder}/files/a`;
    for (;;) {
      const text = await Deno.readTextFile(path).catch(() => "");
      if (text === "seen") break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    await store.finish({ status: "ok" });
  }));

Deno.test("TestStore.finish() counts once", () =>
  inFolder(async (out) => {
    await using run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    await store.finish({ status: "timeout" });
    assertEquals((await store.finish({ status: "ok" })).status, "timeout");
  }));

/** Runs a test on a file system of its own, of `bytes`. */
async function onSmallDisk(bytes: number, run: (folder: string) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const call = async (program: string, ...args: string[]) => {
      const { success, stderr } = await new Deno.Command(program, { args }).output();
      if (!success) throw new Error(new TextDecoder().decode(stderr));
    };
    await call("mount", "-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", folder);
    try {
      await run(folder);
    } finally {
      await call("umount", folder);
    }
  });
}

/** Why there is no small file system. */
const noMount = whyNoRoot ?? whyNotInstalled("mount", "umount");

Deno.test({
  ...unless(noMount, "TestStore reports a full disk, and what came before stays readable"),
  fn: () =>
    onSmallDisk(2 * 2 ** 20, async (out) => {
      await using run = await startRun(out);
      const store = await run.startTest(testNamed("a"));
      await store.add(log("left", 1, "first"));
      let failure: { code: string; message: string } | undefined;
      for (let i = 0; failure === undefined; i++) {
        assert(i < 100_000);
        failure = await rejection(
          Promise.resolve(store.add(records("left", "f", 2000))).then(() => {
            throw new RangeError("more");
          }),
        ).catch((error) => {
          if (error instanceof RangeError) return undefined;
          throw error;
        });
        await new Promise((resolve) => setTimeout(resolve)); // lets writes go on
      }
      assertEquals(failure.code, "results-full");
      assertStringIncludes(failure.message, `no space is left for the results in ${store.folder}`);
      const summary = await store.finish({ status: "ok" });
      assertEquals([summary.status, summary.errors[0].code], ["failed", "results-full"]);
      assertEquals((await readTestSummary(store.folder))?.status, "failed");
      const path = await run.finish();
      const results = await openResults(path);
      assert(results.kind === "run");
      assertEquals(results.summary.tests[0].status, "failed");
      const read = await Array.fromAsync(readRecords(`${path}/name=a`));
      assert(read.length > 0 && read.every(({ kind }) => kind === Kind.records));
    }),
});

Deno.test({
  ...unless(noMount, "createRun() reports a read-only file system"),
  fn: () =>
    onSmallDisk(2 ** 20, async (out) => {
      const remount = (how: string) =>
        new Deno.Command("mount", { args: ["-o", `remount,${how}`, out], stderr: "null" }).output();
      await remount("ro");
      const { code, message } = await rejection(startRun(out));
      assertEquals(code, "results-not-writable");
      assertEquals(message, `cannot write results to ${out}: the file system is read-only`);
      await remount("rw");
      await using run = await startRun(out);
      const store = await run.startTest(testNamed("a"));
      await store.add(log("left", 1, "x"));
      await remount("ro");
      assertEquals((await rejection(store.finish({ status: "ok" }))).code, "results-not-writable");
      assertEquals((await rejection(run.finish())).code, "results-not-writable");
      assertEquals((await Array.fromAsync(readLogs(store.folder))).length, 0);
    }),
});
