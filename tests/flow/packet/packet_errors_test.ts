import { assert, assertEquals, assertRejects } from "@std/assert";
import type { PacketClientConfig, UnresponsiveConfig } from "../../../src/flow/config.ts";
import type { FlowOptions } from "../../../src/flow/flows.ts";
import { TineError } from "../../../src/base/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { openSockets } from "../stream/open_sockets.ts";
import { PacketEvents } from "./packet_events.ts";
import { makers, rawSockets } from "./packet_makers.ts";
import { needsProcessors } from "../../support/quiet.ts";

function options(more: Partial<FlowOptions> = {}): FlowOptions & { events: PacketEvents } {
  return { signal: new AbortController().signal, ...more, events: new PacketEvents() };
}

function config(sender: Partial<UnresponsiveConfig>, more: Partial<PacketClientConfig> = {}): PacketClientConfig {
  return { flow: "voip", sender: [{ unresponsive: { duration: 100, ...sender } }], ...more };
}

/** The code and the message of what it fails with. */
async function failure(promise: Promise<unknown>): Promise<[string, string]> {
  const error = await assertRejects(() => promise, TineError);
  return [error.code, error.message];
}

const raw = { ignore: !rawSockets };

for (const [host, name] of [["127.0.0.1", "IPv4"], ["[::1]", "IPv6"]]) {
  Deno.test({
    name: `packetClient() fails where no server listens, over ${name}`,
    ...raw,
    async fn() {
      await using flows = makers.ffi();
      assertEquals(await failure(flows.packetClient(`${host}:9`, config({}), options())), [
        "connection-refused",
        `no server listens for UDP flows at ${host}:9 (ECONNREFUSED)`,
      ]);
    },
  });
}

for (const maker of Object.keys(makers)) {
  Deno.test(`packetClient() refuses what cannot be, with ${maker}`, async () => {
    await using flows = makers[maker]();
    const fails = async (config: PacketClientConfig, code: string, message: string) => {
      const [found, text] = await failure(flows.packetClient("127.0.0.1:9", config, options()));
      assertEquals(found, code);
      assert(text.includes(message), text);
    };
    await fails(config({}, { flow: "Voip" }), "bad-flow-id", '"Voip" is not the id of a flow');
    await fails(config({}, { sender: [] }), "bad-packet-flow", "it has 0 senders, 1 to 256 are possible");
    await fails(config({}, { sender: [{}] }), "bad-packet-flow", "sender 0 is of no kind");
    await fails(config({ length: [1481] }), "bad-packet-flow", "packets of 1481 bytes, over its maxPacketSize of 1480");
    await fails(config({ length: [200, 55] }), "bad-packet-flow", "packets of 55 bytes, and the header alone has 56");
    const longest = { maxPacketSize: 70_000 };
    await fails(config({ length: [65_508] }, longest), "bad-packet-flow", "UDP carries no packets of 65508 bytes");
    const wait = Array.from({ length: 500 }, () => 1);
    await fails(config({ reverse: true, wait }), "settings-too-long", "use shorter lists");
  });

  Deno.test(`packetClient() refuses packets that have no room for a signature, with ${maker}`, async () => {
    await using flows = makers[maker]();
    const key = new Uint8Array(32);
    for (const reverse of [false, true]) {
      assertEquals(
        await failure(flows.packetClient("127.0.0.1:9", config({ length: [60], reverse }), options({ key }))),
        [
          "bad-packet-flow",
          "the flow voip cannot be: it has packets of 60 bytes, and the header alone has 72 where they are signed",
        ],
      );
    }
  });

  Deno.test(`packetServer() refuses packets that are too long for it, with ${maker}`, async () => {
    await using flows = makers[maker]();
    const opts = options();
    await using server = await flows.packetServer({ listenAddr: ":0", maxPacketSize: 1000 }, opts);
    for (const reverse of [false, true]) {
      const [code, message] = await failure(
        flows.packetClient(server.address, config({ length: [100, 1001], reverse }), opts),
      );
      assertEquals(code, "packet-flow-refused");
      assert(message.endsWith("packets of 1001 bytes are too long for this server, which takes 1000 (maxPacketSize)"));
    }
  });

  Deno.test(`packetServer() fails where it cannot listen, with ${maker}`, async () => {
    await using flows = makers[maker]();
    await using server = await flows.packetServer({ listenAddr: ":0" }, options());
    const [, message] = await failure(flows.packetServer({ listenAddr: server.address }, options()));
    assert(/address (already )?in use/i.test(message), message);
    await failure(flows.packetServer({ listenAddr: "[::1]:0", protocol: "udp4" }, options()));
  });

  Deno.test(needsProcessors(`packetClient() is canceled at once, in each of its states, with ${maker}`, async () => {
    const silent = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
    using _ = { [Symbol.dispose]: () => silent.close() };
    const nobody = `127.0.0.1:${(silent.addr as Deno.NetAddr).port}`;
    await using flows = makers[maker]();
    await using server = await flows.packetServer({ listenAddr: ":0" }, options());
    const long = { duration: 60_000 };
    const cases: [string, string, Partial<UnresponsiveConfig>][] = [
      ["opening", nobody, long],
      ["waiting", server.address, { ...long, wait: [10_000] }],
      ["sending", server.address, { ...long, wait: [1], echo: true }],
      ["flooding", server.address, { ...long, rate: "max" }],
      ["receiving", server.address, { ...long, rate: { packetsPerSecond: 2000 }, reverse: true }],
    ];
    for (const [state, address, sender] of cases) {
      const abort = new AbortController();
      const opts = options({ signal: abort.signal });
      const running = flows.packetClient(address, config(sender), opts);
      running.catch(() => {});
      if (state !== "opening") await eventually("the flow", () => opts.events.infos.length > 0);
      const reason = new TineError("enough", "it is enough");
      const start = performance.now();
      abort.abort(reason);
      assertEquals(await assertRejects(() => running), reason);
      const ms = performance.now() - start;
      assert(ms < 100, `${state} took ${ms} ms`);
      if (state !== "opening") assert(opts.events.last("voip", false) !== undefined, state);
    }
  }));

  Deno.test(`packet flows leave no socket open, with ${maker}`, { ignore: Deno.build.os !== "linux" }, async () => {
    await using flows = makers[maker]();
    let before = Infinity;
    for (let round = 0; round < 3; round++) {
      const abort = new AbortController();
      const opts = options({ signal: abort.signal });
      const server = await flows.packetServer({ listenAddr: ":0" }, opts);
      await flows.packetClient(server.address, config({ wait: [5], duration: 20, echo: true }), opts);
      await failure(flows.packetClient(server.address, config({ length: [1481] }, { maxPacketSize: 1481 }), opts));
      const endless = flows.packetClient(server.address, config({ wait: [5], duration: 60_000 }), opts);
      endless.catch(() => {});
      await server[Symbol.asyncDispose]();
      abort.abort();
      await assertRejects(() => endless);
      await eventually(`${openSockets()} sockets to become ${before}`, () => openSockets() <= before);
      // Workers that were started have some of their own.
      if (round === 0) before = openSockets();
    }
  });

  Deno.test(`packetServer() ends with its signal, with ${maker}`, async () => {
    await using flows = makers[maker]();
    const abort = new AbortController();
    const server = await flows.packetServer({ listenAddr: ":0" }, options({ signal: abort.signal }));
    const reason = new TineError("enough", "it is enough");
    abort.abort(reason);
    await server.ended;
    await server[Symbol.asyncDispose]();
    const aborted = options({ signal: AbortSignal.abort(reason) });
    assertEquals(await assertRejects(() => flows.packetServer({ listenAddr: ":0" }, aborted)), reason);
    assertEquals(await assertRejects(() => flows.packetClient(server.address, config({}), aborted)), reason);
  });
}

