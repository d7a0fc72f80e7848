import { assert, assertEquals, assertLess, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { WireError } from "../../src/base/errors.ts";
import { DEFAULT_MAX_FRAME_BYTES, FrameReader, previewBytes } from "../../src/wire/frame_reader.ts";
import { concat, cutInto, frame, payloads, readFrames, sourceOf, varint } from "../support/bytes.ts";
import { describeBytes } from "../support/describe.ts";
import { Random } from "../support/random.ts";

const PAYLOADS = [0, 1, 5, 0, 0, 127, 128, 129, 2, 300, 0].map((length, i) =>
  new Uint8Array(length).map((_, j) => i * 31 + j)
);
const STREAM = concat(PAYLOADS.map(frame));
const text = (message: string) => new TextEncoder().encode(message);

async function collect(pieces: Uint8Array[], readAhead = false): Promise<string[]> {
  const found: string[] = [];
  await readFrames(new FrameReader(sourceOf(...pieces)), (payload) => found.push(describeBytes(payload)), readAhead);
  return found;
}

Deno.test("FrameReader delivers the same frames wherever a stream is cut in two", async () => {
  for (let cut = 0; cut <= STREAM.length; cut++) {
    assertEquals(await collect([STREAM.subarray(0, cut), STREAM.subarray(cut)]), PAYLOADS.map(describeBytes));
  }
});

Deno.test("FrameReader delivers the same frames in reads of any size, with and without reading ahead", async () => {
  for (const size of [1, 2, 3, 7, 64, 128, STREAM.length]) {
    for (const readAhead of [false, true]) {
      assertEquals(await collect(cutInto(STREAM, size), readAhead), PAYLOADS.map(describeBytes), `${size} bytes`);
    }
  }
});

Deno.test("FrameReader delivers random frames over many buffers unchanged", async () => {
  const random = new Random(7);
  for (const readAhead of [false, true]) {
    const sent = Array.from({ length: 400 }, () => random.bytes(random.below(random.pick([3, 200, 9000, 70_000]))));
    const stream = concat(sent.map(frame));
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < stream.length;) {
      const size = 1 + random.below(random.pick([4, 4096, 100_000]));
      pieces.push(stream.subarray(at, at + size));
      at += size;
    }
    const found: Uint8Array[] = [];
    // Frames are kept as they were handed out: later reads must not write over them.
    await readFrames(new FrameReader(sourceOf(...pieces)), (payload) => found.push(payload), readAhead);
    assertEquals(found.length, sent.length);
    for (let i = 0; i < sent.length; i++) assert(equalBytes(found[i], sent[i]), `frame ${i}`);
  }
});

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

Deno.test("FrameReader.next() hands out zero-length frames", async () => {
  assertEquals((await payloads(new Uint8Array([0, 0, 0]))).map((payload) => payload.length), [0, 0, 0]);
  assertEquals((await payloads(new Uint8Array([0x80, 0x80, 0]))).map((payload) => payload.length), [0]);
});

Deno.test("FrameReader.fill() returns false for an empty stream", async () => {
  assertEquals(await new FrameReader(sourceOf()).fill(), false);
});

Deno.test("FrameReader.next() accepts a length with superfluous zeros, up to 10 bytes", async () => {
  const found = await payloads(new Uint8Array([0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 104, 105]));
  assertEquals(found.map((payload) => new TextDecoder().decode(payload)), ["hi"]);
});

Deno.test("FrameReader.next() refuses a length whose varint exceeds 10 bytes or 64 bits", async () => {
  for (const last of [[0x80, 0], [0xff, 1], [2], [0x7f]]) {
    const frames = new FrameReader(sourceOf(new Uint8Array([...Array(9).fill(0x80), ...last])));
    await frames.fill();
    const error = assertThrows(() => frames.next(), WireError, "a varint longer than 10 bytes");
    assertEquals(error.code, "bad-varint");
    // It stays refused.
    assertThrows(() => frames.next(), WireError);
  }
});

Deno.test("FrameReader.next() refuses a length over the limit, up to the largest varint", async () => {
  for (const length of [11n, 2n ** 31n, 2n ** 32n, 2n ** 32n + 1n, 2n ** 53n, 2n ** 63n, 2n ** 64n - 1n]) {
    const frames = new FrameReader(sourceOf(varint(length)), 10);
    await frames.fill();
    const error = assertThrows(() => frames.next(), WireError, "the limit is 10");
    assertEquals(error.code, "frame-too-large");
  }
});

Deno.test("FrameReader.next() accepts a frame exactly at the limit", async () => {
  const found: number[] = [];
  await readFrames(new FrameReader(sourceOf(frame(new Uint8Array(10))), 10), (payload) => found.push(payload.length));
  assertEquals(found, [10]);
});

Deno.test("FrameReader.fill() does not allocate what a frame only claims", async () => {
  const frames = new FrameReader(sourceOf(varint(DEFAULT_MAX_FRAME_BYTES), new Uint8Array(100)));
  while (await frames.fill().catch(() => false)) assertEquals(frames.next(), false);
  assertLess(frames.bytes.length, 1024 * 1024);
});

