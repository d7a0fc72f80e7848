import { assert, assertEquals } from "@std/assert";
import type { PacketClientConfig, UnresponsiveConfig } from "../../../src/flow/config.ts";
import { CLOSE, ECHO, flagsOf, OPEN, REPLY, REVERSE, SIGNED } from "../../../src/flow/packet/header.ts";
import { SockAddr } from "../../../src/sys/address.ts";
import { TineError } from "../../../src/base/errors.ts";
import { type Datagram, FakeNetwork } from "./fake_network.ts";

const SECOND = 1e9;
const MS = 1e6;
const MBPS = { bitsPerSecond: 1e6 };
const server = SockAddr.parse("192.0.2.1:7001");

function config(sender: Partial<UnresponsiveConfig>, flow = "voip"): PacketClientConfig {
  return { flow, sender: [{ unresponsive: { duration: 1000, length: [1000], ...sender } }] };
}

function flagsIn({ bytes }: Datagram): number {
  return flagsOf(new DataView(bytes.buffer), 0) & ~SIGNED;
}

/** Delivers all, and counts what the server sends by flags: a witness that knows nothing of the server's counts. */
class Wire {
  /** Bytes of packets from the server. */
  bytes = 0;
  packets = 0;

  constructor(readonly network: FakeNetwork, readonly flags: number) {}

  pass(nanos: number, change: (datagram: Datagram) => void = () => {}): void {
    for (let passed = 0; passed < nanos; passed += MS) {
      this.network.host.pass(MS);
      this.network.deliver((datagram) => {
        if (datagram.from.equals(server) && flagsIn(datagram) === this.flags) {
          this.bytes += datagram.bytes.length;
          this.packets++;
        }
        change(datagram);
        return true;
      });
    }
  }
}

/** Rewrites text in packets that open a flow, with text of the same length. */
function rewrite(from: string, to: string, flags = OPEN) {
  return (datagram: Datagram) => {
    if (flagsIn(datagram) !== flags) return;
    const text = new TextDecoder("latin1").decode(datagram.bytes), at = text.indexOf(from);
    if (at >= 0) datagram.bytes.set(new TextEncoder().encode(to), at);
  };
}

/** Why a flow is refused, as the client has it. */
function refusal(config: PacketClientConfig, limits: Parameters<FakeNetwork["serve"]>[2]): string {
  const network = new FakeNetwork();
  network.serve(undefined, undefined, limits);
  network.dial(config);
  network.pass(100 * MS);
  const { error, logs } = network.host;
  assert(error instanceof TineError && error.code === "packet-flow-refused", String(error));
  const [, why] = /refuses the flow: (.*)$/.exec(error.message)!;
  assertEquals(logs, [`flow voip of 192.0.2.2:1000 is refused: ${why}`]);
  return why;
}

Deno.test("packetServerFlow() refuses what asks for more than a flow may have, with one sentence at both ends", () => {
  const limits = { maxRate: MBPS, maxDuration: 2000 }, rate = "the server lets a flow have 1Mbps at most (max-rate)";
  assertEquals(refusal(config({ rate: { bitsPerSecond: 2e6 } }), limits), `it is to have 2Mbps, and ${rate}`);
  assertEquals(refusal(config({ wait: [1] }), limits), `it is to have 8Mbps, and ${rate}`);
  assertEquals(refusal(config({ rate: "max" }), limits), `it is to send as fast as possible, and ${rate}`);
  assertEquals(refusal(config({ wait: [1], reverse: true }), limits), `it is to have 8Mbps, and ${rate}`);
  assertEquals(
    refusal(config({ duration: 2001 }), limits),
    "it is to last 2s1ms, and the server lets a flow last 2s at most (max-duration)",
  );
  const two: PacketClientConfig = {
    flow: "voip",
    sender: [{ unresponsive: { duration: 1000, length: [1000], wait: [16] } }, {
      unresponsive: { duration: 1000, length: [1000], wait: [12] },
    }],
  };
  assertEquals(refusal(two, limits), `it is to have 1.16667Mbps, and ${rate}`);
});

