import { infoResponse } from "../../src/udf/handler.ts";
import { loadBundledHandler } from "../../src/udf/handlers/mod.ts";
import { parseSettings } from "../../src/udf/option_settings.ts";
import type { Benchmark } from "./benchmark.ts";
import { medianOfRounds } from "./median.ts";
import { initFrame, pointFrames } from "./points.ts";
import { tine } from "./programs.ts";
import { pointsPerSecond, thousands } from "./throughput.ts";

const HANDLERS: readonly [name: string, ...settings: string[]][] = [
  ["ewma", "field=usage", "alpha=0.125"],
  ["rate", "field=usage", "of=gauge"],
  ["quantile", "field=usage", "p=0.99", "size=100"],
  ["quantile", "field=usage", "p=0.99", "size=100000"],
  ["anomaly", "field=usage", "size=100"],
  ["join", "left=usage", "right=idle"],
];

/** Points/s of the handlers with more to do, beside the moving average. */
export const benchmark: Benchmark = {
  summary: "points/s of the other bundled handlers over stdio, beside `moving-avg`",

  async *run({ quick }) {
    const count = quick ? 5_000 : 400_000;
    const frames = pointFrames(count, "repeating");
    for (const [name, ...settings] of HANDLERS) {
      const handler = await (await loadBundledHandler(name))!({ point() {}, beginBatch() {}, endBatch() {} });
      const init = initFrame(parseSettings(settings, infoResponse(await handler.info())));
      const [measured, average] = await medianOfRounds(
        quick ? 1 : 5,
        () => pointsPerSecond(tine("agent", name), frames, count, init),
        () => pointsPerSecond(tine("agent", "moving-avg"), frames, count),
      );
      yield {
        what: [name, ...settings].join(" "),
        figures: `${thousands(measured)} points/s, moving-avg ${thousands(average)}: ${
          (measured / average).toFixed(2)
        } x`,
        target: "at least a third of moving-avg",
        reached: measured >= average / 3,
      };
    }
  },
};
