import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { clockMark } from "../../../src/flow/packet/wall_clock.ts";

const nonce = new Uint8Array(16).fill(1), cookie = new Uint8Array(16).fill(2);

Deno.test("clockMark() is the same for one kernel, and reveals nothing of it", () => {
  const mark = clockMark(nonce, cookie, "one");
  assertMatch(mark, /^[0-9a-f]{32}$/);
  assertEquals(clockMark(nonce, cookie, "one"), mark);
  assertNotEquals(clockMark(nonce, cookie, "two"), mark);
  assertNotEquals(clockMark(nonce.map((byte) => byte + 1), cookie, "one"), mark);
  assertNotEquals(clockMark(nonce, cookie.map((byte) => byte + 1), "one"), mark);
  assertEquals(clockMark(nonce, cookie, ""), "");
});
