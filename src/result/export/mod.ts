/**
 * Tables as files of other programs' formats.
 *
 * @module
 */

export {
  type ExportedTest,
  type ExportOptions,
  exportToFile,
  exportToFolder,
  exportToStream,
  whyNotExported,
  type WrittenFile,
} from "./export_tables.ts";
export { type Followed, type FollowOptions, followRun } from "./follow_run.ts";
export { takeRecordedRows } from "./recorded_rows.ts";
export { type InfluxCounts, InfluxWriter, type InfluxWriterOptions } from "./influx_writer.ts";
export { EXPORT_FORMATS, type ExportFormat } from "./formats.ts";
export type { ExportCounts } from "./row_printer.ts";
