import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { PacketAnalysis, SHARED_CLOCK } from "../../../src/flow/analysis/packet_analysis.ts";
import type { PacketFigures } from "../../../src/flow/analysis/sender_analysis.ts";
import { atServer, echoes, packetChunks, type PacketSample, reply, sent } from "./packet_samples.ts";
import { packetReport } from "../reports.ts";

const MS = 1_000_000;

function analyse(
  samples: Iterable<PacketSample>,
  totals?: Parameters<typeof packetReport>[0],
  clocks: "shared" | "separate" = "shared",
): PacketFigures {
  const analysis = new PacketAnalysis({ clocks: clocks === "shared" ? SHARED_CLOCK : undefined });
  for (const chunk of packetChunks(samples)) analysis.add(chunk);
  return analysis.figures(totals && packetReport(totals)).senders[0];
}

Deno.test("PacketAnalysis has round trips and one-way delays from the client alone", () => {
  const { rtt, serverTime, lateness, toServer, fromServer } = analyse(echoes(100));
  assertAlmostEquals(rtt!.median, 5 * MS, 5000);
  assertEquals([rtt!.min, rtt!.max, rtt!.count], [5 * MS, 5 * MS, 100]);
  assertEquals(serverTime!.max, 100_000);
  assertEquals(lateness!.p99, lateness!.max);
  assertAlmostEquals(lateness!.median, 5000, 5);
  assertEquals([toServer!.oneWayDelay!.median, fromServer!.oneWayDelay!.median], [3 * MS, 2 * MS]);
  assertEquals([toServer!.oneWayDelayBoundNanos, toServer!.ipdv!.max, toServer!.ipdv!.count], [0, 0, 99]);
});

Deno.test("PacketAnalysis leaves out round trips in which the server claims more time than they took", () => {
  const told: number[] = [];
  const analysis = new PacketAnalysis({ onRoundTrip: (_received, nanos) => told.push(nanos) });
  const claims = [0, 1000, 1001, -1, 2 ** 52, -(2 ** 52)];
  const samples = claims.flatMap((serverTime, seq) => [
    sent(seq, seq * MS),
    reply(seq, seq * MS + 1000, seq * MS, serverTime, seq + 1),
  ]);
  // The reply of a packet whose sending is not known, and one that came before its packet was sent.
  samples.push(reply(6, 6 * MS, 6 * MS, 0, 7), sent(7, 7 * MS), reply(7, 7 * MS - 1, 7 * MS - 1, 0, 8));
  for (const chunk of packetChunks(samples)) analysis.add(chunk);
  const { rtt, incoherent, fromServer } = analysis.figures().senders[0];
  assertEquals(told, [1000, 0]);
  assertEquals([rtt!.count, rtt!.min, rtt!.max], [2, 0, 1000]);
  assertEquals([incoherent, fromServer!.received], [5, 8]);
});

Deno.test("PacketAnalysis tells loss by direction from the counts in replies and at the end", () => {
  const { toServer, fromServer } = analyse(echoes(100, [3, 50, 51], [7]), { serverReceived: 97 });
  assertEquals([toServer!.sent, toServer!.received, toServer!.lost], [100, 97, 3]);
  assertEquals([fromServer!.sent, fromServer!.received, fromServer!.lost], [97, 96, 1]);
  // Without the counts at the end, what is behind the last reply may be under way.
  const cut = analyse(echoes(100, [3], [98, 99]));
  assertEquals([cut.toServer!.sent, cut.toServer!.lost, cut.fromServer!.lost], [100, 1, 0]);
});

/** Samples of packets of which the sender recorded the first `sent`, the receiver the first `received`, less those lost. */
function* cutShort(sent: number, received: number, lost: number[], sender: PacketSample): Generator<PacketSample> {
  const receiver = { server: sender.server === 1 ? 0 : 1 };
  for (let seq = 0; seq < Math.max(sent, received); seq++) {
    if (seq < sent) yield { flag: 0, ...sender, seq, t: seq * MS, sent: 1 };
    if (seq < received && !lost.includes(seq)) yield { flag: 0, ...sender, ...receiver, seq, t: seq * MS + 1 };
  }
}

