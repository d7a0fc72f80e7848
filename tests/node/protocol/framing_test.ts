import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type Frame, Kind, Lane } from "../../../src/node/protocol/frame.ts";
import { laneOf } from "../../../src/node/protocol/kinds.ts";
import { Joiner } from "../../../src/node/protocol/framing.ts";
import { TineError } from "../../../src/base/errors.ts";
import { message, textOf } from "./frames.ts";

function part(kind: Kind, text: string, more: boolean, origin = "left", name = ""): Frame {
  return { ...message(kind, text, name), origin, lane: laneOf(kind), number: 0, more };
}

Deno.test("Joiner puts parts together by kind, origin and name, however they alternate", () => {
  const joiner = new Joiner();
  const frames = [
    part(Kind.log, "a1", true),
    part(Kind.log, "b1", true, "right"),
    part(Kind.error, "c1", true),
    part(Kind.ran, "d1", true, "", "1"),
    part(Kind.ran, "e1", true, "", "2"),
    part(Kind.log, "a2", true),
    part(Kind.log, "b2", false, "right"),
    part(Kind.log, "a3", false),
    part(Kind.error, "", false),
    part(Kind.ran, "e2", false, "", "2"),
    part(Kind.ran, "d2", false, "", "1"),
    part(Kind.log, "alone", false),
  ];
  const whole = frames.map((frame) => joiner.add(frame)).filter((message) => message !== undefined);
  assertEquals(whole.map(textOf), ["b1b2", "a1a2a3", "c1", "e1e2", "d1d2", "alone"]);
});

Deno.test("Joiner leaves files and records as they are", () => {
  const joiner = new Joiner(0);
  for (const kind of [Kind.fileData, Kind.records]) {
    const frame = part(kind, "x", true);
    assertStrictEquals(joiner.add(frame), frame);
  }
});

Deno.test("Joiner limits what waits, also where it is many empty parts", () => {
  const joiner = new Joiner(10_000);
  const full = () => {
    for (let i = 0; i < 100; i++) joiner.add(part(Kind.log, "", true, `node${i}`));
  };
  assertEquals(assertThrows(full, TineError).code, "message-too-large");
  const reused = new Joiner(10_000);
  for (let i = 0; i < 1000; i++) {
    reused.add({ ...part(Kind.log, "", true), lane: Lane.record, payload: new Uint8Array(5000) });
    reused.add(part(Kind.log, "", false));
  }
});
