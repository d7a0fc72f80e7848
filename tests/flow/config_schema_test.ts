import { assertEquals } from "@std/assert";
import type { input, ZodType } from "zod";
import type { StreamSocketOption } from "../../src/flow/config.ts";
import {
  packetClientSchema,
  packetServerSchema,
  streamClientSchema,
  streamServerSchema,
} from "../../src/flow/config_schema.ts";

function problems<S extends ZodType>(schema: S, config: input<S>): string[] {
  const { error } = schema.safeParse(config);
  return (error?.issues ?? []).map(({ path, message }) => `${path.join(".")} ${message}`);
}

const upload = { flow: "bulk", length: "1B" };

for (
  const [listenAddr, protocol, message] of [
    ["127.0.0.1:99999", undefined, "has the port 99999, expected at most 65535"],
    ["127.0.0.1:0", "6", "has an IPv4 address, but protocol is PROTO6"],
    ["[::1]:0", "4", "has an IPv6 address, but protocol is PROTO4"],
    ["10.0.0.256:0", undefined, "has 10.0.0.256, which is no IP address"],
    ["[fe80::1]:7000", undefined, "has a link-local address without its interface, expected e.g. [fe80::1%eth0]:7000"],
    ["[fe80::1%to-link.7]:7000", undefined, undefined],
    [":0", "6", undefined],
    ["host4:0", "6", undefined],
  ] as const
) {
  Deno.test(`servers ${message === undefined ? "may listen" : "cannot listen"} on ${listenAddr}, ${protocol}`, () => {
    const expected = (name: string) => message === undefined ? [] : [`listenAddr ${message.replace("PROTO", name)}`];
    const tcp = protocol && `tcp${protocol}` as const;
    const udp = protocol && `udp${protocol}` as const;
    assertEquals(problems(streamServerSchema, { listenAddr, protocol: tcp }), expected("tcp"));
    assertEquals(problems(packetServerSchema, { listenAddr, protocol: udp }), expected("udp"));
  });
}

Deno.test("clients cannot dial port 0, no host, or the other family", () => {
  const dial = (addr: string, protocol?: "tcp6") => problems(streamClientSchema, { addr, protocol, upload });
  assertEquals(dial("10.0.0.1:0"), ["addr has the port 0, which no client can dial"]);
  assertEquals(dial(":7000"), ["addr has no host, which a client needs"]);
  assertEquals(dial("10.0.0.1:7000", "tcp6"), ["addr has an IPv4 address, but protocol is tcp6"]);
  assertEquals(dial("10.0.0.1:7000"), []);
});

Deno.test("packetClient refuses packets shorter than their header, or longer than it accepts", () => {
  const sent = (length: string[] | undefined, more: { hmac?: boolean; maxPacketSize?: string } = {}) => {
    const sender = [{ unresponsive: { duration: "1s", length } }];
    return problems(packetClientSchema, { addr: "10.0.0.1:1", flow: "voip", sender, ...more });
  };
  assertEquals(sent(["172B", "60B"]), ["sender has packets of 60B, but the header alone takes 72B with hmac"]);
  assertEquals(sent(["9000B"]), ["sender has packets of 9000B, over the flow's maxPacketSize of 1480B"]);
  assertEquals(sent(["60B"], { hmac: false }), []);
  assertEquals(sent(["9000B"], { maxPacketSize: "9000B" }), []);
  assertEquals(sent(undefined, { maxPacketSize: "56B" }), []);
});

