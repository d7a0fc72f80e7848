import { assertEquals, assertRejects } from "@std/assert";
import { type LogFilter, readLogs } from "../../src/result/mod.ts";
import { TineError } from "../../src/base/errors.ts";
import { Random } from "../support/random.ts";
import { errorMessage, inFolder, log, startRun, testNamed } from "./fixtures.ts";

/** Stores logs, and gives the folder of the test. */
async function stored(out: string, messages: ReturnType<typeof log>[]): Promise<string> {
  await using run = await startRun(out);
  const store = await run.startTest(testNamed("a"));
  for (const message of messages) await store.add(message);
  await store.finish({ status: "ok" });
  return store.folder;
}

const texts = async (folder: string, filter?: LogFilter) =>
  (await Array.fromAsync(readLogs(folder, filter))).map(({ nodeId, time, text }) => `${nodeId} ${time} ${text}`);

Deno.test("readLogs() merges logs by time", () =>
  inFolder(async (out) => {
    const folder = await stored(out, [
      log("b", 3, "b1", "sleep"),
      log("-", 1, "root"),
      log("a", 2, "a1"),
      log("a", 4, "a2", "sleep"),
      log("b", 1n << 62n, "b2"),
    ]);
    assertEquals(await texts(folder), ["- 1 root", "a 2 a1", "b 3 b1", "a 4 a2", `b ${1n << 62n} b2`]);
    assertEquals(await texts(folder, { nodes: ["a", "-"] }), ["- 1 root", "a 2 a1", "a 4 a2"]);
    assertEquals(await texts(folder, { tags: ["sleep"] }), ["b 3 b1", "a 4 a2"]);
    assertEquals(await texts(folder, { tags: ["sleep"], nodes: ["a"] }), ["a 4 a2"]);
    assertEquals(await texts(folder, { nodes: ["none"] }), []);
  }));

Deno.test("readLogs() keeps the order of a node whose clock was set back", () =>
  inFolder(async (out) => {
    const folder = await stored(out, [log("a", 10, "1"), log("a", 2, "2"), log("a", 11, "3"), log("b", 5, "b")]);
    assertEquals(await texts(folder), ["b 5 b", "a 10 1", "a 2 2", "a 11 3"]);
  }));

Deno.test("readLogs() brings errors into the order of time, although they came earlier", () =>
  inFolder(async (out) => {
    const folder = await stored(out, [
      errorMessage("b", "E2"),
      errorMessage("a", "E1"),
      log("a", 1, "1"),
      log("b", 2000, "2"),
    ]);
    assertEquals(await texts(folder), ["a 1 1", "b 1000 E2", "a 1000 E1", "b 2000 2"]);
    assertEquals(await texts(folder, { nodes: ["a"] }), ["a 1 1", "a 1000 E1"]);
    const [, error] = await Array.fromAsync(readLogs(folder));
    assertEquals(error.error, "command-failed");
  }));

Deno.test("readLogs() reads nothing where nobody has logged", () =>
  inFolder(async (out) => assertEquals(await texts(await stored(out, [])), [])));

Deno.test("readLogs() reads logs of many blocks, with lines longer than blocks", () =>
  inFolder(async (out) => {
    const random = new Random(4);
    const messages: ReturnType<typeof log>[] = [];
    const expected: string[] = [];
    for (let i = 0; i < 3000; i++) {
      const text = random.oneIn(500) ? "ä\n".repeat(random.below(170_000)) : "x".repeat(random.below(3000));
      const node = `n${random.below(20)}`;
      messages.push(log(node, i, text));
      expected.push(`${node} ${i} ${text}`);
    }
    const folder = await stored(out, messages);
    // Compared one by one: a difference of megabytes is of no use to anybody.
    for (const [i, text] of (await texts(folder)).entries()) assertEquals(text === expected[i], true);
  }));

Deno.test("readLogs() leaves out a last line that was cut", () =>
  inFolder(async (out) => {
    const folder = await stored(out, [log("a", 1, "1"), log("a", 2, "ä"), log("b", 3, "3")]);
    const path = `${folder}/logs/a.jsonl`;
    const bytes = await Deno.readFile(path);
    for (let end = bytes.length - 1; end > 40; end--) {
      await Deno.writeFile(path, bytes.subarray(0, end));
      assertEquals(await texts(folder), ["a 1 1", "b 3 3"]);
    }
  }));

Deno.test("readLogs() says which line is damaged", () =>
  inFolder(async (out) => {
    const folder = await stored(out, [log("a", 1, "1")]);
    for (
      const line of ["", "{", "null", "{}", '{"time":"x","tag":"a","text":"b"}', '{"time":1,"tag":"a","text":"b"}']
    ) {
      await Deno.writeTextFile(`${folder}/logs/a.jsonl`, `{"time":"1","tag":"a","text":"b"}\n${line}\n`);
      const message = "logs/a.jsonl is damaged: its line 2 is no entry of a log";
      await assertRejects(() => texts(folder), TineError, message);
    }
  }));
