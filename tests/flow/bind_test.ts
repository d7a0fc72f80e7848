import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { bindOf, bindProblem, parseBind } from "../../src/flow/bind.ts";
import type { Flows } from "../../src/flow/flows.ts";
import { TineError } from "../../src/base/errors.ts";
import { parseHostPort } from "../../src/base/address.ts";
import { makers, rawSockets } from "./packet/packet_makers.ts";
import { PacketEvents } from "./packet/packet_events.ts";

const { signal } = new AbortController();

Deno.test("parseBind() reads addresses, interfaces and ports, each with or without the others", () => {
  const forms: [string, [string?, string?, number?]][] = [
    ["10.0.0.1", ["10.0.0.1", undefined, 0]],
    ["10.0.0.1:5000", ["10.0.0.1", undefined, 5000]],
    ["10.0.0.1%eth0.7:5000", ["10.0.0.1", "eth0.7", 5000]],
    ["%eth0", [undefined, "eth0", 0]],
    ["%eth0:5000", [undefined, "eth0", 5000]],
    [":5000", [undefined, undefined, 5000]],
    ["::1", ["::1", undefined, 0]],
    ["fe80::1%2", ["fe80::1", "2", 0]],
    ["[fe80::1%eth0]:5000", ["fe80::1", "eth0", 5000]],
    ["[2001:db8::1]", ["2001:db8::1", undefined, 0]],
  ];
  for (const [text, expected] of forms) {
    const { host, device, port } = parseBind(text);
    assertEquals([host, device, port], expected, text);
  }
});

Deno.test("parseBind() refuses what is no bind, and names it", () => {
  const wrong = ["", ":0", "%", "eth0", "10.0.0.256", "10.0.0.1:", "10.0.0.1:70000", "fe80::1", "[fe80::1]:5", "a%b/c"];
  for (const text of [...wrong, "localhost:5", "::1:g", "[10.0.0.1]:5", "10.0.0.1%abcdefghijklmnop"]) {
    const { code, message } = assertThrows(() => parseBind(text), TineError);
    assert(code === "invalid-bind" && message.startsWith(`"${text}" `), message);
  }
  assertEquals(bindProblem("10.0.0.1", "tcp6"), '"10.0.0.1" has an IPv4 address, but protocol is tcp6');
  assertEquals(bindProblem("::1", "udp4"), '"::1" has an IPv6 address, but protocol is udp4');
  for (const protocol of ["tcp6", undefined]) assertEquals(bindProblem(":5000", protocol), undefined);
});

Deno.test("bindOf() gives flows the ports that follow, where there is one", () => {
  assertEquals([0, 1, 2].map((i) => bindOf("10.0.0.1:5000", i)), ["10.0.0.1:5000", "10.0.0.1:5001", "10.0.0.1:5002"]);
  assertEquals([bindOf("%eth0", 3), bindOf(undefined, 3)], ["%eth0", undefined]);
  assertThrows(() => bindOf(":65535", 1), TineError, "no port left for flow 2");
});

/** Runs a flow of a protocol, and returns what the server knows of its client. */
async function clientOf(flows: Flows, protocol: "tcp" | "udp", listenAddr: string, bind: string): Promise<string> {
  const events = new PacketEvents();
  const serve = protocol === "tcp" ? flows.streamServer : flows.packetServer;
  await using server = await serve.call(flows, { listenAddr }, { events, signal });
  if (protocol === "tcp") {
    const upload = { flow: "a", length: 100 };
    await flows.streamClient(server.address, { bind, upload }, { events, signal });
  } else {
    const sender = [{ unresponsive: { wait: [1], duration: 5, echo: true } }];
    await flows.packetClient(server.address, { bind, flow: "a", sender }, { events, signal });
  }
  // Its last events come before it has ended.
  await server[Symbol.asyncDispose]();
  const [atClient, atServer] = [false, true].map((at) => events.infos.find(({ server }) => server === at)!.values);
  assertEquals(atClient.client, atServer.client);
  return String(atServer.client);
}

