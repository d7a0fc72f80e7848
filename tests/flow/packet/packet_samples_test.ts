import { assertEquals } from "@std/assert";
import { PacketSamples, ReceivedPacket } from "../../../src/flow/packet/packet_samples.ts";
import { FakeHost } from "../stream/fake_host.ts";
import { samplesOf } from "../../../src/flow/records/read_chunk.ts";

function packet(more: Partial<ReceivedPacket>): ReceivedPacket {
  return Object.assign(new ReceivedPacket(), more);
}

function recorded(record: (samples: PacketSamples) => void, server = false, origin = 0) {
  const host = new FakeHost();
  record(new PacketSamples(host.samples("packetIO", "voip"), server, origin));
  host.pass(0);
  return host.chunks.flatMap(({ chunk }) =>
    chunk.kind === "packetIO" ? Array.from(samplesOf<"packetIO">(chunk), (sample) => ({ ...sample })) : []
  );
}

Deno.test("PacketSamples records packets that were sent and received", () => {
  const [sent, received] = recorded(
    (samples) => {
      samples.sent({ sender: 3, number: 7, packets: 10, flags: 1, length: 100, t: 2000, scheduled: 1500.4 });
      samples.received(packet({
        ...{ sender: 3, number: 7, flags: 3, length: 100, t: 3000, trafficClass: 0xb8, byKernel: true },
        ...{ serverReceived: -400, serverTime: 100, serverCount: 8 },
      }));
    },
    true,
    1000,
  );
  const same = { sender: 3, seq: 7, len: 100, server: 1 };
  const none = { tos: 0, stampSource: 0, serverReceived: 0, serverTime: 0, serverCount: 0 };
  assertEquals(sent, { ...same, ...none, packets: 10, flag: 1, t: 1000, scheduled: 500, sent: 1 });
  const told = { tos: 0xb8, stampSource: 1, serverReceived: -400, serverTime: 100, serverCount: 8 };
  assertEquals(received, { ...same, ...told, packets: 1, flag: 3, t: 2000, scheduled: 2000, sent: 0 });
});

Deno.test("PacketSamples.received() keeps packets of a burst apart that were sent at different times", () => {
  const samples = recorded((samples) => {
    for (const [number, due, late] of [[0, -9, 4], [1, -9, 4], [2, -8, 4], [3, -8, 5]]) {
      const server = { serverReceived: due, serverTime: late };
      samples.received(packet({ number, flags: 8, length: 100, t: 5, byKernel: true, merged: true, ...server }));
    }
  });
  assertEquals(
    samples.map(({ seq, packets, serverReceived, serverTime }) => [seq, packets, serverReceived, serverTime]),
    [
      [0, 2, -9, 4],
      [2, 1, -8, 4],
      [3, 1, -8, 5],
    ],
  );
});

Deno.test("PacketSamples.received() makes one record of packets that follow each other", () => {
  const samples = recorded((samples) => {
    const take = (number: number, length = 100, t = 5, sender = 0) =>
      samples.received(packet({ sender, number, length, t, byKernel: true, merged: true }));
    samples.received(packet({ number: 9, length: 100, t: 4, byKernel: true }));
    for (const number of [10, 11, 12, 14, 15]) take(number);
    take(16, 60);
    take(17, 60, 6);
    take(18, 60, 6, 1);
    samples.sent({ sender: 1, number: 19, packets: 1, flags: 0, length: 60, t: 6, scheduled: 6 });
    take(20, 60, 6, 1);
  });
  assertEquals(samples.map(({ seq, packets, len, t }) => [seq, packets, len, t]), [
    [9, 1, 100, 4],
    [10, 3, 100, 5],
    [14, 2, 100, 5],
    [16, 1, 60, 5],
    [17, 1, 60, 6],
    [18, 1, 60, 6],
    [19, 1, 60, 6],
    [20, 1, 60, 6],
  ]);
});
