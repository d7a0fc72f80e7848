import { assert, assertEquals, assertRejects } from "@std/assert";
import { drain } from "../../../../src/node/runners/output/drain.ts";
import type { ByteSource } from "../../../../src/wire/connection.ts";

/** Gives some chunks, then what `last` gives. */
function sourceOf(chunks: number, last: () => Promise<number | null>): ByteSource & { reads: number } {
  return {
    reads: 0,
    read(buffer) {
      if (this.reads++ >= chunks) return last();
      buffer.fill(1, 0, 10);
      return Promise.resolve(10);
    },
  };
}

const never = new Promise<never>(() => {});

Deno.test("drain() reads to the end", async () => {
  let sum = 0;
  const write = async (bytes: Uint8Array) => {
    await Promise.resolve();
    sum += bytes.length;
  };
  assert(await drain(sourceOf(100, () => Promise.resolve(null)), write, never));
  assertEquals(sum, 1000);
});

Deno.test("drain() reads what is there, and gives up, after the command has ended", async () => {
  const { promise: ended, resolve } = Promise.withResolvers<void>();
  let sum = 0;
  const write = (bytes: Uint8Array) => {
    sum += bytes.length;
    if (sum === 500) resolve();
    return undefined;
  };
  const late = Promise.withResolvers<number | null>();
  const source = sourceOf(100, () => late.promise);
  assertEquals(await drain(source, write, ended), false);
  assertEquals(sum, 1000);
  // What comes later is read, but not kept.
  late.resolve(null);
  await late.promise;
  assertEquals([sum, source.reads], [1000, 101]);
});

Deno.test("drain() gives up on output without end after the command has ended", async () => {
  let open = true;
  const endless: ByteSource = {
    read: (buffer) => new Promise((resolve) => setTimeout(() => resolve(open ? buffer.length : null), 0)),
  };
  let sum = 0;
  const write = (bytes: Uint8Array) => {
    sum += bytes.length;
    return undefined;
  };
  assertEquals(await drain(endless, write, Promise.resolve()), false);
  assert(sum > 2 * 1024 * 1024 && sum < 16 * 1024 * 1024, `${sum}`);
  open = false;
  await new Promise((resolve) => setTimeout(resolve, 10));
});

Deno.test("drain() throws what reading and writing throw", async () => {
  const failing = () => Promise.reject(new Error("no disk"));
  await assertRejects(() => drain(sourceOf(1, () => never), failing, never), Error, "no disk");
  await assertRejects(() => drain(sourceOf(0, failing), () => undefined, never), Error, "no disk");
});
