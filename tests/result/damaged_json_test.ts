import { assertEquals } from "@std/assert";
import { readStoredPlan } from "../../src/result/stored_plan.ts";
import { readRunSummary, readTestSummary } from "../../src/result/summary.ts";
import { storeRun } from "./compare/repeated_runs.ts";
import { inFolder, rejection } from "./fixtures.ts";

type Json = null | string | number | boolean | Json[] | { [key: string]: Json };

/** Yields a value with each part of it in turn replaced. */
function* damaged(value: Json, junk: Json, place = ""): Generator<[place: string, damaged: Json]> {
  if (Array.isArray(value)) {
    for (const [i, part] of value.entries()) {
      for (const [at, other] of damaged(part, junk, `${place}[${i}]`)) yield [at, value.with(i, other)];
    }
  } else if (typeof value === "object" && value !== null) {
    for (const [key, part] of Object.entries(value)) {
      for (const [at, other] of damaged(part, junk, `${place}.${key}`)) yield [at, { ...value, [key]: other }];
    }
  }
  if (place !== "") yield [place, junk];
}

const UDF = {
  ...{ name: "smooth", table: "logs", rowsIn: 9, pointsOut: 9, batchesOut: 0, droppedRows: 0, droppedSamples: 0 },
  ...{ restarts: 0, bytes: 1, columns: [{ name: "flow", type: "text", tag: true }], marks: { odd: 1 } },
  ...{ warnings: ["it floods"], error: { code: "udf-died", message: "it exited" } },
  alert: { condition: "avg above 1", verdict: "failed", points: 1, first: { time: "1", group: "", value: 2 } },
};

Deno.test("JSON of results that has something else in any place is damaged, and no mistake of tine", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, [{ id: { name: "a" }, flows: {}, gates: ["* goodput > 1"] }]);
    const test = `${run}/name=a`;
    const check = async (path: string, more: Record<string, Json>, read: () => Promise<unknown>) => {
      const whole = { ...JSON.parse(await Deno.readTextFile(path)), ...more };
      await Deno.writeTextFile(path, JSON.stringify(whole));
      await read();
      let count = 0;
      for (const [place, value] of damaged(whole, null)) {
        if (place.includes(".clock")) continue; // for other programs: here it is read from the records
        await Deno.writeTextFile(path, JSON.stringify(value));
        const { code, message } = await rejection(read()).catch(() => ({ code: "none", message: "" }));
        assertEquals([place, code, message.startsWith(`${path} is `)], [place, "bad-results", true]);
        count++;
      }
      await Deno.writeTextFile(path, JSON.stringify(whole));
      return count;
    };
    const error = { time: "1", nodeId: "left", tag: "sleep", code: "x", message: "y" };
    const lists = {
      ...{ errors: [error], files: [{ name: "a", nodeId: "left", bytes: 1 }], feedback: { key: "a" }, udfs: [UDF] },
      ...{ missing: [{ nodeId: "left", what: "2 frames" }], stopped: "enough" },
    };
    const counts = [
      await check(`${test}/test.json`, lists, () => readTestSummary(test)),
      await check(`${run}/run.json`, {}, () => readRunSummary(run)),
      await check(`${run}/plan.json`, {}, () => readStoredPlan(run)),
    ];
    assertEquals(counts.map((count) => count > 3), [true, true, true], `${counts}`);
  }));