Deno.test("PacketAnalysis compares ends that were cut short up to the last packet that both have recorded", () => {
  for (const [sent, received] of [[100, 90], [90, 100], [200_000, 190_000], [190_000, 200_000], [400_000, 10]]) {
    const first = Math.min(sent, received);
    const lost = [3, first - 3, first + 1];
    const up = analyse(cutShort(sent, received, lost, {})).toServer!;
    assertEquals(up.lost, 2, `up, ${sent} sent, ${received} received`);
    const down = analyse(cutShort(sent, received, lost, { flag: 8, server: 1 })).fromServer!;
    // Packets from the server are numbered, so that the last one that arrived says how many there were.
    assertEquals(down.lost, received > sent ? 3 : 2, `down, ${sent} sent, ${received} received`);
  }
  // Where the counts at the end are known, all is settled.
  assertEquals(analyse(cutShort(100, 90, [3], {}), { serverReceived: 89 }).toServer!.lost, 11);
});

Deno.test("PacketAnalysis takes no echo for lost that the client could not record any more", () => {
  const samples = [...echoes(100, [3], [7])].filter(({ seq, flag }) => flag !== 2 || seq! < 90);
  const server = Array.from({ length: 95 }, (_, seq) => seq).filter((seq) => seq !== 3).flatMap((seq) => [
    atServer(seq, seq * 20 * MS + 4 * MS),
    { seq, t: seq * 20 * MS + 5 * MS, sent: 1, server: 1, flag: 2 },
  ]);
  const { toServer, fromServer } = analyse([...samples, ...server]);
  assertEquals([toServer!.sent, toServer!.received, toServer!.lost], [100, 94, 1]);
  assertEquals([fromServer!.sent, fromServer!.received, fromServer!.lost], [94, 88, 1]);
});

Deno.test("PacketAnalysis does not call packets lost that the receiver has not reported", () => {
  const { toServer } = analyse([sent(0, 0, { flag: 0 }), sent(1, MS, { flag: 0 })]);
  assertEquals([toServer!.sent, toServer!.received, toServer!.lost], [2, undefined, undefined]);
  assertEquals(analyse([sent(0, 0, { flag: 0 })], { serverReceived: 0 }).toServer!.lost, 1);
});

Deno.test("PacketAnalysis keeps drops of the receiver's own socket apart from loss", () => {
  const { toServer, fromServer } = analyse(echoes(100, [1, 2, 3], [4, 5]), {
    serverReceived: 97,
    serverSocketDrops: 2,
    socketDrops: 1,
  });
  assertEquals([toServer!.lost, toServer!.socketDrops], [1, 2]);
  assertEquals([fromServer!.lost, fromServer!.socketDrops], [1, 1]);
});

Deno.test("PacketAnalysis estimates one-way delays where clocks are not shared, with their bound", () => {
  const ahead = 12_345 * MS;
  const samples = Array.from(echoes(50)).map((sample) =>
    sample.flag === 2 ? { ...sample, serverReceived: sample.serverReceived! + ahead } : sample
  );
  const { toServer, fromServer, rtt } = analyse(samples, undefined, "separate");
  assertAlmostEquals(rtt!.median, 5 * MS, 5000);
  assertEquals(toServer!.oneWayDelayBoundNanos, 2.5 * MS);
  // The true ones are 3 and 2 ms.
  for (const [delay, truth] of [[toServer!.oneWayDelay!, 3 * MS], [fromServer!.oneWayDelay!, 2 * MS]] as const) {
    assertAlmostEquals(delay.median!, 2.5 * MS, 1);
    assert(Math.abs(delay.median! - truth) <= toServer!.oneWayDelayBoundNanos!);
  }
  assertEquals([toServer!.ipdv!.max, fromServer!.ipdv!.max], [0, 0]);
});

