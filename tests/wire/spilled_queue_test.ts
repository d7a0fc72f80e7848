import { assertEquals, assertThrows } from "@std/assert";
import { SpilledQueue, SpillFile, temporarySpill } from "../../src/wire/spilled_queue.ts";
import { TineError } from "../../src/base/errors.ts";
import { Random } from "../support/random.ts";

const never = (error: Error) => {
  throw error;
};

Deno.test("SpilledQueue gives back in order what was added, whenever it is taken, also beside another in the file", async () => {
  const random = new Random(11);
  for (const memory of [0, 5000, 1_000_000]) {
    using file = new SpillFile();
    const queues = [0, 1].map(() => ({
      queue: new SpilledQueue(file, memory, never),
      added: [] as Uint8Array[],
      taken: [] as Uint8Array[],
    }));
    for (let i = 0; i < 3000; i++) {
      const { queue, added, taken } = random.pick(queues);
      const bytes = random.bytes(random.pick([0, 1, 127, 128, 1000, random.below(20_000)]));
      queue.push({ bytes });
      added.push(bytes);
      if (random.oneIn(20)) await undefined;
      for (let takes = random.oneIn(10) ? random.below(20) : 0; takes > 0; takes--) {
        const first = queue.first;
        const message = queue.shift();
        assertEquals(message, first);
        if (message !== undefined) taken.push(message.bytes);
      }
      assertEquals(queue.length, added.length - taken.length);
      if (queues.every(({ queue }) => queue.length === 0)) file.clear();
    }
    for (const { queue, added, taken } of queues) {
      for (let message; (message = queue.shift()) !== undefined;) taken.push(message.bytes);
      assertEquals([queue.length, queue.bytes], [0, 0]);
      assertEquals(taken.length, added.length);
      assertEquals(taken, added);
    }
  }
});

Deno.test("SpilledQueue opens no file before it is needed, and the file is closed", () => {
  let opened: Deno.FsFile | undefined;
  const file = new SpillFile(() => opened = temporarySpill());
  const queue = new SpilledQueue(file, 1000, never);
  assertEquals(queue.shift(), undefined);
  queue.push({ bytes: new Uint8Array(1000) });
  file.clear();
  assertEquals(opened, undefined);
  queue.push({ bytes: new Uint8Array(100_000) });
  file[Symbol.dispose]();
  assertThrows(() => opened!.statSync(), Deno.errors.BadResource);
});

Deno.test("SpilledQueue reports a disk that is full, at once or at the end of the turn", async () => {
  using file = new SpillFile(() => Deno.openSync("/dev/full", { read: true, write: true }));
  const atOnce = new SpilledQueue(file, 0, never);
  const error = assertThrows(() => atOnce.push({ bytes: new Uint8Array(100_000) }), TineError);
  assertEquals(error.code, "spill-failed");
  const failures: TineError[] = [];
  const later = new SpilledQueue(file, 0, (error) => failures.push(error));
  later.push({ bytes: new Uint8Array(1) });
  await Promise.resolve();
  assertEquals(failures.map(({ code }) => code), ["spill-failed"]);
});

Deno.test("SpilledQueue writes nothing any more once it was cleared", async () => {
  const file = new SpillFile(() => {
    throw new Error("it is opened");
  });
  const queue = new SpilledQueue(file, 0, never);
  queue.push({ bytes: new Uint8Array(1) });
  queue.clear();
  await Promise.resolve();
  assertEquals([queue.length, queue.shift()], [0, undefined]);
});
