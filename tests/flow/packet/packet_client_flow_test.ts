import { assert, assertEquals } from "@std/assert";
import type { PacketClientConfig, UnresponsiveConfig } from "../../../src/flow/config.ts";
import { CLOSE, ECHO, flagsOf, OPEN, REPLY, REVERSE } from "../../../src/flow/packet/header.ts";
import { SockAddr } from "../../../src/sys/address.ts";
import { TineError } from "../../../src/base/errors.ts";
import { Random } from "../../support/random.ts";
import { type Datagram, FakeNetwork } from "./fake_network.ts";

const SECOND = 1e9;
const MS = 1e6;
const server = SockAddr.parse("192.0.2.1:7001");

function config(sender: Partial<UnresponsiveConfig>): PacketClientConfig {
  return { flow: "voip", sender: [{ unresponsive: { duration: 1000, ...sender } }] };
}

function flagsIn({ bytes }: Datagram): number {
  return flagsOf(new DataView(bytes.buffer), 0) & 0x7f;
}

function isUp({ to }: Datagram): boolean {
  return to.equals(server);
}

/** Lets time pass until the client has ended, with packets on their way for as long as `delay` says; undefined: for ever. */
function run(network: FakeNetwork, seconds: number, delay: (datagram: Datagram) => number | undefined): void {
  const { host } = network;
  const held: { datagram: Datagram; at: number }[] = [];
  for (let ms = 0; ms < seconds * 1000 && host.result === undefined && host.error === undefined; ms++) {
    host.pass(MS);
    const due = held.filter(({ at }) => at <= host.now()).sort((a, b) => a.at - b.at);
    for (const each of due) held.splice(held.indexOf(each), 1);
    const released = new Set(due.map(({ datagram }) => datagram));
    network.wire.unshift(...released);
    network.deliver((datagram) => {
      if (released.has(datagram)) return true;
      const nanos = delay(datagram);
      if (nanos !== undefined) held.push({ datagram, at: host.now() + nanos });
      return false;
    });
  }
}

/** The code and the message that the client failed with. */
function failure(network: FakeNetwork): [string, string] {
  const { error } = network.host;
  assert(error instanceof TineError, `${error}`);
  return [error.code, error.message];
}

for (const rtt of [2.4, 7]) {
  Deno.test(`packetClientFlow() measures where the round-trip time is ${rtt} s`, () => {
    const network = new FakeNetwork();
    network.serve();
    network.dial(config({ wait: [100], duration: 4000, echo: true }));
    run(network, 90, (datagram) => isUp(datagram) ? rtt * SECOND : 0);
    assertEquals(network.host.error, undefined);
    const { sent, received, lostToServer, lostFromServer, complete } = network.host.result!;
    assertEquals([sent, received, lostToServer, lostFromServer, complete], [40, 40, 0, 0, 1]);
    assertEquals(network.host.logs, [`flow voip: answers of the server at ${server} come after ${rtt} s`]);
  });
}

Deno.test("packetClientFlow() closes a flow of a path whose queue has grown to seconds since it was opened", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [10], duration: 2000, reverse: true }));
  const start = network.host.now();
  // The queue grows by a second a second; what asks for the counts goes through another one.
  run(network, 60, (datagram) => Math.min(4 * SECOND, isUp(datagram) ? 0 : 2 * (network.host.now() - start)));
  assertEquals([network.host.error, network.host.logs], [undefined, []]);
  const { serverSent, received, complete } = network.host.result!;
  assertEquals([serverSent, received, complete], [200, 200, 1]);
});

Deno.test("packetClientFlow() gives up where nobody answers", () => {
  const network = new FakeNetwork();
  network.dial(config({}));
  network.pass(15 * SECOND);
  assertEquals(network.host.error, undefined);
  network.pass(SECOND);
  assertEquals(failure(network), ["no-answer", `no server of UDP flows answers at ${server} for 16 s`]);
});

Deno.test("packetClientFlow() ends without the server's counts where these do not come", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [100], echo: true }));
  run(network, 60, (datagram) => flagsIn(datagram) === (CLOSE | REPLY) ? undefined : 0);
  const { sent, received, complete, serverReceived } = network.host.result!;
  assertEquals([sent, received, complete, serverReceived], [10, 10, 0, 10]);
  assertEquals(network.host.logs, [`flow voip: the server at ${server} did not report its counts at the end`]);
});

