import { assertEquals } from "@std/assert";
import { parsePlan, vetPlan } from "../../../src/node/mod.ts";
import { hashTest } from "../../../src/result/mod.ts";
import {
  gatesOf,
  planForTests,
  readGates,
  readVerdicts,
  storeVerdicts,
  vetGates,
} from "../../../src/result/gates/mod.ts";
import { inFolder } from "../fixtures.ts";
import { storeRun } from "../compare/repeated_runs.ts";

/** A plan with a TCP and two UDP flows in each of two tests. */
function planWith(gates: string, ofTest = "[]"): string {
  const test = (name: string, own: string) => `
- id: { name: ${name} }
  gates: ${own}
  parallel:
  - streamClient: { addr: "10.0.0.2:7", upload: { flow: bulk } }
  - packetClient: { addr: "10.0.0.2:7", flow: voip.${name}, sender: [{ unresponsive: { duration: 1s, echo: true } }] }
`;
  return `gates: ${gates}\ntests:${test("a", ofTest)}${test("b", "[]")}`;
}

async function findings(gates: string, ofTest?: string): Promise<string[]> {
  return [...vetGates(await parsePlan(planWith(gates, ofTest)))].map(({ place, code, message }) =>
    `${place} ${code} ${message}`
  );
}

Deno.test("vetGates() finds nothing in gates whose flows some test has", async () => {
  const gates =
    `["voip.* rttP99 < 30ms", "bulk goodput > 18Mbps", "voip.b rttP99 < 3x voip.a", "* rttMedian within 5% of baseline"]`;
  assertEquals(await findings(gates, `["voip.a/0 rttP99 < 30ms"]`), []);
  assertEquals([...vetPlan(await parsePlan(planWith(gates))).findings].filter(({ code }) => code.includes("gate")), []);
});

Deno.test("vetGates() names place, column and nearest names", async () => {
  assertEquals(
    await findings(
      `["voip.a rttP9 < 3ms", "blk goodput > 1bps"]`,
      `["voip.b rttP99 < 3ms", "bulk toServer.lost < 3", "bulk goodput > 2x bul"]`,
    ),
    [
      'gates[0] bad-gate "voip.a rttP9 < 3ms": column 8: there is no figure "rttP9": did you mean rttP99?',
      'gates[1] no-such-flow "blk goodput > 1bps": no flow matches blk: did you mean bulk?',
      'tests[0].gates[0] no-such-flow "voip.b rttP99 < 3ms": no flow matches voip.b: did you mean voip.a?',
      'tests[0].gates[1] no-such-figure "bulk toServer.lost < 3": toServer.lost is a figure of UDP flows, and bulk is another flow',
      'tests[0].gates[2] no-such-flow "bulk goodput > 2x bul": there is no flow bul: did you mean bulk?',
    ],
  );
});

Deno.test("vetGates() names what stands in a matrix once, by its place", async () => {
  const plan = planWith("[]", '["voip.a rttP99 < ${limit}"]').replace(
    "  gates:",
    "  matrix: { limit: [3ms, 4] }\n  repeat: 3\n  gates:",
  );
  const found = [...vetGates(await parsePlan(plan))].map(({ place, message }) => `${place} ${message}`);
  assertEquals(found, [
    'tests[0].gates[0] "voip.a rttP99 < 4": column 17: expected a time such as 30ms for rttP99, not "4"; a unit is missing: 4ms?',
  ]);
});

Deno.test("gates do not change which tests are the same for --resume", async () => {
  const [with_, without] = await Promise.all(
    [planWith("[]", `["bulk goodput > 1bps"]`), planWith("[]")].map((plan) => parsePlan(plan)),
  );
  assertEquals(await hashTest(with_.tests[0]), await hashTest({ ...without.tests[0] }));
});

Deno.test("planForTests() keeps the gates of a plan that may hold for the tests that were chosen", async () => {
  const plan = await parsePlan(planWith(`["voip.a rttP99 < 3ms", "voip.b rttP99 < 3ms", "bulk goodput > 1bps"]`));
  assertEquals(planForTests(plan, [plan.tests[1]]).gates, ["voip.b rttP99 < 3ms", "bulk goodput > 1bps"]);
  assertEquals(planForTests(plan, plan.tests).gates?.length, 3);
});

Deno.test("gatesOf() has each gate of repeats once, and the flows that tests are to have", async () => {
  const plan = await parsePlan(
    planWith(`["bulk goodput > 1bps"]`, `["voip.a rttP99 < 3ms"]`).replace("  gates:", "  repeat: 2\n  gates:"),
  );
  const { gates, planned } = gatesOf(plan);
  assertEquals(gates.map(({ gate: { text }, test }) => [text, test?.name]), [
    ["bulk goodput > 1bps", undefined],
    ["voip.a rttP99 < 3ms", "a"],
  ]);
  assertEquals(planned.get('{"name":"b"}'), [{ flow: "bulk", protocol: "tcp" }, { flow: "voip.b", protocol: "udp" }]);
});

Deno.test("verdicts are stored beside the results of their test, and read again", () =>
  inFolder(async (out) => {
    const run = await storeRun(out, [
      { id: { name: "a", repeat: "1" }, flows: { bulk: { goodput: 1 } }, gates: ["bulk goodput > 1bps"] },
      { id: { name: "a", repeat: "2" }, flows: { bulk: { goodput: 1 } } },
      { id: { name: "b" }, flows: { bulk: { goodput: 1 } } },
    ], { gates: ["* retransmits < 3"] });
    const { gates } = await readGates(`${run}/name=a,repeat=1`);
    assertEquals(gates.map(({ gate }) => gate.text), ["* retransmits < 3", "bulk goodput > 1bps"]);
    const verdict = { gate: "x", figure: "f", unit: "us", status: "fail" as const, message: "m", flows: [] };
    await storeVerdicts(run, [{ ...verdict, test: { name: "a" } }, verdict]);
    const stored = async (test: string) => (await readVerdicts(`${run}/${test}`)).length;
    assertEquals(await Promise.all(["name=a,repeat=1", "name=a,repeat=2", "name=b"].map(stored)), [2, 2, 1]);
    await Deno.writeTextFile(`${run}/name=b/gates.json`, '{"version":1,"verdicts":[{"gate":1}]}');
    assertEquals(await stored("name=b"), 0);
  }));