Deno.test("PacketAnalysis joins the samples of both ends, whichever come first", () => {
  const client = Array.from({ length: 5000 }, (_, seq) => sent(seq, seq * MS));
  const server = Array.from({ length: 5000 }, (_, seq) => atServer(seq, seq * MS + 2 * MS));
  const replies = server.map(({ seq, t }) => ({ ...reply(seq!, t! + 10_000, 0, 0, 0), sent: 1, server: 1 }));
  const fromServer = replies.map(({ seq, t }) => reply(seq!, t! + MS, t! - 10_000, 10_000, seq! + 1));
  for (const order of [[client, server, replies, fromServer], [fromServer, replies, server, client]]) {
    const figures = analyse(order.flat(), { serverReceived: 5000 });
    assertEquals([figures.toServer!.lost, figures.toServer!.duplicates, figures.toServer!.reordered], [0, 0, 0]);
    assertEquals([figures.fromServer!.lost, figures.fromServer!.duplicates, figures.fromServer!.sent], [0, 0, 5000]);
    assertEquals([figures.toServer!.oneWayDelay!.count, figures.toServer!.oneWayDelay!.max], [5000, 2 * MS]);
    assertEquals([figures.rtt!.count, figures.rtt!.max], [5000, 3 * MS]);
    assertEquals(figures.toServer!.ipdv!.count, 4999);
    assertEquals(figures.incoherent, 0);
  }
});

Deno.test("PacketAnalysis shifts the times of the server to those of the client", () => {
  const analysis = new PacketAnalysis({ clocks: SHARED_CLOCK });
  analysis.serverShift = -500;
  for (const chunk of packetChunks([sent(0, 1000), atServer(0, 2500)])) analysis.add(chunk);
  assertEquals(analysis.figures().senders[0].toServer!.oneWayDelay!.max, 1000);
});

Deno.test("PacketAnalysis counts duplicates apart", () => {
  const { fromServer, toServer } = analyse([
    ...echoes(10),
    reply(9, 250 * MS, 240 * MS, 0, 10),
    reply(2, 251 * MS, 0, 0, 10),
  ]);
  assertEquals([fromServer!.received, fromServer!.duplicates, fromServer!.reordered], [10, 2, 0]);
  assertEquals(toServer!.received, 10);
  // A reflector without a count: one packet reached it twice, and the second reply to it, and one more, came twice.
  const answers = [reply(0, 5 * MS, 2 * MS, 1000, 0), reply(1, 9 * MS, 6 * MS, 1000, 0)];
  const again = [6, 7].map((ms) => reply(0, ms * MS, 3 * MS, 1000, 0));
  const twice = [...again, reply(1, 10 * MS, 6 * MS, 1000, 0)];
  const uncounted = analyse([sent(0, MS), sent(1, 5 * MS), ...answers, ...twice]);
  assertEquals([uncounted.toServer!.duplicates, uncounted.fromServer!.duplicates], [1, 2]);
  const arrivals = [0, 1, 1, 2, 0].map((seq, i) => atServer(seq, i * MS));
  const figures = analyse(arrivals, { serverDuplicates: 2 });
  assertEquals([figures.toServer!.received, figures.toServer!.duplicates, figures.toServer!.reordered], [3, 2, 0]);
});

/** What the definitions say, in square time. */
function orderOf(arrivals: number[]): [reordered: number, early: number, late: number] {
  const sorted = arrivals.toSorted((a, b) => a - b);
  let [reordered, early, late] = [0, 0, 0];
  for (const [place, seq] of arrivals.entries()) {
    if (arrivals.slice(0, place).some((before) => before > seq)) reordered++;
    const expected = sorted.indexOf(seq);
    if (place < expected) early++;
    if (place > expected) late++;
  }
  return [reordered, early, late];
}

Deno.test("PacketAnalysis counts reordered, early and late packets as defined", () => {
  for (const arrivals of [[0, 1, 2, 3], [0, 2, 1, 3], [3, 0, 1, 2], [1, 2, 3, 0], [5, 9, 7, 1]]) {
    const { toServer } = analyse(arrivals.map((seq, i) => atServer(seq, i)));
    assertEquals([toServer!.reordered, toServer!.early, toServer!.late], orderOf(arrivals), `${arrivals}`);
  }
});