const ways: readonly [what: string, sender: Partial<UnresponsiveConfig>, keys: [string, string]][] = [
  ["from the server", { reverse: true }, ["lostFromServer", "received"]],
  ["to the server", {}, ["lostToServer", "serverReceived"]],
  ["there and back", { echo: true }, ["lostFromServer", "received"]],
];
for (const [what, sender, [lost, arrived]] of ways) {
  for (
    const [name, delays] of [
      ["jitter of 60 ms", (random: Random) => random.below(60) * MS],
      ["a tenth that comes 300 ms late", (random: Random) => random.oneIn(10) ? 310 * MS : 10 * MS],
      ["30% that come 100 ms early", (random: Random) => (random.below(10) < 3 ? 1 : 101) * MS],
    ] as const
  ) {
    Deno.test(`packetClientFlow() takes nothing for lost ${what} with ${name}`, () => {
      for (let seed = 1; seed <= 5; seed++) {
        const network = new FakeNetwork();
        const random = new Random(seed);
        network.serve();
        network.dial(config({ wait: [5], ...sender }));
        // What closes the flow is quicker than all others.
        run(network, 10, (datagram) => (flagsIn(datagram) & (OPEN | CLOSE)) !== 0 ? MS : delays(random));
        const result = network.host.result!;
        assertEquals([result[lost], result[arrived], result.complete], [0, 200, 1], `seed ${seed}`);
      }
    });
  }

  Deno.test(`packetClientFlow() reports what is lost ${what}, and soon`, () => {
    const network = new FakeNetwork();
    network.serve();
    network.dial(config({ wait: [5], ...sender }));
    let n = 0;
    run(network, 10, (datagram) => {
      const isData = flagsIn(datagram) === (sender.reverse ? REVERSE : sender.echo ? ECHO | REPLY : 0);
      return isData && n++ % 4 === 0 ? undefined : 10 * MS;
    });
    const result = network.host.result!;
    assertEquals([result[lost], result[arrived], result.complete], [50, 150, 1]);
    assert(network.host.now() < 1.5 * SECOND, `${network.host.now()}`);
  });
}

Deno.test("packetClientFlow() keeps the server's counts where it is gone when asked again", () => {
  const network = new FakeNetwork();
  network.serve();
  network.dial(config({ wait: [5] }));
  let n = 0, closes = 0;
  run(network, 60, (datagram) => {
    if (flagsIn(datagram) === CLOSE) return closes++ === 0 ? MS : undefined;
    return flagsIn(datagram) === 0 && n++ % 4 === 0 ? undefined : MS;
  });
  assert(closes > 1);
  const { lostToServer, serverReceived, complete } = network.host.result!;
  assertEquals([lostToServer, serverReceived, complete, network.host.logs], [50, 150, 1, []]);
});

for (const key of [undefined, new Uint8Array(32)]) {
  Deno.test(`packetClientFlow() fails at once with why the server cannot send, ${key ? "with" : "without"} a key`, () => {
    const network = new FakeNetwork();
    network.serve(undefined, key).mostBytes = 1300;
    network.dial(config({ reverse: true, length: [1400], duration: 60_000 }), key);
    run(network, 60, () => MS);
    assertEquals(failure(network), [
      "server-cannot-send",
      `flow voip: the server at ${server} sends no more: ` +
      "a packet of 1400 bytes is longer than the path takes uncut (EMSGSIZE): use a shorter length, or allow fragments",
    ]);
    assert(network.host.now() < SECOND, `${network.host.now()}`);
  });
}

Deno.test("packetClientFlow() fails with why the server cannot send where only its counts at the end say so", () => {
  const network = new FakeNetwork();
  network.serve().mostBytes = 1300;
  network.dial(config({ reverse: true, length: [100, 1400] }));
  let first = true;
  run(network, 60, (datagram) => {
    const isNotice = flagsIn(datagram) === (CLOSE | REPLY) && network.host.now() < SECOND;
    if (isNotice && first) first = false;
    return isNotice ? undefined : MS;
  });
  assert(!first);
  assertEquals(failure(network)[0], "server-cannot-send");
  network.close();
  const values = network.host.aggregates.findLast(({ values }) => values.server !== 1)!.values;
  assertEquals([values.received, values.serverSent, values.complete], [1, 1, 0]);
});

Deno.test("packetClientFlow() tells echoes that the server cannot send from lost ones", () => {
  const network = new FakeNetwork();
  network.serve().mostBytes = 1300;
  network.dial(config({ echo: true, wait: [10], length: [100, 1400] }));
  run(network, 60, () => MS);
  const { received, serverReceived, serverSendErrors, lostFromServer, complete } = network.host.result!;
  assertEquals([received, serverReceived, serverSendErrors, lostFromServer, complete], [50, 100, 50, 0, 1]);
  assertEquals(network.host.logs, [
    `flow voip: at the server at ${server}, echoes cannot be sent: send: message too long (EMSGSIZE)`,
  ]);
});

Deno.test("packetClientFlow() fails where no packet was sent", () => {
  for (const reverse of [false, true]) {
    const network = new FakeNetwork();
    network.serve();
    network.dial(config({ wait: [2000], waitFirst: true, reverse }));
    run(network, 60, () => MS);
    assertEquals(failure(network), [
      "no-packets",
      "flow voip: no packet was sent: the first one was due after the end",
    ]);
  }
});
