import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { readRecords } from "../../src/result/mod.ts";
import { TineError } from "../../src/base/errors.ts";
import { Random } from "../support/random.ts";
import {
  readPlacedRecords,
  RECORD_FILE,
  RecordFile,
  type RecordPlace,
  RecordTail,
} from "../../src/result/read_records.ts";
import { errorMessage, inFolder, rejection, startRun, testNamed } from "./fixtures.ts";

/** The records of a test with some errors. */
async function recorded(out: string): Promise<{ folder: string; bytes: Uint8Array }> {
  const run = await startRun(out);
  const store = await run.startTest(testNamed("a"));
  for (let i = 0; i < 20; i++) await store.add(errorMessage(`n${i}`, "x".repeat(i * 20)));
  await store.finish({ status: "failed" });
  await run.finish();
  const folder = `${run.path}/name=a`;
  return { folder, bytes: await Deno.readFile(`${folder}/records.tine`) };
}

const count = async (folder: string) => (await Array.fromAsync(readRecords(folder))).length;

Deno.test("readRecords() reads a file that was cut up to the last whole frame", () =>
  inFolder(async (out) => {
    const { folder, bytes } = await recorded(out);
    assertEquals(await count(folder), 20);
    let last = 0;
    for (let end = 0; end < bytes.length; end += 7) {
      await Deno.writeFile(`${folder}/records.tine`, bytes.subarray(0, end));
      const whole = await count(folder);
      assert(whole >= last && whole <= last + 1);
      last = whole;
    }
    assertEquals(last, 19);
  }));

Deno.test("readRecords() refuses what tine has not written", () =>
  inFolder(async (folder) => {
    const write = (text: string) => Deno.writeTextFile(`${folder}/records.tine`, text);
    assertEquals((await rejection(count(folder))).code, "no-results");
    await write("tine records 2\n");
    await assertRejects(() => count(folder), TineError, "is of version 2, this tine reads version 1");
    await write("something else, and long enough");
    await assertRejects(() => count(folder), TineError, 'it starts with "something else');
    await write("tine records 1\n\xff\xff\xff\xff\xff\xff");
    await assertRejects(() => count(folder), TineError, "records.tine is damaged about");
  }));

Deno.test("readRecords() reads or refuses mutated files", () =>
  inFolder(async (out) => {
    const { folder, bytes } = await recorded(out);
    const random = new Random(3);
    for (let i = 0; i < 500; i++) {
      const mutated = bytes.slice();
      for (let k = random.below(5); k >= 0; k--) mutated[random.below(mutated.length)] = random.below(256);
      await Deno.writeFile(`${folder}/records.tine`, mutated);
      try {
        await count(folder);
      } catch (error) {
        if (!(error instanceof TineError)) throw error;
      }
    }
  }));

Deno.test("RecordTail reads records as they are appended, however they are cut, also of a folder that is renamed", () =>
  inFolder(async (out) => {
    const { folder, bytes } = await recorded(`${out}/whole`);
    const wanted = (await Array.fromAsync(readPlacedRecords(folder))).map(({ place }) => place);
    await Deno.mkdir(`${out}/a`);
    assertEquals(await RecordTail.open(`${out}/a`), undefined);
    await Deno.writeFile(`${out}/a/${RECORD_FILE}`, new Uint8Array());
    using tail = (await RecordTail.open(`${out}/a`))!;
    await Deno.rename(`${out}/a`, `${out}/b`);
    const places: RecordPlace[] = [];
    for (let start = 0; start < bytes.length; start += 7) {
      const part = bytes.subarray(start, start + 7);
      await Deno.writeFile(`${out}/b/${RECORD_FILE}`, part, { append: true });
      for (let some; (some = await tail.read()) !== undefined;) places.push(...some.map(({ place }) => place));
    }
    assertEquals(places, wanted);
  }));

Deno.test("RecordTail refuses other versions, foreign files and damage", () =>
  inFolder(async (out) => {
    const problemOf = async (text: string) => {
      await Deno.writeTextFile(`${out}/${RECORD_FILE}`, text);
      using tail = (await RecordTail.open(out))!;
      const { code, message } = await rejection(tail.read().then(() => tail.read()));
      return `${code}: ${message.slice(message.indexOf(RECORD_FILE))}`;
    };
    assertEquals(
      await problemOf("tine records 2\n"),
      "bad-results: records.tine is of version 2, this tine reads version 1",
    );
    assertStringIncludes(await problemOf("something else\n"), "bad-results: records.tine holds no records of tine");
    assertStringIncludes(
      await problemOf("tine records 1\n\u07ff\u07ff\u07ff\x01"),
      "bad-results: records.tine is damaged about 15 bytes from its start: a frame has a length of over",
    );
  }));

Deno.test("RecordFile.readAll() reads the records at some places, near each other or far", () =>
  inFolder(async (out) => {
    const run = await startRun(out);
    const store = await run.startTest(testNamed("a"));
    const random = new Random(5);
    for (let i = 0; i < 400; i++) await store.add(errorMessage(`n${i}`, "x".repeat(random.below(8000))));
    await store.finish({ status: "failed" });
    await run.finish();
    const folder = `${run.path}/name=a`;
    const all = await Array.fromAsync(
      readPlacedRecords(folder),
      ({ message, place }) => ({ origin: message.origin, place }),
    );
    using file = await RecordFile.open(folder);
    for (const every of [1, 3, 50, 1000]) {
      const some = all.filter((_, i) => i % every === 0);
      const read = await Array.fromAsync(file.readAll(some.map(({ place }) => place)));
      assertEquals(read.map(({ origin }) => origin), some.map(({ origin }) => origin));
    }
    assertEquals(await Array.fromAsync(file.readAll([])), []);
    assertEquals((await file.read(all[7].place)).origin, "n7");
    await Deno.truncate(`${folder}/${RECORD_FILE}`, all[300].place.position);
    const cut = rejection(Array.fromAsync(file.readAll(all.map(({ place }) => place))));
    assertStringIncludes((await cut).message, "became shorter while it was read");
  }));
