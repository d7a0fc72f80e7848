import { assertEquals } from "@std/assert";
import type { Family } from "../../src/base/address.ts";
import { SockAddr } from "../../src/sys/address.ts";
import { Poller, READABLE, WRITABLE } from "../../src/sys/poller.ts";
import { Socket } from "../../src/sys/socket.ts";

/** The two ends of a TCP connection over loopback. */
export interface TcpPair extends Disposable {
  readonly client: Socket;
  readonly server: Socket;
}

/** Connects both. */
export function tcpPair(family: Family): TcpPair {
  using listener = Socket.open("tcp", family);
  listener.bind(SockAddr.loopback(family, 0));
  listener.listen();
  const client = Socket.open("tcp", family);
  if (!client.connect(listener.localAddress())) until(client, WRITABLE);
  assertEquals(client.pendingError(), undefined);
  until(listener, READABLE);
  const server = listener.accept()!;
  return {
    client,
    server,
    [Symbol.dispose]() {
      client.close();
      server.close();
    },
  };
}

/** Waits until a socket is readable or writable. */
export function until(socket: Socket, interest: number): void {
  const poller = new Poller();
  poller.watch(socket.fd, interest, () => {});
  assertEquals(poller.poll(10e9), 1);
}
