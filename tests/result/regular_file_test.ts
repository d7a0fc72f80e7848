import { assertEquals, assertStringIncludes } from "@std/assert";
import { openResults, readLogs, readRecords } from "../../src/result/mod.ts";
import { readUdfPoints } from "../../src/result/udf_output.ts";
import { storeRun } from "./compare/repeated_runs.ts";
import { inFolder, rejection } from "./fixtures.ts";

Deno.test("a folder or a device in the place of a file of results is damage, and is not read", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, [{ id: { name: "a" }, flows: {} }]);
    const test = `${run}/name=a`;
    await Deno.mkdir(`${test}/udfs`, { recursive: true });
    const readers: [file: string, read: () => Promise<unknown>][] = [
      [`${test}/records.tine`, () => Array.fromAsync(readRecords(test))],
      [`${test}/errors.jsonl`, () => Array.fromAsync(readLogs(test))],
      [`${test}/udfs/1.tine`, () => Array.fromAsync(readUdfPoints(`${test}/udfs/1.tine`))],
      [`${test}/test.json`, () => openResults(test)],
      [`${run}/run.json`, () => openResults(run)],
    ];
    for (const [path, read] of readers) {
      await Deno.remove(path).catch(() => {});
      await Deno.symlink("/dev/zero", path);
      const { code, message } = await rejection(read());
      assertEquals(code, "bad-results");
      assertStringIncludes(message, `${path.slice(path.lastIndexOf("/"))} is damaged: it is no file`);
    }
  }));