Deno.test("PacketAnalysis counts the order the same across windows, with loss, at either end", () => {
  let state = 1;
  const random = () => (state = (state * 1664525 + 1013904223) % 2 ** 32) / 2 ** 32;
  const arrivals = Array.from({ length: 6000 }, (_, seq) => ({ seq, at: seq + random() * 40 }))
    .filter(() => random() > 0.1).sort((a, b) => a.at - b.at).map(({ seq }) => seq);
  const expected = orderOf(arrivals);
  assert(expected[0] > 1000);
  const order = ({ reordered, early, late }: { reordered: number; early?: number; late?: number }) => [
    reordered,
    early,
    late,
  ];
  assertEquals(order(analyse(arrivals.map((seq, i) => atServer(seq, i))).toServer!), expected);
  // The same at the server and, by its counts alone, from replies that come back in order.
  const counts = new Map(arrivals.map((seq, i) => [seq, i + 1]));
  const replies = arrivals.toSorted((a, b) => a - b).map((seq, i) => reply(seq, i, i, 0, counts.get(seq)!));
  const { toServer, fromServer } = analyse(replies);
  assertEquals(order(toServer!), expected);
  // The server sent them as it got them: on the way back, each that it had sent earlier came behind later ones.
  const turns = replies.map(({ serverCount }) => serverCount!);
  assertEquals(order(fromServer!), orderOf(turns));
  // Those that come back as the server sent them were reordered on the way there alone.
  const kept = analyse(arrivals.map((seq, i) => reply(seq, 50 + i, i, 0, i + 1)));
  assertEquals([order(kept.toServer!), order(kept.fromServer!)], [expected, [0, 0, 0]]);
  // So it is where the server does not count, but has times.
  const timed = analyse(arrivals.map((seq, i) => reply(seq, 50 + i, i + 1, 1, 0)));
  assertEquals(order(timed.fromServer!), [0, 0, 0]);
});

Deno.test("PacketAnalysis takes a burst for its packets", () => {
  const { toServer, sendBitsPerSecond } = analyse([
    { seq: 0, packets: 40, t: 0, sent: 1 },
    { seq: 40, packets: 40, t: MS, sent: 1 },
    ...Array.from({ length: 79 }, (_, i) => atServer(i, 2 * MS + i)),
  ], { serverReceived: 79 });
  assertEquals([toServer!.sent, toServer!.received, toServer!.lost, toServer!.oneWayDelay!.count], [80, 79, 1, 79]);
  assertEquals(sendBitsPerSecond, 40 * 100 * 8 * 1000);
});

Deno.test("PacketAnalysis has the goodput of the receiver, and that of the count where only this is known", () => {
  const samples = Array.from({ length: 101 }, (_, seq) => sent(seq, seq * MS, { flag: 0 }));
  assertAlmostEquals(analyse(samples, { serverReceived: 101 }).goodputBitsPerSecond!, 800_000, 1e-3);
  assertAlmostEquals(analyse(samples.slice(0, 100), { serverReceived: 50 }).goodputBitsPerSecond!, 400_000, 1e-3);
  const received = samples.map((sample) => ({ ...sample, sent: 0, server: 1, t: sample.t! * 2 }));
  assertAlmostEquals(analyse([...samples, ...received]).goodputBitsPerSecond!, 400_000, 1e-3);
});

Deno.test("PacketAnalysis takes a sender at the server as a way back alone", () => {
  const flag = 8;
  const received = [0, 1, 3, 4].map((seq) => ({ seq, t: seq * MS, flag }));
  const { toServer, fromServer, rtt, goodputBitsPerSecond } = analyse(received, { serverSent: 6 });
  assertEquals([toServer, rtt], [undefined, undefined]);
  assertEquals([fromServer!.sent, fromServer!.received, fromServer!.lost, fromServer!.oneWayDelay], [
    6,
    4,
    2,
    undefined,
  ]);
  assertAlmostEquals(goodputBitsPerSecond!, 600_000, 1e-3);
  const both = analyse([...received, ...[0, 1, 2].map((seq) => ({ seq, t: seq * MS - 5, flag, sent: 1, server: 1 }))]);
  assertEquals([both.fromServer!.sent, both.fromServer!.oneWayDelay!.max, both.fromServer!.oneWayDelay!.count], [
    5,
    5,
    2,
  ]);
});

Deno.test("PacketAnalysis does not know what a server sent that told neither counts nor samples", () => {
  const received = [0, 1, 3, 4].map((seq) => ({ seq, t: seq * MS, flag: 8 }));
  const { fromServer } = analyse(received);
  assertEquals([fromServer!.sent, fromServer!.received, fromServer!.lost], [undefined, 4, undefined]);
});

