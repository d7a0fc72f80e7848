import { assertEquals, assertRejects } from "@std/assert";
import { Ring, RingConnection } from "../../src/udf/module/ring_connection.ts";

const MEBIBYTE = 1024 * 1024;

/** A test of two threads in one: waiting for shared memory does not keep the event loop alive, as a worker does. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test(name, async () => {
    const timer = setInterval(() => {}, 1000);
    try {
      await fn();
    } finally {
      clearInterval(timer);
    }
  });
}

function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) & 0xff);
}

test("Ring.read() gets what the other side wrote, also across the end of the memory", async () => {
  const writer = new Ring();
  const reader = new Ring(writer.memory);
  const buffer = new Uint8Array(MEBIBYTE);
  for (let round = 0; round < 20; round++) {
    const bytes = pattern(300_001, round);
    await writer.write(bytes);
    assertEquals(reader.length, bytes.length);
    const count = reader.read(buffer);
    assertEquals(count, bytes.length);
    assertEquals(buffer.subarray(0, count), bytes);
  }
  assertEquals(reader.read(buffer), 0);
});

test("Ring.write() waits for room, and what it writes appears all at once", async () => {
  const ring = new Ring();
  await ring.write(pattern(MEBIBYTE - 10, 1));
  let written = false;
  const writing = ring.write(pattern(100, 2)).then(() => written = true);
  const buffer = new Uint8Array(MEBIBYTE);
  assertEquals(ring.read(buffer.subarray(0, 50)), 50);
  assertEquals(ring.length, MEBIBYTE - 60, "there is room for a part, but nothing was written");
  assertEquals(written, false);
  assertEquals(ring.read(buffer), MEBIBYTE - 60);
  await writing;
  assertEquals(ring.read(buffer), 100);
  assertEquals(buffer.subarray(0, 100), pattern(100, 2));
});

test("Ring.write() passes on more than fits at once", async () => {
  const ring = new Ring();
  const bytes = pattern(3 * MEBIBYTE + 7, 3);
  const writing = ring.write(bytes).then(() => ring.end());
  const received = new Uint8Array(bytes.length);
  let count = 0;
  for (;;) {
    const news = ring.news;
    const ended = ring.ended;
    const read = ring.read(received.subarray(count));
    count += read;
    if (read > 0) continue;
    if (ended) break;
    await ring.changed(news);
  }
  await writing;
  assertEquals(count, bytes.length);
  assertEquals(received, bytes);
});

test("Ring.write() fails once the reader has gone, also where it waits for room", async () => {
  const ring = new Ring();
  await ring.write(new Uint8Array(MEBIBYTE));
  const writing = ring.write(new Uint8Array(1));
  ring.abandon();
  await assertRejects(() => writing, Deno.errors.BrokenPipe);
  await assertRejects(() => ring.write(new Uint8Array(1)), Deno.errors.BrokenPipe);
});

test("RingConnection.inject() comes after all that has come in, and before the end", async () => {
  const near = new RingConnection();
  const far = new RingConnection(near.otherSide);
  await far.write(pattern(10, 1));
  near.inject(pattern(3, 9));
  const buffer = new Uint8Array(6);
  assertEquals(await near.read(buffer), 6);
  assertEquals(await near.read(buffer), 4);
  assertEquals(await near.read(buffer), 3);
  assertEquals(buffer.subarray(0, 3), pattern(3, 9));
  near.inject(pattern(2, 5));
  near.endReading();
  assertEquals(await near.read(buffer), 2);
  assertEquals(await near.read(buffer), null);
  await assertRejects(() => near.write(new Uint8Array(1)), Deno.errors.BrokenPipe);
});

test("RingConnection.read() that waits is woken by bytes, by what is injected, and by the end", async () => {
  const near = new RingConnection();
  const far = new RingConnection(near.otherSide);
  const buffer = new Uint8Array(16);
  const first = near.read(buffer);
  await far.write(pattern(5, 1));
  assertEquals(await first, 5);
  const second = near.read(buffer);
  near.inject(pattern(2, 1));
  assertEquals(await second, 2);
  const third = near.read(buffer);
  await far.closeWrite();
  assertEquals(await third, null);
});

test("RingConnection.read() gets what the other side writes and ends just after a look that found nothing", async () => {
  const near = new RingConnection();
  const far = new RingConnection(near.otherSide);
  const read = Ring.prototype.read;
  let writing: Promise<unknown> | undefined;
  Ring.prototype.read = function (buffer) {
    const count = read.call(this, buffer);
    // There is room, so both are done when these calls return.
    if (count === 0) writing ??= Promise.all([far.write(pattern(5, 1)), far.closeWrite()]);
    return count;
  };
  try {
    const buffer = new Uint8Array(16);
    assertEquals(await near.read(buffer), 5);
    assertEquals(buffer.subarray(0, 5), pattern(5, 1));
    assertEquals(await near.read(buffer), null);
    await writing;
  } finally {
    Ring.prototype.read = read;
  }
});

test("RingConnection.inject() does not break a write into two that is larger than the memory", async () => {
  const near = new RingConnection();
  const far = new RingConnection(near.otherSide);
  const bytes = pattern(2 * MEBIBYTE + 7, 3);
  const writing = far.write(bytes); // goes on only when this thread comes to it
  near.inject(pattern(3, 9));
  const received: number[] = [];
  const buffer = new Uint8Array(64 * 1024);
  while (received.length < bytes.length + 3) received.push(...buffer.subarray(0, (await near.read(buffer))!));
  await writing;
  assertEquals(Uint8Array.from(received.slice(0, 3)), pattern(3, 9));
  assertEquals(Uint8Array.from(received.slice(3)), bytes);
});

test("RingConnection.read() leaves out a write that the other side never finishes", async () => {
  const near = new RingConnection();
  const far = new RingConnection(near.otherSide);
  await far.write(pattern(10, 1));
  far.write(new Uint8Array(MEBIBYTE + 1)).catch(() => {});
  near.inject(pattern(3, 9));
  const buffer = new Uint8Array(64 * 1024);
  assertEquals(await near.read(buffer), 10);
  near.endReading();
  assertEquals(await near.read(buffer), 3);
  assertEquals(await near.read(buffer), null);
});

test("RingConnection.clear() makes memory fit for another connection, which nothing of the first one disturbs", async () => {
  const near = new RingConnection();
  const far = new RingConnection(near.otherSide);
  await far.write(pattern(MEBIBYTE, 1));
  const stuck = far.write(pattern(1, 2));
  stuck.catch(() => {});
  const waiting = far.read(new Uint8Array(8));
  near.close();
  far.close();
  RingConnection.clear(near.memory);
  const second = new RingConnection(near.memory);
  const other = new RingConnection(second.otherSide);
  near.close();
  near.inject(pattern(3, 3));
  await other.write(pattern(5, 4));
  await second.write(pattern(6, 5));
  await assertRejects(() => stuck, Deno.errors.BrokenPipe);
  assertEquals(await waiting, null);
  assertEquals(await near.read(new Uint8Array(8)), null);
  await assertRejects(() => far.write(new Uint8Array(1)), Deno.errors.BrokenPipe);
  const buffer = new Uint8Array(16);
  assertEquals(await second.read(buffer), 5);
  assertEquals(buffer.subarray(0, 5), pattern(5, 4));
  assertEquals(await other.read(buffer), 6);
  await other.closeWrite();
  assertEquals(await second.read(buffer), null);
});
