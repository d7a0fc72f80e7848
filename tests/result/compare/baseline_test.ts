import { assert, assertEquals, assertRejects } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { readSamples, readSide, runsFolderOf, saveBaseline } from "../../../src/result/compare/mod.ts";
import { listRuns } from "../../../src/result/mod.ts";
import { Random } from "../../support/random.ts";
import { inFolder, rejection } from "../fixtures.ts";
import { repeats, storeRun } from "./repeated_runs.ts";

const tests = repeats({ name: "link" }, [19e6, 20e6], (goodput) => ({ bulk: { goodput, rtt: 9 }, voip: { rtt: 3 } }));

Deno.test("a baseline is read as the samples that it was stored from, by its name or its path", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, tests, { processor: "fast" });
    const samples = await readSamples(run);
    const path = await saveBaseline(out, "main", samples);
    assertEquals(path, `${out}/baselines/main.json`);
    assertEquals({ ...await readSide("main", { out }), name: run }, samples);
    assertEquals(await readSide(path), { ...samples, name: path });
    const none = await readSide("main", { out, wanted: ({ name }) => name !== "link" });
    assertEquals(none.tests, []);
    // It outlives the run, is replaced by the next one of its name, and is no run.
    await Deno.remove(run, { recursive: true });
    await saveBaseline(out, "main", { ...samples, conditions: {} });
    assertEquals((await readSide("main", { out })).conditions, {});
    assertEquals((await listRuns(out)).runs, []);
  }));

Deno.test("runsFolderOf() is where the baselines of results are", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, tests);
    const real = await Deno.realPath(out);
    for (const path of [out, run, `${out}/latest`, `${run}/name=link,repeat=1`]) {
      assertEquals(await runsFolderOf(path), real);
    }
    assertEquals([await runsFolderOf("no/latest"), await runsFolderOf("nothing")], ["no", "results"]);
  }));

Deno.test("a baseline that cannot be read is refused in one sentence", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, tests);
    const samples = await readSamples(run);
    const path = await saveBaseline(out, "main", samples);
    assertEquals(
      (await rejection(readSide("mian", { out }))).message,
      "there are no results in mian, and it is no baseline: did you mean the baseline main?",
    );
    assertEquals((await rejection(saveBaseline(out, "../x", samples))).code, "bad-name");
    assertEquals((await rejection(saveBaseline(out, "x", { ...samples, tests: [] }))).code, "no-samples");
    const text = await Deno.readTextFile(path);
    const rejected = async (text: string) => {
      await Deno.writeTextFile(path, text);
      return await rejection(readSide(path));
    };
    assertEquals(
      (await rejected("{}")).message,
      `${path} is no baseline of this version of tine: tine gate --save writes one`,
    );
    const older = await rejected(text.replace(/"figures": \d+/, '"figures": 1'));
    assert(
      older.message.startsWith(`${path} has figures of version 1, which differ from those of this tine (`),
      older.message,
    );
    // What is broken is refused, whatever it is.
    const random = new Random(9);
    for (let i = 0; i < 500; i++) {
      const at = random.below(text.length);
      await Deno.writeTextFile(
        path,
        text.slice(0, at) + random.pick(["", "0", "null,", "}", '"x"', "[]"]) + text.slice(at + random.below(9)),
      );
      await readSide(path).catch((error) => assert(error instanceof TineError, String(error)));
    }
    await assertRejects(
      () => rejected(text.replace('"bulk"', "7")).then(({ message }) => Promise.reject(new Error(message))),
      Error,
      "is no baseline",
    );
  }));
