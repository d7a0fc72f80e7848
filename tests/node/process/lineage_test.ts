import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { createLineage, pidText } from "../../../src/node/process/lineage.ts";
import { TineError } from "../../../src/base/errors.ts";

Deno.test("createLineage() tells commands, nodes and watchdogs of a node from those below", () => {
  const root = createLineage();
  assertMatch(root.marker, /^[0-9a-f]{16}$/);
  assertEquals([root.command, root.node, root.watchdog], [`${root.marker}!`, `${root.marker}.`, ""]);
  const child = createLineage(root.node);
  assertNotEquals(child.marker, root.marker);
  assertEquals([child.command, child.watchdog], [`${root.marker}.${child.marker}!`, `${root.marker}~`]);
  assertEquals(child.keeper, `${root.marker}~${child.marker}~`);
  // A tine that a command of a node runs.
  const inner = createLineage(root.command);
  assertEquals([inner.node, inner.watchdog], [`${root.marker}!${inner.marker}.`, `${root.marker}~`]);
});

Deno.test("createLineage() does not carry on what is none", () => {
  for (const text of ["x", "0123456789abcdef", "0123456789abcdef!".repeat(101), "0123456789abcdef!\n"]) {
    const { marker, command } = createLineage(text);
    assertEquals(command, `${marker}!`);
  }
});

Deno.test("pidText() refuses what must not be signalled", () => {
  assertEquals(pidText(1234), "1234");
  for (const pid of [1, 0, -1, -5, 1.5, NaN]) assertThrows(() => pidText(pid), TineError);
});
