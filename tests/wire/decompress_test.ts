import { assertEquals, assertRejects } from "@std/assert";
import { crc32, deflateRawSync, gzipSync, zstdCompressSync } from "node:zlib";
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

/** A zip archive as programs write it that do not know lengths before (`streamed`), or as those that do. */
function zipOf(members: readonly [string, string][], { streamed = true, stored = false } = {}): Uint8Array {
  const encoder = new TextEncoder();
  const parts: Uint8Array[] = [];
  const uint = (value: number, bytes: number) => Uint8Array.from({ length: bytes }, (_, i) => value >>> 8 * i & 0xff);
  for (const [name, text] of members) {
    const content = encoder.encode(text), data = stored ? content : deflateRawSync(content);
    const known = [uint(crc32(content), 4), uint(data.length, 4), uint(content.length, 4)];
    const flags = streamed ? 8 : 0, method = stored ? 0 : 8;
    parts.push(uint(0x04034b50, 4), uint(20, 2), uint(flags, 2), uint(method, 2), uint(0, 4));
    parts.push(...streamed ? [uint(0, 12)] : known, uint(name.length, 2), uint(4, 2), encoder.encode(name), uint(0, 4));
    parts.push(data);
    if (streamed) parts.push(uint(0x08074b50, 4), ...known);
  }
  parts.push(uint(0x02014b50, 4), uint(0, 42));
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

Deno.test("decompressed() reads the members of a zip archive, as they come, with a newline behind each", async () => {
  const members: [string, string][] = [["0", TEXT], ["1", "no newline"], ["empty", ""], ["3", "x\n"]];
  const whole = TEXT + "no newline\nx\n";
  for (const options of [{}, { streamed: false }, { streamed: false, stored: true }]) {
    const archive = zipOf(members, options);
    for (const length of [53, 4096, 1e9]) {
      assertEquals(await textOf(decompressed(inPieces(archive, length), "x")), whole);
    }
  }
});

Deno.test("decompressed() gives what is before the cut, and says that there is one", async () => {
  const archive = zipOf([["0", TEXT], ["1", TEXT]]);
  for (const [data, least] of [[gzipSync(bytes), 0], [zstdCompressSync(bytes), 0], [archive, TEXT.length]] as const) {
    const cut = data === archive ? data.length * 0.75 : data.length / 2;
    const decoder = new TextDecoder();
    let read = "";
    const reading = (async () => {
      for await (const chunk of decompressed(inPieces(data.subarray(0, cut), 4096), "x")) {
        read += decoder.decode(chunk, { stream: true });
      }
    })();
    await assertRejects(() => reading, TineError, "data that is broken or cut");
    assertEquals((TEXT + TEXT).startsWith(read), true);
    assertEquals(read.length > least + TEXT.length / 8, true, `${read.length}`);
  }
});

Deno.test("decompressed() refuses zip archives that are encrypted, broken or compressed otherwise", async () => {
  const archive = zipOf([["0", TEXT]]);
  const changed = (at: number, value: number) => Uint8Array.from(archive, (byte, i) => i === at ? value : byte);
  const cases: [Uint8Array, string][] = [
    [changed(6, 9), "a member of the archive is encrypted"],
    [changed(8, 12), "a member of the archive is compressed by method 12"],
    [changed(8, 0), "a member of the archive is stored without its length"],
    [changed(archive.length - 46 - 12, 1), "the checksum of a member of the archive is wrong"],
    [
      new Uint8Array([...archive.subarray(0, -46), ...new Uint8Array(46)]),
      "the end of a member of the archive is broken",
    ],
  ];
  for (const [data, message] of cases) {
    await assertRejects(() => textOf(decompressed(inPieces(data, 4096), "x.zip")), TineError, message);
  }
});

Deno.test("decompressed() names the stream that cannot be read", async () => {
  const folder = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.error(new Deno.errors.IsADirectory("Is a directory (os error 21)")),
  });
  const reading = new Response(decompressed(folder, "stdin")).text();
  await assertRejects(() => reading, TineError, "cannot read stdin: it is a folder");
});
