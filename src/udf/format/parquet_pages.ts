import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { type Compressors, snappyUncompress } from "hyparquet";
import { parquetHeader } from "hyparquet/src/column.js";

/** Compressions of pages that can be read. */
export const PAGE_CODECS: readonly string[] = ["UNCOMPRESSED", "SNAPPY", "GZIP", "BROTLI", "ZSTD"];

/** The column of a row group, as the file describes it. */
export interface ColumnChunk {
  /** Its pages, with their headers. */
  readonly bytes: Uint8Array;
  readonly rows: number;
  /** Whether values may be absent, so that pages begin with levels. */
  readonly nullable: boolean;
  readonly isBoolean: boolean;
  /** Whether its values are integers of 32 bits. */
  readonly isInt32: boolean;
  readonly isCompressed: boolean;
}

/** A page whose runs are to be checked. */
interface Page {
  readonly values: number;
  /** Whether levels of one bit stand before the values, with their length before them. */
  readonly hasLevels: boolean;
  /** Of runs of values: `dictionary` has the width of numbers before them, `boolean` the length; those of `delta` come in blocks. */
  readonly runs: "dictionary" | "boolean" | "delta" | undefined;
  readonly isInt32: boolean;
}

/**
 * Checks pages before they are decoded, and decompresses them. In a damaged page a run may claim more than a thousand
 * million values, which its decoder would write one by one.
 *
 * Format: https://github.com/apache/parquet-format/blob/master/Encodings.md
 */
export class PageCheck {
  /** Pages of the column that is being read which are not decompressed yet. */
  #waiting: (Page | undefined)[] = [];

  /** What decompresses pages, in the order of {@linkcode PageCheck.column}. */
  readonly compressors: Compressors = {
    SNAPPY: (bytes, length) => {
      const page = new Uint8Array(length);
      snappyUncompress(bytes, page);
      return this.#decompressed(page);
    },
    GZIP: (bytes, length) => this.#decompressed(gunzipSync(bytes, { maxOutputLength: Math.max(1, length) })),
    BROTLI: (bytes, length) =>
      this.#decompressed(brotliDecompressSync(bytes, { maxOutputLength: Math.max(1, length) })),
    ZSTD: (bytes, length) => this.#decompressed(zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, length) })),
  };

  /**
   * Checks the pages of a column, as far as they are not compressed: the others when they are.
   *
   * @throws {Error} what is wrong, as a clause
   */
  column({ bytes, rows, nullable, isBoolean, isInt32, isCompressed }: ColumnChunk): void {
    this.#waiting = [];
    const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), offset: 0 };
    let seen = 0;
    while (seen < rows) {
      const header = parquetHeader(reader);
      const { compressed_page_size: size, uncompressed_page_size: fullSize } = header;
      const body = bytes.subarray(reader.offset, reader.offset + size);
      if (size < 0 || fullSize < 0 || body.length !== size) throw new Error("a page is outside of its column");
      reader.offset += size;
      const { dictionary_page_header: dictionary, data_page_header: v1, data_page_header_v2: v2 } = header;
      if (dictionary !== undefined) {
        const { num_values: values } = dictionary;
        if (!(values >= 0 && values <= 8 * fullSize)) {
          throw new Error(`a dictionary of ${fullSize} bytes has ${values} values`);
        }
        if (isCompressed) this.#waiting.push(undefined);
        continue;
      }
      const data = v1 ?? v2;
      if (data === undefined) throw new Error("a page is of an unknown kind");
      const { num_values: values, encoding } = data;
      if (!(values >= 0 && seen + values <= rows)) throw new Error("its pages have more values than there are rows");
      seen += values;
      const runs = encoding?.endsWith("_DICTIONARY")
        ? "dictionary"
        : encoding?.startsWith("DELTA_")
        ? "delta"
        : encoding === "RLE" && isBoolean
        ? "boolean"
        : undefined;
      const page = { values, runs, isInt32, hasLevels: v1 !== undefined && nullable } as const;
      let levels = 0;
      if (v2 !== undefined) {
        levels = v2.definition_levels_byte_length + v2.repetition_levels_byte_length;
        const { definition_levels_byte_length: length, num_nulls: nulls } = v2;
        if (!(length >= 0 && levels >= length && levels <= size && nulls >= 0 && nulls <= values)) {
          throw new Error("the levels of a page are outside of it");
        }
        checkRuns(body.subarray(levels - length, levels), 1, values);
      }
      if (!isCompressed || v2?.is_compressed === false) checkPage(body.subarray(levels), page);
      else if (v2 === undefined || fullSize > levels) this.#waiting.push(page);
    }
  }

  #decompressed(bytes: Uint8Array): Uint8Array {
    const page = this.#waiting.shift();
    if (page !== undefined) checkPage(bytes, page);
    return bytes;
  }
}

function checkPage(bytes: Uint8Array, { values, hasLevels, runs, isInt32 }: Page): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let start = 0;
  if (hasLevels) {
    start = 4 + view.getUint32(0, true);
    checkRuns(bytes.subarray(4, start), 1, values);
  }
  if (runs === undefined || start === bytes.length) return;
  if (runs === "dictionary") checkRuns(bytes.subarray(start + 1), bytes[start], values);
  else if (runs === "delta") checkDeltas(bytes.subarray(start), values, isInt32);
  else checkRuns(bytes.subarray(start + 4, start + 4 + view.getUint32(start, true)), 1, values);
}

/** Some writers fill the last group of eight, and more. */
const PADDING = 512;

/** Makes sure that blocks of differences are of a size that writers use. */
function checkDeltas(bytes: Uint8Array, values: number, isInt32: boolean): void {
  const [block, at] = varintAt(bytes, 0);
  const [parts, next] = varintAt(bytes, at);
  const [total, firstAt] = varintAt(bytes, next);
  // DuckDB 2.0 writes unsigned integers so, from 2^31 on; neither pyarrow nor the library here reads them.
  if (isInt32 && values > 0 && varintAt(bytes, firstAt)[0] >= 2 ** 32) {
    throw new Error("the first value of a page has more than the 32 bits of its column");
  }
  if (parts > 0 && block % parts === 0 && block > 0 && block <= 2 ** 20 && total <= values) return;
  throw new Error(`a page has ${total} differences in blocks of ${block} in ${parts} parts, and ${values} values`);
}

/** Reads a number of up to five bytes; returns it, and where the next one is. */
function varintAt(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let scale = 1;; scale *= 128) {
    const byte = bytes[at++];
    value += (byte & 0x7f) * scale;
    if (byte < 0x80 || at >= bytes.length || scale > 2 ** 28) return [value, at];
  }
}

/** Makes sure that runs of equal values and packed ones hold no more values than there are. */
function checkRuns(bytes: Uint8Array, width: number, values: number): void {
  if (width > 32) throw new Error(`numbers of a page have ${width} bits`);
  let seen = 0;
  for (let at = 0; at < bytes.length && seen < values;) {
    const [header, next] = varintAt(bytes, at);
    at = next;
    const packed = header % 2 === 1;
    const run = packed ? (header - 1) * 4 : header / 2;
    seen += run;
    if (seen > values + PADDING) throw new Error(`a run of a page has ${run} values, and the page ${values}`);
    at += packed ? run * width / 8 : Math.ceil(width / 8);
  }
}
