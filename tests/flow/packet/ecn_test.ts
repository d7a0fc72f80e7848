import { assertEquals } from "@std/assert";
import type { UnresponsiveConfig } from "../../../src/flow/config.ts";
import { CE, isMarked, replyEcn } from "../../../src/flow/packet/packet_port.ts";
import type { Chunk } from "../../../src/flow/records/read_chunk.ts";
import { encodeReport } from "../../../src/flow/report_values.ts";
import { PacketAnalysis } from "../../../src/flow/analysis/mod.ts";
import { MarkingProxy } from "./marking_proxy.ts";
import { PacketEvents } from "./packet_events.ts";
import { makers, rawSockets } from "./packet_makers.ts";

const { signal } = new AbortController();
const ECT1 = 1;
const DSCP = 46;

Deno.test("replyEcn() is what the client asked for, and never a mark that a router has set", () => {
  assertEquals([0, 1, 2, 3].map((asked) => replyEcn(asked, CE)), [0, 1, 2, 3]);
  // Clients of earlier versions do not say.
  assertEquals([0, 1, 2, 3].map((received) => replyEcn(undefined, DSCP << 2 | received)), [0, 1, 2, 0]);
  assertEquals([0, 1, 2, 3].map((received) => isMarked(DSCP << 2 | received)), [false, false, false, true]);
});

/** What comes of twenty packets between which a router marks. */
async function run(sender: Partial<UnresponsiveConfig>, marks: { up: boolean; down: boolean }) {
  await using flows = makers.ffi();
  const served = new PacketEvents(), events = new PacketEvents();
  await using server = await flows.packetServer({ listenAddr: "127.0.0.1:0" }, { events: served, signal });
  using proxy = new MarkingProxy(server.address, marks);
  const report = await flows.packetClient(proxy.address, {
    flow: "voip",
    ecn: ECT1,
    dscp: DSCP,
    // All of them are sent, however late a busy machine is.
    sender: [{ unresponsive: { wait: [2], packets: TWENTY, ...sender } }],
  }, { events, signal });
  await server[Symbol.asyncDispose]();
  const marksIn = (chunks: PacketEvents["chunks"]) => {
    const analysis = new PacketAnalysis();
    for (const { chunk } of chunks) analysis.add(chunk as Chunk<"packetIO">);
    const { senders: [{ toServer, fromServer }] } = analysis.figures(report);
    return [toServer?.congestionMarks, fromServer?.congestionMarks];
  };
  return {
    byClient: marksIn(events.chunks),
    byBoth: marksIn([...events.chunks, ...served.chunks]),
    byServer: served.last("voip", true)!.congestionMarks,
    // Of a client that only says hello, the server does not know yet what it asks for.
    ofServer: new Set(proxy.seen.down.slice(1)),
    values: encodeReport(report),
  };
}

const TWENTY = 20;
for (
  const [what, sender] of [["an upload", {}], ["echoes", { echo: true }], ["a download", { reverse: true }]] as const
) {
  for (const [up, down] of [[true, false], [false, true], [true, true], [false, false]]) {
    const name = [...up ? ["to the server"] : [], ...down ? ["from it"] : []].join(" and ") || "nowhere";
    Deno.test({
      name: `packet flows count the marks of ${what} for their direction, with marks ${name}`,
      ignore: !rawSockets,
      async fn() {
        const result = await run(sender, { up, down });
        const isThere = !("reverse" in sender), isBack = "echo" in sender || "reverse" in sender;
        const expected = [isThere ? up ? TWENTY : 0 : undefined, isBack ? down ? TWENTY : 0 : undefined];
        assertEquals([result.byClient, result.byBoth], [expected, expected]);
        const toServer = isThere && up ? TWENTY : 0;
        assertEquals([result.byServer, result.values.serverCongestionMarks], [toServer, toServer]);
        // Answers and packets of the server carry what the client asked for, all of them.
        assertEquals(result.ofServer, new Set([DSCP << 2 | ECT1]));
      },
    });
  }
}

Deno.test("packet flows tell no marks where the receiver does not see them", async () => {
  await using flows = makers.portable();
  const events = new PacketEvents();
  await using server = await flows.packetServer({ listenAddr: "127.0.0.1:0" }, { events: new PacketEvents(), signal });
  const sender = [{ unresponsive: { wait: [2], duration: 40, echo: true } }];
  const report = await flows.packetClient(server.address, { flow: "voip", sender }, { events, signal });
  const analysis = new PacketAnalysis();
  for (const { chunk } of events.chunks) analysis.add(chunk as Chunk<"packetIO">);
  const { senders: [{ toServer, fromServer }] } = analysis.figures(report);
  assertEquals([toServer!.received, toServer!.congestionMarks], [TWENTY, undefined]);
  assertEquals([fromServer!.received, fromServer!.congestionMarks], [TWENTY, undefined]);
});
