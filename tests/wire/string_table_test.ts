import { assert, assertEquals } from "@std/assert";
import { StringTable } from "../../src/wire/byte_reader.ts";
import { Random } from "../support/random.ts";

function look(table: StringTable, bytes: Uint8Array): string {
  return table.get(bytes, new DataView(bytes.buffer, bytes.byteOffset), 0, bytes.length);
}
const utf8 = (text: string) => new TextEncoder().encode(text);

Deno.test("StringTable.get() decodes the bytes between start and end", () => {
  const table = new StringTable();
  const bytes = utf8("xxcpuyy");
  assertEquals(table.get(bytes, new DataView(bytes.buffer, bytes.byteOffset), 2, 5), "cpu");
  assertEquals(table.get(bytes, new DataView(bytes.buffer, bytes.byteOffset), 2, 2), "");
  assertEquals(table.get(bytes, new DataView(bytes.buffer, bytes.byteOffset), 5, 7), "yy");
});

Deno.test("StringTable.get() keeps a byte order mark", () => {
  assertEquals(look(new StringTable(), utf8("\ufeffx")), "\ufeffx");
  assertEquals(look(new StringTable(), utf8("\ufeff" + "x".repeat(100))), "\ufeff" + "x".repeat(100));
});

Deno.test("StringTable.get() keeps no reference to the bytes it was given", () => {
  const table = new StringTable();
  const bytes = utf8("cpu");
  assertEquals(look(table, bytes), "cpu");
  bytes.set(utf8("mem"));
  assertEquals(look(table, bytes), "mem");
  assertEquals(look(table, utf8("cpu")), "cpu");
});

Deno.test("StringTable.get() tells strings of one hash from each other", () => {
  const table = new StringTable();
  const random = new Random(7);
  const word = () => new DataView(Uint8Array.from({ length: 4 }, () => 97 + random.below(26)).buffer).getInt32(0, true);
  // The hash of eight bytes is that of the second four and of what the first four leave, as in byte_reader.ts.
  const left = (first: number) => {
    const hash = Math.imul(8 ^ first, 0x9e3779b1);
    return hash << 13 | hash >>> 19;
  };
  let pairs = 0;
  while (pairs < 20) {
    const [first, second, other] = [word(), word(), word()];
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    for (const [i, part] of [first, second, other, left(first) ^ left(other) ^ second].entries()) {
      view.setInt32(i * 4, part, true);
    }
    if (bytes.some((byte) => byte > 0x7f)) continue;
    pairs++;
    for (let round = 0; round < 2; round++) {
      for (const start of [0, 8]) {
        assertEquals(
          table.get(bytes, view, start, start + 8),
          new TextDecoder().decode(bytes.subarray(start, start + 8)),
        );
      }
    }
  }
});

Deno.test("StringTable.get() is right for more strings than it has slots", () => {
  const table = new StringTable();
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 20_000; i++) assertEquals(look(table, utf8(`tag${i}`)), `tag${i}`);
  }
});

Deno.test("StringTable.get() decodes strings at and over the length it remembers", () => {
  const table = new StringTable();
  for (const length of [47, 48, 49, 50, 10_000, 1_000_000]) {
    const text = "x".repeat(length - 2) + "é";
    assertEquals(look(table, utf8(text)), text);
    assertEquals(look(table, utf8(text)), text);
  }
  assertEquals(table.invalid, 0);
});

Deno.test("StringTable.invalid counts every string that is not UTF-8, also one that comes again", () => {
  const table = new StringTable();
  const broken: [number[], string][] = [
    [[0xff], "\ufffd"],
    [[0x61, 0xc3], "a\ufffd"],
    [[0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"], // a surrogate
    [[0xc0, 0x80], "\ufffd\ufffd"], // overlong
    [[0xf4, 0x90, 0x80, 0x80], "\ufffd\ufffd\ufffd\ufffd"], // beyond U+10FFFF
    [[...new Array(60).fill(0x61), 0x80], "a".repeat(60) + "\ufffd"],
  ];
  let count = 0;
  for (let round = 0; round < 3; round++) {
    for (const [bytes, text] of broken) {
      assertEquals(look(table, new Uint8Array(bytes)), text);
      assertEquals(table.invalid, ++count);
    }
  }
  assertEquals(look(table, utf8("\ufffd")), "\ufffd");
  assertEquals(table.invalid, count);
});

Deno.test("StringTable.isValid() agrees with a strict decoder, and does not count", () => {
  const table = new StringTable();
  const random = new Random(31);
  const strict = new TextDecoder("utf-8", { fatal: true });
  let valid = 0;
  for (let i = 0; i < 5000; i++) {
    const bytes = random.bytes(1 + random.below(4)).map((byte) => random.oneIn(2) ? byte & 0x7f : byte);
    let expected = true;
    try {
      strict.decode(bytes);
      valid++;
    } catch {
      expected = false;
    }
    assertEquals(table.isValid(bytes, 0, bytes.length), expected);
  }
  assert(valid > 100 && valid < 4900);
  assertEquals(table.invalid, 0);
});

Deno.test("StringTable.get() tells strings of one length that differ in any place from each other", () => {
  const table = new StringTable();
  for (let round = 0; round < 2; round++) {
    for (let length = 1; length <= 50; length++) {
      for (let place = 0; place < length; place++) {
        for (const letter of ["b", "7", "~"]) {
          const text = "a".repeat(place) + letter + "a".repeat(length - place - 1);
          const bytes = utf8(`xyz${text}`);
          assertEquals(table.get(bytes, new DataView(bytes.buffer), 3, bytes.length), text);
        }
      }
    }
  }
});
