import { ChunkWriter } from "../../../src/flow/records/chunk_writer.ts";
import type { Sample } from "../../../src/flow/records/format.ts";
import { type Chunk, readChunk } from "../../../src/flow/records/read_chunk.ts";

const MS = 1_000_000;

const blank: Sample<"packetIO"> = {
  sender: 0,
  seq: 0,
  packets: 1,
  flag: 0,
  len: 100,
  t: 0,
  scheduled: 0,
  sent: 0,
  server: 0,
  tos: 0,
  stampSource: 0,
  serverReceived: 0,
  serverTime: 0,
  serverCount: 0,
};

/** A sample; `scheduled` is `t` unless it is given. */
export type PacketSample = Partial<Sample<"packetIO">>;

/** Chunks of samples, as they come from a flow. */
export function* packetChunks(samples: Iterable<PacketSample>): Generator<Chunk<"packetIO">, void, void> {
  const writer = new ChunkWriter("packetIO");
  const take = () => readChunk(writer.take()) as Chunk<"packetIO">;
  for (const sample of samples) {
    if (writer.full) yield take();
    const i = writer.next();
    const whole: Sample<"packetIO"> = { ...blank, scheduled: sample.t ?? 0, ...sample };
    for (const [name, values] of Object.entries(writer.columns)) {
      values[i] = whole[name as keyof typeof whole];
    }
  }
  if (writer.length > 0) yield take();
}

/** The client sends a packet that is to be echoed. */
export function sent(seq: number, t: number, more: PacketSample = {}): PacketSample {
  return { seq, t, sent: 1, flag: 1, ...more };
}

/** The server receives a packet. */
export function atServer(seq: number, t: number, more: PacketSample = {}): PacketSample {
  return { seq, t, server: 1, flag: 1, ...more };
}

/** The client receives a reply; when the server received the packet and for how long it had it, by its clock. */
export function reply(
  seq: number,
  t: number,
  serverReceived: number,
  serverTime: number,
  serverCount: number,
  more: PacketSample = {},
): PacketSample {
  return { seq, t, flag: 2, serverReceived: serverReceived - t, serverTime, serverCount, ...more };
}

/** What a client sees of packets that take 3 ms there, 0.1 ms at the server, and 2 ms back. */
export function* echoes(count: number, lostThere: number[] = [], lostBack: number[] = []): Generator<PacketSample> {
  let arrived = 0;
  for (let seq = 0; seq < count; seq++) {
    const t = seq * 20 * MS;
    yield sent(seq, t + 5000, { scheduled: t });
    if (lostThere.includes(seq)) continue;
    arrived++;
    const served = t + 5000 + 3 * MS;
    if (!lostBack.includes(seq)) yield reply(seq, served + 100_000 + 2 * MS, served, 100_000, arrived);
  }
}
