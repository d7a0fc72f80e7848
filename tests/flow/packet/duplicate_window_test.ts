import { assert, assertEquals } from "@std/assert";
import { DuplicateWindow, WINDOW } from "../../../src/flow/packet/duplicate_window.ts";
import { Random } from "../../support/random.ts";

Deno.test("DuplicateWindow.accept() takes each number once", () => {
  const window = new DuplicateWindow();
  for (const number of [0, 1, 5, 3, 2, 4]) assert(window.accept(number));
  for (const number of [5, 0, 3]) assert(!window.accept(number));
  assertEquals([window.accepted, window.refused, window.next], [6, 3, 6]);
});

Deno.test("DuplicateWindow.accept() refuses what is too old to be known", () => {
  const window = new DuplicateWindow();
  window.accept(WINDOW + 10);
  assert(!window.accept(10));
  assert(window.accept(11));
  assert(!window.accept(11));
  window.accept(2 ** 40);
  assert(!window.accept(WINDOW + 9));
  assert(window.accept(2 ** 40 - 1));
});

Deno.test("DuplicateWindow.accept() agrees with a memory without bounds", () => {
  const random = new Random(7);
  for (let round = 0; round < 20; round++) {
    const window = new DuplicateWindow();
    const seen = new Set<number>();
    let high = 0;
    const reach = 1 + random.below(round < 10 ? 100 : 2 * WINDOW);
    for (let i = 0; i < 20_000; i++) {
      if (random.oneIn(3)) high += random.below(1 + random.below(reach));
      const number = Math.max(0, high - random.below(reach));
      const known = number < window.next && (number < window.next - WINDOW || seen.has(number));
      assertEquals(window.accept(number), !known, `${number} of ${window.next}`);
      seen.add(number);
    }
    assertEquals(window.accepted + window.refused, 20_000);
  }
});
