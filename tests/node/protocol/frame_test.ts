import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { decodeFrame, envelopeBytes, Kind, Lane } from "../../../src/node/protocol/frame.ts";
import { laneOf } from "../../../src/node/protocol/kinds.ts";
import { WireError } from "../../../src/base/errors.ts";
import { concat, doubleField, field, textField, varint, varintField } from "../../support/bytes.ts";
import { Random } from "../../support/random.ts";
import { decodeReference, encodeReference, frameBytes, randomFrame, reference } from "./frames.ts";

const FRAME = {
  kind: Kind.log,
  lane: Lane.record,
  origin: "left",
  name: "a",
  number: 7,
  more: true,
  payload: new Uint8Array([1, 2, 3]),
};

Deno.test("Kind and Lane have the numbers of node.proto", () => {
  const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => "_" + letter).toUpperCase();
  const upper = (values: Record<string, number>) =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [snake(name), value]));
  assertEquals(upper(Kind), { ...reference.kinds });
  assertEquals(upper(Lane), { ...reference.lanes });
});

Deno.test("encodeFrame() writes the bytes that protobufjs writes", () => {
  const random = new Random(1);
  for (let i = 0; i < 3000; i++) {
    const frame = randomFrame(random);
    assertEquals(frameBytes(frame), new Uint8Array(encodeReference(frame)));
  }
});

Deno.test("decodeFrame() reads what protobufjs wrote, as protobufjs does", () => {
  const random = new Random(2);
  for (let i = 0; i < 3000; i++) {
    const frame = randomFrame(random);
    const bytes = new Uint8Array(encodeReference(frame));
    assertEquals(decodeFrame(bytes), frame);
    assertEquals(decodeReference(frameBytes(frame)), frame);
  }
});

Deno.test("decodeFrame() gives a payload that is a view of the bytes", () => {
  const bytes = frameBytes(FRAME);
  assertStrictEquals(decodeFrame(bytes).payload.buffer, bytes.buffer);
});

Deno.test("decodeFrame() skips fields that it does not know, also known numbers of another type", () => {
  const unknown = [varintField(8, 5n), textField(900, "x"), doubleField(1, 1.5), varintField(7, 3), field(6)];
  for (const extra of unknown) {
    assertEquals(decodeFrame(concat([extra, frameBytes(FRAME)])), FRAME);
    assertEquals(decodeFrame(concat([frameBytes(FRAME), extra])), FRAME);
  }
});

Deno.test("decodeFrame() takes the last of a field that is repeated, and a kind that it does not know", () => {
  const frame = decodeFrame(concat([frameBytes(FRAME), textField(3, "right"), varintField(1, 99)]));
  assertEquals({ ...frame, kind: 0 }, { ...FRAME, kind: 0, origin: "right" });
  assertEquals<number>(frame.kind, 99);
});

Deno.test("decodeFrame() refuses what makes no sense with a WireError", () => {
  const cases: [Uint8Array, string][] = [
    [varintField(2, 3), "bad-lane"],
    [varintField(5, 2n ** 53n), "bad-number"],
    [varintField(5, -1n), "bad-number"],
    [field(3, new Uint8Array([0xff])), "bad-text"],
    [field(4, new Uint8Array([0xc3])), "bad-text"],
    [new Uint8Array([7 << 3 | 2, 5, 1]), "cut-message"],
    [new Uint8Array([0, 0]), "bad-field"],
    [concat([varint(1 << 3), new Uint8Array(11).fill(0x80)]), "bad-varint"],
  ];
  for (const [bytes, code] of cases) {
    assertEquals(assertThrows(() => decodeFrame(bytes), WireError).code, code);
  }
});

Deno.test("decodeFrame() takes 100,000 mutated frames or throws a WireError", () => {
  const random = new Random(3);
  let accepted = 0;
  for (let i = 0; i < 100_000; i++) {
    const frame = { ...randomFrame(random), origin: "left", name: random.pick(["", "a.txt"]) };
    let bytes = frameBytes({ ...frame, payload: frame.payload.subarray(0, 20) });
    for (let edits = 1 + random.below(3); edits > 0 && bytes.length > 0; edits--) {
      const at = random.below(bytes.length);
      const how = random.below(4);
      if (how === 0) bytes[at] ^= 1 << random.below(8);
      else if (how === 1) bytes[at] = random.pick([0, 1, 0x7f, 0x80, 0xff]);
      else if (how === 2) bytes = bytes.slice(0, at);
      else bytes = concat([bytes.subarray(0, at), random.bytes(1 + random.below(4)), bytes.subarray(at)]);
    }
    try {
      const decoded = decodeFrame(bytes);
      accepted++;
      assert(decoded.payload.length <= bytes.length);
      // What was accepted means the same when it is written again.
      assertEquals(decodeFrame(frameBytes(decoded)).number, decoded.number);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
  assert(accepted > 10_000, `${accepted} accepted`);
});

Deno.test("envelopeBytes() is never less than the envelope takes", () => {
  const random = new Random(4);
  for (let i = 0; i < 2000; i++) {
    const frame = { ...randomFrame(random), payload: random.bytes(random.pick([1, 200, 20_000])) };
    const took = frameBytes(frame).length - frame.payload.length;
    assert(took <= envelopeBytes(frame.origin, frame.name));
  }
});

Deno.test("laneOf() lets data wait for nothing that is urgent", () => {
  const urgent = Object.entries(Kind).filter(([, kind]) => laneOf(kind) === Lane.urgent).map(([name]) => name);
  for (const kind of ["ready", "ran", "cancel", "canceled", "error", "heartbeat", "credit"]) {
    assert(urgent.includes(kind), kind);
  }
  assertEquals(laneOf(Kind.fileData), Lane.bulk);
  assertEquals(laneOf(Kind.records), Lane.record);
});
