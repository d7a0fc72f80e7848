import { zstdCompressSync } from "node:zlib";
import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import {
  type Column,
  type ColumnType,
  isPresent,
  type RowChunk,
  type TableSchema,
  valueAt,
  type Values,
} from "../tables/table.ts";
import type { EncodeTable } from "./formats.ts";

/** Rows of a row group: readers skip and share work by group, and a group is what is held in memory. */
const GROUP_ROWS = 100_000;

/** Texts are left to the library, which makes a dictionary where they repeat. */
const ENCODINGS: Readonly<Record<ColumnType, "DELTA_BINARY_PACKED" | "PLAIN" | undefined>> = {
  time: "DELTA_BINARY_PACKED",
  int: "DELTA_BINARY_PACKED",
  double: "PLAIN",
  bool: "PLAIN",
  text: undefined,
};

/** What is written of a column that has nothing absent, or of one that has. */
type Buffer = BigInt64Array | Float64Array | (string | undefined)[] | (boolean | undefined)[];

/**
 * Makes encoders of Parquet: zstd, ints with delta encoding, row groups of 100,000 rows, flat memory. Times are
 * `TIMESTAMP(NANOS, UTC)`, which old readers do not know: `time: "int64"` writes plain integers.
 *
 * Format: https://github.com/apache/parquet-format
 */
export function parquetEncoder({ time = "timestamp" }: { time?: "timestamp" | "int64" } = {}): EncodeTable {
  return (schema, counts) => {
    const sink = new Sink();
    const writer = new ParquetWriter({
      writer: sink,
      schema: [
        { name: "schema", num_children: schema.columns.length },
        ...schema.columns.map((column) => ({
          name: column.name,
          repetition_type: "OPTIONAL" as const,
          ...physicalType(column, time),
        })),
      ],
      codec: "ZSTD",
      compressors: { ZSTD: (bytes) => zstdCompressSync(bytes) },
      createdBy: "tine",
    });
    const group = new RowGroup(schema);
    const write = () => {
      if (group.count > 0) writer.write({ columnData: group.take(), rowGroupSize: GROUP_ROWS });
    };
    return {
      rows(chunk) {
        counts.rows += chunk.count;
        for (let from = 0; from < chunk.count;) {
          from += group.add(chunk, from);
          if (group.count === GROUP_ROWS) write();
        }
        return sink.take();
      },
      end() {
        write();
        writer.finish();
        return sink.take();
      },
    };
  };
}

/** Bytes that the library has written and that were not taken. */
class Sink extends ByteWriter {
  take(): Uint8Array {
    const bytes = this.getBytes();
    // The library counts the offset in the file by itself.
    this.index = 0;
    return bytes;
  }
}

function physicalType({ type }: Column, time: "timestamp" | "int64") {
  switch (type) {
    case "time":
      return time === "int64" ? { type: "INT64" } as const : {
        type: "INT64",
        logical_type: { type: "TIMESTAMP", isAdjustedToUTC: true, unit: "NANOS" },
      } as const;
    case "int":
      return { type: "INT64" } as const;
    case "double":
      return { type: "DOUBLE" } as const;
    case "bool":
      return { type: "BOOLEAN" } as const;
    case "text":
      return { type: "BYTE_ARRAY", converted_type: "UTF8" } as const;
  }
}

/** Rows that wait until they are enough for a group. */
class RowGroup {
  count = 0;
  readonly #columns: readonly Column[];
  /** Filled again and again: new ones for each group would be most of the memory. */
  readonly #buffers: readonly Buffer[];
  /** By column: for each row, whether it has no value; undefined while all have. */
  #absent: (Uint8Array | undefined)[] = [];

  constructor({ columns }: TableSchema) {
    this.#columns = columns;
    this.#absent = columns.map(() => undefined);
    this.#buffers = columns.map(({ type }) => {
      if (type === "time" || type === "int") return new BigInt64Array(GROUP_ROWS);
      return type === "double" ? new Float64Array(GROUP_ROWS) : [];
    });
  }

  /**
   * Adds rows of a chunk.
   *
   * @param from the first of them
   * @returns how many there was room for
   */
  add(chunk: RowChunk, from: number): number {
    const to = Math.min(chunk.count, from + GROUP_ROWS - this.count);
    chunk.columns.forEach((values, i) => this.#fill(i, values, from, to));
    this.count += to - from;
    return to - from;
  }

  /** Takes out the columns of the group; they are valid until rows are added. */
  take() {
    const data = this.#columns.map(({ name, type }, i) => {
      const absent = this.#absent[i];
      const buffer = this.#buffers[i];
      const values = Array.isArray(buffer) ? buffer.slice(0, this.count) : buffer.subarray(0, this.count);
      const encoding = ENCODINGS[type];
      // Readers skip row groups by time and number; ranges of other columns are not worth a pass over their values.
      const statistics = type === "time" || type === "int";
      if (absent === undefined) return { name, data: values, encoding, statistics };
      return {
        name,
        data: Array.from<unknown, unknown>(values, (value, row) => absent[row] ? undefined : value),
        encoding,
        statistics,
      };
    });
    this.count = 0;
    this.#absent = this.#columns.map(() => undefined);
    return data;
  }

  #fill(i: number, values: Values, from: number, to: number): void {
    const buffer = this.#buffers[i];
    const { count } = this;
    if (values.type === "constant" && values.value !== undefined) {
      const value = buffer instanceof BigInt64Array ? BigInt(values.value) : values.value;
      if (Array.isArray(buffer)) {
        for (let row = from; row < to; row++) (buffer as unknown[])[count + row - from] = value;
      } else (buffer as BigInt64Array).fill(value as bigint, count, count + to - from);
      return;
    }
    if (values.type === "number" && buffer instanceof Float64Array && values.present === undefined) {
      const part = values.values.subarray(from, to);
      buffer.set(part, count);
      for (let k = 0; k < part.length; k++) if (Number.isNaN(part[k])) this.#leaveOut(i, count + k);
      return;
    }
    if ((values.type === "number" || values.type === "time") && buffer instanceof BigInt64Array) {
      this.#fillIntegers(i, buffer, values, from, to);
      return;
    }
    for (let row = from; row < to; row++) {
      const value = valueAt(values, row);
      if (value === undefined) this.#leaveOut(i, count + row - from);
      else (buffer as unknown[])[count + row - from] = value;
    }
  }

  /** Splits numbers into halves of 32 bits: making a bigint of each takes several times as long. */
  #fillIntegers(
    i: number,
    buffer: BigInt64Array,
    values: Extract<Values, { type: "number" | "time" }>,
    from: number,
    to: number,
  ): void {
    const halves = new Uint32Array(buffer.buffer);
    const numbers = values.type === "time" ? values.offsets : values.values;
    for (let row = from, at = this.count; row < to; row++, at++) {
      const value = numbers[row];
      if (values.type === "time" ? Number.isNaN(value) : !isPresent(values, row)) {
        this.#leaveOut(i, at);
        continue;
      }
      const high = Math.floor(value / 2 ** 32);
      halves[2 * at] = value - high * 2 ** 32;
      halves[2 * at + 1] = high;
    }
    if (values.type !== "time" || values.base === 0n) return;
    for (let at = this.count; at < this.count + to - from; at++) buffer[at] += values.base;
  }

  #leaveOut(i: number, at: number): void {
    (this.#absent[i] ??= new Uint8Array(GROUP_ROWS))[at] = 1;
    const buffer = this.#buffers[i];
    if (Array.isArray(buffer)) buffer[at] = undefined;
  }
}
