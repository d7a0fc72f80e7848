import { assertEquals } from "@std/assert";
import { TurnBudget } from "../../../src/flow/stream/turn_budget.ts";

/** How many writes of 128 KiB a turn has, each of which takes 20 µs. */
function turn(budget: TurnBudget, at: number): number {
  budget.begin(at);
  let count = 1;
  while (budget.spend(131072, at += 20_000)) count++;
  return count;
}

Deno.test("TurnBudget allows one write among many flows, and some of them alone", () => {
  const budget = new TurnBudget();
  assertEquals(turn(budget, 0), 1);
  assertEquals(turn(budget, 1e6), 16);
  assertEquals(turn(budget, 2e6), 16);
  assertEquals(turn(budget, 50e6), 1);
});
