import { assertEquals, assertThrows } from "@std/assert";
import { contentOf } from "../../../src/node/protocol/kinds.ts";
import { Kind } from "../../../src/node/protocol/frame.ts";
import { decodeItem, encodeItem } from "../../../src/node/protocol/kinds.ts";
import { TineError } from "../../../src/base/errors.ts";

const MIB = 1024 * 1024;

/** JSON that takes its reader half a second for each MiB, and thirty times its size. */
function slowJson(bytes: number): Uint8Array {
  return new TextEncoder().encode(`[${"{},".repeat(bytes / 3)}{}]`);
}

Deno.test("decodeItem() does not read JSON that is longer than results of its kind are", () => {
  const payload = slowJson(9 * MIB);
  for (const kind of ["nodeInfo", "error", "progress", "streamInfo", "packetInfo", "activity", "missing"] as const) {
    const error = assertThrows(
      () => decodeItem({ kind: Kind[kind], origin: "left", name: "f", payload }),
      TineError,
      `(${kind}) of node left is broken: it has ${payload.length} bytes, the limit is`,
    );
    assertEquals(error.code, "bad-item");
  }
});

Deno.test("decodeItem() reads the longest error there can be", () => {
  const message = "\0".repeat(MIB);
  const error = decodeItem(encodeItem({ type: "error", nodeId: "left", time: 1n, tag: "x", code: "y", message }));
  assertEquals(error.type === "error" && error.message === message, true);
});

Deno.test("contentOf() does not read JSON that is too long", () => {
  const payload = slowJson(9 * MIB);
  for (const kind of ["ran", "cancel", "canceled"] as const) {
    const message = { kind: Kind[kind], origin: "", name: "1", payload };
    const error = assertThrows(() => contentOf(kind, message), TineError);
    assertEquals(error.code, "message-too-large");
  }
});
