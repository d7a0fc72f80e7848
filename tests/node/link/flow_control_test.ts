import { assert, assertEquals } from "@std/assert";
import { ReceiveWindow } from "../../../src/node/link/flow_control.ts";
import { Lane } from "../../../src/node/protocol/frame.ts";

const MIB = 1024 * 1024;

Deno.test("ReceiveWindow.room() is to be waited for while much that is urgent waits, whatever else does", async () => {
  const window = new ReceiveWindow(MIB);
  window.begin(Lane.record, 100 * MIB);
  window.begin(Lane.urgent, 15 * MIB);
  assertEquals(window.room(), undefined);
  window.begin(Lane.urgent, MIB);
  const room = window.room();
  window.end(Lane.urgent, 15 * MIB);
  await room;
  assertEquals(window.room(), undefined);
  window.end(Lane.record, 100 * MIB);
  assertEquals(window.empty, false);
  window.end(Lane.urgent, MIB);
  assertEquals(window.empty, true);
});

Deno.test("ReceiveWindow.room() is to be waited for while many small frames wait", () => {
  const window = new ReceiveWindow(MIB);
  let count = 0;
  for (; count < 1_000_000 && window.room() === undefined; count++) window.begin(Lane.urgent, 2);
  assert(count < 100_000, `${count} frames`);
  while (count-- > 0) window.end(Lane.urgent, 2);
  assertEquals([window.room(), window.empty], [undefined, true]);
});
