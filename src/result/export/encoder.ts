import { TextWriter } from "../../wire/text_writer.ts";
import type { RowChunk, TableSchema } from "../tables/table.ts";
import type { ExportCounts, RowFormat } from "./row_printer.ts";

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