Deno.test("FrameReader reports a stream truncated at any byte, after all frames before the cut", async () => {
  const ends: number[] = [];
  for (const payload of PAYLOADS) ends.push((ends.at(-1) ?? 0) + frame(payload).length);
  for (let cut = 0; cut < STREAM.length; cut++) {
    const whole = ends.filter((end) => end <= cut).length;
    const found: string[] = [];
    const frames = new FrameReader(sourceOf(STREAM.subarray(0, cut)));
    const reading = readFrames(frames, (payload) => found.push(describeBytes(payload)));
    if (cut === 0 || ends.includes(cut)) await reading;
    else {
      const error = await assertRejects(() => reading, WireError, "the stream ends inside a frame");
      assertEquals(error.code, "cut-frame");
      assertEquals(frames.rest().length, cut - (ends[whole - 1] ?? 0));
    }
    assertEquals(found, PAYLOADS.slice(0, whole).map(describeBytes), `cut at ${cut}`);
  }
});

Deno.test("FrameReader.fill() names text that stands where a frame should be", async () => {
  const error = await assertRejects(() => payloads(text("Hello, world!\n")), WireError);
  assertStringIncludes(error.message, '"Hello, world!\\n"');
  assertStringIncludes(error.message, "after 14 of at least 73 bytes");
});

Deno.test("FrameReader.next() names text that claims a frame over the limit", async () => {
  const frames = new FrameReader(sourceOf(text("Traceback (most recent call last):\n")), 50);
  await frames.fill();
  const error = assertThrows(() => frames.next(), WireError);
  assertStringIncludes(error.message, '"Traceback (most recent call last):\\n"');
  assertStringIncludes(error.message, "84 bytes");
});

Deno.test("FrameReader.fill() throws what the source throws, again and again", async () => {
  const frames = new FrameReader({ read: () => Promise.reject(new Deno.errors.ConnectionReset("gone")) });
  frames.readAhead();
  await assertRejects(() => frames.fill(), Deno.errors.ConnectionReset, "gone");
  await assertRejects(() => frames.fill(), Deno.errors.ConnectionReset, "gone");
});

Deno.test("FrameReader copies a huge frame that arrives slowly only as often as its buffer doubles", async () => {
  const payload = new Random(3).bytes(2_000_000);
  const stream = concat([frame(payload), frame(text("next"))]);
  const pieces = [...cutInto(stream.subarray(0, 1_990_000), 997), ...cutInto(stream.subarray(1_990_000), 1)];
  const frames = new FrameReader(sourceOf(...pieces));
  const buffers = new Set<ArrayBuffer>([frames.bytes.buffer]);
  const found: Uint8Array[] = [];
  do {
    while (frames.next()) found.push(frames.bytes.slice(frames.start, frames.end));
    buffers.add(frames.bytes.buffer);
  } while (await frames.fill());
  assertEquals(found.length, 2);
  assert(equalBytes(found[0], payload));
  assertEquals(new TextDecoder().decode(found[1]), "next");
  assertLess(buffers.size, 12);
});

Deno.test("FrameReader starts small and does not grow for a trickle of small frames", async () => {
  const frames = new FrameReader(sourceOf(...Array.from({ length: 5000 }, () => frame(new Uint8Array(30)))));
  let count = 0;
  let largest = frames.bytes.length;
  await readFrames(frames, () => {
    count++;
    largest = Math.max(largest, frames.bytes.length);
  });
  assertEquals(count, 5000);
  assert(largest <= 16 * 1024, `${largest} bytes`);
});

Deno.test("FrameReader grows its reads for a fast stream", async () => {
  const frames = new FrameReader(sourceOf(concat(Array.from({ length: 30_000 }, () => frame(new Uint8Array(99))))));
  let fills = 0;
  do {
    fills++;
    while (frames.next());
  } while (await frames.fill());
  assertLess(fills, 40);
});

Deno.test("previewBytes() quotes text and prints anything else in hex", () => {
  assertEquals(previewBytes(new Uint8Array()), "nothing");
  assertEquals(previewBytes(text('say "hi"\n')), '"say \\"hi\\"\\n"');
  assertEquals(previewBytes(new Uint8Array([0, 1, 255])), "00 01 ff");
  assertEquals(previewBytes(new Uint8Array(25)), "00 ".repeat(24) + "...");
});

Deno.test("FrameReader.stop() ends a fill() that waits, and every later one", async () => {
  const frames = new FrameReader({ read: () => new Promise(() => {}) });
  const filling = frames.fill();
  frames.stop();
  assertEquals(await filling, false);
  assertEquals(await frames.fill(), false);
});

Deno.test("FrameReader.drain() reads to the end of the stream, whatever it holds, or until stop()", async () => {
  let reads = 0;
  const source = sourceOf(frame(text("first")), ...cutInto(new Uint8Array(1_000_000).fill(0xff), 100_000));
  const frames = new FrameReader({
    read(buffer) {
      reads++;
      return source.read(buffer);
    },
  });
  assert(await frames.fill());
  assert(frames.next());
  frames.readAhead();
  await frames.drain();
  assertEquals(new TextDecoder().decode(frames.bytes.subarray(frames.start, frames.end)), "first");
  assertEquals(await source.read(new Uint8Array(1)), null);
  assert(reads >= 12, `${reads} reads`);
  const waiting = new FrameReader({ read: () => new Promise(() => {}) });
  const draining = waiting.drain();
  waiting.stop();
  await draining;
});
