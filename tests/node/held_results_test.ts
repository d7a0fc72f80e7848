import { assert, assertEquals } from "@std/assert";
import { TineError } from "../../src/base/errors.ts";
import { HeldResults, type Uplink } from "../../src/node/held_results.ts";
import { Kind, type Message } from "../../src/node/protocol/frame.ts";

function message(i: number, bytes = 10): Message {
  return {
    kind: i % 2 ? Kind.log : Kind.fileData,
    origin: "left",
    name: `n${i}`,
    payload: new Uint8Array(bytes).fill(i),
  };
}

function holds(memory?: number): HeldResults {
  return new HeldResults({
    memory,
    failed(error) {
      throw error;
    },
  });
}

/** Takes messages, one at a time. */
function collector(): Uplink & { readonly messages: Message[] } {
  const messages: Message[] = [];
  return {
    messages,
    send: ({ kind, origin, name, payload }) => void messages.push({ kind, origin, name, payload: payload.slice() }),
    room: () => Promise.resolve(),
    forward: () => Promise.reject(new Error("nothing is forwarded")),
  };
}

Deno.test("HeldResults sends what it held, in order", async () => {
  const held = holds();
  const sent = Array.from({ length: 100 }, (_, i) => message(i));
  for (const message of sent) held.add(message);
  const uplink = collector();
  await held.release(uplink);
  assertEquals(uplink.messages, sent);
});

Deno.test("HeldResults puts what is too much for the memory into a file, and keeps the order", async () => {
  const held = holds(1000);
  const sent = Array.from({ length: 200 }, (_, i) => message(i, i * 7 % 5000));
  for (const message of sent) held.add(message);
  const uplink = collector();
  await held.release(uplink);
  assertEquals(uplink.messages, sent);
});

Deno.test("HeldResults sends a message that is larger than a frame", async () => {
  const held = holds(1000);
  const large = message(1, 300_000);
  held.add(large);
  const uplink = collector();
  await held.release(uplink);
  assertEquals(uplink.messages, [large]);
});

Deno.test("HeldResults reports a full disk once, throws nothing into events of flows, and sends what it has", async () => {
  const errors: unknown[] = [];
  const held = new HeldResults({
    memory: 150_000,
    openSpill: () => Deno.openSync("/dev/full", { read: true, write: true }),
    failed: (error) => errors.push(error),
  });
  const sent = Array.from({ length: 100 }, (_, i) => message(i, 10_000));
  for (const message of sent) held.add(message);
  assertEquals(errors.map((error) => error instanceof TineError && error.code), ["spill-failed"]);
  const uplink = collector();
  await held.release(uplink);
  assertEquals(uplink.messages, sent.slice(0, 14));
  assertEquals(errors.length, 1);
});

Deno.test("HeldResults makes no object for each message: many short ones take little more memory than their bytes", () => {
  const held = holds();
  const line = message(1);
  const before = Deno.memoryUsage().heapUsed;
  for (let i = 0; i < 400_000; i++) held.add(line);
  // With an object for each, it is 110 MB.
  const megabytes = (Deno.memoryUsage().heapUsed - before) / 1e6;
  assert(megabytes < 60, `${megabytes}`);
});
