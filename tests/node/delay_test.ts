import { assert, assertEquals, assertRejects } from "@std/assert";
import { delay } from "../../src/node/delay.ts";

Deno.test("delay() waits for as long as it says", async () => {
  const started = performance.now();
  await delay(5, new AbortController().signal);
  assert(performance.now() - started >= 5);
});

Deno.test("delay() ends with the reason of its signal, whenever that is aborted", async () => {
  const stop = new AbortController();
  const waiting = assertRejects(() => delay(2 ** 40, stop.signal), Error, "enough");
  let waits = true;
  waiting.then(() => waits = false);
  await delay(5, new AbortController().signal);
  assertEquals(waits, true);
  stop.abort(new Error("enough"));
  await waiting;
  for (const ms of [5, 0]) await assertRejects(() => delay(ms, stop.signal), Error, "enough");
});