Deno.test("PacketAnalysis has delays and lateness of a sender at the server from its packets", () => {
  // Sent 3 ms before they arrive, those with an even number 1.5 ms late.
  const received = [0, 1, 2, 4, 5].map((seq) => {
    const late = seq % 2 === 0 ? 1.5 * MS : 0, delay = seq === 5 ? 4 * MS : 3 * MS;
    const t = seq * 10 * MS + late + delay;
    return { seq, t, flag: 8, serverReceived: -(delay + late), serverTime: late };
  });
  const records = received.map(({ seq, t, serverReceived, serverTime }) => {
    const scheduled = t + serverReceived;
    return { seq, flag: 8, t: scheduled + serverTime, scheduled, sent: 1, server: 1 };
  });
  for (const samples of [received, [...records, ...received], [...received, ...records]]) {
    const { fromServer, lateness, lateSends, sendBitsPerSecond, incoherent } = analyse(samples, { serverSent: 6 });
    assertEquals([fromServer!.sent, fromServer!.lost, fromServer!.oneWayDelay!.count, fromServer!.oneWayDelay!.min], [
      6,
      1,
      5,
      3 * MS,
    ]);
    assertEquals([fromServer!.ipdv!.count, fromServer!.ipdv!.max], [3, MS]);
    assertEquals(fromServer!.jitterNanos, MS / 16);
    assertEquals([lateness!.count, lateness!.max, lateSends, incoherent], [5, 1.5 * MS, 3, 0]);
    // The rate of all that were sent in 48.5 ms, with or without those that were lost.
    if (samples === received) assertAlmostEquals(sendBitsPerSecond!, 5 * 800 / 0.0485, 1e-3);
  }
});

Deno.test("PacketAnalysis estimates the delays of one direction from the server's answers at the end", () => {
  const ahead = 1000 * MS;
  const received = [0, 1, 2].map((seq) => {
    return { seq, t: seq * MS + 3 * MS, flag: 8, serverReceived: ahead - 3 * MS, serverTime: 0 };
  });
  const { fromServer } = analyse(
    received,
    { serverSent: 3, serverClock: { least: ahead - 2 * MS, most: ahead + MS } },
    "separate",
  );
  // The closing packet was back faster than the others.
  assertEquals([fromServer!.oneWayDelay!.max, fromServer!.oneWayDelayBoundNanos], [2.5 * MS, 1.5 * MS]);
});

Deno.test("PacketAnalysis takes what the server told of arrivals where it has no samples of them", () => {
  const arrivals = {
    reordered: 3,
    delay: { count: 10, min: 1002 * MS, mean: 1003 * MS, max: 1009 * MS },
    ipdv: { count: 7, min: 0, mean: MS, max: 5 * MS },
    jitterNanos: 2 * MS,
  };
  const clocks = { offsetNanos: 1000 * MS, boundNanos: MS, drifted: false };
  const analysis = new PacketAnalysis({ clocks });
  for (const chunk of packetChunks([sent(0, 0, { flag: 0 })])) analysis.add(chunk);
  const { toServer } = analysis.figures(packetReport({ serverReceived: 1, arrivals })).senders[0];
  assertEquals(toServer!.oneWayDelay, { count: 10, min: 2 * MS, mean: 3 * MS, max: 9 * MS });
  assertEquals([toServer!.oneWayDelayBoundNanos, toServer!.reordered, toServer!.jitterNanos], [MS, 3, 2 * MS]);
  assertEquals(toServer!.ipdv, arrivals.ipdv);
  // How far those were from their places, it has not reported; where none was reordered, all were at theirs.
  assertEquals([toServer!.early, toServer!.late], [undefined, undefined]);
  const { toServer: ordered } = analyse([sent(0, 0, { flag: 0 })], {
    serverReceived: 1,
    arrivals: { ...arrivals, reordered: 0 },
  });
  assertEquals([ordered!.reordered, ordered!.early, ordered!.late], [0, 0, 0]);
});

Deno.test("PacketAnalysis has the lateness of each packet of a burst", () => {
  const { lateness, lateSends } = analyse([
    { seq: 0, packets: 40, t: 2 * MS, scheduled: 0, sent: 1 },
    { seq: 40, packets: 10, t: 3 * MS, scheduled: 3 * MS - 5, sent: 1 },
  ]);
  assertEquals([lateness!.count, lateness!.mean, lateSends], [50, (40 * 2 * MS + 10 * 5) / 50, 40]);
});

Deno.test("PacketAnalysis has no lateness where nothing was scheduled", () => {
  assertEquals(analyse([sent(0, 0), sent(1, 5)]).lateness, undefined);
  assertEquals(analyse([sent(0, 0), sent(1, 5, { scheduled: 4 })]).lateness!.max, 1);
});

