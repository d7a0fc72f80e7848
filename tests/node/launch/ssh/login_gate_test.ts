import { assertEquals } from "@std/assert";
import { LoginGate } from "../../../../src/node/launch/ssh/ssh.ts";

Deno.test("LoginGate lets eight in at a time for each destination, in order", async () => {
  const gate = new LoginGate();
  const turns: Disposable[] = [];
  const order: number[] = [];
  const all = Array.from({ length: 12 }, async (_, i) => {
    turns.push(await gate.enter("x"));
    order.push(i);
  });
  turns.push(await gate.enter("y"));
  await Promise.all(all.slice(0, 8));
  assertEquals(order, [0, 1, 2, 3, 4, 5, 6, 7]);
  // Leaving twice counts once.
  turns[0][Symbol.dispose]();
  turns[0][Symbol.dispose]();
  await all[8];
  assertEquals(order.length, 9);
  for (const turn of turns.splice(0)) turn[Symbol.dispose]();
  await Promise.all(all);
  assertEquals(order, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
});