Deno.test("streamClient refuses options that a server does not let it set, and those that have a name here", () => {
  const option = (level: number, opt: number, name: string): StreamSocketOption => ({
    type: "int",
    level,
    opt,
    name,
    value: 1,
  });
  const [device, congestion, tos] = [option(1, 25, "SO_X"), option(6, 13, "TCP_CONGESTION"), option(0, 1, "IP_TOS")];
  const transfer = (direction: "upload" | "download", sockopt: StreamSocketOption[], more = {}) =>
    problems(streamClientSchema, { addr: "10.0.0.1:1", [direction]: { ...upload, sockopt, ...more } });
  const [forbidden] = transfer("download", [device]);
  assertEquals(
    forbidden.split(";")[0],
    "download.sockopt a client may not set SO_X (level 1, option 25) on a server, only on its own socket with side: client",
  );
  assertEquals(transfer("upload", [device]), []);
  assertEquals(transfer("download", [{ ...device, side: "client" }]), []);
  for (const side of ["server", "both"] as const) {
    assertEquals(transfer("upload", [{ ...device, side }])[0].split(" may")[0], "upload.sockopt a client");
  }
  assertEquals(transfer("upload", [congestion], { cca: "reno" }), [
    "upload.sockopt has TCP_CONGESTION, which is cca by another name; leave one out",
  ]);
  assertEquals(transfer("download", [tos], { dscp: 0 }), [
    "download.sockopt has IP_TOS, which is dscp by another name; leave one out",
  ]);
  assertEquals(transfer("upload", [congestion, tos]), []);
});

Deno.test("a warm-up is shorter than what it is of, and a UDP flow has room for its senders", () => {
  const stream = (transfer: object) =>
    problems(streamClientSchema, { addr: "10.0.0.1:1", upload: { flow: "bulk", ...transfer } });
  assertEquals(stream({ duration: "2s", warmup: "2s" }), [
    "upload.warmup is 2s, expected less than the duration of 2s",
  ]);
  assertEquals(stream({ warmup: "1m" }), ["upload.warmup is 1m, expected less than the duration of 1m"]);
  for (const fits of [{ duration: "2s", warmup: "1999ms" }, { length: "1MB", warmup: "1h" }, { warmup: "0s" }]) {
    assertEquals(stream(fits), []);
  }
  const packets = (warmup: string, durations: string[]) =>
    problems(packetClientSchema, {
      ...{ addr: "10.0.0.1:1", flow: "voip", warmup },
      sender: durations.map((duration) => ({ unresponsive: { duration } })),
    });
  assertEquals(packets("1s", ["2s", "500ms"]), ["warmup is 1s, expected less than the duration of 500ms"]);
  assertEquals(packets("1s", Array(129).fill("2s")), ["warmup has 129 senders, expected at most 128 with a warm-up"]);
  assertEquals([packets("1s", Array(128).fill("2s")), packets("0s", Array(256).fill("2s"))], [[], []]);
});

Deno.test("a server listens or joins a group, and a group is no address to listen on or to connect to", () => {
  assertEquals(problems(packetServerSchema, { join: "239.1.2.3%eth0" }), []);
  assertEquals(problems(packetServerSchema, {}), [" expected exactly one of listenAddr and join"]);
  const both = { listenAddr: ":0", join: "239.1.2.3" };
  assertEquals(problems(packetServerSchema, both), [" expected exactly one of listenAddr and join"]);
  assertEquals(problems(packetServerSchema, { join: "239.1.2.3", listenAddrKey: "server" }), [
    " has join and listenAddrKey: clients send to the group itself; leave listenAddrKey out",
  ]);
  assertEquals(problems(packetServerSchema, { join: "10.0.0.1" }), [
    ' "10.0.0.1" has the address 10.0.0.1, expected a group: 224.0.0.0 to 239.255.255.255, or ff00::/8',
  ]);
  const onGroup = "listenAddr has the group 239.1.2.3, on which no server listens: packetServer can join it";
  assertEquals(problems(packetServerSchema, { listenAddr: "239.1.2.3:7001" }), [onGroup]);
  assertEquals(problems(streamClientSchema, { addr: "239.1.2.3:7000", upload }), [
    "addr is a group of multicast, to which only packetClient sends",
  ]);
});

