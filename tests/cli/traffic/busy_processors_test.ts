import { assert, assertEquals } from "@std/assert";
import { BusyProcessors, parseTimes } from "../../../src/cli/traffic/machine_load.ts";

Deno.test("parseTimes() adds up the times of all processors, and guests' only once", () => {
  assertEquals(parseTimes("cpu  10 1 5 70 4 0 1 9 7 7\ncpu0 1 2 3\n"), { all: 100, idle: 74 });
  assertEquals(parseTimes("cpu  1 2 3 4 5\n"), { all: 15, idle: 9 });
  for (const text of ["", "cpu 1\n", "intr 1 2 3 4 5 6\n", "cpu  1 2 x 4 5\n"]) {
    assertEquals(parseTimes(text), undefined);
  }
});

Deno.test("BusyProcessors.share is unknown at once, and a share later", async () => {
  const processors = new BusyProcessors();
  assertEquals(processors.share, undefined);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  const { share } = processors;
  assert(Deno.build.os !== "linux" || (share !== undefined && share >= 0 && share <= 1));
});
