import { assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { checkPrecision, parsePrecisionGoal } from "../../../src/result/compare/mod.ts";
import { type StoredTest, storeRun } from "./repeated_runs.ts";

/** Repeats of a test with a TCP flow and a UDP flow; goodputs in Mbit/s, round trips in ms. */
const repeats = (goodputs: readonly number[], rtt = 10): StoredTest[] =>
  goodputs.map((goodput, i) => ({
    id: { name: "x", repeat: String(i + 1) },
    flows: { "bulk.1": { goodput: goodput * 1e6 }, voip: { rtt } },
  }));

async function precisionOf(goal: string, tests: readonly StoredTest[]) {
  const out = await Deno.makeTempDir({ prefix: "tine-precision-" });
  try {
    return await checkPrecision(await storeRun(out, tests), parsePrecisionGoal(goal));
  } finally {
    await Deno.remove(out, { recursive: true });
  }
}

Deno.test("checkPrecision() takes six repeats for an interval at all", async () => {
  assertEquals(await precisionOf("bulk.* goodput within 5%", repeats([20, 20, 20, 20, 20])), {
    reached: false,
    text: "name=x: bulk.1 goodput 20.0 Mbit/s, an interval takes more than 5 repeats",
  });
});

Deno.test("checkPrecision() holds the interval against the goal, of the flow that is farthest from it", async () => {
  const tests = repeats([19, 19.5, 20, 20, 20.5, 21]);
  assertEquals(await precisionOf("** goodput within 5%", tests), {
    reached: true,
    text: "name=x: bulk.1 goodput 20.0 Mbit/s, within 5.0% after 6 repeats",
  });
  assertEquals((await precisionOf("bulk.* goodput within 4.9%", tests)).reached, false);
  assertEquals((await precisionOf("voip rttMedian within 0.1%", tests)).reached, true);
});

Deno.test("checkPrecision() is not reached where no flow has the figure", async () => {
  assertEquals(await precisionOf("x goodput within 5%", repeats([1])), {
    reached: false,
    text: "no flow has measured x goodput within 5%",
  });
});

Deno.test("parsePrecisionGoal() says what is wrong", () => {
  const cases = [
    ["voip rttP99", '"voip rttP99" is no goal: expected FLOWS FIGURE within P%, such as "voip rttP99 within 5%"'],
    ["voip rttP99 within 0%", '"voip rttP99 within 0%": expected more than 0% and less than 100%, not 0%'],
    ["voip rttP98 within 5%", 'there is no figure "rttP98": did you mean rttP99?'],
  ];
  for (const [text, message] of cases) assertThrows(() => parsePrecisionGoal(text), TineError, message);
});