Deno.test("packetServerFlow() has nothing against flows within its limits, warm-ups included", () => {
  for (const more of [{}, { reverse: true }, { echo: true }]) {
    const network = new FakeNetwork();
    network.serve(undefined, undefined, { maxRate: MBPS, maxDuration: 1000, maxFlows: 1 });
    network.dial({ ...config({ wait: [8], ...more }), warmup: 200 });
    network.pass(3 * SECOND, 4 * MS);
    assertEquals([network.host.error, network.host.logs], [undefined, []]);
    assertEquals([network.host.result!.complete, network.account.totals.packetsOverRate], [1, 0]);
  }
});

Deno.test("packetServerFlow() holds a client to the rate that lies about its own, and both ends say so", () => {
  const network = new FakeNetwork();
  network.serve(undefined, undefined, { maxRate: MBPS });
  network.dial(config({ wait: [1], duration: 2000, echo: true }));
  const wire = new Wire(network, ECHO | REPLY);
  wire.pass(3 * SECOND, rewrite('"rate":8000000,"echoRate":8000000', '"rate":1000000,"echoRate":1000000'));
  // What comes 0.1 s early, and two packets, are no reason to drop anything.
  const most = 2 * 125_000 + 12_500 + 2000;
  assert(wire.bytes <= most && wire.bytes > 2 * 125_000 - 1000, `${wire.bytes} bytes`);
  const { sent, received, serverReceived } = network.host.result!;
  assertEquals([sent, received, serverReceived], [2000, wire.packets, wire.packets]);
  const { packetsIn, packetsOut, packetsOverRate, bytesIn } = network.account.totals;
  assertEquals([packetsIn, packetsOut, packetsOverRate], [wire.packets, wire.packets, 2000 - wire.packets]);
  assertEquals(bytesIn, wire.bytes);
  assertEquals(
    network.host.logs.filter((line) => line.includes("max-rate")),
    [
      `flow voip: at the server at 192.0.2.1:7001, ${packetsOverRate} packets were dropped: the server lets a flow have ` +
      "1Mbps at most (max-rate)",
    ],
  );
});

Deno.test("packetServerFlow() does not drop packets that a busy network brings late, all at once", () => {
  const network = new FakeNetwork();
  network.serve(undefined, undefined, { maxRate: MBPS });
  network.dial(config({ wait: [8], duration: 3000 }));
  network.pass(SECOND);
  // For most of a second, nothing is delivered.
  network.host.pass(900 * MS);
  network.pass(3 * SECOND);
  const { sent, serverReceived } = network.host.result!;
  assertEquals([sent, serverReceived, network.account.totals.packetsOverRate], [375, 375, 0]);
});

Deno.test("packetServerFlow() has its own sender without a pace keep to the rate", () => {
  const network = new FakeNetwork();
  network.serve(undefined, undefined, { maxRate: MBPS });
  network.dial(config({ rate: "max", duration: 2000, reverse: true, gso: true }));
  const wire = new Wire(network, REVERSE);
  wire.pass(3 * SECOND);
  assertEquals(wire.bytes, 2 * 125_000);
  assertEquals(network.host.logs, ["flow voip: the server lets it have 1Mbps at most (max-rate)"]);
});

Deno.test("packetServerFlow() ends flows without an end in order, and both ends say why", () => {
  for (const sender of [{ duration: 0, wait: [10] }, { duration: 0, wait: [10], reverse: true }]) {
    const network = new FakeNetwork();
    network.serve(undefined, undefined, { maxDuration: 2000 });
    network.dial(config(sender));
    network.pass(4 * SECOND);
    const { error, logs, aggregates } = network.host;
    assert(error instanceof TineError && error.code === "server-limit", String(error));
    const why = "the server lets a flow last 2s at most (max-duration)";
    assertEquals(error.message, `flow voip was ended at 192.0.2.1:7001: ${why}`);
    assertEquals(logs, [`flow voip of 192.0.2.2:1000 has ended: ${why}`]);
    network.close();
    const last = aggregates.findLast(({ values }) => values.server === undefined)!.values;
    const packets = sender.reverse ? last.received : last.serverReceived;
    assert(last.complete === 1 && packets >= 199 && packets <= 201, `${packets} packets`);
    assertEquals(network.account.totals.flowsActive, 0);
  }
});

