import { assert, assertEquals, assertRejects } from "@std/assert";
import { type Measured, type MeasuredPackets, type MeasuredStream, readFlows } from "../../src/result/mod.ts";
import { TineError } from "../../src/base/errors.ts";
import { inFolder } from "./fixtures.ts";
import { info, node, progressOf, record, recordsOf } from "./recorded_flows.ts";
import { packetReport, servedPackets, streamReport } from "../flow/reports.ts";

const MS = 1e6;

/** An upload of a megabyte in a second, seen from both ends. */
function* upload(flow: string) {
  const at = (bytes: number) => ({ total: bytes, t: bytes * 1000 });
  yield info("streamInfo", "left", flow, {
    values: { direction: "upload", cca: "cubic", client: "10.0.0.1:5", engine: "ffi" },
  });
  yield info("streamInfo", "right", flow, {
    server: true,
    values: { direction: "upload", cca: "bbr", server: "10.0.0.2:7" },
  });
  yield* recordsOf("left", flow, "streamIO", [{ ...at(5e5), sent: 1 }, { ...at(1e6), sent: 1 }]);
  yield* recordsOf("left", flow, "tcpInfo", [{
    t: 1e9,
    rtt: 1500,
    minRtt: 1000,
    cwnd: 10,
    sndMss: 1448,
    totalRetrans: 3,
  }]);
  yield* recordsOf("right", flow, "streamIO", [at(5e5), at(9e5)]);
}

async function only(folder: string): Promise<Measured> {
  const flows = await Array.fromAsync(readFlows(folder));
  assertEquals(flows.length, 1);
  return flows[0];
}

Deno.test("readFlows() joins what both ends of a stream have reported", () =>
  inFolder(async (out) => {
    const measured = await only(
      await record(out, [
        ...upload("bulk"),
        progressOf("right", "bulk", {
          ...{ kind: "servedStream", complete: true, bytes: 1e6, durationNanos: 1e9, goodputBitsPerSecond: 8e6 },
        }),
        progressOf(
          "left",
          "bulk",
          streamReport({ bytes: 1e6, durationNanos: 1e9, goodputBitsPerSecond: 8e6, fctNanos: 1.1e9 }),
        ),
      ]),
    );
    assert(measured.protocol === "tcp");
    const { figures, client, server, ...rest } = measured;
    assertEquals(client, { nodeId: "left", address: "10.0.0.1:5", engine: "ffi" });
    assertEquals(server, { nodeId: "right", address: "10.0.0.2:7", engine: undefined });
    assertEquals(rest, {
      flow: "bulk",
      start: 1_000n,
      startBoundNanos: undefined,
      path: undefined,
      config: undefined,
      protocol: "tcp",
      complete: true,
      direction: "upload",
      cca: "cubic",
      bottlenecks: rest.bottlenecks,
    });
    assertEquals(rest.bottlenecks.map(({ code }) => code), ["sender-idle"]);
    const { bytes, goodputBitsPerSecond, completionNanos, retransmits, receiverCounted } = figures;
    assertEquals([bytes, goodputBitsPerSecond, completionNanos, retransmits, receiverCounted], [
      1e6,
      8e6,
      1.1e9,
      3,
      true,
    ]);
  }));

Deno.test("readFlows() reports of a stream that was cut what its receiver had", () =>
  inFolder(async (out) => {
    const { complete, figures } = await only(await record(out, upload("bulk"))) as MeasuredStream;
    assertEquals([complete, figures.bytes, figures.completionNanos], [false, 9e5, undefined]);
  }));

/** Echoes, of which the server sees each 1 ms after it was sent, by a clock that begins 5 s later and is 3 s ahead. */
function* echoes(count: number, bootIds: [string, string]) {
  const tinit = 1_000_000_000_000n;
  const seqs = Array.from({ length: count }, (_, seq) => seq);
  yield node("left", bootIds[0]);
  yield node("right", bootIds[1]);
  yield info("packetInfo", "left", "voip", { tinit });
  yield info("packetInfo", "right", "voip", { tinit: tinit + 5_000_000_000n, server: true });
  const sent = (seq: number) => ({ seq, t: seq * MS, scheduled: seq * MS, packets: 1, flag: 1, sent: 1, len: 100 });
  const fromServer = (seq: number) => ({
    ...{ seq, t: (seq + 3) * MS, packets: 1, flag: 2, len: 100 },
    ...{ serverReceived: 3000 * MS - 2 * MS, serverTime: MS, serverCount: seq + 1 },
  });
  // All of one node before anything of the other: further apart than what the analysis remembers.
  yield* recordsOf(
    "left",
    "voip",
    "packetIO",
    seqs.flatMap((seq) => seq < 3 ? [sent(seq)] : [sent(seq), fromServer(seq - 3)]),
  );
  const at = (seq: number) => (seq + 1 + 3000 - 5000) * MS;
  yield* recordsOf(
    "right",
    "voip",
    "packetIO",
    seqs.map((seq) => ({ seq, t: at(seq), packets: 1, flag: 1, server: 1, len: 100 })),
  );
}