Deno.test("packetClient refuses what a group cannot answer, and what is for groups alone", () => {
  const sent = (addr: string, unresponsive: object, more: object = {}) =>
    problems(packetClientSchema, {
      addr,
      flow: "up",
      sender: [{ unresponsive: { duration: "1s", ...unresponsive } }],
      ...more,
    });
  const group = "239.1.2.3:7001";
  assertEquals(sent(group, {}, { ttl: 4, interface: "eth0", loop: false }), []);
  assertEquals(sent(group, { echo: true }), [
    "addr is the group 239.1.2.3, whose receivers send no echoes: each would answer each packet; echo needs a server",
  ]);
  assertEquals(sent(group, { reverse: true }), [
    "addr is the group 239.1.2.3, whose receivers send nothing; reverse needs a server",
  ]);
  assertEquals(sent("10.0.0.1:7001", {}, { ttl: 4 }), [
    "addr is no group, but ttl is for groups of multicast such as 239.1.2.3",
  ]);
  assertEquals(sent("10.0.0.1:7001", {}, { interface: "eth0" }), [
    "addr is no group, but interface is for groups of multicast such as 239.1.2.3; for a server, bind has the interface",
  ]);
  const requests = { addr: group, flow: "rr", sender: [{ requestResponse: { duration: "1s" } }] };
  assertEquals(problems(packetClientSchema, requests), [
    "addr is the group 239.1.2.3, which answers no requests; requestResponse needs a server",
  ]);
  assertEquals(sent(group, { length: ["100B"] }, { stamp: {} }), [
    "addr is the group 239.1.2.3, which reflects nothing; stamp needs a reflector",
  ]);
  const many = Array.from({ length: 17 }, () => ({ unresponsive: { duration: "1s" } }));
  assertEquals(problems(packetClientSchema, { addr: group, flow: "up", sender: many }), [
    "addr is the group 239.1.2.3, with 17 senders, expected at most 16",
  ]);
});

Deno.test("packetClient refuses what a session of STAMP cannot be, and takes what routers have", () => {
  const unresponsive = { duration: "1s" };
  const session = (sender: object[], more: object = {}) =>
    problems(packetClientSchema, { addr: "10.0.0.1:862", flow: "router", stamp: {}, sender, ...more } as never);
  assertEquals(session([{ unresponsive }]), []);
  assertEquals(session([{ unresponsive: { ...unresponsive, length: ["44B", "1400B"] } }]), []);
  assertEquals(session([{ unresponsive: { ...unresponsive, length: ["44B"] } }], { hmac: true }), [
    "sender has packets of 44B, but the header alone takes 112B with hmac",
  ]);
  assertEquals(session([{ unresponsive }, { unresponsive }]), ["stamp expected one sender, and that unresponsive"]);
  assertEquals(session([{ requestResponse: {} }]), ["stamp expected one sender, and that unresponsive"]);
  assertEquals(session([{ unresponsive: { ...unresponsive, reverse: true } }]), [
    "stamp a reflector sends nothing but replies: expected a sender without reverse",
  ]);
  assertEquals(session([{ unresponsive: { ...unresponsive, gso: true } }]), [
    "stamp each packet has its own time: expected a sender without gso",
  ]);
  assertEquals(session([{ unresponsive }], { stamp: { ssid: 65536 } }), [
    "stamp.ssid expected a whole number of 0 to 65535, not 65536",
  ]);
  assertEquals(session([{ unresponsive }], { addr: "239.1.2.3:862" }), [
    "addr is the group 239.1.2.3, which reflects nothing; stamp needs a reflector",
  ]);
});

Deno.test("packetServer refuses workers and limits of a reflector of STAMP", () => {
  const serve = (more: object) => problems(packetServerSchema, { listenAddr: "10.0.0.1:862", stamp: {}, ...more });
  assertEquals(serve({}), []);
  assertEquals(serve({ workers: 2 }), ["stamp a reflector of STAMP has one worker"]);
  assertEquals(serve({ maxFlows: 2 }), [
    "stamp a reflector of STAMP has no flows to limit: leave maxRate, maxDuration and maxFlows out",
  ]);
});