Deno.test("packetServerFlow() says once why a flow has ended, also where its client repeats the close", () => {
  const network = new FakeNetwork();
  network.serve(undefined, undefined, { maxDuration: 1000 });
  network.dial(config({ duration: 0, wait: [10] }));
  let closes = 0;
  for (let passed = 0; passed < 4 * SECOND; passed += MS) {
    network.host.pass(MS);
    // The first answers are lost.
    network.deliver((datagram) => flagsIn(datagram) !== (CLOSE | REPLY) || ++closes > 2);
  }
  assert(closes > 2, `${closes} answers`);
  assertEquals(network.host.logs, [
    "flow voip of 192.0.2.2:1000 has ended: the server lets a flow last 1s at most (max-duration)",
  ]);
  assertEquals([network.account.totals.flows, network.account.totals.flowsIncomplete], [1, 0]);
});

Deno.test("packetServerFlow() takes nothing any more of a flow that goes on beyond its time", () => {
  const network = new FakeNetwork();
  network.serve(undefined, undefined, { maxDuration: 2000 });
  network.dial(config({ duration: 0, wait: [10], echo: true }));
  const wire = new Wire(network, ECHO | REPLY);
  // The client is let believe that it may last longer.
  wire.pass(6 * SECOND, rewrite('"durationMs":2000', '"durationMs":9000', OPEN | REPLY));
  const { error, logs } = network.host;
  assert(error instanceof TineError && error.code === "server-cannot-send", String(error));
  const why = "its client goes on although the server lets a flow last 2s at most (max-duration)";
  assert(error.message.endsWith(why), error.message);
  assert(logs.includes(`flow voip of 192.0.2.2:1000 ended without a close: ${why}`), logs.join("\n"));
  assert(wire.packets >= 499 && wire.packets <= 502, `${wire.packets} echoes`);
  assertEquals([network.account.totals.flowsActive, network.account.totals.flowsIncomplete], [0, 1]);
});

Deno.test("packetServerFlow() serves as many flows as it may, which clients that say hello or nothing do not keep", () => {
  const network = new FakeNetwork();
  network.serve(undefined, undefined, { maxFlows: 2 });
  // They get no further than to say hello: their cookies are lost.
  for (let i = 0; i < 200; i++) network.dial(config({ wait: [10] }, `half${i}`));
  network.deliver(({ from }) => !from.equals(server));
  assertEquals(network.account.totals.flowsActive, 0);
  const hour = 3600 * 1000;
  for (const flow of ["a", "b", "c"]) {
    network.dial(config({ wait: [hour], duration: hour, reverse: true }, flow));
    network.deliver();
  }
  const full = "the server serves 2 flows at a time, and has as many already (max-flows)";
  const refused = (line: string) => line.endsWith(full);
  assertEquals(network.host.logs.filter(refused), [`flow c of 192.0.2.2:1202 is refused: ${full}`]);
  assertEquals(network.account.totals.refusals["max-flows"], 1);
  assertEquals([network.account.totals.flowsActive, network.account.totals.flows], [2, 2]);
});

Deno.test("packetServerFlow() has a silent flow make room for another one where it may have no more", () => {
  const network = new FakeNetwork();
  network.serve(undefined, undefined, { maxFlows: 1 });
  const hour = 3600 * 1000;
  const silent = network.dial(config({ wait: [hour], duration: hour, reverse: true }, "a")).local;
  network.deliver();
  for (let i = 0; i < 11; i++) {
    network.host.pass(SECOND);
    network.deliver(({ from }) => !from.equals(silent));
  }
  network.dial(config({ wait: [hour], duration: hour, reverse: true }, "b"));
  network.deliver(({ from }) => !from.equals(silent));
  const { flowsActive, flows, flowsIncomplete, refusals } = network.account.totals;
  assertEquals([flowsActive, flows, flowsIncomplete, refusals["max-flows"]], [1, 2, 1, 0]);
});

Deno.test("packetServerFlow() serves the flows of one client alone, where it is to", () => {
  const network = new FakeNetwork();
  network.account.serveOneClient();
  network.serve();
  assert(network.account.admits("192.0.2.9"));
  network.dial(config({ wait: [10] }));
  network.pass(100 * MS);
  assert(String(network.host.error).endsWith("the server serves one client, and has it already (one-off)"));
  assertEquals(network.account.totals.refusals["one-off"], 1);
});
