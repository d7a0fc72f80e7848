import { zstdCompressSync } from "node:zlib";
import { ByteWriter } from "../../wire/byte_writer.ts";
import type { EncodeTable } from "./formats.ts";
import { Encoding, ParquetColumn } from "./parquet_column.ts";
import { footer, pageHeader, type WrittenColumn } from "./parquet_metadata.ts";

/** Rows of a row group: readers skip and share work by group, and a group is what is held in memory. */
const GROUP_ROWS = 100_000;
/** A group ends earlier where its texts have this many characters. */
const GROUP_CHARACTERS = 16 * 1024 * 1024;

const MAGIC = new TextEncoder().encode("PAR1");

/**
 * Makes encoders of Parquet: zstd, ints with delta encoding, row groups of 100,000 rows, flat memory. Times are
 * `TIMESTAMP(NANOS, UTC)`, which old readers do not know: `time: "int64"` writes plain integers.
 *
 * Format: https://github.com/apache/parquet-format
 */
export function parquetEncoder({ time = "timestamp" }: { time?: "timestamp" | "int64" } = {}): EncodeTable {
  return ({ columns }, counts) => {
    const group = columns.map((column) => new ParquetColumn(column, GROUP_ROWS));
    const written: WrittenColumn[][] = [];
    const file = new Output();
    const page = new ByteWriter();
    file.write(MAGIC);
    let rows = 0;
    const endGroup = () => {
      if (rows > 0) written.push(group.map((column) => writeColumn(file, column, page)));
      rows = 0;
    };
    return {
      rows(chunk) {
        counts.rows += chunk.count;
        for (let from = 0; from < chunk.count;) {
          const to = Math.min(chunk.count, from + GROUP_ROWS - rows);
          chunk.columns.forEach((values, i) => group[i].add(values, from, to));
          rows += to - from;
          from = to;
          const characters = group.reduce((sum, { textLength }) => sum + textLength, 0);
          if (rows === GROUP_ROWS || characters >= GROUP_CHARACTERS) endGroup();
        }
        return file.take();
      },
      end() {
        endGroup();
        const end = footer(columns, time, written);
        file.write(end);
        file.write(new Uint8Array(Uint32Array.of(end.length).buffer));
        file.write(MAGIC);
        return file.take();
      },
    };
  };
}

/** Bytes that are to be written, and their place in the file. */
class Output {
  offset = 0;
  #parts = new ByteWriter();

  write(bytes: Uint8Array): void {
    this.#parts.raw(bytes);
    this.offset += bytes.length;
  }

  /** Takes out the bytes; they are valid until the next write. */
  take(): Uint8Array {
    const bytes = this.#parts.written();
    this.#parts.position = 0;
    return bytes;
  }
}

function writeColumn(file: Output, column: ParquetColumn, writer: ByteWriter): WrittenColumn {
  const start = file.offset;
  const { rows, nulls, encoding, page, dictionary, range } = column.take(writer);
  let bytes = 0;
  const writePage = (body: Uint8Array, count: number, kind: "data" | "dictionary") => {
    const compressed = zstdCompressSync(body);
    const sizes = { bytes: body.length, compressedBytes: compressed.length };
    const header = pageHeader({ count, encoding: kind === "data" ? encoding : Encoding.plain, ...sizes }, kind);
    file.write(header);
    file.write(compressed);
    bytes += header.length + body.length;
  };
  if (dictionary !== undefined) writePage(dictionary.bytes, dictionary.count, "dictionary");
  const dataOffset = file.offset;
  writePage(page, rows, "data");
  return {
    ...{ encoding, rows, nulls, range, bytes, compressedBytes: file.offset - start, dataOffset },
    ...dictionary !== undefined && { dictionaryOffset: start },
  };
}
