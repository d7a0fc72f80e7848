import { assertEquals, assertThrows } from "@std/assert";
import { interfaceIndex, SockAddr } from "../../src/sys/address.ts";
import { IP_MULTICAST_IF, IPPROTO_IP } from "../../src/sys/constants.ts";
import { SystemError } from "../../src/sys/errno.ts";
import { availability } from "../../src/sys/libc.ts";
import { joinGroup, setMulticastHops, setMulticastInterface, setMulticastLoop } from "../../src/sys/multicast.ts";
import { Socket } from "../../src/sys/socket.ts";
import { intOption } from "../../src/sys/socket_options.ts";

const ignore = !availability().available;
const loopback = () => interfaceIndex("lo");

/** A group of this test alone, and how the kernel writes it. */
const GROUP = SockAddr.of("239.77.18.3", 0);
const HEX = "03124DEF";

/** The lines of /proc/net/igmp that have the group: those of the loopback are enough. */
function memberships(): number {
  return Deno.readTextFileSync("/proc/net/igmp").split("\n").filter((line) => line.includes(HEX)).length;
}

Deno.test({
  name: "joinGroup() makes the kernel a member of the group until the socket is closed",
  ignore,
  fn() {
    assertEquals(memberships(), 0);
    for (const source of [undefined, SockAddr.of("127.0.0.1", 0)]) {
      using socket = Socket.open("udp", "ipv4");
      joinGroup(socket, { group: GROUP, source, interfaceIndex: loopback() });
      assertEquals(memberships(), 1);
      if (source === undefined) continue;
      const [line] = Deno.readTextFileSync("/proc/net/mcfilter").split("\n").filter((line) =>
        line.includes("ef4d1203")
      );
      assertEquals(line.trim().split(/\s+/).slice(2), ["0xef4d1203", "0x7f000001", "1", "0"]);
    }
    assertEquals(memberships(), 0);
  },
});

Deno.test({
  name: "joinGroup() names an address that is no group, and an interface that is not there",
  ignore,
  fn() {
    using socket = Socket.open("udp", "ipv4");
    const join = (host: string, interfaceIndex: number) => () =>
      joinGroup(socket, { group: SockAddr.of(host, 0), interfaceIndex });
    assertEquals(assertThrows(join("10.0.0.1", loopback()), SystemError).errnoName, "EINVAL");
    assertEquals(assertThrows(join("239.77.18.3", 99_999), SystemError).errnoName, "ENODEV");
  },
});

for (const family of ["ipv4", "ipv6"] as const) {
  Deno.test({
    name: `what is sent to groups over ${family} has the hop limit, loop and interface that were set`,
    ignore,
    fn() {
      using socket = Socket.open("udp", family);
      setMulticastHops(socket, 7);
      setMulticastLoop(socket, false);
      setMulticastInterface(socket, loopback());
      const [level, base] = family === "ipv4" ? [IPPROTO_IP, 33] : [41, 18];
      assertEquals(socket.get(intOption(level, base, "hops")), 7);
      assertEquals(socket.get(intOption(level, base + 1, "loop")), 0);
      if (family === "ipv6") assertEquals(socket.get(intOption(level, 17, "IPV6_MULTICAST_IF")), loopback());
      // The kernel has no address of the loopback to answer with.
      else assertEquals(socket.get(intOption(level, IP_MULTICAST_IF, "IP_MULTICAST_IF")), 0);
    },
  });
}
