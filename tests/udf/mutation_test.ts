import { assert, assertEquals, assertLess } from "@std/assert";
import { decodeRequest, decodeResponse } from "../../src/udf/codec.ts";
import type { Request, Response } from "../../src/udf/messages.ts";
import type { Point } from "../../src/udf/point.ts";
import { ByteReader } from "../../src/wire/byte_reader.ts";
import { WireError } from "../../src/base/errors.ts";
import { FrameReader } from "../../src/wire/frame_reader.ts";
import { concat, frame, requestBytes, requestIn, responseBytes, responseIn, sourceOf } from "../support/bytes.ts";
import { describe } from "../support/describe.ts";
import { Generator, REQUEST_KINDS, RESPONSE_KINDS } from "../support/generate.ts";
import { Random } from "../support/random.ts";

const COUNT = 100_000;
const random = new Random(401);

/** Frames that are right, of every kind, none of them long: damage should hit what matters. */
const FRAMES = (() => {
  const generator = new Generator(random);
  const frames: Uint8Array[] = [];
  for (let round = 0; round < 30; round++) {
    for (const kind of REQUEST_KINDS) frames.push(frame(requestBytes(generator.request(kind))));
    for (const kind of RESPONSE_KINDS) frames.push(frame(responseBytes(generator.response(kind))));
    for (let i = 0; i < 6; i++) frames.push(frame(requestBytes(generator.request("point"))));
  }
  return frames.filter((frame) => frame.length < 600);
})();

/** Damages a frame in one way. */
function mutate(bytes: Uint8Array): Uint8Array {
  const at = random.below(bytes.length);
  switch (random.below(7)) {
    case 0: {
      const flipped = bytes.slice();
      for (let i = random.below(3); i >= 0; i--) flipped[random.below(bytes.length)] ^= 1 << random.below(8);
      return flipped;
    }
    case 1:
      return bytes.slice(0, at);
    case 2:
      return concat([bytes.subarray(0, at), random.bytes(1 + random.below(8)), bytes.subarray(at)]);
    case 3:
      return concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))]);
    case 4: {
      const other = random.pick(FRAMES);
      return concat([bytes.subarray(0, at), other.subarray(random.below(other.length))]);
    }
    case 5: {
      const extreme = bytes.slice();
      extreme[at] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
      return extreme;
    }
    default:
      return random.bytes(random.below(40));
  }
}

/** Uses everything a point has, so that nothing of it stays undecoded. */
function touch(point: Point): void {
  point.field("v");
  for (const [name] of point.fields()) point.field(name);
  point.time;
  point.name;
  point.database;
  point.retentionPolicy;
  point.group;
  point.byName;
  point.dimensions;
  point.tags;
}

/** Decodes these bytes; whatever is wrong with them must be a WireError. Says whether they were accepted. */
function tryDecode<T extends Request | Response>(codec: Codec<T>, reader: ByteReader, thorough: boolean): boolean {
  const { bytes, position, end } = reader;
  let message: T;
  try {
    message = codec.decode(reader);
    if ("point" in message) touch(message.point);
  } catch (error) {
    assertWireError(error, bytes.subarray(position, end));
    return false;
  }
  if (!thorough) return true;
  // What was accepted has a meaning, which stays when the message is encoded, untouched or touched, and read again.
  const expected = JSON.stringify(describe(message));
  const untouched = codec.decode(new ByteReader().reset(bytes, position, end));
  assertEquals(JSON.stringify(describe(codec.read(codec.write(untouched)))), expected);
  assertEquals(JSON.stringify(describe(codec.read(codec.write(message)))), expected);
  return true;
}

interface Codec<T> {
  decode: (reader: ByteReader) => T;
  read: (bytes: Uint8Array) => T;
  write: (message: T) => Uint8Array;
}

const REQUESTS: Codec<Request> = { decode: decodeRequest, read: requestIn, write: requestBytes };
const RESPONSES: Codec<Response> = { decode: decodeResponse, read: responseIn, write: responseBytes };

function assertWireError(error: unknown, bytes: Uint8Array): void {
  if (error instanceof WireError) return;
  throw new Error(`not a WireError, for ${bytes.toHex()}`, { cause: error });
}

Deno.test("decodeRequest() and decodeResponse() decode any payload or throw a WireError", () => {
  const reader = new ByteReader();
  let accepted = 0;
  const count = COUNT / 2;
  for (let i = 0; i < count; i++) {
    const original = random.pick(FRAMES);
    // Without its length: the damage must get past the frames.
    const payload = mutate(original.subarray(original.length > 128 ? 2 : 1));
    const thorough = i % 8 === 0;
    if (tryDecode(REQUESTS, reader.reset(payload), thorough)) accepted++;
    if (tryDecode(RESPONSES, reader.reset(payload), thorough)) accepted++;
  }
  // Neither all nor nothing gets through, or the mutations are not worth much.
  assert(accepted > count / 10 && accepted < count * 2 * 0.9, `${accepted} accepted`);
});

Deno.test("FrameReader with both decoders takes any stream or throws a WireError, within bounds of memory", async () => {
  const reader = new ByteReader();
  let frames = 0, refused = 0, largest = 0, i = 0;
  while (i < COUNT) {
    // A few frames share a stream: damage moves the bounds of those behind it.
    const pieces: Uint8Array[] = [];
    for (let j = random.below(4); j >= 0; j--, i++) {
      const original = random.pick(FRAMES);
      pieces.push(random.oneIn(4) ? original : mutate(original));
    }
    const stream = concat(pieces);
    const cut = random.below(stream.length + 1);
    const input = new FrameReader(sourceOf(stream.subarray(0, cut), stream.subarray(cut)));
    try {
      do {
        while (input.next()) {
          frames++;
          tryDecode(REQUESTS, reader.reset(input.bytes, input.start, input.end), false);
          tryDecode(RESPONSES, reader.reset(input.bytes, input.start, input.end), false);
        }
      } while (await input.fill());
    } catch (error) {
      assertWireError(error, stream);
      refused++;
    }
    largest = Math.max(largest, input.bytes.length);
  }
  assert(frames > COUNT / 4, `${frames} frames`);
  assert(refused > COUNT / 10, `${refused} refused`);
  // A length is a claim: streams of a few hundred bytes never take more than the first step of growth.
  assertLess(largest, 1024 * 1024);
});
