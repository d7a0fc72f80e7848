import { assertEquals, assertRejects } from "@std/assert";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { TineError } from "../../src/base/errors.ts";
import { decompressed } from "../../src/wire/decompress.ts";

const TEXT = Array.from({ length: 20_000 }, (_, i) => `cpu,host=h${i % 9} v=${i} ${i}\n`).join("");
const bytes = new TextEncoder().encode(TEXT);

/** A stream of pieces of a length. */
const inPieces = (data: Uint8Array, length: number) =>
  ReadableStream.from(function* () {
    for (let i = 0; i < data.length; i += length) yield data.subarray(i, i + length);
  }());
const textOf = (stream: ReadableStream<Uint8Array>) => new Response(stream).text();

for (const [name, data] of [["plain", bytes], ["gzip", gzipSync(bytes)], ["zstd", zstdCompressSync(bytes)]] as const) {
  Deno.test(`decompressed() reads ${name} data in pieces of any size`, async () => {
    for (const length of [1000, 65_536, 1e9]) {
      assertEquals(await textOf(decompressed(inPieces(data, length), "x")), TEXT);
    }
    const small = data === bytes ? bytes.subarray(0, 3) : data.subarray(0, 200);
    const reading = textOf(decompressed(inPieces(small, 1), "x"));
    if (data === bytes) assertEquals(await reading, "cpu");
    else await assertRejects(() => reading, TineError, `x is ${name} data that is broken or cut: `);
    if (data === bytes) return;
    for (let cut = 5; cut < data.length; cut += 997) {
      await assertRejects(() => textOf(decompressed(inPieces(data.subarray(0, cut), 4096), "x")), TineError, "cut");
    }
  });
}

Deno.test("decompressed() reads several files one behind the other, and nothing", async () => {
  const two = new Uint8Array([...gzipSync("a\n"), ...gzipSync("b\n")]);
  assertEquals(await textOf(decompressed(inPieces(two, 7), "x")), "a\nb\n");
  const skipped = Uint8Array.of(0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3);
  const both = new Uint8Array([...zstdCompressSync("a\n"), ...skipped, ...zstdCompressSync("b\n")]);
  assertEquals(await textOf(decompressed(inPieces(both, 5), "x")), "a\nb\n");
  assertEquals(await textOf(decompressed(inPieces(new Uint8Array(), 1), "x")), "");
  assertEquals(await textOf(decompressed(inPieces(Uint8Array.of(0x1f), 1), "x")), "\x1f");
});

Deno.test("decompressed() hands on what comes without waiting for more, and cancels its source", async () => {
  let canceled = false;
  const source = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("c")),
    cancel: () => void (canceled = true),
  });
  const reader = decompressed(source, "stdin").getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value), "c");
  await reader.cancel();
  assertEquals(canceled, true);
});
