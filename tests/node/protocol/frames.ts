/** Frames for tests, and the same frames through protobufjs. */

import protobuf from "protobufjs";
import { ByteWriter } from "../../../src/wire/byte_writer.ts";
import { encodeFrame, type Frame, Kind, Lane, type Message } from "../../../src/node/protocol/frame.ts";
import type { Random } from "../../support/random.ts";

const { root } = protobuf.parse(Deno.readTextFileSync(new URL("../../../proto/node.proto", import.meta.url)), {
  keepCase: true,
});

/** A message type or an enum of node.proto. */
export const reference = {
  frame: root.lookupType("tine.node.Frame"),
  logEntry: root.lookupType("tine.node.LogEntry"),
  logEntries: root.lookupType("tine.node.LogEntries"),
  kinds: root.lookupEnum("tine.node.Kind").values,
  lanes: root.lookupEnum("tine.node.Lane").values,
};

/** Encodes a frame with protobufjs. */
export function encodeReference(frame: Frame): Uint8Array {
  return reference.frame.encode(reference.frame.fromObject({ ...frame, number: String(frame.number) })).finish();
}

/** Decodes a frame with protobufjs. */
export function decodeReference(bytes: Uint8Array): Frame {
  const plain = reference.frame.toObject(reference.frame.decode(bytes), {
    longs: Number,
    enums: Number,
    defaults: true,
  });
  return { ...plain, payload: new Uint8Array(plain.payload) } as Frame;
}

/** A frame as bytes of its own. */
export function frameBytes(frame: Frame): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  encodeFrame(writer, frame);
  return writer.written().slice();
}

/** A frame of any kind; what it holds makes no sense. */
export function randomFrame(random: Random): Frame {
  return {
    kind: random.pick(Object.values(Kind)),
    lane: random.pick(Object.values(Lane)),
    origin: random.string(),
    name: random.string(),
    number: random.pick([0, 1, 127, 128, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER, random.uint32()]),
    more: random.oneIn(2),
    payload: random.bytes(random.pick([0, 1, 127, 128, 300])),
  };
}

/** A message of a node `left`. */
export function message(kind: Kind, payload: Uint8Array | string = "", name = ""): Message {
  return { kind, origin: "left", name, payload: typeof payload === "string" ? encoder.encode(payload) : payload };
}

const encoder = new TextEncoder();

/** The payload as text. */
export function textOf({ payload }: Message): string {
  return new TextDecoder().decode(payload);
}
