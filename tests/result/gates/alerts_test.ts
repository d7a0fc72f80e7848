import { assertEquals } from "@std/assert";
import type { UdfAlert } from "../../../src/result/summary.ts";
import { readAlerts } from "../../../src/result/gates/mod.ts";
import { repeats, storeRun } from "../compare/repeated_runs.ts";
import { inFolder } from "../fixtures.ts";

/** Adds what an alert of a UDF has found to the results of a test. */
async function alert(folder: string, found: Omit<UdfAlert, "condition">): Promise<void> {
  const summary = JSON.parse(await Deno.readTextFile(`${folder}/test.json`));
  const counts = { rowsIn: 9, pointsOut: 9, batchesOut: 0, droppedRows: 0, droppedSamples: 0, restarts: 0, bytes: 1 };
  const udf = { table: "round_trips", ...counts, columns: [] };
  summary.udfs = [{ name: "smooth", ...udf, alert: { condition: "avg above 30", ...found } }, {
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
