import { TineError } from "../base/errors.ts";
import { whyNotWritten } from "../result/store_error.ts";
import type { TableSchema } from "../result/tables/table.ts";
import { UDF_FOLDER, udfFileName, writeUdfHead } from "../result/udf_output.ts";
import { UdfColumns } from "../result/udf_columns.ts";
import type { Batch } from "../udf/batcher.ts";
import { encodeResponse } from "../udf/codec.ts";
import type { FrameTaker } from "../udf/handler.ts";
import type { Receiver } from "../udf/host.ts";
import type { Response } from "../udf/messages.ts";
import type { Point } from "../udf/point.ts";
import { ByteWriter } from "../wire/byte_writer.ts";
import { writeAll } from "../wire/connection.ts";

/** Bytes that collect before they are written at once. */
const WRITE_BYTES = 256 * 1024;

/** The file of what a UDF returns, as `readUdfPoints` reads it. */
export class ReturnedFile implements Receiver, FrameTaker, Disposable {
  readonly #file: Deno.FsFile;
  readonly #columns: UdfColumns;
  readonly #pending = new ByteWriter(WRITE_BYTES);
  readonly #message = new ByteWriter();
  #bytes = 0;

  private constructor(readonly path: string, file: Deno.FsFile, schema: Pick<TableSchema, "columns"> | undefined) {
    this.#file = file;
    this.#columns = new UdfColumns(schema);
  }

  /**
   * @param folder of the test, or any other; it is made
   * @param name of the UDF
   * @param schema of the table whose rows it gets, where these are rows
   * @throws {TineError} `cannot-write`
   */
  static async create(folder: string, name: string, schema?: TableSchema): Promise<ReturnedFile> {
    const path = `${folder}/${UDF_FOLDER}/${udfFileName(0)}`;
    try {
      await Deno.mkdir(`${folder}/${UDF_FOLDER}`, { recursive: true });
      const file = new ReturnedFile(path, await Deno.open(path, { createNew: true, write: true }), schema);
      writeUdfHead(file.#pending, { name, table: schema?.name ?? "" });
      return file;
    } catch (error) {
      throw cannotWrite(path, error);
    }
  }

  pointFrame(bytes: Uint8Array, start: number, end: number): Promise<void> | void {
    this.#append(bytes, start, end);
    this.#columns.addFrame(bytes, start, end);
    if (this.#pending.position >= WRITE_BYTES) return this.#write();
  }

  point(point: Point): Promise<void> | void {
    this.#columns.add(point);
    this.#appendResponse({ kind: "point", point });
    if (this.#pending.position >= WRITE_BYTES) return this.#write();
  }

  async batch({ begin, points, end }: Batch): Promise<void> {
    this.#appendResponse({ kind: "begin", begin });
    for (const point of points) await this.point(point);
    this.#appendResponse({ kind: "end", end });
    this.#columns.addTags(end.tags.keys());
  }

  /** Writes what waits. */
  async end(): Promise<{ bytes: number; columns: UdfColumns["columns"]; overflowed: boolean }> {
    await this.#write();
    const { columns, overflowed } = this.#columns;
    return { bytes: this.#bytes, columns, overflowed };
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }

  #appendResponse(response: Response): void {
    const message = this.#message;
    message.position = 0;
    encodeResponse(message, response);
    this.#append(message.bytes, 0, message.position);
  }

  #append(bytes: Uint8Array, start: number, end: number): void {
    this.#pending.uint32(end - start);
    this.#pending.raw(bytes, start, end);
  }

  async #write(): Promise<void> {
    const bytes = this.#pending.written();
    this.#bytes += bytes.length;
    try {
      await writeAll(this.#file, bytes);
    } catch (error) {
      throw cannotWrite(this.path, error);
    }
    this.#pending.position = 0;
  }
}

function cannotWrite(path: string, error: unknown): TineError {
  return new TineError("cannot-write", `cannot write ${path}: ${whyNotWritten(error)}`, { cause: error });
}
