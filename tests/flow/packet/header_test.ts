import { MAX_PACKET_BYTES } from "../../../src/base/limits.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  countOf,
  ECHO,
  flagsOf,
  FlowName,
  flowPlace,
  isHeaderSigned,
  isOfFlow,
  isPacket,
  numberOf,
  PACKET_HEADER_BYTES,
  REPLY,
  senderOf,
  SIGNED,
  SIGNED_HEADER_BYTES,
  signHeader,
  WireTime,
  writeHeader,
} from "../../../src/flow/packet/header.ts";
import { Hmac } from "../../../src/flow/hmac.ts";
import { TineError } from "../../../src/base/errors.ts";
import { Random } from "../../support/random.ts";

const voip = new FlowName("voip");

Deno.test("writeHeader() writes what the functions that read it give back", () => {
  const view = new DataView(new ArrayBuffer(200));
  for (const number of [0, 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]) {
    writeHeader(view, 100, { flags: ECHO | REPLY, sender: 255, length: 72, number, count: 2 ** 40 + 3, flow: voip });
    assert(isPacket(view, 100, 72));
    assertEquals([flagsOf(view, 100), senderOf(view, 100)], [ECHO | REPLY, 255]);
    assertEquals([numberOf(view, 100), countOf(view, 100)], [number, 2 ** 40 + 3]);
    assert(isOfFlow(view, 100, voip) && !isOfFlow(view, 100, new FlowName("voip.1")));
    assertEquals(FlowName.read(view, flowPlace(100))?.text, "voip");
  }
});

Deno.test("writeHeader() keeps to the layout that it describes", () => {
  const view = new DataView(new ArrayBuffer(56));
  writeHeader(view, 0, { flags: ECHO, sender: 3, length: 56, number: 7, count: 9, flow: voip });
  new WireTime(1_700_000_000_123_456_789n).write(view, 16, 11);
  const hex = Array.from(new Uint8Array(view.buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
  assertEquals(
    hex,
    "74696e65" + "01030038" + "0000000000000007" + "17979cfe3d85cd20" + "0000000000000000" + "0000000000000009" +
      "766f6970000000000000000000000000",
  );
});

Deno.test("isPacket() refuses other magic, other lengths, missing signatures and absurd numbers", () => {
  const fresh = (change: (view: DataView) => void = () => {}) => {
    const view = new DataView(new ArrayBuffer(MAX_PACKET_BYTES));
    writeHeader(view, 0, { flags: 0, sender: 0, length: 100, number: 5, count: 0, flow: voip });
    change(view);
    return view;
  };
  assert(isPacket(fresh(), 0, 100));
  for (const length of [0, 55, 56, 99, 101]) assert(!isPacket(fresh(), 0, length), `${length}`);
  assert(!isPacket(fresh((view) => view.setUint8(0, 0)), 0, 100));
  assert(!isPacket(fresh((view) => view.setUint32(8, 2 ** 21)), 0, 100));
  assert(!isPacket(fresh((view) => view.setUint32(32, 2 ** 21)), 0, 100));
  const signed = fresh((view) =>
    writeHeader(view, 0, { flags: SIGNED, sender: 0, length: 71, number: 5, count: 0, flow: voip })
  );
  assert(!isPacket(signed, 0, 71));
  writeHeader(signed, 0, { flags: SIGNED, sender: 0, length: SIGNED_HEADER_BYTES, number: 5, count: 0, flow: voip });
  assert(isPacket(signed, 0, SIGNED_HEADER_BYTES));
});

Deno.test("isHeaderSigned() knows every change of the header, and no other key", () => {
  const bytes = new Uint8Array(100), view = new DataView(bytes.buffer);
  const hmac = new Hmac(new Uint8Array(32).fill(1));
  writeHeader(view, 0, { flags: SIGNED, sender: 1, length: 100, number: 77, count: 0, flow: voip });
  signHeader(hmac, bytes, 0);
  assert(isHeaderSigned(hmac, bytes, 0));
  assert(!isHeaderSigned(new Hmac(new Uint8Array(32).fill(2)), bytes, 0));
  for (let at = 4; at < SIGNED_HEADER_BYTES; at++) {
    bytes[at] ^= 1;
    assert(!isHeaderSigned(hmac, bytes, 0), `byte ${at}`);
    bytes[at] ^= 1;
  }
  bytes[SIGNED_HEADER_BYTES] ^= 1; // Padding.
  assert(isHeaderSigned(hmac, bytes, 0));
});

Deno.test("FlowName refuses what is no id, and read() what is none", () => {
  for (const text of ["", "Voip", "1a", "a".repeat(17), "a b", "ä"]) {
    assertEquals(assertThrows(() => new FlowName(text), TineError).code, "bad-flow-id");
  }
  const view = new DataView(new ArrayBuffer(PACKET_HEADER_BYTES));
  assertEquals(FlowName.read(view, 0), undefined);
  new FlowName("a".repeat(16)).write(view, 0);
  assertEquals(FlowName.read(view, 0)?.text, "a".repeat(16));
  voip.write(view, 0);
  view.setUint8(10, 97); // Behind the end.
  assertEquals(FlowName.read(view, 0), undefined);
});

Deno.test("WireTime.read() gives back what write() took, around every carry", () => {
  const random = new Random(3);
  const view = new DataView(new ArrayBuffer(8));
  for (let round = 0; round < 2000; round++) {
    const tinit = 1_700_000_000_000_000_000n + BigInt(random.below(2 ** 31)) * 5_000_000_003n;
    const time = new WireTime(tinit);
    const t = round < 50 ? (round - 25) * 2 ** 32 : (random.below(2 ** 30) - 2 ** 29) * random.below(2 ** 22);
    time.write(view, 0, t);
    assertEquals(view.getBigUint64(0), tinit + BigInt(t));
    assertEquals(time.read(view, 0), t);
  }
});
