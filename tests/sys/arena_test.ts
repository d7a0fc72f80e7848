import { assert, assertEquals, assertThrows } from "@std/assert";
import { Arena } from "../../src/sys/arena.ts";
import { ReceiveBatch } from "../../src/sys/receive_batch.ts";
import { SendBatch } from "../../src/sys/send_batch.ts";
import { SystemError } from "../../src/sys/errno.ts";
import { TineError } from "../../src/base/errors.ts";
import { udpPair } from "./udp_pair.ts";

const ignore = Deno.build.os !== "linux";

function bytesAt(address: bigint, length: number): Uint8Array {
  return new Uint8Array(Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(address)!, length));
}

Deno.test({
  name: "Arena.allocate() gives zeroed memory at its address, aligned, and never twice",
  ignore,
  fn() {
    using arena = new Arena();
    const regions = [1, 100, 64, 70_000, 3, 65_536, 9, 4096].map((length, i) => {
      const alignBytes = 2 ** i;
      const region = arena.allocate(length, alignBytes);
      assertEquals(region.address % BigInt(alignBytes), 0n);
      assertEquals([region.bytes.length, region.view.byteLength], [length, length]);
      assert(region.bytes.every((byte) => byte === 0));
      region.bytes.fill(i + 1);
      return region;
    });
    for (const [i, { address, bytes, view }] of regions.entries()) {
      assert(bytesAt(address, bytes.length).every((byte) => byte === i + 1));
      assertEquals(view.getUint8(bytes.length - 1), i + 1);
    }
    assert(arena.sizeBytes >= 139_880);
  },
});

Deno.test({
  name: "Arena frees its memory when it is disposed",
  ignore,
  fn() {
    const arena = new Arena();
    const { bytes } = arena.allocate(1000);
    arena[Symbol.dispose]();
    arena[Symbol.dispose]();
    assertEquals([bytes.length, arena.sizeBytes, arena.disposed], [0, 0, true]);
    const error = assertThrows(() => arena.allocate(1), TineError);
    assertEquals(error.code, "arena-disposed");
  },
});

Deno.test({
  name: "Arena that is disposed leaves batches that the kernel refuses",
  ignore,
  fn() {
    using pair = udpPair("ipv4");
    const arena = new Arena();
    const sending = new SendBatch(arena), receiving = new ReceiveBatch(arena);
    assertEquals(sending.send(pair.client, 0, 3), 3);
    arena[Symbol.dispose]();
    const call = (run: () => unknown) => assertThrows(run, SystemError).errnoName;
    assertEquals(call(() => sending.send(pair.client, 0, 3)), "EFAULT");
    assertEquals(call(() => receiving.receive(pair.server)), "EFAULT");
  },
});
