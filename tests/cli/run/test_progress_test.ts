import { assertEquals } from "@std/assert";
import { TestProgress } from "../../../src/cli/run/test_progress.ts";
import { activity, error, log, nodeInfo } from "./samples.ts";

Deno.test("TestProgress keeps what each node does, the last entry of a log and the first error", () => {
  const test = new TestProgress({ id: { name: "a" }, number: 1, expectedMs: 0, timeoutMs: 0 }, 0);
  test.take(activity("left", ["sleep 1s"]));
  test.take(nodeInfo("left"));
  test.take(nodeInfo("right"));
  for (const text of ["1", "2"]) {
    test.take(log("left", text));
    test.take(error("left", text));
  }
  assertEquals([...test.nodes].map(([id, { running }]) => [id, ...running]), [["left", "sleep 1s"], ["right"]]);
  assertEquals([test.log?.text, test.error?.message], ["2", "1"]);
});

Deno.test("TestProgress does not grow without end", () => {
  const test = new TestProgress({ id: { name: "a" }, number: 1, expectedMs: 0, timeoutMs: 0 }, 0);
  for (let i = 0; i < 20_000; i++) test.take(activity(`n${i}`, []));
  test.take(activity("n1", ["sleep 1s"]));
  assertEquals([test.nodes.size, test.nodes.get("n1")?.running.length], [10_000, 1]);
});
