import { assertEquals } from "@std/assert";
import { FlowName, flowPlace, PACKET_HEADER_BYTES } from "../../../src/flow/packet/header.ts";
import { steer, Steering } from "../../../src/flow/packet/steering.ts";
import { availability } from "../../../src/sys/libc.ts";
import { bindTogether, steerReusedPort } from "../../../src/sys/reuse_port.ts";
import { Socket } from "../../../src/sys/socket.ts";
import { SockAddr } from "../../../src/sys/address.ts";

const ignore = !availability().available;

/** The workers of a server, each with its part of the steering. */
function workers(count: number) {
  const sockets = bindTogether("udp", SockAddr.loopback("ipv4", 0), count);
  const client = Socket.open("udp", "ipv4");
  const memory = steer(sockets)!;
  let programs = 0;
  const clock = { nowMs: 5000 };
  const steering = sockets.map((socket, worker) => {
    const share = { worker, workers: count, fd: socket.fd, secret: new Uint8Array(32), memory };
    return new Steering(share, (program) => {
      programs++;
      steerReusedPort(socket, program);
    }, () => clock.nowMs);
  });
  return {
    steering,
    clock,
    get programs() {
      return programs;
    },
    /** Which worker the kernel gives the packets of a flow to. */
    ownerOf(flow: FlowName): number {
      const packet = new Uint8Array(PACKET_HEADER_BYTES);
      flow.write(new DataView(packet.buffer), flowPlace(0));
      client.sendTo(packet, sockets[0].localAddress());
      return sockets.findIndex((socket) => socket.receive(new Uint8Array(100)) === packet.length);
    },
    [Symbol.dispose]() {
      for (const socket of [client, ...sockets]) socket.close();
    },
  };
}

const [a, b, c, d] = ["a", "b", "c", "d"].map((name) => new FlowName(name));

Deno.test({
  name: "Steering gives flows that are asked for at once to different workers",
  ignore,
  fn() {
    using server = workers(4);
    for (const flow of [a, b, c, d]) server.steering[0].expect(flow);
    assertEquals([a, b, c, d].map((flow) => server.ownerOf(flow)).sort(), [0, 1, 2, 3]);
    // Asked again, each stays where it is.
    const before = server.programs;
    for (const flow of [a, b, c, d]) server.steering[1].expect(flow);
    assertEquals(server.programs, before);
  },
});

Deno.test({
  name: "Steering keeps the packets of a flow at its worker until that has forgotten it",
  ignore,
  fn() {
    using server = workers(2);
    const [first, second] = server.steering;
    assertEquals(first.keep(a), true);
    first.count(1);
    assertEquals([second.keep(a), server.ownerOf(a)], [false, 0]);
    // It is asked for again, and the other worker has less to do: it stays.
    first.expect(a);
    assertEquals([first.keep(a), second.keep(a)], [true, false]);
    first.leave(a);
    first.leave(a);
    first.count(-1);
    assertEquals([second.keep(a), server.ownerOf(a)], [true, 1]);
  },
});

Deno.test({
  name: "Steering has a flow move to the worker with the fewest, and expects clients for two seconds only",
  ignore,
  fn() {
    using server = workers(2);
    const [first, second] = server.steering;
    first.keep(a);
    first.count(1);
    second.expect(b);
    assertEquals(second.keep(b), true);
    second.count(1);
    second.count(1);
    first.expect(c);
    assertEquals(first.keep(c), true);
    first.leave(c);
    // Those that never came: the next one goes where the fewest flows are.
    for (let i = 0; i < 20; i++) first.expect(new FlowName(`gone.${i}`));
    server.clock.nowMs += 3000;
    second.expect(d);
    assertEquals(server.ownerOf(d), 0);
  },
});

Deno.test({
  name: "Steering moves no more buckets than there are, however many clients ask and never come",
  ignore,
  fn() {
    using server = workers(2);
    server.steering[0].count(3);
    for (let i = 0; i < 20_000; i++) server.steering[i % 2].expect(new FlowName(`f.${i}`));
    assertEquals(server.programs <= 256, true);
  },
});
