import { assertEquals } from "@std/assert";
import type { FlowSample, Samples } from "../../../src/result/compare/mod.ts";
import { allPass, evaluateGates, parseGate } from "../../../src/result/gates/mod.ts";
import { sortedJson } from "../../../src/node/plan/visits.ts";

const ID = { name: "a" };

/** A flow of one repeat, with a median RTT in milliseconds. */
function flow(flow: string, rttMs: number | undefined, limits: readonly string[] = []): FlowSample {
  const values: FlowSample["values"] = rttMs === undefined ? {} : { rttMedianMicros: rttMs * 1000 };
  return { flow, protocol: "udp", values, limits, sized: false };
}

/** A test; each list is the flows of a repeat. */
function samples(...repeats: FlowSample[][]): Samples {
  return {
    name: "run",
    tests: [{ id: ID, failed: 0, repeats: repeats.map((flows) => ({ path: "", flows, cut: [] })) }],
    conditions: {},
  };
}

/** Status and message of a gate's only verdict. */
function verdict(gate: string, measured: Samples, options: Parameters<typeof evaluateGates>[2] = {}): string[] {
  const [{ status, message }, ...others] = evaluateGates([{ gate: parseGate(gate) }], measured, options);
  assertEquals(others, []);
  return [status, message];
}

Deno.test("a gate passes where each flow that matches does, and shows the flow that is closest to the limit", () => {
  const measured = samples([flow("voip.a", 10), flow("voip.b", 20), flow("bulk", 90)]);
  assertEquals(verdict("voip.* rttMedian < 30ms", measured), ["pass", "voip.b: 20.00 ms"]);
  assertEquals(verdict("voip.* rttMedian < 20ms", measured), ["fail", "voip.b: 20.00 ms"]);
  assertEquals(verdict("voip.* rttMedian <= 20ms", measured), ["pass", "voip.b: 20.00 ms"]);
  assertEquals(verdict("* rttMedian > 10ms", measured), ["fail", "voip.a: 10.00 ms"]);
  assertEquals(verdict("* rttMedian < 5ms", measured), ["fail", "bulk: 90.00 ms (and 2 more)"]);
});

Deno.test("over puts the flows of a repeat together before the median over repeats is taken", () => {
  const measured = samples([flow("a", 1), flow("b", 2)], [flow("a", 3), flow("b", 4)], [flow("a", 5), flow("b", 6)]);
  const of = (text: string) => verdict(text, measured)[1];
  assertEquals(of("* rttMedian < 8ms over sum"), "sum of 2 flows: 7.000 ms, the median of 3 repeats");
  assertEquals(of("* rttMedian < 8ms over mean"), "mean of 2 flows: 3.500 ms, the median of 3 repeats");
  assertEquals(of("* rttMedian < 8ms over worst"), "worst of 2 flows: 4.000 ms, the median of 3 repeats");
  assertEquals(of("* rttMedian > 1ms over worst"), "worst of 2 flows: 3.000 ms, the median of 3 repeats");
  assertEquals(verdict("* rttMedian < 8ms over each", measured)[1], "b: 4.000 ms, the median of 3 repeats");
});

Deno.test("a gate compares flows of a test with another one, which is not compared with itself", () => {
  const measured = samples([flow("voip.alone", 10), flow("voip.beside", 29)], [
    flow("voip.alone", 12),
    flow("voip.beside", 37),
  ]);
  const beside = "voip.beside: 33.00 ms, beside 11.00 ms of voip.alone, the median of 2 repeats";
  assertEquals(verdict("voip.* rttMedian < 3x voip.alone", measured), ["fail", beside]);
  assertEquals(verdict("voip.* rttMedian <= 3.1x voip.alone", measured), ["pass", beside]);
  assertEquals(verdict("voip.* rttMedian within 200% of voip.alone", measured), ["pass", beside]);
  assertEquals(verdict("voip.* rttMedian < 3x voip.other", measured), [
    "no data",
    "voip.alone: rttMedian of voip.other is not known (and 1 more)",
  ]);
});

