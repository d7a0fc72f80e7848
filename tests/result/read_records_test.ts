import { assert, assertEquals, assertRejects } from "@std/assert";
import { readRecords } from "../../src/result/mod.ts";
import { TineError } from "../../src/base/errors.ts";
import { Random } from "../support/random.ts";
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
