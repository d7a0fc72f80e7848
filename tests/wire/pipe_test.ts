import { assert, assertEquals, assertRejects } from "@std/assert";
import { writeAll } from "../../src/wire/connection.ts";
import { pipe } from "../../src/wire/pipe.ts";
import { Random } from "../support/random.ts";

const { BrokenPipe } = Deno.errors;

/** Whether a promise has settled once all that could follow has happened. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const finish = () => done = true;
  promise.then(finish, finish);
  await new Promise((resolve) => setTimeout(resolve, 0));
  return done;
}

Deno.test("pipe() carries bytes both ways at once", async () => {
  const [left, right] = pipe();
  const random = new Random(41);
  const there = random.bytes(50_000), back = random.bytes(30_000);
  const receive = async (end: typeof left, total: number) => {
    const bytes = new Uint8Array(total);
    let position = 0;
    while (position < total) {
      const count = await end.read(bytes.subarray(position, position + 1 + random.below(999)));
      assert(count !== null && count > 0);
      position += count;
    }
    return bytes;
  };
  const [atRight, atLeft] = await Promise.all([
    receive(right, there.length),
    receive(left, back.length),
    writeAll(left, there),
    writeAll(right, back),
  ]);
  assertEquals(atRight, there);
  assertEquals(atLeft, back);
});

Deno.test("pipe() completes a write only once the peer has read all of it", async () => {
  const [left, right] = pipe();
  const writing = left.write(new Uint8Array([1, 2, 3]));
  assert(!await settled(writing));
  const buffer = new Uint8Array(2);
  assertEquals(await right.read(buffer), 2);
  assertEquals(buffer, new Uint8Array([1, 2]));
  assert(!await settled(writing));
  assertEquals(await right.read(buffer), 1);
  assertEquals(buffer[0], 3);
  assertEquals(await writing, 3);
});

Deno.test("pipe() refuses a second write while one is under way", async () => {
  const [left, right] = pipe();
  const writing = left.write(new Uint8Array([1]));
  await assertRejects(() => left.write(new Uint8Array([2])), Error, "already in progress");
  await right.read(new Uint8Array(9));
  assertEquals(await writing, 1);
});

Deno.test("Connection.closeWrite() of a pipe ends one direction, after what was written", async () => {
  const [left, right] = pipe();
  const writing = left.write(new Uint8Array([1, 2]));
  await left.closeWrite();
  await left.closeWrite();
  const buffer = new Uint8Array(9);
  assertEquals(await right.read(buffer), 2);
  assertEquals(await writing, 2);
  assertEquals(await right.read(buffer), null);
  assertEquals(await right.read(buffer), null);
  await assertRejects(() => left.write(new Uint8Array([3])), BrokenPipe);
  const answer = right.write(new Uint8Array([4]));
  assertEquals(await left.read(buffer), 1);
  assertEquals(await answer, 1);
});

Deno.test("Connection.closeWrite() of a pipe wakes a reader", async () => {
  const [left, right] = pipe();
  const reading = right.read(new Uint8Array(1));
  assert(!await settled(reading));
  await left.closeWrite();
  assertEquals(await reading, null);
});

Deno.test("Connection.close() of a pipe ends both directions at both ends", async () => {
  const [left, right] = pipe();
  const ownRead = left.read(new Uint8Array(1));
  const peerRead = right.read(new Uint8Array(1));
  left.close();
  left.close();
  assertEquals(await ownRead, null);
  assertEquals(await peerRead, null);
  await assertRejects(() => left.write(new Uint8Array(1)), BrokenPipe);
  await assertRejects(() => right.write(new Uint8Array(1)), BrokenPipe);
});

Deno.test("Connection.close() of a pipe fails the peer's write that is under way", async () => {
  const [left, right] = pipe();
  const writing = right.write(new Uint8Array(9));
  left.close();
  await assertRejects(() => writing, BrokenPipe);
});

Deno.test("Connection.close() of a pipe leaves what was written before to the peer", async () => {
  const [left, right] = pipe();
  const writing = left.write(new Uint8Array([7]));
  left.close();
  assertEquals(await right.read(new Uint8Array(1)), 1);
  assertEquals(await writing, 1);
  assertEquals(await right.read(new Uint8Array(1)), null);
});
