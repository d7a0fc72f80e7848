import * as ip from "../../src/sys/ip_options.ts";
import * as options from "../../src/sys/socket_options.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Family } from "../../src/base/address.ts";
import {
  byteOption,
  congestionControls,
  intOption,
  setCongestionControl,
  textOption,
} from "../../src/sys/socket_options.ts";
import { IP_MTU_DISCOVER, IPPROTO_IP } from "../../src/sys/constants.ts";
import { Socket } from "../../src/sys/socket.ts";
import { SystemError } from "../../src/sys/errno.ts";
import { TineError } from "../../src/base/errors.ts";
import { tcpPair } from "./tcp_pair.ts";
import { udpPair } from "./udp_pair.ts";

const ignore = Deno.build.os !== "linux";
const families: readonly Family[] = ["ipv4", "ipv6"];

Deno.test({
  name: "Socket.set() and get() agree for flags",
  ignore,
  fn() {
    using tcp = Socket.open("tcp", "ipv6");
    using udp = Socket.open("udp", "ipv6");
    for (
      const [socket, option] of [
        [tcp, options.noDelay],
        [tcp, options.reuseAddress],
        [tcp, options.v6Only],
        [udp, options.receiveTimestamps],
        [udp, options.receiveDrops],
        [udp, options.receiveOffload],
      ] as const
    ) {
      for (const value of [true, false]) {
        socket.set(option, value);
        assertEquals(socket.get(option), value, option.name);
      }
    }
  },
});

Deno.test({
  name: "Socket.set() and get() agree for numbers, names and linger",
  ignore,
  fn() {
    using tcp = Socket.open("tcp", "ipv4");
    using udp = Socket.open("udp", "ipv4");
    for (const option of [options.sendBufferBytes, options.receiveBufferBytes]) {
      udp.set(option, 50_000);
      assertEquals(udp.get(option), 100_000);
    }
    tcp.set(options.userTimeoutMs, 1234);
    tcp.set(options.notSentLowWaterBytes, 65_536);
    assertEquals([tcp.get(options.userTimeoutMs), tcp.get(options.notSentLowWaterBytes)], [1234, 65_536]);
    udp.set(options.segmentBytes, 1400);
    assertEquals(udp.get(options.segmentBytes), 1400);
    udp.set(options.bindToDevice, "lo");
    assertEquals(udp.get(options.bindToDevice), "lo");
    for (const seconds of [undefined, 0, 5]) {
      tcp.set(options.lingerSeconds, seconds);
      assertEquals(tcp.get(options.lingerSeconds), seconds);
    }
    tcp.set(options.maxSegmentBytes, 1000);
  },
});

Deno.test({
  name: "Socket.set() says which option and value the kernel refuses",
  ignore,
  fn() {
    using socket = Socket.open("udp", "ipv4");
    const error = assertThrows(() => socket.set(options.noDelay, true), SystemError);
    assertEquals(
      error.message,
      "setsockopt TCP_NODELAY = true on a udp socket: protocol not available (ENOPROTOOPT)",
    );
    assertThrows(() => socket.set(options.bindToDevice, "nope-0"), SystemError, "no such device (ENODEV)");
  },
});

Deno.test("SocketOption.encode() refuses what is no value of it", () => {
  const bad = (run: () => unknown) => assertEquals(assertThrows(run, TineError).code, "invalid-socket-option");
  for (const value of [0.5, NaN, 2 ** 32, -(2 ** 31) - 1]) bad(() => intOption(1, 2, "X").encode(value));
  for (const value of [-1, 256, 0.5]) bad(() => byteOption(1, 2, "X").encode(value));
  bad(() => textOption(1, 2, "X", 4).encode("abcd"));
  bad(() => textOption(1, 2, "X").encode("a\0b"));
  assertEquals([...intOption(1, 2, "X").encode(0xffff_fffe)], [254, 255, 255, 255]);
  assertEquals(textOption(1, 2, "X", 4).decode(textOption(1, 2, "X", 4).encode("abc")), "abc");
});

for (const family of families) {
  Deno.test({
    name: `setTrafficClass() and its like work on every socket of ${family}`,
    ignore,
    fn() {
      using tcp = tcpPair(family);
      using udp = udpPair(family);
      for (const socket of [tcp.client, udp.client]) {
        // The length field of IPv4 has 16 bits.
        assertEquals(ip.pathMtu(socket), family === "ipv4" ? Math.min(mtuOfLoopback(), 65_535) : mtuOfLoopback());
        ip.setTrafficClass(socket, 0xb8);
        assertEquals(ip.getTrafficClass(socket), 0xb8);
        ip.setHopLimit(socket, 3);
        for (const what of ["fragment", "refuse", "probe"] as const) ip.setOversize(socket, what);
      }
      using only = Socket.open("udp", "ipv6");
      only.set(options.v6Only, true);
      ip.setTrafficClass(only, 4);
      assertEquals(ip.getTrafficClass(only), 4);
    },
  });
}

function mtuOfLoopback(): number {
  return Number(Deno.readTextFileSync("/sys/class/net/lo/mtu"));
}

Deno.test({
  name: "setOversize() decides over fragments",
  ignore,
  fn() {
    using pair = udpPair("ipv4");
    const mode = intOption(IPPROTO_IP, IP_MTU_DISCOVER, "IP_MTU_DISCOVER");
    for (const [what, number] of [["fragment", 0], ["refuse", 2], ["probe", 3]] as const) {
      ip.setOversize(pair.client, what);
      assertEquals(pair.client.get(mode), number);
    }
  },
});

Deno.test({
  name: "setCongestionControl() sets what there is, and lists it for what there is not",
  ignore,
  fn() {
    const usable = congestionControls();
    assert(usable.length > 0);
    using socket = Socket.open("tcp", "ipv4");
    for (const name of usable) {
      setCongestionControl(socket, name);
      assertEquals(socket.get(options.congestionControl), name);
    }
    const before = socket.get(options.congestionControl);
    const error = assertThrows(() => setCongestionControl(socket, "nope"), TineError);
    assertEquals(socket.get(options.congestionControl), before);
    assertEquals(error.code, "unknown-cca");
    assertEquals(
      error.message,
      `the kernel has no congestion control "nope" (ENOENT); usable: ${
        congestionControls(Deno.uid() === 0).join(", ")
      }`,
    );
    assertThrows(() => setCongestionControl(socket, "a-name-that-is-too-long"), TineError, "at most 15 bytes");
    using udp = Socket.open("udp", "ipv4");
    assertThrows(() => setCongestionControl(udp, "cubic"), SystemError);
  },
});
