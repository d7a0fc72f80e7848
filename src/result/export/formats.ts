import { csv } from "./csv.ts";
import { jsonLines } from "./json_lines.ts";
import { lineProtocol } from "./line_protocol.ts";
import { TextWriter } from "../../wire/text_writer.ts";
import type { RowChunk, TableSchema } from "../tables/table.ts";
import type { ExportCounts, RowFormat } from "./row_printer.ts";

/** The formats of exports. */
export const EXPORT_FORMATS = ["csv", "jsonl", "line", "parquet"] as const;

/** A format of exports. */
export type ExportFormat = typeof EXPORT_FORMATS[number];

/** Options of formats. */
export interface FormatOptions {
  /** How Parquet has times: as `TIMESTAMP(NANOS)`, by default, or as plain integers for readers that do not know it. */
  readonly time?: "timestamp" | "int64";
}

/** Loads a format: the library for Parquet only where it is wanted. */
export async function loadFormat(format: ExportFormat, { time }: FormatOptions = {}): Promise<EncodeTable> {
  switch (format) {
    case "csv":
      return textEncoder(csv);
    case "jsonl":
      return textEncoder(jsonLines);
    case "line":
      return textEncoder(lineProtocol);
    case "parquet":
      return (await import("./parquet.ts")).parquetEncoder({ time });
  }
}

/** What a file of a format is called behind the point. */
export function fileExtension(format: ExportFormat): string {
  return format === "line" ? "lp" : format;
}

/** Turns the rows of a table into the bytes of a file. */
export interface TableEncoder {
  /** Takes rows, and returns bytes that are ready; they are valid until the next call. */
  rows(chunk: RowChunk): Uint8Array;
  /** Returns the last bytes. */
  end(): Uint8Array;
}

/** Makes an encoder for a table. */
export type EncodeTable = (schema: TableSchema, counts: ExportCounts) => TableEncoder;

/**
 * Makes encoders of a text format.
 *
 * @param format prints rows
 * @param options `head: false` leaves out what comes before the first row, for a file that goes on
 */
export function textEncoder(format: RowFormat, { head = true } = {}): EncodeTable {
  return (schema, counts) => {
    const writer = new TextWriter();
    const printer = format(schema, counts);
    if (head) printer.head(writer);
    return {
      rows(chunk) {
        printer.rows(writer, chunk);
        counts.rows += chunk.count;
        return writer.take();
      },
      end: () => writer.take(),
    };
  };
}
