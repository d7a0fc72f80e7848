import { assertEquals } from "@std/assert";
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
  const held = new HeldResults();
  const sent = Array.from({ length: 100 }, (_, i) => message(i));
  for (const message of sent) held.add(message);
  const uplink = collector();
  await held.release(uplink);
  assertEquals(uplink.messages, sent);
});

Deno.test("HeldResults puts what is too much for the memory into a file, and keeps the order", async () => {
  const held = new HeldResults(1000);
  const sent = Array.from({ length: 200 }, (_, i) => message(i, i * 7 % 500));
  for (const message of sent) held.add(message);
  const uplink = collector();
  await held.release(uplink);
  assertEquals(uplink.messages, sent);
});

Deno.test("HeldResults sends a message that is larger than a frame", async () => {
  const held = new HeldResults(1000);
  const large = message(1, 300_000);
  held.add(large);
  const uplink = collector();
  await held.release(uplink);
  assertEquals(uplink.messages, [large]);
});
