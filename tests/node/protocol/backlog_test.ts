import { assertEquals } from "@std/assert";
import { Backlog } from "../../../src/node/protocol/backlog.ts";
import { Lane } from "../../../src/node/protocol/frame.ts";

const MIB = 1024 * 1024;

Deno.test("Backlog.calm() is to be waited for while much that is urgent waits, whatever else does", async () => {
  const backlog = new Backlog();
  backlog.add(Lane.record, 100 * MIB);
  backlog.add(Lane.urgent, 16 * MIB);
  assertEquals(backlog.calm(), undefined);
  backlog.add(Lane.urgent, 1);
  const calm = backlog.calm();
  backlog.remove(Lane.urgent, 16 * MIB);
  await calm;
  assertEquals(backlog.calm(), undefined);
  backlog.remove(Lane.record, 100 * MIB);
  assertEquals(backlog.empty, false);
  backlog.remove(Lane.urgent, 1);
  assertEquals(backlog.empty, true);
});
