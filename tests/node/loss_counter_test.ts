import { assertEquals, assertThrows } from "@std/assert";
import { type Frame, Kind, Lane } from "../../src/node/protocol/frame.ts";
import { LossCounter } from "../../src/node/child_node.ts";
import { TineError } from "../../src/base/errors.ts";
import { message } from "./protocol/frames.ts";

function numbered(number: number, lane: Lane = Lane.record, origin = "left"): Frame {
  return { ...message(Kind.log), origin, lane, number, more: false };
}

Deno.test("LossCounter.add() tells of gaps in the numbers of each node and lane", () => {
  const counter = new LossCounter();
  assertEquals([1, 2, 3].map((number) => counter.add(numbered(number))), [0, 0, 0]);
  assertEquals(counter.add(numbered(6)), 2);
  assertEquals(counter.add(numbered(2, Lane.bulk)), 1);
  assertEquals(counter.add(numbered(1, Lane.record, "right")), 0);
  assertEquals(counter.add(numbered(0, Lane.urgent)), 0);
  assertEquals(counter.add(numbered(4)), 0);
  assertEquals(counter.add(numbered(7)), 0);
  assertEquals(counter.missing, 3);
  assertEquals(counter.last("left"), { record: 7, bulk: 2 });
  assertEquals(counter.last("nobody"), { record: 0, bulk: 0 });
});

Deno.test("LossCounter.add() refuses more nodes than there can be", () => {
  const counter = new LossCounter();
  const all = () => {
    for (let i = 0; i <= 10_000; i++) counter.add(numbered(1, Lane.record, `node${i}`));
  };
  assertEquals(assertThrows(all, TineError).code, "too-many-nodes");
});
