import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { Family } from "../../src/base/address.ts";
import { SockAddr } from "../../src/sys/address.ts";
import { Poller, READABLE, WRITABLE } from "../../src/sys/poller.ts";
import { Socket, WOULD_BLOCK } from "../../src/sys/socket.ts";
import { lingerSeconds, v6Only } from "../../src/sys/socket_options.ts";
import { SystemError } from "../../src/sys/errno.ts";
import { openFiles } from "./open_files.ts";
import { tcpPair, until } from "./tcp_pair.ts";
import { udpPair } from "./udp_pair.ts";

const ignore = Deno.build.os !== "linux";
const families: readonly Family[] = ["ipv4", "ipv6"];

function errorOf(run: () => unknown): SystemError {
  return assertThrows(run, SystemError);
}

for (const family of families) {
  Deno.test({
    name: `Socket carries a stream over ${family} in both directions, to its end`,
    ignore,
    fn() {
      using pair = tcpPair(family);
      const { client, server } = pair;
      assert(server.peerAddress().equals(client.localAddress()) && client.peerAddress().equals(server.localAddress()));
      const room = new Uint8Array(10);
      assertEquals(server.receive(room), WOULD_BLOCK);
      assertEquals(client.send(Uint8Array.of(1, 2, 3)), 3);
      until(server, READABLE);
      assertEquals([server.receive(room), [...room.subarray(0, 3)]], [3, [1, 2, 3]]);
      assertEquals(server.send(Uint8Array.of(9).subarray(0)), 1);
      client.shutdown("send");
      until(client, READABLE);
      assertEquals([client.receive(room.subarray(5)), room[5]], [1, 9]);
      until(server, READABLE);
      assertEquals(server.receive(room), 0);
    },
  });

  Deno.test({
    name: `Socket.send() over ${family} takes what there is room for, and says when there is none`,
    ignore,
    fn() {
      using pair = tcpPair(family);
      const bytes = new Uint8Array(1 << 20);
      let sent = 0;
      for (;;) {
        const count = pair.client.send(bytes);
        if (count === WOULD_BLOCK) break;
        assert(count > 0);
        sent += count;
      }
      let received = 0;
      while (received < sent) {
        until(pair.server, READABLE);
        const count = pair.server.receive(bytes);
        assert(count > 0);
        received += count;
      }
      until(pair.client, WRITABLE);
      assertEquals([received, pair.client.send(bytes) > 0], [sent, true]);
    },
  });

  Deno.test({
    name: `Socket.discard() over ${family} throws away as much as asked of what is available, to its end`,
    ignore,
    fn() {
      using pair = tcpPair(family);
      const { client, server } = pair;
      assertEquals([server.available(), server.discard(10)], [0, WOULD_BLOCK]);
      client.send(Uint8Array.of(1, 2, 3, 4, 5));
      until(server, READABLE);
      assertEquals([server.available(), server.discard(3), server.available()], [5, 3, 2]);
      const room = new Uint8Array(10);
      assertEquals([server.receive(room), room[0], room[1]], [2, 4, 5]);
      client.send(Uint8Array.of(6));
      client.shutdown("send");
      until(server, READABLE);
      assertEquals([server.discard(10), server.available()], [1, 0]);
      until(server, READABLE);
      assertEquals([server.discard(10), server.available()], [0, 0]);
    },
  });

  Deno.test({
    name: `Socket.sendTo() reaches an address over ${family}`,
    ignore,
    fn() {
      using pair = udpPair(family);
      using other = Socket.open("udp", family);
      assertEquals(other.sendTo(Uint8Array.of(4, 5), pair.server.localAddress()), 2);
      const room = new Uint8Array(10);
      assertEquals([pair.server.receive(room), room[1]], [2, 5]);
    },
  });

  Deno.test({
    name: `Socket.connect() over ${family} that is refused reports it later`,
    ignore,
    fn() {
      using unused = Socket.open("tcp", family);
      unused.bind(SockAddr.loopback(family, 0));
      using client = Socket.open("tcp", family);
      const address = unused.localAddress();
      if (!client.connect(address)) until(client, WRITABLE);
      assertEquals(client.pendingError()?.errnoName, "ECONNREFUSED");
      assertEquals(client.pendingError(), undefined);
    },
  });
}

Deno.test({
  name: "Socket.accept() gives the connections that wait, and then undefined",
  ignore,
  fn() {
    using server = Socket.open("tcp", "ipv6");
    server.bind(SockAddr.loopback("ipv6", 0));
    server.listen();
    assertEquals(server.accept(), undefined);
    const clients = Array.from({ length: 5 }, () => Socket.open("tcp", "ipv6"));
    for (const client of clients) client.connect(server.localAddress());
    const poller = new Poller();
    const accepted: Socket[] = [];
    poller.watch(server.fd, READABLE, () => {
      for (let socket; (socket = server.accept()) !== undefined;) accepted.push(socket);
    });
    while (accepted.length < 5) assertEquals(poller.poll(5e9), 1);
    const ports = (sockets: Socket[], of: (socket: Socket) => SockAddr) => sockets.map((each) => of(each).port).sort();
    assertEquals(ports(accepted, (each) => each.peerAddress()), ports(clients, (each) => each.localAddress()));
    for (const socket of [...clients, ...accepted]) socket.close();
  },
});

