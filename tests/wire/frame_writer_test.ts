import { assert, assertEquals, assertLess, assertRejects, assertStrictEquals } from "@std/assert";
import type { ByteWriter } from "../../src/wire/byte_writer.ts";
import { type ByteSink, writeAll } from "../../src/wire/connection.ts";
import { FrameWriter } from "../../src/wire/frame_writer.ts";
import { concat, frame } from "../support/bytes.ts";
import { Random } from "../support/random.ts";

/** A sink whose writes the test completes one by one. */
class ManualSink implements ByteSink {
  readonly written: Uint8Array[] = [];
  #waiting: { bytes: Uint8Array; done: PromiseWithResolvers<number> }[] = [];

  write(bytes: Uint8Array): Promise<number> {
    const done = Promise.withResolvers<number>();
    this.#waiting.push({ bytes, done });
    return done.promise;
  }

  /** How many writes wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Completes the oldest write, and waits until what follows from it has happened. */
  async complete(most = Infinity): Promise<void> {
    const { bytes, done } = this.#waiting.shift()!;
    const count = Math.min(most, bytes.length);
    // Taken only now: the writer must not touch what it has given away.
    this.written.push(bytes.slice(0, count));
    done.resolve(count);
    await settled();
  }

  async fail(error: Error): Promise<void> {
    this.#waiting.shift()!.done.reject(error);
    await settled();
  }
}

