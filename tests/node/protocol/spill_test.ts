import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type DataLane, type Frame, Kind, Lane } from "../../../src/node/protocol/frame.ts";
import { readSpill, Spill, temporarySpill } from "../../../src/node/protocol/spill.ts";
import { TineError, WireError } from "../../../src/base/errors.ts";
import { concat, frame, sourceOf } from "../../support/bytes.ts";
import { Random } from "../../support/random.ts";
import { frameBytes, message } from "./frames.ts";

const never = (error: Error) => {
  throw error;
};

function numbered(number: number, lane: DataLane, length = 10): Frame {
  const kind = lane === Lane.record ? Kind.records : Kind.fileData;
  return { ...message(kind, new Uint8Array(length).fill(number), "f"), lane, number, more: false };
}

Deno.test("Spill gives the frames of each lane back in order, whenever they are taken", async () => {
  const random = new Random(11);
  using spill = new Spill(temporarySpill, never);
  const added = { [Lane.record]: [] as Uint8Array[], [Lane.bulk]: [] as Uint8Array[] };
  const taken = { [Lane.record]: [] as Uint8Array[], [Lane.bulk]: [] as Uint8Array[] };
  for (let i = 0; i < 3000; i++) {
    const lane = random.pick([Lane.record, Lane.bulk]);
    const bytes = random.bytes(random.pick([0, 1, 127, 128, 1000, random.below(20_000)]));
    spill.add(lane, bytes);
    added[lane].push(bytes);
    if (random.oneIn(20)) await undefined;
    if (random.oneIn(10)) taken[lane].push(...spill.take(lane));
    if (random.oneIn(50) && spill.bytes(1) + spill.bytes(2) === 0) spill.clear();
  }
  for (const lane of [Lane.record, Lane.bulk]) {
    for (let frames; (frames = spill.take(lane)).length > 0;) taken[lane].push(...frames);
    assertEquals(spill.bytes(lane), 0);
    assertEquals(taken[lane].length, added[lane].length);
    assertEquals(concat(taken[lane]), concat(added[lane]));
  }
});

Deno.test("Spill opens no file before it is needed, and closes it", () => {
  let file: Deno.FsFile | undefined;
  const spill = new Spill(() => file = temporarySpill(), never);
  assertEquals(spill.take(Lane.record), []);
  spill.clear();
  assertEquals(file, undefined);
  spill.add(Lane.record, new Uint8Array(100_000));
  spill[Symbol.dispose]();
  assertThrows(() => file!.statSync(), Deno.errors.BadResource);
});

Deno.test("Spill tells of a disk that is full, at once or at the end of the turn", async () => {
  const full = () => Deno.openSync("/dev/full", { read: true, write: true });
  using atOnce = new Spill(full, never);
  assertEquals(assertThrows(() => atOnce.add(Lane.record, new Uint8Array(100_000)), TineError).code, "spill-failed");
  const failures: TineError[] = [];
  using later = new Spill(full, (error) => failures.push(error));
  later.add(Lane.record, new Uint8Array(1));
  await Promise.resolve();
  assertEquals(failures.map(({ code }) => code), ["spill-failed"]);
});

Deno.test("readSpill() gives the frames that had not come, and leaves out one that is cut", async () => {
  const path = await Deno.makeTempFile();
  {
    using spill = new Spill(() => Deno.openSync(path, { read: true, write: true }), never);
    for (let number = 1; number <= 50; number++) {
      spill.add(Lane.record, frameBytes(numbered(number, Lane.record, 5000)));
      spill.add(Lane.bulk, frameBytes(numbered(number, Lane.bulk, 7000)));
      await undefined;
    }
    await undefined;
  }
  const size = (await Deno.stat(path)).size;
  await Deno.truncate(path, size - 1);
  const found = { [Lane.record]: [] as number[], [Lane.bulk]: [] as number[] };
  using file = await Deno.open(path);
  for await (const { frame, bytes } of readSpill(file, { record: 40, bulk: 45 })) {
    found[frame.lane as DataLane].push(frame.number);
    assertEquals(bytes, frameBytes(frame));
  }
  assertEquals(found, { [Lane.record]: range(41, 50), [Lane.bulk]: range(46, 49) });
  await Deno.remove(path);
});

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

Deno.test("readSpill() refuses what is no spill file", async () => {
  const read = async (bytes: Uint8Array) => {
    for await (const _ of readSpill(sourceOf(bytes), { record: 0, bulk: 0 }));
  };
  await assertRejects(() => read(frame(new Uint8Array([0xff]))), WireError);
  await assertRejects(() => read(new Uint8Array([0xff, 0xff, 0xff, 1])), WireError, "the limit is 65536");
  await read(new Uint8Array());
});

Deno.test("readSpill() gives nothing that a connection would not have taken", async () => {
  const read = async (...frames: Frame[]) => {
    const found: number[] = [];
    const bytes = concat(frames.map((it) => frame(frameBytes(it))));
    for await (const { frame } of readSpill(sourceOf(bytes), { record: 1, bulk: 1 })) found.push(frame.number);
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