/** A name of the machine itself that has an address; undefined without one. */
async function nameOf(address: string): Promise<string | undefined> {
  const hosts = await Deno.readTextFile("/etc/hosts").catch(() => "");
  return hosts.split("\n").map((line) => line.split(/\s+/)).find(([first]) => first === address)?.[1];
}

/** A port that is free for a moment at least. */
function freePort(hostname: string): number {
  using listener = Deno.listen({ hostname, port: 0 });
  return listener.addr.port;
}

// All of 127.0.0.0/8 is this machine on Linux alone.
const ignore = Deno.build.os !== "linux";

for (const kind of Object.keys(makers)) {
  // Deno's own network API binds no client of TCP.
  for (const protocol of kind === "ffi" ? ["tcp", "udp"] as const : ["udp"] as const) {
    Deno.test({
      name: `clients come from the address and port that they are bound to, ${protocol}, ${kind}`,
      ignore,
      async fn() {
        await using flows = makers[kind]();
        const at = (listenAddr: string, bind: string) => clientOf(flows, protocol, listenAddr, bind);
        assertEquals(parseHostPort(await at("127.0.0.1:0", "127.0.0.5")).hostname, "127.0.0.5");
        const ports = [freePort("127.0.0.6"), freePort("::1")];
        assertEquals(await at("127.0.0.1:0", `127.0.0.6:${ports[0]}`), `127.0.0.6:${ports[0]}`);
        assertEquals(await at("[::1]:0", `[::1]:${ports[1]}`), `[::1]:${ports[1]}`);
        assertEquals(parseHostPort(await at("127.0.0.1:0", `:${ports[0]}`)).port, ports[0]);
      },
    });
  }
}

Deno.test({
  name: "clients reach a name at the family of the address that they are bound to",
  ignore: ignore || !rawSockets,
  async fn() {
    await using flows = makers.ffi();
    const events = new PacketEvents();
    const options = { events, signal };
    for (const [listenAddr, bind] of [["127.0.0.1:0", "127.0.0.1"], ["[::1]:0", "::1"]]) {
      await using server = await flows.streamServer({ listenAddr }, options);
      const { port } = parseHostPort(server.address), name = await nameOf(bind);
      // Not every machine has a name for ::1.
      if (name === undefined) continue;
      await flows.streamClient(`${name}:${port}`, { bind, upload: { flow: "a", length: 1 } }, options);
    }
    const { message } = await assertRejects(
      () => flows.streamClient("127.0.0.1:9", { bind: "::1", upload: { flow: "a", length: 1 } }, options),
      TineError,
    );
    assertEquals(message, "127.0.0.1 is not an IPv6 address");
  },
});

Deno.test({
  name: "clients that cannot be bound say why in a sentence",
  ignore: ignore || !rawSockets,
  async fn() {
    await using flows = makers.ffi();
    const failure = async (protocol: "tcp" | "udp", bind: string) => {
      const { code, message } = await assertRejects(() => clientOf(flows, protocol, "127.0.0.1:0", bind), TineError);
      return `${code}: ${message}`;
    };
    for (const protocol of ["tcp", "udp"] as const) {
      assertEquals(
        await failure(protocol, "203.0.113.77"),
        "cannot-bind: the client cannot be bound: bind to 203.0.113.77:0: cannot assign requested address (EADDRNOTAVAIL)",
      );
      assertEquals(
        await failure(protocol, "%nowhere7"),
        'unknown-interface: there is no network interface "nowhere7" to bind to',
      );
      assert(parseHostPort(await clientOf(flows, protocol, "127.0.0.1:0", "%lo")).port > 0);
    }
  },
});

Deno.test("streams over Deno's API refuse a bind, and packets an interface", async () => {
  await using flows = makers.portable();
  const failure = (protocol: "tcp" | "udp", bind: string) =>
    assertRejects(() => clientOf(flows, protocol, "127.0.0.1:0", bind), TineError);
  assert((await failure("tcp", "127.0.0.1")).message.startsWith("bind cannot be set: raw sockets"));
  assert((await failure("udp", "%lo")).message.startsWith("the interface of bind cannot be set: raw sockets"));
});