/** Lets all promise reactions run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

function put(writer: FrameWriter, payload: Uint8Array): void {
  writer.open().raw(payload);
  writer.close();
}

const BYTES = (length: number, first = 0) => new Uint8Array(length).map((_, i) => first + i);

Deno.test("FrameWriter puts what was written before a flush into one write", async () => {
  const sink = new ManualSink();
  const writer = new FrameWriter(sink);
  put(writer, BYTES(3));
  put(writer, BYTES(0));
  put(writer, BYTES(5));
  assertEquals(sink.waiting, 0);
  assertEquals(writer.pending, 11);
  writer.flush();
  assertEquals(sink.waiting, 1);
  assertEquals(writer.pending, 0);
  await sink.complete();
  assertEquals(concat(sink.written), concat([BYTES(3), BYTES(0), BYTES(5)].map(frame)));
});

Deno.test("FrameWriter.flush() writes nothing when nothing waits", () => {
  const sink = new ManualSink();
  new FrameWriter(sink).flush();
  assertEquals(sink.waiting, 0);
});

Deno.test("FrameWriter collects frames while a write is under way, and writes them next", async () => {
  const sink = new ManualSink();
  const writer = new FrameWriter(sink);
  const expected: Uint8Array[] = [];
  for (let i = 0; i < 20; i++) {
    for (let j = 0; j < 3; j++) {
      const payload = BYTES(100 + j, i);
      expected.push(frame(payload));
      put(writer, payload);
      writer.flush();
    }
    assertEquals(sink.waiting, 1, "writes never overlap with each other");
    await sink.complete();
  }
  const finished = writer.finish();
  while (sink.waiting > 0) await sink.complete();
  await finished;
  assertEquals(concat(sink.written), concat(expected));
  assertLess(sink.written.length, 25);
});

Deno.test("FrameWriter goes on where a write took only a part", async () => {
  const sink = new ManualSink();
  const writer = new FrameWriter(sink);
  put(writer, BYTES(200));
  const finished = writer.finish();
  while (sink.waiting > 0) await sink.complete(7);
  await finished;
  assertEquals(concat(sink.written), frame(BYTES(200)));
});

Deno.test("FrameWriter.full reports that the sink is slow, FrameWriter.drained() waits for it", async () => {
  const sink = new ManualSink();
  const writer = new FrameWriter(sink);
  const payload = new Uint8Array(64 * 1024);
  writer.flush();
  put(writer, payload);
  writer.flush(); // this one is under way from now on
  let frames = 0;
  while (!writer.full) {
    put(writer, payload);
    frames++;
  }
  assertEquals(frames, 4);
  let drained = false;
  const draining = writer.drained().then(() => drained = true);
  await settled();
  assert(!drained);
  assertEquals(sink.waiting, 1);
  await sink.complete();
  await sink.complete();
  await draining;
  assert(!writer.full);
  await writer.finish();
  assertEquals(concat(sink.written).length, 5 * frame(payload).length);
});

Deno.test("FrameWriter.drained() returns at once when little waits", async () => {
  const sink = new ManualSink();
  const writer = new FrameWriter(sink);
  writer.hold();
  put(writer, BYTES(9));
  await writer.drained();
  assertEquals(sink.waiting, 0);
});

Deno.test("FrameWriter.finish() throws what the sink threw, again and again, whatever is written after", async () => {
  const sink = new ManualSink();
  const writer = new FrameWriter(sink);
  const broken = new Deno.errors.BrokenPipe("gone");
  put(writer, BYTES(9));
  writer.flush();
  put(writer, BYTES(9));
  await sink.fail(broken);
  assertStrictEquals(writer.failure, broken);
  await assertRejects(() => writer.finish(), Deno.errors.BrokenPipe, "gone");
  for (let i = 0; i < 3; i++) {
    put(writer, BYTES(9));
    writer.flush();
    await assertRejects(() => writer.finish(), Deno.errors.BrokenPipe, "gone");
    await assertRejects(() => writer.drained(), Deno.errors.BrokenPipe, "gone");
  }
  assertEquals(sink.waiting, 0, "nothing is written after a failure");
});

Deno.test("FrameWriter.drained() throws what the sink threw, also when much is written after", async () => {
  const sink = new ManualSink();
  const writer = new FrameWriter(sink);
  put(writer, BYTES(9));
  writer.flush();
  await sink.fail(new Deno.errors.BrokenPipe("gone"));
  for (let i = 0; i < 3; i++) {
    while (!writer.full) put(writer, new Uint8Array(100_000));
    await assertRejects(() => writer.drained(), Deno.errors.BrokenPipe, "gone");
    assertEquals(writer.pending, 0, "memory is given back");
  }
});

Deno.test("FrameWriter reports a sink that throws instead of rejecting", async () => {
  const writer = new FrameWriter({
    write() {
      throw new Deno.errors.BadResource("closed");
    },
  });
  put(writer, BYTES(1));
  await assertRejects(() => writer.finish(), Deno.errors.BadResource, "closed");
});

Deno.test("FrameWriter writes lengths of any size after any other size", async () => {
  const random = new Random(11);
  const sizes = [0, 1, 127, 128, 129, 16_383, 16_384, 16_385, 0, 200_000, 3, 128, 2_097_151, 2_097_152, 127];
  for (let i = 0; i < 40; i++) sizes.push(random.below(random.pick([4, 300, 20_000])));
  const written: Uint8Array[] = [];
  const writer = new FrameWriter({
    write(bytes) {
      written.push(bytes.slice());
      return Promise.resolve(bytes.length);
    },
  });
  for (const size of sizes) put(writer, BYTES(size, size));
  await writer.finish();
  const expected = concat(sizes.map((size) => frame(BYTES(size, size))));
  assert(concat(written).every((byte, i) => byte === expected[i]));
  assertEquals(concat(written).length, expected.length);
});

Deno.test("FrameWriter.discard() drops the open frame and nothing else", async () => {
  const sink = new ManualSink();
  const writer = new FrameWriter(sink);
  put(writer, BYTES(300)); // the next guess is two bytes
  const open: ByteWriter = writer.open();
  open.raw(new Uint8Array(100_000));
  writer.discard();
  put(writer, BYTES(2));
  writer.open();
  writer.discard();
  put(writer, BYTES(200));
  const finished = writer.finish();
  await sink.complete();
  await finished;
  assertEquals(concat(sink.written), concat([BYTES(300), BYTES(2), BYTES(200)].map(frame)));
});

Deno.test("writeAll() writes until all is written", async () => {
  const taken: number[] = [];
  await writeAll({
    write(bytes) {
      taken.push(bytes[0]);
      return Promise.resolve(1);
    },
  }, BYTES(4));
  assertEquals(taken, [0, 1, 2, 3]);
});
