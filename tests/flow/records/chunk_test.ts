import { assert, assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { MAX_CHUNK_BYTES, type RecordKind, recordKinds } from "../../../src/flow/records/format.ts";
import { ChunkWriter } from "../../../src/flow/records/chunk_writer.ts";
import { chunkHead, isAtServer, readChunk, samplesOf } from "../../../src/flow/records/read_chunk.ts";
import { Random } from "../../support/random.ts";

const kinds = Object.keys(recordKinds) as RecordKind[];

/** A whole number from `min` to `max`. */
function between(random: Random, min: number, max: number): number {
  return min + random.below(max - min + 1);
}

/** Series as they occur, and as they should not. */
const series: ((random: Random, i: number, previous: number) => number)[] = [
  () => 0,
  () => -1,
  (_, i) => i * 1000,
  (_, i) => i * i * 3 - 1e6,
  (random) => between(random, 0, 255),
  (random) => between(random, -70_000, 70_000),
  (random) => between(random, -2_000_000_000, 2_000_000_000) * 2,
  (random, _, previous) => previous + between(random, 0, 2_000_000),
  (random) => between(random, 0, 2 ** 30) * 2 ** 20 + between(random, 0, 2 ** 20),
  (_, i) => i % 2 === 0 ? Number.MAX_SAFE_INTEGER : Number.MIN_SAFE_INTEGER,
  (_, i) => i % 2 === 0 ? Number.MAX_SAFE_INTEGER : 0,
  (_, i) => i / 3,
  (random, i) => random.oneIn(10) ? NaN : i,
  (_, i) => i % 3 === 0 ? Infinity : 2 ** 1000,
];

function fill<K extends RecordKind>(writer: ChunkWriter<K>, count: number, random: Random): Map<string, number[]> {
  const expected = new Map<string, number[]>();
  for (const [name, values] of Object.entries<Float64Array>(writer.columns)) {
    const next = random.pick(series);
    const column: number[] = [];
    for (let i = 0; i < count; i++) column.push(values[i] = next(random, i, column[i - 1] ?? 0));
    expected.set(name, column);
  }
  for (let i = 0; i < count; i++) writer.next();
  return expected;
}

Deno.test("readChunk() gives back every number that ChunkWriter took", () => {
  const random = new Random(1);
  for (const kind of kinds) {
    const writer = new ChunkWriter(kind);
    for (let round = 0; round < 150; round++) {
      const count = round < 4 ? round + 1 : round === 4 ? writer.capacity : between(random, 1, writer.capacity);
      const expected = fill(writer, count, random);
      assertEquals(writer.length, count);
      assertEquals(writer.full, count === writer.capacity);
      const bytes = writer.take();
      assertEquals(writer.length, 0);
      assert(bytes.length <= MAX_CHUNK_BYTES);
      assertEquals(chunkHead(bytes), { kind, count });
      const chunk = readChunk(bytes);
      assertEquals([chunk.kind, chunk.count], [kind, count]);
      for (const [name, values] of Object.entries<Float64Array>(chunk.columns)) {
        assertEquals(Array.from(values), expected.get(name));
      }
    }
  }
});

Deno.test("ChunkWriter.next() refuses a sample that does not fit", () => {
  const writer = new ChunkWriter("tcpInfo");
  while (!writer.full) writer.next();
  assertThrows(() => writer.next(), RangeError, "full");
  writer.take();
  assertEquals(writer.next(), 0);
});

Deno.test("ChunkWriter.take() gives no bytes without samples", () => {
  assertEquals(new ChunkWriter("streamIO").take().length, 0);
});

Deno.test("ChunkWriter needs no bytes for what grows evenly", () => {
  const writer = new ChunkWriter("packetIO");
  const { seq, t, scheduled, len } = writer.columns;
  for (const column of Object.values(writer.columns)) column.fill(0);
  while (!writer.full) {
    const i = writer.next();
    seq[i] = i;
    len[i] = 172;
    scheduled[i] = i * 20_000_000;
    t[i] = scheduled[i] + i % 2;
  }
  assert(writer.take().length < writer.capacity * 3);
});

Deno.test("samplesOf() gives the samples of a chunk one by one", () => {
  const writer = new ChunkWriter("streamIO");
  const { t, total, sent } = writer.columns;
  for (let k = 0; k < 3; k++) {
    const i = writer.next();
    t[i] = 5 * k;
    total[i] = k;
    sent[i] = 1;
  }
  const chunk = readChunk(writer.take());
  assert(chunk.kind === "streamIO");
  assertEquals(Array.from(samplesOf<"streamIO">(chunk), (sample) => ({ ...sample })), [
    { t: 0, total: 0, sent: 1 },
    { t: 5, total: 1, sent: 1 },
    { t: 10, total: 2, sent: 1 },
  ]);
});

Deno.test("readChunk() reads chunks with fewer and with other columns", () => {
  const name = (text: string) => [text.length, ...new TextEncoder().encode(text)];
  const bytes = new Uint8Array([
    ...[1, 1, 2, 0, 2],
    ...[...name("novel"), 0 | 1 << 2, 0, 7, 9],
    ...[...name("t"), 1, 1, 100, 0x81, 1],
  ]);
  const chunk = readChunk(bytes);
  assert(chunk.kind === "streamIO");
  assertEquals(chunk.columns, {
    t: new Float64Array([100, 99]),
    total: new Float64Array([NaN, NaN]),
    sent: new Float64Array([NaN, NaN]),
  });
});

Deno.test("readChunk() refuses what is no chunk", () => {
  const refused = (bytes: number[], message: string) => {
    const error = assertThrows(() => readChunk(new Uint8Array(bytes)), TineError, message);
    assertEquals(error.code, "bad-records");
  };
  refused([], "has 0 bytes");
  refused(Array(MAX_CHUNK_BYTES + 1).fill(1), "the limit is 61440");
  refused([2, 1, 1, 0, 0], "is of version 2, this tine reads version 1");
  refused([1, 99, 1, 0, 0], "samples of the kind 99, which this tine does not know");
  refused([1, 1, 0, 0, 0], "claims 0 samples");
  refused([1, 1, 0xff, 0xff, 0], "claims 65535 samples, expected 1 to 8192");
  refused([1, 1, 1, 0, 65], "claims 65 columns");
  refused([1, 1, 1, 0, 1], "is cut");
  refused([1, 1, 1, 0, 1, 1, 0x74, 0x80, 0], "the unknown form 128");
  refused([1, 1, 1, 0, 1, 1, 0x74, 1 << 2, 0], "is cut");
  refused([1, 1, 1, 0, 1, 1, 0x74, 0, 8], "an integer of 8 bytes");
  refused([1, 1, 1, 0, 1, 1, 0x74, 2, 0, 0, 0], "a series of order 2 with 1 samples");
  refused([1, 1, 1, 0, 1, 1, 0x74, 1 << 5, 0, 0], "relative to column 0, which is not before it");
  refused([1, 1, 1, 0, 1, 1, 0x74, 0, 0, 5], "has 1 bytes behind its end");
});

Deno.test("readChunk() reads or refuses mutated chunks", () => {
  const random = new Random(2);
  for (const kind of kinds) {
    const writer = new ChunkWriter(kind);
    for (let round = 0; round < 30; round++) {
      fill(writer, between(random, 1, 40), random);
      const bytes = writer.take();
      for (let i = 0; i < 100; i++) {
        const mutated = bytes.slice(0, random.oneIn(4) ? between(random, 0, bytes.length) : undefined);
        for (let k = between(random, 0, 4); k >= 0; k--) {
          mutated[random.below(mutated.length + 1)] = between(random, 0, 255);
        }
        try {
          readChunk(mutated);
        } catch (error) {
          if (!(error instanceof TineError)) throw error;
        }
      }
    }
  }
});

Deno.test("isAtServer() knows without decoding of which end the samples are", () => {
  const random = new Random(11);
  for (let round = 0; round < 400; round++) {
    const writer = new ChunkWriter("packetIO");
    const count = between(random, 1, 40);
    fill(writer, count, random);
    // Of a whole chunk, or of one that mixes both ends, the first sample counts.
    for (let i = 0; i < count; i++) {
      writer.columns.server[i] = i > 0 && random.oneIn(3) ? random.below(2) : round % 2;
    }
    assertEquals(isAtServer(writer.take()), round % 2 === 1);
  }
  const stream = new ChunkWriter("tcpInfo");
  stream.columns.server[stream.next()] = 1;
  assertEquals(isAtServer(stream.take()), false);
  assertThrows(() => isAtServer(new Uint8Array(3)), TineError, "which is no head of one");
  const packets = new ChunkWriter("packetIO");
  packets.next();
  assertThrows(() => isAtServer(packets.take().subarray(0, 20)), TineError, "is cut");
});
