import { assertEquals } from "@std/assert";
import { EndGrace } from "../../src/node/child_node.ts";
import { type Frame, Kind, Lane } from "../../src/node/protocol/frame.ts";

const SECOND = 1000;
const MINUTE = 60 * SECOND;

function frame(kind: Kind, lane: Lane): Frame {
  return { kind, lane, origin: "left", name: "", number: 1, more: false, payload: new Uint8Array() };
}

/** A grace, and what makes time go on. */
function graceFrom(canceled: boolean, levels = 1) {
  let ms = 0;
  const grace = new EndGrace({ canceled, levels, now: () => ms });
  return { grace, pass: (passMs: number) => void (ms += passMs) };
}

Deno.test("EndGrace is over when nothing is handed over", () => {
  const { grace, pass } = graceFrom(true);
  pass(14.9 * SECOND);
  assertEquals(grace.exceeded(), undefined);
  grace.received(frame(Kind.progress, Lane.urgent));
  pass(0.1 * SECOND);
  assertEquals(grace.exceeded(), "did not within 15 s");
});

Deno.test("EndGrace is renewed by results, and by what is ended", () => {
  const frames = [
    frame(Kind.records, Lane.record),
    frame(Kind.fileData, Lane.bulk),
    frame(Kind.activity, Lane.urgent),
  ];
  for (const result of frames) {
    const { grace, pass } = graceFrom(true);
    pass(10 * SECOND);
    grace.received(result);
    pass(10 * SECOND);
    assertEquals(grace.exceeded(), undefined);
    pass(5 * SECOND);
    assertEquals(grace.exceeded(), "did not within 15 s");
  }
});

Deno.test("EndGrace lasts longer where nodes below have theirs first", () => {
  const { grace, pass } = graceFrom(true, 3);
  pass(44.9 * SECOND);
  assertEquals(grace.exceeded(), undefined);
  pass(0.1 * SECOND);
  assertEquals(grace.exceeded(), "did not within 45 s");
});

Deno.test("EndGrace has an end for what was canceled, and none for results that were asked for", () => {
  for (const canceled of [true, false]) {
    const { grace, pass } = graceFrom(canceled);
    for (let i = 0; i < 60; i++) {
      assertEquals(grace.exceeded(), undefined);
      grace.received(frame(Kind.log, Lane.record));
      pass(MINUTE / 6);
    }
    assertEquals(grace.exceeded(), canceled ? "still sent results 600 s later" : undefined);
  }
});
