import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { laneOf } from "../../../src/node/protocol/kinds.ts";
import { Joiner, readSpill } from "../../../src/node/protocol/framing.ts";
import { TineError, WireError } from "../../../src/base/errors.ts";
import { frameBytes, message, textOf } from "./frames.ts";
import { type DataLane, type Frame, Kind, Lane } from "../../../src/node/protocol/frame.ts";
import { SpilledQueue, SpillFile } from "../../../src/wire/spilled_queue.ts";
import { concat, frame, sourceOf } from "../../support/bytes.ts";

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

Deno.test("Joiner drops the start of a message whose next frame was lost", () => {
  const joiner = new Joiner(1000);
  for (let round = 0; round < 10; round++) {
    const first = round * 10 + 1;
    const frames = [
      { ...part(Kind.log, "a1", true), number: first },
      { ...part(Kind.log, "a2", true), number: first + 1 },
      { ...part(Kind.log, "b1", true), number: first + 5 },
      { ...part(Kind.log, "b2", false), number: first + 6 },
      { ...part(Kind.log, "c1", true), number: first + 7 },
      { ...part(Kind.log, "whole", false), number: first + 9 },
    ];
    const whole = frames.map((frame) => joiner.add(frame)).filter((message) => message !== undefined);
    assertEquals(whole.map(textOf), ["b1b2", "whole"]);
  }
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

function numbered(number: number, lane: DataLane, length = 10): Frame {
  const kind = lane === Lane.record ? Kind.records : Kind.fileData;
  return { ...message(kind, new Uint8Array(length).fill(number), "f"), lane, number, more: false };
}

Deno.test("readSpill() gives the frames that had not come, and leaves out one that is cut", async () => {
  const path = await Deno.makeTempFile();
  {
    using file = new SpillFile(() => Deno.openSync(path, { read: true, write: true }));
    const [records, pieces] = [0, 1].map(() =>
      new SpilledQueue(file, 0, (error) => {
        throw error;
      })
    );
    for (let number = 1; number <= 50; number++) {
      records.push({ bytes: frameBytes(numbered(number, Lane.record, 5000)) });
      pieces.push({ bytes: frameBytes(numbered(number, Lane.bulk, 7000)) });
      await undefined;
    }
    await undefined;
  }
  const size = (await Deno.stat(path)).size;
  await Deno.truncate(path, size - 1);
  const found = { [Lane.record]: [] as number[], [Lane.bulk]: [] as number[] };
  using file = await Deno.open(path);
  for await (const { frame, bytes } of readSpill(file, { [Lane.record]: 40, [Lane.bulk]: 45 })) {
    found[frame.lane as DataLane].push(frame.number);
    assertEquals(bytes, frameBytes(frame));
  }
  assertEquals(found, { [Lane.record]: range(41, 50), [Lane.bulk]: range(46, 49) });
  await Deno.remove(path);
});

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

Deno.test("readSpill() leaves out the rest of a message whose start was lost", async () => {
  const log = (number: number, more: boolean) => ({ ...part(Kind.log, "x", more), number });
  const frames: Frame[] = [
    ...[log(2, true), log(3, false)], // goes on with what has come
    ...[log(7, true), numbered(1, Lane.bulk), log(8, true), log(9, false)],
    ...[log(10, false), log(11, true), log(12, false)],
    ...[numbered(15, Lane.record), log(16, false)], // records are whole
    numbered(5, Lane.bulk),
  ];
  const found: number[] = [];
  const bytes = concat(frames.map((it) => frame(frameBytes(it))));
  for await (const { frame } of readSpill(sourceOf(bytes), { [Lane.record]: 1, [Lane.bulk]: 0 })) {
    found.push(frame.number);
  }
  assertEquals(found, [2, 3, 1, 10, 11, 12, 15, 16, 5]);
});

Deno.test("readSpill() refuses what is no spill file", async () => {
  const read = async (bytes: Uint8Array) => {
    for await (const _ of readSpill(sourceOf(bytes), { [Lane.record]: 0, [Lane.bulk]: 0 }));
  };
  await assertRejects(() => read(frame(new Uint8Array([0xff]))), WireError);
  await assertRejects(() => read(new Uint8Array([0xff, 0xff, 0xff, 1])), WireError, "the limit is 65536");
  await read(new Uint8Array());
});

Deno.test("readSpill() gives nothing that a connection would not have taken", async () => {
  const read = async (...frames: Frame[]) => {
    const found: number[] = [];
    const bytes = concat(frames.map((it) => frame(frameBytes(it))));
    for await (const { frame } of readSpill(sourceOf(bytes), { [Lane.record]: 1, [Lane.bulk]: 1 })) {
      found.push(frame.number);
    }
    return found;
  };
  const good = numbered(2, Lane.record);
  assertEquals(await read(good), [2]);
  const forged: Frame[] = [
    { ...good, kind: Kind.ran, lane: Lane.urgent, number: 0 },
    { ...good, kind: Kind.canceled },
    { ...good, kind: Kind.end, lane: Lane.urgent },
    { ...good, kind: Kind.error, lane: Lane.urgent },
    { ...good, lane: Lane.bulk },
    { ...good, number: 0 },
  ];
  for (const one of forged) await assertRejects(() => read(one), WireError, "which no node puts into a file");
  // A file with a hole in it would be read for ages.
  await assertRejects(() => read({ ...good, kind: Kind.nothing, lane: Lane.urgent, number: 0 }), WireError);
});
