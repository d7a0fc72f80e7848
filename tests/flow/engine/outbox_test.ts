import { assertEquals } from "@std/assert";
import type { FromWorker } from "../../../src/flow/engine/messages.ts";
import { Outbox } from "../../../src/flow/engine/outbox.ts";

Deno.test("Outbox posts what was added in one message, and sooner when it becomes too much", () => {
  const posted: [number, number][] = [];
  const outbox = new Outbox((messages: FromWorker, transfer) => posted.push([messages.length, transfer.length]));
  outbox.flush();
  assertEquals([posted, outbox.empty], [[], true]);
  outbox.add({ type: "log", id: 1, text: "a" });
  outbox.add({ type: "records", id: 1, flow: "f", chunk: new Uint8Array(100_000) });
  assertEquals([posted, outbox.empty], [[], false]);
  outbox.flush();
  for (let i = 0; i < 4; i++) outbox.add({ type: "records", id: 1, flow: "f", chunk: new Uint8Array(100_000) });
  outbox.flush();
  assertEquals(posted, [[2, 1], [3, 3], [1, 1]]);
});
