import { ReturnedFile } from "../../bridge/returned_file.ts";
import { TineError } from "../../base/errors.ts";
import { grouped } from "../../base/units.ts";
import { type ExportFormat, loadFormat } from "../../result/export/formats.ts";
import { pointsTable } from "../../result/tables/udf_table.ts";
import { MAX_COLUMNS } from "../../result/udf_columns.ts";
import type { Batch } from "../../udf/batcher.ts";
import type { Point } from "../../udf/point.ts";
import { writeStdout } from "../terminal.ts";
import { GroupCheck, type Printer, type PrinterOptions } from "./point_printer.ts";

/**
 * Prints on stdout what a UDF sends back, as one table: all of it once the UDF has ended, since the tags and fields of
 * all points are its columns. Until then points are kept in a temporary file.
 */
export class TablePrinter implements Printer {
  readonly #format: ExportFormat;
  readonly #options: PrinterOptions;
  readonly #groups: GroupCheck;
  readonly #folder: string;
  readonly #file: ReturnedFile;
  readonly losses = { points: 0, fields: 0, tags: 0 };

  private constructor(format: ExportFormat, options: PrinterOptions, folder: string, file: ReturnedFile) {
    this.#format = format;
    this.#options = options;
    this.#groups = new GroupCheck(options.warn);
    this.#folder = folder;
    this.#file = file;
  }

  /** @throws {TineError} `cannot-write` where there can be no temporary file */
  static async open(format: ExportFormat, options: PrinterOptions): Promise<TablePrinter> {
    const folder = await Deno.makeTempDir({ prefix: "tine-points-" });
    try {
      return new TablePrinter(format, options, folder, await ReturnedFile.create(folder, "host"));
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  get wrongGroups(): number {
    return this.#groups.wrong;
  }

  point(point: Point): Promise<void> | void {
    this.#groups.point(point);
    return this.#file.point(point);
  }

  batch(batch: Batch): Promise<void> {
    this.#groups.batch(batch);
    return this.#file.batch(batch);
  }

  /**
   * @throws {TineError} `not-representable` where the table has more columns than it may, with `strict`; `cannot-write`
   */
  async finish(): Promise<void> {
    const { columns, overflowed } = await this.#file.end();
    if (overflowed) {
      const message = `the points have more than the ${
        grouped(MAX_COLUMNS)
      } tags and fields that a table has columns for`;
      if (this.#options.strict) throw new TineError("not-representable", message);
      this.#options.warn(`${message}: the others are left out`);
    }
    const table = pointsTable(this.#file.path, columns);
    const encoder = (await loadFormat(this.#format))(table, { rows: 0, bytes: 0, lostRows: 0, lostValues: 0 });
    for await (const chunk of table.rows()) await writeStdout(encoder.rows(chunk));
    await writeStdout(encoder.end());
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
    Deno.removeSync(this.#folder, { recursive: true });
  }
}
