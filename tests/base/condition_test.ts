import { assertEquals } from "@std/assert";
import { Condition } from "../../src/base/condition.ts";

Deno.test("Condition.notify() lets all go on that wait, and no later ones", async () => {
  const condition = new Condition();
  const order: string[] = [];
  condition.notify();
  assertEquals(condition.awaited, false);
  const waiting = ["a", "b"].map((name) => condition.wait().then(() => order.push(name)));
  assertEquals(condition.awaited, true);
  condition.notify();
  const later = condition.wait().then(() => order.push("later"));
  await Promise.all(waiting);
  assertEquals(order, ["a", "b"]);
  condition.notify();
  await later;
  assertEquals(order, ["a", "b", "later"]);
});
