import { assert, assertEquals } from "@std/assert";
import type { SampleSink } from "../../../src/flow/engine/engine_flow.ts";
import { SamplePool } from "../../../src/flow/engine/sample_pool.ts";
import { readChunk } from "../../../src/flow/records/read_chunk.ts";

function add(sink: SampleSink<"streamIO">, total: number): void {
  const writer = sink.writer();
  const i = writer.next();
  writer.columns.t[i] = writer.columns.sent[i] = 0;
  writer.columns.total[i] = total;
}

function totals(chunks: readonly Uint8Array[]): number[] {
  return chunks.flatMap((bytes) => {
    const chunk = readChunk(bytes);
    return chunk.kind === "streamIO" ? [...chunk.columns.total] : [];
  });
}

Deno.test("SamplePool keeps the samples of sinks apart, and reports the first one that waits", () => {
  let first = 0;
  const pool = new SamplePool(() => first++);
  const chunks: Uint8Array[][] = [[], []];
  const sinks = chunks.map((list) => pool.sink("streamIO", list, (chunk) => list.push(chunk)));
  for (let i = 0; i < 10; i++) add(sinks[i % 2], i);
  assertEquals([first, chunks[0].length], [1, 0]);
  pool.flush();
  assertEquals(chunks.map(totals), [[0, 2, 4, 6, 8], [1, 3, 5, 7, 9]]);
  add(sinks[0], 10);
  add(sinks[1], 11);
  assertEquals(first, 2);
  pool.flush(chunks[0]);
  assertEquals(chunks.map(totals), [[0, 2, 4, 6, 8, 10], [1, 3, 5, 7, 9]]);
});

Deno.test("SamplePool loses nothing with more sinks than it has writers, and more samples than a chunk takes", () => {
  const pool = new SamplePool(() => {});
  const all = Array.from({ length: 200 }, () => {
    const chunks: Uint8Array[] = [];
    return { chunks, sink: pool.sink("streamIO", chunks, (chunk) => chunks.push(chunk)) };
  });
  for (let i = 0; i < 3; i++) for (const { sink } of all) add(sink, i);
  for (let i = 3; i < 6000; i++) add(all[0].sink, i);
  pool.flush();
  assertEquals(totals(all[0].chunks), Array.from({ length: 6000 }, (_, i) => i));
  assert(all[0].chunks.length > 1);
  for (const { chunks } of all.slice(1)) assertEquals(totals(chunks), [0, 1, 2]);
});
