import { assertEquals, assertThrows } from "@std/assert";
import { Kind, type Message } from "../../../src/node/protocol/frame.ts";
import { LogBatch, MAX_BATCH_BYTES, splitLogs } from "../../../src/node/protocol/log_batch.ts";
import { decodeItem, encodeItem } from "../../../src/node/protocol/kinds.ts";
import { WireError } from "../../../src/base/errors.ts";
import { Random } from "../../support/random.ts";
import { message, reference } from "./frames.ts";

const entry = (i: number) => ({ type: "log" as const, nodeId: "left", time: BigInt(i), tag: "t", text: `entry ${i}` });

function batchOf(messages: readonly Message[]): LogBatch {
  const batch = new LogBatch();
  for (const message of messages) assertEquals(batch.add(message), true);
  return batch;
}

Deno.test("LogBatch gives several entries as one message, which splitLogs() takes apart", () => {
  const entries = [1, 2, 3].map(entry);
  const batch = batchOf(entries.map(encodeItem));
  const logs = batch.take()!;
  assertEquals([logs.kind, logs.origin, logs.name], [Kind.logs, "left", ""]);
  assertEquals(splitLogs(logs).map(decodeItem), entries);
  assertEquals(batch.take(), undefined);
});

Deno.test("LogBatch leaves an entry as it is that is alone", () => {
  const batch = batchOf([1, 2].map(entry).map(encodeItem));
  batch.take();
  const alone = encodeItem(entry(3));
  batch.add(alone);
  assertEquals(batch.take(), alone);
});

Deno.test("LogBatch takes neither entries of other nodes, nor other messages, nor more than fits into a frame", () => {
  const batch = batchOf([message(Kind.log, "x")]);
  for (const other of [{ ...message(Kind.log, "x"), origin: "right" }, message(Kind.sysInfo), message(Kind.error)]) {
    assertEquals(batch.add(other), false);
  }
  const large = message(Kind.log, new Uint8Array(MAX_BATCH_BYTES));
  assertEquals([batch.add(large), new LogBatch().add(large)], [false, false]);
  const half = message(Kind.log, new Uint8Array(MAX_BATCH_BYTES / 2));
  assertEquals([batch.add(half), batch.add(half)], [true, false]);
});

Deno.test("LogBatch writes the LogEntries of node.proto", () => {
  const { payload } = batchOf([1, 2].map(entry).map(encodeItem)).take()!;
  const plain = reference.logEntries.toObject(reference.logEntries.decode(payload), { longs: String });
  assertEquals(plain.entries, [1, 2].map((i) => ({ time: String(i), tag: "t", text: `entry ${i}` })));
});

Deno.test("splitLogs() refuses what is no batch with a WireError, and skips fields that it does not know", () => {
  const { payload } = batchOf([1, 2].map(entry).map(encodeItem)).take()!;
  for (const broken of [payload.slice(0, -1), new Uint8Array([10]), new Uint8Array([10, 5, 1])]) {
    assertThrows(() => splitLogs(message(Kind.logs, broken)), WireError);
  }
  assertEquals(splitLogs(message(Kind.logs, new Uint8Array([16, 1, 10, 1, 7]))).map(({ payload }) => [...payload]), [
    [7],
  ]);
  const random = new Random(1);
  for (let i = 0; i < 20_000; i++) {
    const mutated = payload.slice();
    mutated[random.below(mutated.length)] = random.below(256);
    try {
      splitLogs(message(Kind.logs, mutated));
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
    }
  }
});
