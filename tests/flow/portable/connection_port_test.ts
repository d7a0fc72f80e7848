import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Scope } from "../../../src/flow/engine/engine_flow.ts";
import { LoopScope } from "../../../src/flow/engine/worker_engine.ts";
import { ConnectionPorts } from "../../../src/flow/portable/connection_port.ts";
import { EventLoop } from "../../../src/flow/portable/portable_host.ts";
import type { StreamRequest } from "../../../src/flow/stream/messages.ts";
import type { StreamPort } from "../../../src/flow/stream/stream_port.ts";
import { SockAddr } from "../../../src/sys/address.ts";
import { SystemError } from "../../../src/sys/errno.ts";
import { READABLE, WRITABLE } from "../../../src/sys/poller.ts";
import { WOULD_BLOCK } from "../../../src/sys/socket.ts";
import { TineError } from "../../../src/base/errors.ts";

const request: StreamRequest = { flow: "a", direction: "upload", sampleIOIntervalMs: 0, bufLenBytes: 65_536 };

/** Two ends of a connection over Deno's API, and the scope that they are watched in. */
async function connectedPair() {
  const loop = new EventLoop();
  const errors: unknown[] = [];
  const scope = new LoopScope(loop, (error) => errors.push(error));
  const ports = new ConnectionPorts(loop);
  const listener = ports.listen(SockAddr.loopback("ipv4", 0), { listenAddr: ":0" });
  const waiting = new Promise<void>((resolve) => {
    const watch = listener.watch(scope, () => {
      watch.close();
      resolve();
    });
  });
  const client = await new Promise<StreamPort>((resolve, reject) => {
    const settle = (result: StreamPort | Error) => result instanceof Error ? reject(result) : resolve(result);
    ports.connect(scope, listener.local, { request }, settle);
  });
  await waiting;
  const server = listener.accept()!;
  assertEquals(listener.accept(), undefined);
  listener.close();
  return { scope, client, server, errors };
}

/** Waits until a port is readable or writable. */
function until(scope: Scope, port: StreamPort, interest: number): Promise<void> {
  return new Promise((resolve) => {
    const watch = port.watch(scope, interest, () => {
      watch.close();
      resolve();
    });
  });
}

/** Reads until the end. */
async function readAll(scope: Scope, port: StreamPort): Promise<number> {
  for (let total = 0;;) {
    const count = port.discard(1 << 20);
    if (count === 0) return total;
    if (count === WOULD_BLOCK) await until(scope, port, READABLE);
    else total += count;
  }
}

Deno.test("ConnectionPort reads what came in any pieces, then blocks, and ends with 0 again and again", async () => {
  const { scope, client, server, errors } = await connectedPair();
  assertEquals([server.local, server.remote].map(String), [client.remote, client.local].map(String));
  assertEquals([server.kernel, server.receive(new Uint8Array(1))], [undefined, WOULD_BLOCK]);
  assertEquals(client.send(Uint8Array.of(1, 2, 3, 4, 5)), 5);
  await until(scope, server, READABLE);
  const two = new Uint8Array(2);
  assertEquals([server.available(), server.receive(two), [...two]], [5, 2, [1, 2]]);
  assertEquals([server.discard(2), server.receive(two), two[0], server.receive(two)], [2, 1, 5, WOULD_BLOCK]);
  client.close();
  await until(scope, server, READABLE);
  assertEquals([server.receive(two), server.receive(two), server.discard(9)], [0, 0, 0]);
  server.close();
  assertEquals(errors, []);
});

Deno.test("ConnectionPort takes one write at a time, and messages behind it; close() loses nothing of them", async () => {
  const { scope, client, server, errors } = await connectedPair();
  const zeros = new Uint8Array(8 * 1024 * 1024);
  assertEquals(client.send(zeros), zeros.length);
  assertEquals(client.send(zeros), WOULD_BLOCK);
  assert(client.sendMessage(new Uint8Array(3), false));
  client.close();
  assertEquals(await readAll(scope, server), zeros.length + 3);
  server.close();
  assertEquals(errors, []);
});

Deno.test("ConnectionPort.reset() drops what waits, and is no error of this end", async () => {
  const { scope, client, server, errors } = await connectedPair();
  const zeros = new Uint8Array(16 * 1024 * 1024);
  client.send(zeros);
  client.sendMessage(new Uint8Array(3), false);
  client.reset();
  let total = 0;
  try {
    total = await readAll(scope, server);
  } catch (error) {
    assert(error instanceof SystemError, "the peer may see a reset");
  }
  assert(total < zeros.length + 3);
  server.close();
  assertEquals(errors, []);
});

Deno.test("ConnectionPort refuses messages when too many wait, and becomes writable when none do", async () => {
  const { scope, client, server } = await connectedPair();
  client.send(new Uint8Array(16 * 1024 * 1024));
  let taken = 0;
  while (client.sendMessage(new Uint8Array(1), false)) taken++;
  assert(taken > 2 && taken < 100, `${taken}`);
  const all = readAll(scope, server);
  await until(scope, client, WRITABLE);
  assertEquals(client.send(new Uint8Array(1)), 1);
  client.close();
  assertEquals(await all, 16 * 1024 * 1024 + taken + 1);
  server.close();
});

Deno.test("ConnectionPorts.connect() says why there is no connection, and gives up when disposed of", async () => {
  const loop = new EventLoop();
  const scope = new LoopScope(loop, () => {});
  const ports = new ConnectionPorts(loop);
  const closed = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = SockAddr.loopback("ipv4", closed.addr.port);
  closed.close();
  const error = await new Promise<StreamPort | Error>((resolve) => ports.connect(scope, address, { request }, resolve));
  assert(error instanceof SystemError && error.errnoName === "ECONNREFUSED", `${error}`);

  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  let settled = false;
  const to = SockAddr.loopback("ipv4", listener.addr.port);
  const attempt = ports.connect(scope, to, { request }, () => settled = true);
  attempt[Symbol.dispose]();
  using second = await Deno.connect({ hostname: "127.0.0.1", port: to.port });
  for (;;) {
    using accepted = await listener.accept();
    if (accepted.remoteAddr.port === second.localAddr.port) break;
    // The first one was made all the same: it is closed.
    assertEquals(await accepted.read(new Uint8Array(1)).catch(() => null), null);
  }
  assertEquals(settled, false);
});

Deno.test("ConnectionPorts.listen() names the address that it cannot bind", () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = SockAddr.loopback("ipv4", taken.addr.port);
  const ports = new ConnectionPorts(new EventLoop());
  const { message } = assertThrows(() => ports.listen(address, { listenAddr: `${address}` }), TineError);
  assertEquals(message, `bind to ${address}: address already in use (EADDRINUSE)`);
});