Deno.test({
  name: "packetClient() fails when its server goes, and has told what it measured until then",
  ...raw,
  async fn() {
    await using flows = makers.ffi();
    const server = await flows.packetServer({ listenAddr: ":0" }, options());
    const opts = options();
    const running = failure(
      flows.packetClient(server.address, config({ wait: [5], duration: 60_000, echo: true }), opts),
    );
    await eventually("echoes", () => opts.events.packets("voip", { sent: false }).length > 10);
    await server[Symbol.asyncDispose]();
    assertEquals(await running, ["server-gone", `flow voip: the server at ${server.address} is gone (ECONNREFUSED)`]);
    const last = opts.events.last("voip", false)!;
    assert(last.received > 10 && last.sent > last.received && last.complete === 0);
    assertEquals(opts.events.packets("voip", { sent: true }).length, last.sent);
  },
});

Deno.test({
  name: "packetClient() fails for packets that are longer than the path takes",
  ...raw,
  async fn() {
    await using flows = makers.ffi();
    await using server = await flows.packetServer({ listenAddr: "[::1]:0", maxPacketSize: 65_507 }, options());
    const sender = { length: [65_507], wait: [10] };
    const [code, message] = await failure(
      flows.packetClient(server.address, config(sender, { maxPacketSize: 65_507 }), options()),
    );
    assertEquals(code, "packet-too-long");
    assertEquals(
      message,
      `packets of 65507 bytes are too long for the path to ${server.address}, which takes 65488 uncut (EMSGSIZE): ` +
        "use a shorter length, or allow fragments",
    );
    const fits = config({ ...sender, length: [65_488], echo: true }, { maxPacketSize: 65_507 });
    assertEquals((await flows.packetClient(server.address, fits, options())).senders[0].received, 10);
  },
});

Deno.test("packetClient() refuses what Deno's own network API cannot do", async () => {
  await using flows = makers.portable();
  const [code, message] = await failure(
    flows.packetClient("127.0.0.1:9", config({ gso: true }, { dscp: 46, ecn: 1, sockopt: [] }), options()),
  );
  assertEquals(code, "ffi-unavailable");
  assert(message.startsWith("dscp and ecn and sockopt and gso cannot be set: raw sockets are not available"), message);
});
