import { assertEquals, assertRejects } from "@std/assert";
import { TineError } from "../../src/base/errors.ts";
import { availability } from "../../src/sys/libc.ts";
import { SockAddr } from "../../src/sys/address.ts";
import { Socket } from "../../src/sys/socket.ts";
import { Agent } from "../../src/udf/agent.ts";
import { AgentServer } from "../../src/udf/agent_server.ts";
import { createHandler as mirror } from "../../src/udf/handlers/mirror.ts";
import { listenInherited } from "../../src/udf/inherited_listener.ts";
import { INIT, pointRequest, UdfDriver, values } from "../support/udf_driver.ts";
import { unless } from "../support/unless.ts";

const ffi = availability();
const whyNot = ffi.available ? undefined : ffi.reason;

/** A file descriptor that listens, as it is passed by another program. */
function passedFd(): { fd: number; port: number } {
  const socket = Socket.open("tcp", "ipv4");
  socket.bind(SockAddr.loopback("ipv4", 0));
  socket.listen();
  const { port } = socket.localAddress();
  return { fd: socket.detach(), port };
}

Deno.test({
  ...unless(whyNot, "listenInherited() accepts connections of a socket that was passed, and serves them whole"),
  async fn() {
    const { fd, port } = passedFd();
    const { listener, address } = await listenInherited(fd);
    assertEquals(address, { hostname: "127.0.0.1", port });
    const log: string[] = [];
    const server = new AgentServer(listener, (connection) => new Agent(connection, mirror), {
      log: (message) => log.push(message),
    });
    const serving = server.serve();
    const count = 3_000;
    for (let round = 0; round < 2; round++) {
      const connection = await Deno.connect({ port });
      const driver = new UdfDriver(connection);
      driver.send(INIT, ...Array.from({ length: count }, (_, i) => pointRequest(i))).end();
      assertEquals(values(await driver.rest()).length, count);
      connection.close();
    }
    // A connection that is cut concerns no other.
    const cut = await Deno.connect({ port });
    await cut.write(Uint8Array.of(200));
    cut.close();
    await server.stop();
    await serving;
  },
});

Deno.test({
  ...unless(whyNot, "listenInherited() ends waits and connections that nobody has accepted when it is closed"),
  async fn() {
    const { fd, port } = passedFd();
    const { listener } = await listenInherited(fd);
    const waiting = assertRejects(() => listener.accept(), Deno.errors.BadResource);
    listener.close();
    await waiting;
    await assertRejects(() => Deno.connect({ port }), Deno.errors.ConnectionRefused);
  },
});

Deno.test({
  ...unless(whyNot, "listenInherited() refuses what does not listen, in one sentence"),
  async fn() {
    using connected = Socket.open("udp", "ipv4");
    using file = await Deno.open(new URL(import.meta.url));
    void file;
    for (const fd of [connected.fd, 1000]) {
      const error = await assertRejects(() => listenInherited(fd), TineError);
      assertEquals(error.code, "cannot-listen");
      assertEquals(error.message, `cannot listen on the file descriptor ${fd}: it is no socket that listens`);
    }
  },
});
