import { assertThrows } from "@std/assert";
import { Encoding } from "../../../src/result/export/parquet_column.ts";
import { pageHeader } from "../../../src/result/export/parquet_metadata.ts";
import { PageCheck } from "../../../src/udf/format/parquet_pages.ts";
import { concat } from "../../support/bytes.ts";

const ROWS = 100;
/** As a number of variable length: a run of 2^30 values that are alike. */
const ENDLESS = [0x80, 0x80, 0x80, 0x80, 0x08];

/** Checks a column of one page that is not compressed. */
function check(
  body: number[],
  { values = ROWS, encoding = Encoding.plain as Encoding, size = body.length, nullable = true } = {},
): void {
  const header = pageHeader({ count: values, bytes: size, compressedBytes: size, encoding }, "data");
  const bytes = concat([header, Uint8Array.from(body)]);
  new PageCheck().column({ bytes, rows: ROWS, nullable, isBoolean: false, isInt32: true, isCompressed: false });
}

Deno.test("PageCheck takes pages as writers make them", () => {
  // Levels: their length, a run of 100 times 1. Numbers of a dictionary: their bits, 13 groups of eight.
  check([2, 0, 0, 0, 200, 1, 1]);
  check([2, 3 * 8 + 3, ...new Array(26).fill(0)], { encoding: Encoding.dictionary, nullable: false });
  check([128, 1, 4, 100, 0], { encoding: Encoding.delta, nullable: false });
});

Deno.test("PageCheck refuses what would make a decoder go on for minutes", () => {
  assertThrows(() => check([6, 0, 0, 0, ...ENDLESS, 1]), Error, "a run of a page has 1073741824 values");
  const numbers = { encoding: Encoding.dictionary, nullable: false };
  assertThrows(() => check([1, ...ENDLESS, 0], numbers), Error, "a run of a page has 1073741824 values");
  assertThrows(() => check([33, 2, 0], numbers), Error, "numbers of a page have 33 bits");
  assertThrows(() => check([], { values: 2 ** 30 }), Error, "its pages have more values than there are rows");
  assertThrows(() => check([1, 2], { size: 1000 }), Error, "a page is outside of its column");
  assertThrows(() => check([1, 2], { size: -1 }), Error, "a page is outside of its column");
  const deltas = { encoding: Encoding.delta, nullable: false };
  assertThrows(() => check([...ENDLESS, 4, 100, 0], deltas), Error, "in blocks of 2147483648");
  assertThrows(() => check([128, 1, 0, 100, 0], deltas), Error, "in 0 parts");
  // The first of differences is a number of 64 bits in a column of 32, whose upper half a reader would drop.
  const wide = () => check([128, 1, 4, 100, 0xfe, 0xff, 0xff, 0xff, 0x1f], deltas);
  assertThrows(wide, Error, "the first value of a page has more than the 32 bits of its column");
});