Deno.test({
  name: "Socket of IPv6 takes IPv4 unless it is v6Only",
  ignore,
  fn() {
    for (const only of [false, true]) {
      using server = Socket.open("udp", "ipv6");
      server.set(v6Only, only);
      server.bind(SockAddr.wildcard("ipv6", 0));
      using client = Socket.open("udp", "ipv4");
      client.connect(SockAddr.loopback("ipv4", server.localAddress().port));
      client.send(Uint8Array.of(1));
      assertEquals(server.receive(new Uint8Array(1)), only ? WOULD_BLOCK : 1);
    }
  },
});

Deno.test({
  name: "Socket reports what the kernel refuses, and where",
  ignore,
  fn() {
    using pair = udpPair("ipv4");
    const address = pair.server.localAddress();
    using socket = Socket.open("udp", "ipv4");
    assertEquals(
      errorOf(() => socket.bind(address)).message,
      `bind to ${address}: address already in use (EADDRINUSE)`,
    );
    assertEquals(errorOf(() => socket.bind(SockAddr.parse("192.0.2.1:0"))).errnoName, "EADDRNOTAVAIL");
    assertEquals(errorOf(() => socket.listen()).errnoName, "EOPNOTSUPP");
    assertEquals(errorOf(() => socket.peerAddress()).errnoName, "ENOTCONN");
    assertEquals(
      errorOf(() => socket.connect(SockAddr.parse("[::1]:1"))).message.slice(0, 21),
      "connect to [::1]:1: a",
    );
    assertEquals(errorOf(() => pair.client.send(new Uint8Array(70_000))).errnoName, "EMSGSIZE");
    assertMatch(
      errorOf(() => pair.client.send(new Uint8Array(70_000))).message,
      /^send udp 127\.0\.0\.1:\d+ to 127\.0/,
    );
  },
});

Deno.test({
  name: "Socket.send() after a reset throws, and the process lives",
  ignore,
  fn() {
    using pair = tcpPair("ipv4");
    pair.server.set(lingerSeconds, 0);
    pair.server.close();
    until(pair.client, READABLE);
    assertEquals(errorOf(() => pair.client.receive(new Uint8Array(1))).errnoName, "ECONNRESET");
    assertEquals(errorOf(() => pair.client.send(new Uint8Array(1))).errnoName, "EPIPE");
  },
});

Deno.test({
  name: "Socket.close() closes once, and calls on it fail",
  ignore,
  fn() {
    const before = openFiles();
    const socket = Socket.open("tcp", "ipv4");
    assertEquals(openFiles(), before + 1);
    socket.close();
    assertEquals([openFiles(), socket.fd], [before, -1]);
    // Its number may belong to another file by now.
    using other = Socket.open("tcp", "ipv4");
    socket.close();
    other.localAddress();
    assertEquals(errorOf(() => socket.localAddress()).errnoName, "EBADF");
    assertEquals(errorOf(() => socket.available()).message, "ioctl FIONREAD of tcp: bad file descriptor (EBADF)");
    assertEquals(`${socket}`, "tcp");
  },
});

Deno.test({
  name: "Socket.borrow() uses the socket of another thread, which keeps it open",
  ignore,
  fn() {
    const before = openFiles();
    {
      using socket = Socket.open("udp", "ipv4");
      socket.bind(SockAddr.loopback("ipv4", 0));
      const address = socket.localAddress();
      using borrowed = Socket.borrow(socket.fd, "udp", "ipv4");
      assert(borrowed.localAddress().equals(address));
      borrowed.close();
      assertEquals(borrowed.fd, -1);
      assert(socket.localAddress().equals(address));
    }
    assertEquals(openFiles(), before);
  },
});

Deno.test({
  name: "Socket.packetPair() makes sockets that have each other's packets, whole and in order",
  ignore,
  fn() {
    const [one, other] = Socket.packetPair();
    using _one = one, _other = other;
    const room = new Uint8Array(10);
    assertEquals(other.receive(room), WOULD_BLOCK);
    one.send(Uint8Array.of(1));
    one.send(Uint8Array.of(2, 3));
    assertEquals([other.receive(room), room[0], other.receive(room), room[1]], [1, 1, 2, 3]);
    other.send(Uint8Array.of(4));
    assertEquals([one.receive(room), room[0]], [1, 4]);
  },
});
