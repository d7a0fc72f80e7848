import { assert, assertEquals, assertRejects } from "@std/assert";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import {
  MAX_FILE_BYTES,
  payloadKind,
  payloadProblem,
  RandomBytes,
  readPayload,
  RepeatedBytes,
} from "../../src/flow/payload.ts";
import { concat } from "../../src/wire/bytes.ts";
import { TineError } from "../../src/base/errors.ts";

/** The share of a text that a compressor leaves, with a window of 16 MiB. */
function leftByBrotli(bytes: Uint8Array): number {
  const params = { [constants.BROTLI_PARAM_QUALITY]: 2, [constants.BROTLI_PARAM_LGWIN]: 24 };
  return brotliCompressSync(bytes, { params }).length / bytes.length;
}

/** Takes pieces one after another. */
function taken(random: RandomBytes, pieces: number, bytes: number, afterEach: () => void): Uint8Array {
  return concat(Array.from({ length: pieces }, () => {
    const piece = random.next(bytes).slice();
    random.sent(bytes);
    afterEach();
    return piece;
  }));
}

Deno.test("RandomBytes never repeats in traffic of 100 Mbit/s: a window of 16 MiB finds nothing", () => {
  let now = 0;
  const random = new RandomBytes(() => now);
  const bytes = taken(random, 3000, 1250, () => now += 0.1);
  assert(bytes.length > 3 * 2 ** 20);
  assert(leftByBrotli(bytes) > 0.999);
});

Deno.test("RandomBytes makes a part of its bytes anew above 134 Mbit/s, and none far above", () => {
  const left = [0.05, 0.005].map((ms) => {
    let now = 0;
    const random = new RandomBytes(() => now);
    // What it has at first.
    taken(random, 2000, 1250, () => now += ms);
    return leftByBrotli(taken(random, 3000, 1250, () => now += ms));
  });
  // At 200 Mbit/s, and at 2 Gbit/s, where only the first megabyte is new to a compressor.
  assert(left[0] > left[1] + 0.15 && left[0] < 0.98 && left[1] < 0.45, `${left}`);
});

Deno.test("RandomBytes repeats after some hundred KiB at the earliest, however fast it is", () => {
  const random = new RandomBytes(() => 0);
  const bytes = taken(random, 40, 131_072, () => {});
  assert(gzipSync(bytes).length / bytes.length > 0.999);
  // The rest of this test is void unless bytes repeat here.
  assert(leftByBrotli(bytes) < 0.6);
});

Deno.test("RandomBytes.next() gives the same bytes until they are sent, and pieces of any length", () => {
  const random = new RandomBytes(() => 0);
  assertEquals(random.next(1000).slice(), random.next(1000).slice());
  const second = random.next(1000).slice(500);
  random.sent(500);
  assertEquals(random.next(500).slice(), second);
  for (const length of [1, 2 ** 20, 3_000_000, 7]) {
    assertEquals(random.next(length).length, length);
    random.sent(length);
  }
  const filled = new Uint8Array(2_500_000);
  random.fill(filled);
  assert(filled.subarray(-64).some((byte) => byte !== 0));
});

Deno.test("RepeatedBytes goes on where it ended, and starts anew for each packet of a pattern", () => {
  const stream = new RepeatedBytes(Uint8Array.of(1, 2, 3), true, 8);
  assertEquals([...stream.next(8)], [1, 2, 3, 1, 2, 3, 1, 2]);
  stream.sent(5);
  assertEquals([...stream.next(4)], [3, 1, 2, 3]);
  const packet = new Uint8Array(4);
  for (const [inOrder, second] of [[true, [2, 3, 1, 2]], [false, [1, 2, 3, 1]]] as const) {
    const packets = new RepeatedBytes(Uint8Array.of(1, 2, 3), inOrder, 8);
    packets.fill(packet);
    packets.fill(packet);
    assertEquals([...packet], [...second]);
  }
});

Deno.test("payloadKind() takes for a file what is no other payload", () => {
  const kinds = ["random", "zeros", "0xDEAD", "dead", "./random", "0xf"].map(payloadKind);
  assertEquals(kinds, ["random", "zeros", "0xdead", "file", "file", "file"]);
  assertEquals(payloadProblem("a.bin", false), undefined);
  assert(payloadProblem("a.bin", true)!.includes('cannot read the file "a.bin"'));
  for (const text of ["0x", "0xf", "0xgg", `0x${"00".repeat(257)}`]) {
    assert(payloadProblem(text, false)!.includes("is no pattern"), text);
  }
});

Deno.test("readPayload() reads a file, of one without an end its first 16 MiB", async () => {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, Uint8Array.of(1, 2, 3));
    assertEquals(await readPayload(path), Uint8Array.of(1, 2, 3));
    await Deno.truncate(path);
    const { code, message } = await assertRejects(() => readPayload(path), TineError);
    assertEquals([code, message.includes("is empty")], ["bad-payload", true]);
  } finally {
    await Deno.remove(path);
  }
  if (Deno.build.os === "linux") assertEquals((await readPayload("/dev/zero"))!.length, MAX_FILE_BYTES);
  const { message } = await assertRejects(() => readPayload(path), TineError);
  assert(message.includes(`the payload "${path}" cannot be read`) && message.includes("expected random, zeros"));
  assertEquals(await readPayload("random"), undefined);
});