Deno.test("a gate without data fails", () => {
  const one = samples([flow("bulk", 1), flow("voip", undefined)]);
  assertEquals(verdict("blk rttMedian < 1s", one), ["no data", "no flow matches blk: did you mean bulk?"]);
  assertEquals(verdict("video.* rttMedian < 1s", one), ["no data", "no flow matches video.*: flows are bulk, voip"]);
  assertEquals(verdict("* rttMedian < 1s", one), ["no data", "voip: rttMedian is not known"]);
  assertEquals(verdict("* rttMedian < 1s over sum", one), ["no data", "sum of 2 flows: rttMedian is not known"]);
  assertEquals(verdict("bulk retransmits < 5", one), [
    "no data",
    "no flow that matches bulk has the figure retransmits",
  ]);
  assertEquals(verdict("* rttMedian < 1s", { ...one, tests: [] }), [
    "no data",
    "no flow matches *: there are no flows",
  ]);
  assertEquals(verdict("bulk rttMedian within 5% of baseline", one), [
    "no data",
    "bulk: there is no baseline to compare with",
  ]);
  assertEquals(allPass(evaluateGates([{ gate: parseGate("blk rttMedian < 1s") }], one)), false);
});

Deno.test("a flow that was planned and did not come keeps others from passing for it", () => {
  const planned = new Map([[sortedJson(ID), [
    { flow: "voip.a", protocol: "udp" as const },
    { flow: "voip.b", protocol: "udp" as const },
    { flow: "voip.t", protocol: "tcp" as const },
  ]]]);
  const measured = samples([flow("voip.a", 10)]);
  assertEquals(verdict("voip.* rttMedian < 30ms", measured, { planned }), [
    "no data",
    "voip.b: rttMedian is not known (and 1 more)",
  ]);
  // A figure of UDP alone asks for no TCP flow.
  assertEquals(
    verdict("voip.* jitter < 30ms".replace("jitter", "toServer.jitter"), measured, { planned })[1].split(":")[0],
    "voip.a",
  );
  const failed: Samples = { ...measured, tests: [{ id: ID, failed: 2, repeats: [] }] };
  assertEquals(verdict("voip.a rttMedian < 30ms", failed, { planned }), [
    "no data",
    "voip.a: no repeat of the test has succeeded",
  ]);
  // Each sender of a flow counts, under the name of the flow.
  const senders = samples([flow("voip.a", 1), flow("voip.b/0", 1), flow("voip.b/1", 40), {
    ...flow("voip.t", 1),
    protocol: "tcp",
  }]);
  assertEquals(verdict("voip.* rttMedian < 30ms", senders, { planned }), ["fail", "voip.b/1: 40.00 ms"]);
  assertEquals(verdict("voip.b rttMedian < 30ms", senders, { planned }), ["fail", "voip.b/1: 40.00 ms"]);
});

Deno.test("what tine or its machine limited is undecided, whether or not it is within the limit", () => {
  const late = (rtt: number) => [flow("a", rtt, ["socket-drops"])];
  assertEquals(verdict("a rttMedian < 1s", samples(late(1))), [
    "undecided",
    "a: 1.000 ms, limited by tine or its machine (socket-drops)",
  ]);
  assertEquals(verdict("a rttMedian < 1us", samples(late(1)))[0], "undecided");
  // A few repeats of many are left out.
  assertEquals(verdict("a rttMedian < 2ms", samples([flow("a", 1)], late(9), [flow("a", 1)])), [
    "pass",
    "a: 1.000 ms, the median of 2 repeats",
  ]);
  assertEquals(verdict("a rttMedian < 2ms", samples([flow("a", 1)], late(9), late(9))), [
    "undecided",
    "a: 9.000 ms, limited by tine or its machine in 2 of 3 repeats (socket-drops)",
  ]);
  // What is measured of the packets that were sent does not depend on when they were.
  assertEquals(verdict("a rttMedian < 2ms", samples([flow("a", 1, ["sends-late", "slow-server", "unsent"])])), [
    "pass",
    "a: 1.000 ms",
  ]);
  // What it is compared with counts as well.
  assertEquals(verdict("b rttMedian < 3x a", samples([...late(1), flow("b", 1)]))[0], "undecided");
});

