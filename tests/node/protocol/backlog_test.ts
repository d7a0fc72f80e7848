import { assert, assertEquals } from "@std/assert";
import { Backlog } from "../../../src/node/protocol/heartbeat.ts";
import { Lane } from "../../../src/node/protocol/frame.ts";

const MIB = 1024 * 1024;

Deno.test("Backlog.calm() is to be waited for while much that is urgent waits, whatever else does", async () => {
  const backlog = new Backlog();
  backlog.add(Lane.record, 100 * MIB);
  backlog.add(Lane.urgent, 15 * MIB);
  assertEquals(backlog.calm(), undefined);
  backlog.add(Lane.urgent, MIB);
  const calm = backlog.calm();
  backlog.remove(Lane.urgent, 15 * MIB);
  await calm;
  assertEquals(backlog.calm(), undefined);
  backlog.remove(Lane.record, 100 * MIB);
  assertEquals(backlog.empty, false);
  backlog.remove(Lane.urgent, MIB);
  assertEquals(backlog.empty, true);
});

Deno.test("Backlog.calm() is to be waited for while many small frames wait", () => {
  const backlog = new Backlog();
  let count = 0;
  for (; count < 1_000_000 && backlog.calm() === undefined; count++) backlog.add(Lane.urgent, 2);
  assert(count < 100_000, `${count} frames`);
  while (count-- > 0) backlog.remove(Lane.urgent, 2);
  assertEquals([backlog.calm(), backlog.empty], [undefined, true]);
});