Deno.test("readFlows() merges the samples of both ends, however far apart they arrived", () =>
  inFolder(async (out) => {
    const COUNT = 80_000;
    const counts = { sent: COUNT, serverReceived: COUNT, received: COUNT - 3, unsent: 0, sendErrors: 2 };
    const measured = await only(
      await record(out, [
        ...echoes(COUNT, ["a", "b"]),
        progressOf("right", "voip", servedPackets({ state: "running", sent: 1, received: COUNT })),
        progressOf("left", "voip", packetReport({ ...counts, socketDrops: 1 })),
      ]),
    );
    assert(measured.protocol === "udp" && measured.complete);
    const { senders: [{ toServer, fromServer, rtt, incoherent }], clockOffset } = measured.figures;
    assertEquals([toServer?.sent, toServer?.received, toServer?.lost, toServer?.duplicates], [COUNT, COUNT, 0, 0]);
    assertEquals([fromServer?.sent, fromServer?.received, fromServer?.lost, fromServer?.socketDrops], [
      COUNT,
      COUNT - 3,
      2,
      1,
    ]);
    assertEquals([rtt?.min, rtt?.max, incoherent], [2 * MS, 2 * MS, 0]);
    assertEquals(clockOffset, { offsetNanos: 3000 * MS, boundNanos: MS, drifted: false });
    assertEquals(measured.bottlenecks.map(({ code }) => code), ["send-errors", "socket-drops"]);
  }));

Deno.test("readFlows() merges both ends of a flow on one node, which sends the chunks of one long before", () =>
  inFolder(async (out) => {
    const COUNT = 150_000;
    const seqs = Array.from({ length: COUNT }, (_, seq) => seq);
    const common = (seq: number) => ({ seq, packets: 1, len: 100 });
    const measured = await only(
      await record(out, [
        node("only", "a"),
        info("packetInfo", "only", "flood", {}),
        info("packetInfo", "only", "flood", { server: true }),
        ...recordsOf("only", "flood", "packetIO", seqs.map((seq) => ({ ...common(seq), t: seq * MS, sent: 1 }))),
        ...recordsOf(
          "only",
          "flood",
          "packetIO",
          seqs.map((seq) => ({ ...common(seq), t: (seq + 1) * MS, server: 1 })),
        ),
      ]),
    ) as MeasuredPackets;
    const [{ toServer }] = measured.figures.senders;
    assertEquals([toServer?.sent, toServer?.received, toServer?.duplicates], [COUNT, COUNT, 0]);
    assertEquals([toServer?.reordered, toServer?.early, toServer?.late], [0, 0, 0]);
    assertEquals(toServer?.oneWayDelay?.max, MS);
  }));

Deno.test("readFlows() takes delays as they are where both ends have one clock", () =>
  inFolder(async (out) => {
    const { figures } = await only(await record(out, echoes(10, ["a", "a"]))) as MeasuredPackets;
    assertEquals(figures.clockOffset?.boundNanos, 0);
    assertEquals(figures.senders[0].toServer?.oneWayDelay?.median, 3001 * MS);
  }));

Deno.test("readFlows() names flow and node of samples that are damaged", () =>
  inFolder(async (out) => {
    const [chunk] = recordsOf("left", "bulk", "streamIO", [{ t: 1, total: 1 }]);
    const cut = { ...chunk, payload: chunk.payload.subarray(0, chunk.payload.length - 1) };
    const folder = await record(out, [cut]);
    await assertRejects(
      () => Array.fromAsync(readFlows(folder)),
      TineError,
      "flow bulk, node left: a chunk of samples is cut",
    );
  }));
