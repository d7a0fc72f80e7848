import { assertEquals } from "@std/assert";
import type { PacketState } from "../../../src/flow/analysis/mod.ts";
import { FlowCourses, MAX_CELLS, sparklineText } from "../../../src/cli/run/sparkline.ts";

Deno.test("sparklineText() has bars from 0 to the greatest value, of blocks or of ASCII", () => {
  assertEquals(sparklineText([0, 1, 2, 3, 4, 5, 6, 7], true), "▁▂▃▄▅▆▇█");
  assertEquals(sparklineText([0, 1, 2, 3, 4, 5, 6, 7], false), "_.:-=+*#");
  assertEquals(sparklineText([5, undefined, 10], true), "▅ █");
  assertEquals([sparklineText([0, 0], true), sparklineText([], true), sparklineText([-1, 7], true)], ["▁▁", "", "▁█"]);
});

function state(flow: string, bitsPerSecond: number, rttMicros?: number, ended = false): PacketState {
  return { protocol: "udp", flow, packets: 1, lost: 0, dropped: 0, bitsPerSecond, rttMicros, ended };
}

Deno.test("FlowCourses keeps the last report of each half second, and gaps", () => {
  const courses = new FlowCourses();
  for (const [ms, rate, rtt] of [[0, 1, 10], [100, 2, undefined], [600, 3, 30], [2100, 4, 40]] as const) {
    courses.add(state("voip", rate, rtt), ms);
  }
  assertEquals(courses.of("voip", 16), {
    goodput: [2, 3, undefined, undefined, 4],
    rtt: [10, 30, undefined, undefined, 40],
  });
  assertEquals(courses.of("voip", 2).goodput, [4]);
  assertEquals(courses.of("other", 4), { goodput: [], rtt: [] });
});

Deno.test("FlowCourses is bounded, and leaves out the figures of a whole flow", () => {
  const courses = new FlowCourses();
  for (let i = 0; i < 1000; i++) courses.add(state("voip", i), i * 500);
  courses.add(state("voip", 1e9, 1, true), 500_000);
  const { goodput } = courses.of("voip", MAX_CELLS);
  assertEquals(goodput, Array.from({ length: 16 }, (_, i) => 984 + i));
  for (let i = 0; i < 2000; i++) courses.add(state(`f${i}`, 1), 0);
  assertEquals([courses.of("f998", 4).goodput, courses.of("f1999", 4).goodput], [[1], []]);
});
