import { assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { readTestReport } from "../../src/report/mod.ts";
import type { XYPlot } from "../../src/report/plot.ts";
import { openResults, testsOf } from "../../src/result/mod.ts";
import { inFolder } from "../result/fixtures.ts";
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
