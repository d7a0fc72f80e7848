import { csv } from "./csv.ts";
import { type EncodeTable, textEncoder } from "./encoder.ts";
import { jsonLines } from "./json_lines.ts";
import { lineProtocol } from "./line_protocol.ts";

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