Deno.test("PacketAnalysis keeps senders apart", () => {
  const analysis = new PacketAnalysis();
  for (const chunk of packetChunks([sent(0, 0), sent(0, 1, { sender: 3 }), sent(1, 2, { sender: 3 })])) {
    analysis.add(chunk);
  }
  const { senders } = analysis.figures();
  assertEquals(senders.map(({ sender, toServer }) => [sender, toServer!.sent]), [[0, 1], [3, 2]]);
});

Deno.test("PacketAnalysis survives samples that make no sense, and counts them", () => {
  const strange = [NaN, Infinity, -Infinity, -1, 0.5, 2 ** 53, 1e300];
  const samples: PacketSample[] = [];
  for (const column of ["seq", "t", "len", "packets", "flag", "scheduled", "serverCount", "serverTime", "sender"]) {
    for (const value of strange) {
      samples.push(
        sent(1, 1, { [column]: value }),
        atServer(1, 1, { [column]: value }),
        reply(1, 2, 1, 0, 1, { [column]: value }),
      );
    }
  }
  const { incoherent, rtt } = analyse([...samples, ...samples.toReversed()]);
  assert(incoherent > 0);
  assert(rtt === undefined || rtt.count <= 2);
});

Deno.test("PacketAnalysis takes no more memory for more packets, and forgets what is long past", () => {
  const many = 300_000;
  function* samples(firstCount: number) {
    for (let seq = 0; seq < many; seq++) {
      yield sent(seq, seq * 1000);
      // All but the first come back 100 packets later.
      if (seq > 100) yield reply(seq - 100, seq * 1000, seq * 1000 - 10, 5, seq - 99);
    }
    yield reply(0, many * 1000, many * 1000, 0, firstCount);
  }
  // The server got it first, and its reply was late; or it was late on its way there.
  for (const [firstCount, late] of [[1, 1], [many - 99, 0]]) {
    const analysis = new PacketAnalysis({ clocks: SHARED_CLOCK });
    for (const chunk of packetChunks(samples(firstCount))) analysis.add(chunk);
    const { rtt, fromServer } = analysis.figures().senders[0];
    assertEquals([rtt!.count, rtt!.max], [many - 101, 99_995]);
    assertEquals([fromServer!.received, fromServer!.late, fromServer!.reordered], [many - 100, late, late]);
  }
});

Deno.test("PacketAnalysis of a client alone has the same figures, with and without echoes", () => {
  const upload = Array.from({ length: 200 }, (_, i) => sent(64 * i, i * MS, { packets: 64, flag: 0, len: 100 }));
  const totals = { serverReceived: 12_000, serverDuplicates: 3, serverSocketDrops: 5 };
  for (const samples of [upload, [...echoes(100, [3], [7, 8])]]) {
    const [both, alone] = [false, true].map((clientOnly) => {
      const analysis = new PacketAnalysis({ clientOnly });
      for (const chunk of packetChunks(samples)) analysis.add(chunk);
      return analysis.figures(totals && packetReport(totals));
    });
    assertEquals(alone, both);
    assert(both.senders[0].toServer!.sent! >= 100);
  }
});

Deno.test("PacketAnalysis knows what was reordered where more is under way than it keeps, and not by how much", () => {
  const COUNT = 300_000;
  const analysis = new PacketAnalysis();
  const seqs = Array.from({ length: COUNT }, (_, seq) => seq);
  // All is sent before anything arrives; the last but one comes before the one in front of it.
  const arrivals = [...seqs.slice(0, -3), COUNT - 2, COUNT - 3, COUNT - 1];
  for (const chunk of packetChunks(seqs.map((seq) => sent(seq, seq, { flag: 0 })))) analysis.add(chunk);
  for (const chunk of packetChunks(arrivals.map((seq, i) => atServer(seq, COUNT + i, { flag: 0 })))) {
    analysis.add(chunk);
  }
  const { toServer } = analysis.figures().senders[0];
  assertEquals([toServer?.sent, toServer?.received, toServer?.lost, toServer?.duplicates], [COUNT, COUNT, 0, 0]);
  assertEquals([toServer?.reordered, toServer?.early, toServer?.late], [1, undefined, undefined]);
});
