import { assertEquals } from "@std/assert";
import { PacketSamples } from "../../../src/flow/packet/packet_samples.ts";
import { FakeHost } from "../stream/fake_host.ts";
import { samplesOf } from "../../../src/flow/records/read_chunk.ts";

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
      samples.sent(3, 7, 10, 1, 100, 2000, 1500.4);
      samples.received(3, 7, 3, 100, 3000, 0xb8, true, -400, 100, 8);
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

Deno.test("PacketSamples.receivedInBurst() keeps packets apart that were sent at different times", () => {
  const samples = recorded((samples) => {
    for (const [number, due, late] of [[0, -9, 4], [1, -9, 4], [2, -8, 4], [3, -8, 5]]) {
      samples.receivedInBurst(0, number, 8, 100, 5, 0, true, due, late);
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

Deno.test("PacketSamples.receivedInBurst() makes one record of packets that follow each other", () => {
  const samples = recorded((samples) => {
    const take = (number: number, length = 100, t = 5, sender = 0) =>
      samples.receivedInBurst(sender, number, 0, length, t, 0, true);
    samples.received(0, 9, 0, 100, 4, 0, true);
    for (const number of [10, 11, 12, 14, 15]) take(number);
    take(16, 60);
    take(17, 60, 6);
    take(18, 60, 6, 1);
    samples.sent(1, 19, 1, 0, 60, 6, 6);
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
