import { assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { readTestReport } from "../../src/report/mod.ts";
import type { XYPlot } from "../../src/report/plot.ts";
import { openResults, testsOf } from "../../src/result/mod.ts";
import { inFolder } from "../result/fixtures.ts";
import { udfPlots } from "../../src/report/plots/udfs.ts";
import { UdfColumns } from "../../src/result/udf_columns.ts";
import { Point } from "../../src/udf/point.ts";
import { tine } from "../support/tine.ts";

Deno.test("what a UDF of the plan returned is plotted over what it was given", () =>
  inFolder(async (folder) => {
    const plan = {
      tests: [{
        id: { name: "udf" },
        timeout: "30s",
        udfs: [{
          name: "smooth",
          table: "round_trips",
          handler: "moving-avg",
          options: { field: "rtt_us", size: 5 },
          groupBy: ["flow"],
        }],
        serial: [
          { packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: "udp" } },
          {
            packetClient: {
              addrKey: "udp",
              flow: "voip",
              sender: [{ unresponsive: { wait: ["5ms"], length: ["100B"], duration: "200ms", echo: true } }],
            },
          },
        ],
      }],
    };
    await Deno.writeTextFile(`${folder}/plan.json`, JSON.stringify(plan));
    const { code, stderr } = await tine(["run", `${folder}/plan.json`, "--out", `${folder}/results`]);
    assertEquals(code, 0, stderr);
    const run = await openResults(`${folder}/results/latest`);
    if (run.kind !== "run") throw new Error(run.kind);
    const [test] = await Array.fromAsync(testsOf(run));
    const { timePlots } = await readTestReport(test);
    const rtt = timePlots.find(({ id }) => id === "rtt") as XYPlot;
    const udf = timePlots.find(({ id }) => id.startsWith("udf.smooth")) as XYPlot;
    assertEquals(udf.y.unit, "us");
    assertEquals(udf.series.map(({ flow, kind }) => [flow, kind]), [["voip", "dots"], ["voip", "line"]]);
    const [given, returned] = udf.series;
    assertStrictEquals(given.data, rtt.series[0].data);
    // A mean for each echo, at its time.
    assertEquals((returned.data as { x: Float64Array }).x.at(-1), (given.data as { x: Float64Array }).x.at(-1));
    assertStringIncludes(udf.caption, "of the table round_trips, over what it was given");
    const { stdout } = await tine(["report", `${folder}/results`, "--plot", "udf.smooth", "-o", "-"]);
    assertStringIncludes(stdout, ">smooth: ");
  }));

Deno.test("values of a UDF that no plot has a place for are left out of it, and counted", async () => {
  const values = [5, Infinity, 7, -Infinity, 1.7e308, -1.7e308, 9];
  const start = 1_795_962_910_435_642_881n;
  const pointAt = (time: bigint, avg: number) => new Point({ time, fieldsDouble: new Map([["avg", avg]]) });
  const points = [
    ...values.map((avg, i) => pointAt(start + BigInt(i) * 1000n, avg)),
    ...[0n, -(2n ** 63n), 2n ** 63n - 1n].map((time) => pointAt(time, 1)),
  ];
  const columns = new UdfColumns();
  for (const point of points) columns.add(point);
  async function* returned() {
    yield await Promise.resolve(points.map((point) => ({ point })));
  }
  const counts = { rowsIn: 1, pointsOut: 1, batchesOut: 0, droppedRows: 0, droppedSamples: 0, restarts: 0, bytes: 1 };
  const summary = {
    id: { name: "a" },
    udfs: [{ name: "odd", table: "logs", ...counts, columns: columns.columns }],
  };
  const [plot] = await udfPlots(
    {
      source: { test: { path: "", summary }, idKeys: ["name"], returned: returned() },
      ...{ start, end: 1e6, flows: [], looks: new Map(), maxValues: 1000, intervalMs: 100 },
    },
    summary,
    undefined,
    [],
  );
  const { data } = plot.series[0];
  assertEquals([...(data as { y: Float64Array }).y], [5, 7, 9]);
  assertStringIncludes(plot.caption, "Left out: 7 values, infinite or not of the time of the test.");
});