/** Repeats around a median RTT, a tenth of a percent apart. */
function around(rttMs: number, n: number): Samples {
  return samples(...Array.from({ length: n }, (_, i) => [flow("a", rttMs * (1 + (i - (n - 1) / 2) / 1000))]));
}

Deno.test("a gate against a baseline goes by the interval of the shift", () => {
  const baseline = { ...around(20, 10), name: "main" };
  const of = (gate: string, measured: Samples) => verdict(gate, measured, { baseline });
  const within = "a rttMedian within 5% of baseline";
  assertEquals(of(within, around(20.2, 10)), ["pass", "a: 20.20 ms against 20.00 ms, +0.7% to +1.3%"]);
  assertEquals(of(within, around(19, 10))[0], "undecided");
  assertEquals(of(within, around(22, 10)), ["fail", "a: 22.00 ms against 20.00 ms, +9.7% to +10.3%"]);
  assertEquals(of(within, around(21, 10)), [
    "undecided",
    "a: 21.00 ms against 20.00 ms, +4.7% to +5.3%: more repeats make that narrower",
  ]);
  assertEquals(of("a rttMedian < 1.05x baseline", around(15, 10))[0], "pass");
  assertEquals(of("a rttMedian < 1.05x baseline", around(21, 10))[0], "undecided");
  assertEquals(of("a rttMedian < 1.05x baseline", around(22, 10))[0], "fail");
  assertEquals(of(within, around(20, 3)), [
    "pass",
    "a: 20.00 ms against 20.00 ms, -0.4% to +0.4%",
  ]);
  assertEquals(verdict(within, around(20, 3), { baseline: around(20, 3) }), [
    "undecided",
    "a: 20.00 ms against 20.00 ms, of 3 against 3 repeats: it takes at least 4 a side",
  ]);
  assertEquals(verdict(within, around(20, 4), { baseline: samples([flow("b", 1)]) }), [
    "no data",
    "a: the baseline run has no rttMedian of this flow",
  ]);
});

Deno.test("a gate of a test holds in that test alone, one of the plan in each that has such flows", () => {
  const measured: Samples = {
    name: "run",
    tests: ["a", "b", "c"].map((name) => ({
      id: { name },
      failed: 0,
      repeats: [{ path: "", flows: name === "c" ? [flow("other", 1)] : [flow("voip", name === "a" ? 1 : 9)], cut: [] }],
    })),
    conditions: {},
  };
  const gate = parseGate("voip rttMedian < 5ms");
  const of = (test?: Record<string, string>) =>
    evaluateGates([{ gate, test }], measured).map(({ test, status }) => `${test?.name} ${status}`);
  assertEquals(of(), ["a pass", "b fail"]);
  assertEquals(of({ name: "b" }), ["b fail"]);
  assertEquals(of({ name: "c" }), ["c no data"]);
  assertEquals(of({ name: "d" }), ["d no data"]);
  // A test that was to have such flows and was not run passes nowhere; one without such a figure has no say.
  const udp = { flow: "voip", protocol: "udp" as const };
  const planned = new Map([['{"name":"a"}', [udp]], ['{"name":"d"}', [udp]], [
    '{"name":"e"}',
    [{ ...udp, protocol: "tcp" as const }],
  ]]);
  const jitter = parseGate("* toServer.jitter < 5ms");
  assertEquals(evaluateGates([{ gate }], measured, { planned }).map(({ test, status }) => `${test?.name} ${status}`), [
    "a pass",
    "b fail",
    "d no data",
    "e no data",
  ]);
  const others = evaluateGates([{ gate: jitter }], measured, { planned });
  assertEquals(others.map(({ test }) => test?.name), ["a", "b", "c", "d"]);
});
