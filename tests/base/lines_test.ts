import { assert, assertEquals } from "@std/assert";
import { lines, LineSplitter } from "../../src/base/lines.ts";
import { Random } from "../support/random.ts";

function cut(chunks: readonly Uint8Array[], maxBytes?: number): string[] {
  const splitter = new LineSplitter(maxBytes);
  return [...chunks.flatMap((chunk) => [...splitter.push(chunk)]), ...splitter.end()];
}

/** Divides bytes anywhere. */
function divide(bytes: Uint8Array, random: Random): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  while (bytes.length > 0) {
    const length = random.below(Math.min(12, bytes.length) + 1);
    chunks.push(bytes.subarray(0, length));
    bytes = bytes.subarray(length);
  }
  return chunks;
}

/** Line ends, parts of characters and plain text close together. */
function randomBytes(random: Random): Uint8Array {
  const kinds = [[0x0a], [0x0d, 0x0a], [0x61], [0xc3, 0xa4], [0xe2, 0x82, 0xac], [0xf0, 0x9f, 0x98, 0x80], [0x80], [
    0xff,
  ]];
  return new Uint8Array(
    Array.from({ length: random.below(60) }, () => {
      const kind = kinds[random.below(kinds.length)];
      return random.below(4) === 0 ? kind.slice(0, 1) : kind;
    }).flat(),
  );
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

Deno.test("LineSplitter gives lines without their ends, also the last one without one", () => {
  assertEquals(cut([bytesOf("a\r\n\nb")]), ["a", "", "b"]);
  assertEquals(cut([bytesOf("a\n")]), ["a"]);
  assertEquals(cut([]), []);
  assertEquals(cut([new Uint8Array([0x61, 0xff, 0x0a])]), ["a\ufffd"]);
  assertEquals(cut([bytesOf("\ufeffa\n")]), ["\ufeffa"]);
});

Deno.test("LineSplitter cuts lines over the limit between characters", () => {
  assertEquals(cut([bytesOf("abcdef\nabcde\nabcd")], 5), ["abcde", "f", "abcde", "abcd"]);
  assertEquals(cut([bytesOf("abcd€xyz")], 5), ["abcd", "€xy", "z"]);
  assertEquals(cut([bytesOf("😀😀😀")], 7), ["😀", "😀", "😀"]);
  const long = "x".repeat(64 * 1024);
  assertEquals(cut([bytesOf(long + "\n" + long + "y")]), [long, long, "y"]);
});

Deno.test("LineSplitter gives the same lines however bytes are divided", () => {
  const random = new Random(7);
  for (let i = 0; i < 5000; i++) {
    const bytes = randomBytes(random);
    const expected = new TextDecoder().decode(bytes).split("\n");
    if (expected.at(-1) === "") expected.pop();
    assertEquals(cut(divide(bytes, random)), expected.map((line) => line.replace(/\r$/, "")));
  }
});

Deno.test("LineSplitter loses nothing of lines over the limit", () => {
  const random = new Random(8);
  for (let i = 0; i < 5000; i++) {
    const bytes = randomBytes(random).filter((byte) => byte !== 0x0a && byte !== 0x0d);
    const maxBytes = 4 + random.below(8);
    const pieces = cut(divide(bytes, random), maxBytes);
    assertEquals(pieces.join(""), new TextDecoder().decode(bytes));
    // What is not UTF-8 grows to three bytes each.
    for (const piece of pieces) assert(bytesOf(piece.replaceAll("\ufffd", "?")).length <= maxBytes);
  }
});

Deno.test("lines() splits a stream, its long lines between characters", async () => {
  const stream = ReadableStream.from(["a\r", "\nabcd€x", "yz\n\nlast"].map(bytesOf));
  assertEquals(await Array.fromAsync(lines(stream, 5)), ["a", "abcd", "€xy", "z", "", "last"]);
});
