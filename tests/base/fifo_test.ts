import { assertEquals } from "@std/assert";
import { Fifo } from "../../src/base/fifo.ts";
import { Random } from "../support/random.ts";

Deno.test("Fifo gives back what a list gives back, whatever the order of calls", () => {
  const random = new Random(12);
  const fifo = new Fifo<number>();
  const list: number[] = [];
  for (let i = 0; i < 50_000; i++) {
    if (random.below(100) < (i % 10_000 < 6000 ? 70 : 30)) {
      fifo.push(i);
      list.push(i);
    } else {
      assertEquals(fifo.shift(), list.shift());
    }
    if (fifo.first !== list[0] || fifo.length !== list.length) throw new Error(`differs at ${i}`);
  }
});

Deno.test("Fifo.takeAll() gives what is left, in order, and leaves it empty", () => {
  const fifo = new Fifo<number>();
  for (let i = 0; i < 5; i++) fifo.push(i);
  fifo.shift();
  assertEquals(fifo.takeAll(), [1, 2, 3, 4]);
  assertEquals([fifo.length, fifo.first, fifo.takeAll()], [0, undefined, []]);
  fifo.push(5);
  assertEquals([fifo.length, fifo.shift()], [1, 5]);
});
