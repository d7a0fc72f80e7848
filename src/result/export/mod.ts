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
  type WrittenFile,
} from "./export_tables.ts";
export { EXPORT_FORMATS, type ExportFormat } from "./formats.ts";
export type { ExportCounts } from "./row_printer.ts";
