import { assert, assertEquals, assertThrows } from "@std/assert";
import { Hmac } from "../../../src/flow/hmac.ts";
import { MAX_STREAM_FRAME_BYTES } from "../../../src/flow/stream/limits.ts";
import {
  checkGreeting,
  encodeGreeting,
  encodeStreamFrame,
  type Greeting,
  GreetingReader,
  newGreeting,
  type StreamFrame,
  StreamFrameReader,
} from "../../../src/flow/stream/wire.ts";
import { TineError } from "../../../src/base/errors.ts";
import { Random } from "../../support/random.ts";

const key = new Uint8Array(32).fill(7);

/** Gives bytes to a reader, so many at a time; the rest of them stays. */
function feed<T>(
  reader: { room: Uint8Array; filled(count: number): T | undefined },
  bytes: Uint8Array,
  atOnce: number,
): { value: T; used: number } | undefined {
  for (let used = 0; used < bytes.length;) {
    const room = reader.room;
    const piece = bytes.subarray(used, used + Math.min(atOnce, room.length));
    room.set(piece);
    used += piece.length;
    const value = reader.filled(piece.length);
    if (value !== undefined) return { value, used };
  }
}

function codeOf(run: () => unknown): string {
  return assertThrows(run, TineError).code;
}

Deno.test("GreetingReader reads what encodeGreeting() writes, in any pieces", () => {
  for (const atOnce of [1, 5, 24]) {
    for (const greeting of [newGreeting(true), newGreeting(false, true)]) {
      assertEquals(feed<Greeting>(new GreetingReader("s"), encodeGreeting(greeting), atOnce)?.value, greeting);
    }
  }
});

Deno.test("GreetingReader refuses another protocol at its first wrong byte, and another version", () => {
  const reader = new GreetingReader("10.0.0.1:22");
  assertEquals(codeOf(() => feed(reader, new TextEncoder().encode("SSH-2.0"), 1)), "not-a-stream-server");
  const bytes = encodeGreeting(newGreeting(true));
  bytes[5] = 9;
  assertEquals(codeOf(() => feed(new GreetingReader("s"), bytes, 24)), "stream-version");
});

Deno.test("newGreeting() is never the same twice", () => {
  assert(newGreeting(true).nonce.some((byte, i) => byte !== newGreeting(true).nonce[i]));
});

Deno.test("StreamFrameReader takes a frame in any pieces, and not a byte behind it", () => {
  const greeting = newGreeting(true);
  const frame = encodeStreamFrame({ flow: "a", n: 1 }, { hmac: new Hmac(key), nonce: greeting.nonce });
  const bytes = new Uint8Array([...frame, 1, 2, 3]);
  for (const atOnce of [1, 2, 7, 1000]) {
    const read = feed<StreamFrame>(new StreamFrameReader("peer"), bytes, atOnce)!;
    assertEquals([read.used, read.value.value], [frame.length, { flow: "a", n: 1 }]);
    assert(read.value.verify(new Hmac(key), greeting.nonce));
    assert(!read.value.verify(new Hmac(key), newGreeting(true).nonce));
    assert(!read.value.verify(new Hmac(new Uint8Array(32)), greeting.nonce));
  }
});

Deno.test("StreamFrameReader reads frames one after another", () => {
  const reader = new StreamFrameReader("peer");
  for (const value of [1, { a: [] }, "x"]) {
    assertEquals(feed<StreamFrame>(reader, encodeStreamFrame(value), 3)?.value.value, value);
  }
});

Deno.test("StreamFrame.verify() refuses a frame without a code, and to one that was changed", () => {
  const { nonce } = newGreeting(true);
  const hmac = new Hmac(key);
  assert(!feed<StreamFrame>(new StreamFrameReader("peer"), encodeStreamFrame({ a: 1 }), 99)!.value.verify(hmac, nonce));
  const bytes = encodeStreamFrame({ a: 1 }, { hmac, nonce });
  for (let i = 3; i < bytes.length; i++) {
    const changed = bytes.slice();
    changed[i] ^= 1;
    let frame;
    try {
      frame = feed<StreamFrame>(new StreamFrameReader("peer"), changed, 99)!.value;
    } catch {
      continue; // No JSON any more.
    }
    assert(!frame.verify(hmac, nonce), `byte ${i}`);
  }
});

Deno.test("StreamFrameReader refuses what is no frame with bad-stream-frame, and never fails otherwise", () => {
  const random = new Random(3);
  for (let round = 0; round < 3000; round++) {
    const bytes = encodeStreamFrame({ flow: "abc", n: round });
    for (let i = 0; i < 3; i++) bytes[random.below(bytes.length)] = random.below(256);
    try {
      feed<StreamFrame>(new StreamFrameReader("peer"), bytes, 1 + random.below(40));
    } catch (error) {
      assertEquals((error as TineError).code, "bad-stream-frame");
    }
  }
  for (const head of [[0, 0, 0], [255, 255, 0], [0, 2, 4]]) {
    assertEquals(codeOf(() => feed(new StreamFrameReader("peer"), Uint8Array.from(head), 3)), "bad-stream-frame");
  }
});

Deno.test("encodeStreamFrame() refuses what is too long to be read", () => {
  assertEquals(codeOf(() => encodeStreamFrame("x".repeat(MAX_STREAM_FRAME_BYTES))), "stream-frame-too-long");
});

Deno.test("checkGreeting() refuses a busy server, and a key that only one of both has", () => {
  assertEquals(codeOf(() => checkGreeting(newGreeting(true, true), true, "s")), "server-busy");
  assertEquals(codeOf(() => checkGreeting(newGreeting(true), false, "s")), "key-missing");
  assertEquals(codeOf(() => checkGreeting(newGreeting(false), true, "s")), "server-without-key");
});
