import { assert, assertEquals } from "@std/assert";
import { PendingFrames } from "../../../src/node/protocol/flow_control.ts";
import { Lane } from "../../../src/node/protocol/frame.ts";

const MIB = 1024 * 1024;

Deno.test("PendingFrames.room() is to be waited for while much that is urgent waits, whatever else does", async () => {
  const pending = new PendingFrames();
  pending.add(Lane.record, 100 * MIB);
  pending.add(Lane.urgent, 15 * MIB);
  assertEquals(pending.room(), undefined);
  pending.add(Lane.urgent, MIB);
  const room = pending.room();
  pending.remove(Lane.urgent, 15 * MIB);
  await room;
  assertEquals(pending.room(), undefined);
  pending.remove(Lane.record, 100 * MIB);
  assertEquals(pending.empty, false);
  pending.remove(Lane.urgent, MIB);
  assertEquals(pending.empty, true);
});

Deno.test("PendingFrames.room() is to be waited for while many small frames wait", () => {
  const pending = new PendingFrames();
  let count = 0;
  for (; count < 1_000_000 && pending.room() === undefined; count++) pending.add(Lane.urgent, 2);
  assert(count < 100_000, `${count} frames`);
  while (count-- > 0) pending.remove(Lane.urgent, 2);
  assertEquals([pending.room(), pending.empty], [undefined, true]);
});
