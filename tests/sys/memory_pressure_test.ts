import { assertEquals, assertThrows } from "@std/assert";
import { Arena } from "../../src/sys/arena.ts";
import { Errno, SystemError } from "../../src/sys/errno.ts";
import { libc } from "../../src/sys/libc.ts";
import { ReceiveBatch } from "../../src/sys/receive_batch.ts";
import { SendBatch } from "../../src/sys/send_batch.ts";
import { receiveTimestamps } from "../../src/sys/socket_options.ts";
import { WOULD_BLOCK } from "../../src/sys/socket.ts";
import { udpPair } from "./udp_pair.ts";

const ignore = Deno.build.os !== "linux";

/** Garbage of both kinds: buffers outside of V8's heap, and small objects in it. Frees it all from time to time. */
class Garbage {
  #kept: unknown[] = [];

  make(): void {
    this.#kept.push(new Uint8Array(100_000).fill(0x5a), Array.from({ length: 100 }, (_, i) => ({ i })));
    if (this.#kept.length > 400) this.#kept = [];
  }
}

Deno.test({
  name: "a million calls under memory pressure carry every message unharmed",
  ignore,
  fn() {
    using pair = udpPair("ipv4");
    pair.server.set(receiveTimestamps, true);
    const garbage = new Garbage();
    let calls = 0, sequence = 0, expected = 0;
    // Batches come and go as flows do, so that their memory lies where garbage was.
    for (let flow = 0; flow < 25; flow++) {
      using arena = new Arena();
      const sending = new SendBatch(arena, { capacity: 8, maxBytes: 100 });
      const receiving = new ReceiveBatch(arena, { capacity: 8 });
      for (let round = 0; round < 13_400; round++) {
        for (let i = 0; i < 8; i++) {
          const { view } = sending, place = sending.place(i);
          view.setFloat64(place, sequence);
          view.setFloat64(place + 92, -sequence++);
        }
        assertEquals(sending.send(pair.client), 8);
        if (round % 50 === 0) garbage.make();
        assertEquals(receiving.receive(pair.server), 8);
        for (let i = 0; i < 8; i++) {
          const view = receiving.view(i);
          if (view.getFloat64(0) !== expected || view.getFloat64(92) !== -expected || receiving.length(i) !== 100) {
            throw new Error(`message ${expected} was harmed in round ${round} of flow ${flow}`);
          }
          expected++;
        }
        // The error number is that of this call, whatever V8 asked of the system meanwhile.
        if (receiving.receive(pair.server) !== WOULD_BLOCK) throw new Error("there is a message that nobody sent");
        calls += 3;
      }
    }
    assertEquals([calls >= 1e6, expected], [true, sequence]);
  },
});

Deno.test({
  name: "Arena keeps memory that nothing but an address leads to",
  ignore,
  fn() {
    const garbage = new Garbage();
    using arena = new Arena();
    // As small as a structure, and large enough for a chunk of its own.
    const addresses = Array.from({ length: 60 }, (_, i) => {
      const { bytes, address } = arena.allocate(i % 2 === 0 ? 64 : 100_000);
      bytes.fill(i + 1);
      return address;
    });
    for (let i = 0; i < 20_000; i++) garbage.make();
    for (const [i, address] of addresses.entries()) {
      const view = new Deno.UnsafePointerView(Deno.UnsafePointer.create(address)!);
      for (const offset of [0, 31, 63]) assertEquals(view.getUint8(offset), i + 1);
    }
  },
});

Deno.test({
  name: "Libc.errno is that of the call before, under memory pressure too",
  ignore,
  fn() {
    const garbage = new Garbage();
    const { calls, errno } = libc();
    for (let i = 0; i < 200_000; i++) {
      if (i % 20 === 0) garbage.make();
      const other = i % 2 === 0;
      const result = other ? calls.close(-1) : calls.socket(999, 1, 0);
      const number = errno[0];
      if (result !== -1 || number !== (other ? 9 : 97)) throw new Error(`call ${i}: ${result}, errno ${number}`);
    }
  },
});

Deno.test({
  name: "Libc.interrupted() distinguishes again, later, and never",
  ignore,
  fn() {
    // The numbers come from calls that fail with them.
    using pair = udpPair("ipv4");
    const { calls, errno } = libc();
    calls.recv(pair.server.fd, new Uint8Array(1), 1n, 0);
    assertEquals(errno[0], Errno.EAGAIN);
    assertEquals(libc().interrupted(Errno.EAGAIN, "recv"), false);
    assertEquals(libc().interrupted(Errno.EINTR, "recv"), true);
    assertThrows(
      () => libc().interrupted(9, "close", "of nothing"),
      SystemError,
      "close of nothing: bad file descriptor",
    );
  },
});
