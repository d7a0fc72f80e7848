import { assertEquals, assertNotEquals } from "@std/assert";
import { openResults } from "../../src/result/mod.ts";
import { exists } from "../../src/result/owner.ts";
import type { TestSummary } from "../../src/result/summary.ts";
import { Random } from "../support/random.ts";
import { errorMessage, inFolder, log, startRun, testNamed } from "./fixtures.ts";
import { node, recordsOf } from "./recorded_flows.ts";

/** A test of over a mebibyte of records that does not come to its end. */
async function startTest(out: string) {
  const run = await startRun(out);
  const test = await run.startTest(testNamed("a"));
  await test.add(node("left", "boot"));
  await test.add(errorMessage("left", "broken"));
  for (let i = 0; i < 10; i++) await test.add(log("left", i, "line\n"));
  // Numbers that do not shrink.
  const random = new Random(3);
  const samples = Array.from(
    { length: 60_000 },
    () => ({
      t: random.below(2 ** 32) * 2 ** 20,
      total: random.below(2 ** 32),
      len: random.below(2 ** 32),
      seq: random.below(2 ** 32),
    }),
  );
  for (const message of recordsOf("left", "bulk", "streamIO", samples)) await test.add(message);
  for (const message of recordsOf("left", "voip", "packetIO", samples)) await test.add(message);
  return run;
}

async function killedTest(out: string): Promise<string> {
  const { folder, summary } = await (async () => {
    await using run = await startTest(out);
    const folder = `${run.path}/name=a`;
    return { folder, summary: await Deno.readTextFile(`${folder}/test.json`) };
  })();
  // A kill leaves it as it was at the start.
  await Deno.writeTextFile(`${folder}/test.json`, summary);
  return folder;
}

async function look(folder: string): Promise<TestSummary> {
  const results = await openResults(folder);
  if (results.kind !== "test") throw new Error(results.kind);
  return results.summary;
}

Deno.test("openResults() keeps what it found of a test that was killed, while records and logs are the same", () =>
  inFolder(async (out) => {
    const folder = await killedTest(out);
    const first = await look(folder);
    assertEquals(first.records.samples, { streamIO: 60_000, packetIO: 60_000 });
    assertEquals([first.logs.entries, first.nodes.length, first.errors.map(({ message }) => message)], [10, 1, [
      "broken",
    ]]);
    const kept = await Deno.readTextFile(`${folder}/found.json`);
    // What is kept is what is shown.
    await Deno.writeTextFile(`${folder}/found.json`, kept.replace('"entries":10', '"entries":11'));
    assertEquals(await look(folder), { ...first, logs: { ...first.logs, entries: 11 } });
    await Deno.writeTextFile(`${folder}/logs/more.log`, "one more\n");
    assertEquals((await look(folder)).logs.entries, 11);
    const { size } = await Deno.stat(`${folder}/records.tine`);
    await Deno.truncate(`${folder}/records.tine`, size - 1);
    assertNotEquals((await look(folder)).records.samples, first.records.samples);
  }));

Deno.test("openResults() looks again where what is kept is damaged, foreign or of another version", () =>
  inFolder(async (out) => {
    const folder = await killedTest(out);
    const first = await look(folder);
    const path = `${folder}/found.json`;
    const kept = await Deno.readTextFile(path);
    const odd = ["", "{", "null", "[]", "7", kept.slice(0, -20), kept.replace('"version":1', '"version":2')];
    odd.push(kept.replace('"entries":10', '"entries":-1'), kept.replace('"moreErrors":0,', ""));
    odd.push(kept.replace('"nodeId":"left"', '"nodeId":7'), kept.replace('"samples":{', '"samples":{"x":"y",'));
    for (const text of odd) {
      assertNotEquals(text, kept);
      await Deno.writeTextFile(path, text);
      assertEquals(await look(folder), first, text.slice(0, 200));
    }
    await Deno.remove(path);
    await Deno.mkdir(path);
    assertEquals(await look(folder), first);
  }));

Deno.test("openResults() keeps nothing of a test that is under way", () =>
  inFolder(async (out) => {
    await using run = await startTest(out);
    await look(`${run.path}/name=a`);
    assertEquals(await exists(`${run.path}/name=a/found.json`), false);
  }));
