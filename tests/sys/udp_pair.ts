import type { Family } from "../../src/base/address.ts";
import { SockAddr } from "../../src/sys/address.ts";
import { Socket } from "../../src/sys/socket.ts";

/** A UDP socket bound to loopback, and one that is connected to it. */
export interface UdpPair extends Disposable {
  readonly server: Socket;
  readonly client: Socket;
}

/** Opens both. */
export function udpPair(family: Family): UdpPair {
  const server = Socket.open("udp", family);
  server.bind(SockAddr.loopback(family, 0));
  const client = Socket.open("udp", family);
  client.connect(server.localAddress());
  return {
    server,
    client,
    [Symbol.dispose]() {
      server.close();
      client.close();
    },
  };
}
