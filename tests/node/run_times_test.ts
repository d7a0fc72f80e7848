import { assert, assertEquals } from "@std/assert";
import type { RunTime } from "../../src/node/item.ts";
import { RunTimesReporter } from "../../src/node/run_times.ts";
import { eventually } from "../support/eventually.ts";

Deno.test("RunTimesReporter reports a run that goes on once it has started, and whole at its end", async () => {
  const reports: (readonly RunTime[])[] = [];
  const times = new RunTimesReporter((runs) => reports.push(runs));
  const ended = times.start("tests[0]", "sleep");
  await eventually("a report of the start", () => reports.length === 1);
  const [[started]] = reports;
  assertEquals(started, { path: "tests[0]", name: "sleep", start: started.start });
  ended({ error: new Error("broken") });
  times.flush();
  const [, [whole]] = reports;
  assertEquals(whole, { ...started, end: whole.end, error: "broken" });
  assert(whole.end! > started.start);
});

Deno.test("RunTimesReporter reports each of many short runs once, several at a time", () => {
  const reports: (readonly RunTime[])[] = [];
  const times = new RunTimesReporter((runs) => reports.push(runs));
  for (let i = 0; i < 10_000; i++) times.start(`tests[0].serial[${i}]`, "sleep")();
  times.flush();
  times.flush();
  const runs = reports.flat();
  assertEquals([runs.length, new Set(runs.map(({ path }) => path)).size], [10_000, 10_000]);
  assert(runs.every(({ end }) => end !== undefined));
  assert(reports.length < 100, `${reports.length} reports`);
});

Deno.test("RunTimesReporter cuts long names and errors, so that a report has a size", () => {
  const reports: (readonly RunTime[])[] = [];
  const times = new RunTimesReporter((runs) => reports.push(runs));
  for (let i = 0; i < 100; i++) times.start(`${i}`, "n".repeat(1e6))({ error: new Error("e".repeat(1e6)) });
  times.flush();
  for (const runs of reports) assert(JSON.stringify(runs.map(({ name, error }) => [name, error])).length < 64 * 1024);
});
