import { assert, assertEquals } from "@std/assert";
import { sleep } from "../../../src/node/runners/sleep.ts";
import { TestContext } from "./test_context.ts";

Deno.test("sleep sleeps for its duration", async () => {
  await using context = new TestContext();
  const start = performance.now();
  await sleep.run(20, context);
  assert(performance.now() - start >= 20);
});

Deno.test("sleep ends early when it is canceled", async () => {
  await using context = new TestContext();
  const sleeping = sleep.run(86_400_000, context);
  const reason = context.cancel();
  assertEquals(await Promise.resolve(sleeping).catch((error) => error), reason);
});
