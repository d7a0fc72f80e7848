import { assertEquals } from "@std/assert";
import type { UdfAlert, UdfSummary } from "../../../src/result/summary.ts";
import { readAlerts } from "../../../src/result/gates/mod.ts";
import { repeats, storeRun } from "../compare/repeated_runs.ts";
import { inFolder } from "../fixtures.ts";

/** Adds what an alert of a UDF has found to the results of a test. */
async function alert(
  folder: string,
  found: Omit<UdfAlert, "condition">,
  odd: Partial<Pick<UdfSummary, "error" | "droppedRows" | "droppedSamples">> = {},
): Promise<void> {
  const summary = JSON.parse(await Deno.readTextFile(`${folder}/test.json`));
  const counts = { rowsIn: 9, pointsOut: 9, batchesOut: 0, droppedRows: 0, droppedSamples: 0, restarts: 0, bytes: 1 };
  const udf = { table: "round_trips", ...counts, columns: [] };
  summary.udfs = [{ name: "smooth", ...udf, ...odd, alert: { condition: "avg above 30", ...found } }, {
    name: "mirror",
    ...udf,
  }];
  await Deno.writeTextFile(`${folder}/test.json`, JSON.stringify(summary));
}

Deno.test("alerts of UDFs are gates that no point of any repeat may meet", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, repeats({ name: "voip" }, [1, 2, 3], (rtt) => ({ voip: { rtt } })));
    const test = (i: number) => `${run}/name=voip,repeat=${i}`;
    assertEquals(await readAlerts(run), []);
    const verdict = async (path = run) => {
      const [{ gate, test, status, message }, ...others] = await readAlerts(path);
      assertEquals([gate, test, others], ["no alert of udf.smooth: avg above 30", { name: "voip" }, []]);
      return [status, message];
    };
    for (const i of [1, 2, 3]) await alert(test(i), { verdict: "passed", points: 0 });
    assertEquals(await verdict(), ["pass", "udf.smooth: no point was avg above 30, in 3 of 3 repeats"]);
    await alert(test(2), { verdict: "no-data", points: 0 });
    assertEquals(await verdict(), ["no data", "udf.smooth: no point has the field, in 1 of 3 repeats"]);
    await alert(test(3), { verdict: "failed", points: 4, first: { time: "1", group: "flow=voip", value: 31.5 } });
    assertEquals(await verdict(), ["fail", "udf.smooth: 4 points met it, first 31.5 of flow=voip, in 1 of 3 repeats"]);
    assertEquals(await verdict(test(1)), ["pass", "udf.smooth: no point was avg above 30"]);
  }));

const PASSED = { verdict: "passed", points: 0 } as const;

Deno.test("an alert that no point met does not pass where its UDF did not get all rows, or failed", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, repeats({ name: "voip" }, [1], (rtt) => ({ voip: { rtt } })));
    const verdict = async (odd: Parameters<typeof alert>[2], found: Omit<UdfAlert, "condition"> = PASSED) => {
      await alert(`${run}/name=voip,repeat=1`, found, odd);
      const [{ status, message }] = await readAlerts(run);
      return `${status}: ${message}`;
    };
    assertEquals(
      await verdict({ error: { code: "udf-died", message: "it exited with status 7" } }),
      "no data: udf.smooth: no point was avg above 30 until it failed: it exited with status 7",
    );
    assertEquals(
      await verdict({ droppedRows: 1, droppedSamples: 20 }),
      "undecided: udf.smooth: no point was avg above 30, but it did not get 1 row and 20 samples",
    );
    // What was seen is enough to fail.
    assertEquals(
      await verdict({ droppedRows: 1 }, { verdict: "failed", points: 2 }),
      "fail: udf.smooth: 2 points met it",
    );
  }));

Deno.test("an alert of a test that has not succeeded is no pass", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, [{ id: { name: "voip" }, flows: {}, status: "failed" }]);
    await alert(`${run}/name=voip`, PASSED);
    const [{ status, message }] = await readAlerts(run);
    assertEquals([status, message], ["no data", "udf.smooth: the test has not succeeded"]);
  }));

Deno.test("an alert that the plan has and the results have not is without data", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, [{ id: { name: "voip" }, flows: {} }, { id: { name: "other" }, flows: {} }]);
    const plan = JSON.parse(await Deno.readTextFile(`${run}/plan.json`));
    plan.tests[0].udfs = [{ name: "smooth", table: "round_trips", alert: { field: "avg", above: 30, below: 2 } }];
    await Deno.writeTextFile(`${run}/plan.json`, JSON.stringify(plan));
    for (const path of [run, `${run}/name=voip`]) {
      const [{ gate, status, message }, ...others] = await readAlerts(path);
      assertEquals([gate, status, others], ["no alert of udf.smooth: avg above 30 or below 2", "no data", []]);
      assertEquals(message, "udf.smooth: the test was cut off before it was decided");
    }
    assertEquals(await readAlerts(`${run}/name=other`), []);
  }));
