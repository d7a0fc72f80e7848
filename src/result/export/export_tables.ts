import { TineError } from "../../base/errors.ts";
import { writeAll } from "../../wire/connection.ts";
import { testIdText } from "../names.ts";
import type { TestResults } from "../open_results.ts";
import { whyNotWritten } from "../store_error.ts";
import { selectColumns, tableNamed } from "../tables/mod.ts";
import { sharedSource, type TableSource } from "../tables/source.ts";
import type { Table } from "../tables/table.ts";
import { type EncodeTable, type ExportFormat, fileExtension, loadFormat, type TableEncoder } from "./formats.ts";
import type { ExportCounts } from "./row_printer.ts";

/** A test of an export. */
export interface ExportedTest {
  readonly test: TestResults;
  /** The name of its run, where it is known. */
  readonly run?: string;
}

/** What is exported, and how. */
export interface ExportOptions {
  readonly tests: readonly ExportedTest[];
  /** Names of tables. */
  readonly tables: readonly string[];
  readonly format: ExportFormat;
  /** How Parquet has times. */
  readonly time?: "timestamp" | "int64";
  /** A glob pattern for the ids of flows. */
  readonly flows?: string;
  /** The length of intervals, in milliseconds. */
  readonly intervalMs?: number;
  /** Columns by name, in order; all where it is left out. */
  readonly columns?: readonly string[];
  /** Gets called as rows are written. */
  readonly onProgress?: (counts: ExportCounts) => void;
  /** Gets called as samples are read: few rows may come of many. */
  readonly onSamples?: (count: number) => void;
  readonly signal?: AbortSignal;
}

/** Where bytes go. */
export type WriteBytes = (bytes: Uint8Array) => Promise<void>;

/** A file that was written. */
export interface WrittenFile extends ExportCounts {
  readonly path: string;
}

/**
 * Exports tables to a stream, one behind the other.
 *
 * @param write takes bytes that are valid until it resolves
 * @returns what was written
 * @throws {TineError} `unknown-table`, `unknown-column`, `one-table`, and those of reading results
 */
export async function exportToStream(options: ExportOptions, write: WriteBytes): Promise<ExportCounts> {
  const { tables, format } = options;
  if (tables.length > 1 && format !== "line") {
    throw new TineError(
      "one-table",
      `a stream of ${format} holds one table, not ${tables.length}: name a folder for them`,
    );
  }
  checkTables(options);
  const encode = await loadFormat(options.format, options);
  const counts = noCounts();
  for (const name of tables) await encodeTable(options, name, options.tests, encode, counts, write);
  return counts;
}

/**
 * Exports each table to a file of a folder: `flows.parquet`; or, partitioned, each table of each test to
 * `run=RUN/test=ID/flows.parquet`, as DuckDB, Spark, Polars and ClickHouse read them. Files appear when they are complete.
 *
 * @param folder is made where it is missing
 * @returns the files, in order
 * @throws {TineError} `cannot-write`, `unknown-table`, `unknown-column`, and those of reading results
 */
export async function exportToFolder(
  options: ExportOptions,
  folder: string,
  { partitioned = false } = {},
): Promise<WrittenFile[]> {
  checkTables(options);
  const encode = await loadFormat(options.format, options);
  const extension = fileExtension(options.format);
  const files: WrittenFile[] = [];
  const parts = partitioned
    ? options.tests.map((exported) => ({ path: `${folder}/${partitionOf(exported)}`, tests: [exported] }))
    : [{ path: folder, tests: options.tests }];
  for (const { path, tests } of parts) {
    for (const name of options.tables) {
      files.push(
        await writeFile(
          `${path}/${name}.${extension}`,
          (write, counts) => encodeTable(options, name, tests, encode, counts, write, partitioned),
        ),
      );
    }
  }
  return files;
}

/**
 * Exports tables to a file, as {@linkcode exportToStream} does.
 *
 * @throws {TineError} `cannot-write` too
 */
export async function exportToFile(options: ExportOptions, path: string): Promise<WrittenFile> {
  return await writeFile(path, async (write, counts) => {
    Object.assign(counts, await exportToStream(options, write));
  });
}

/** What nothing was written of yet. */
function noCounts(): ExportCounts {
  return { rows: 0, bytes: 0, lostRows: 0, lostValues: 0 };
}

/** Finds mistakes in the names of tables and columns before anything is written. */
function checkTables(options: ExportOptions): void {
  const shared = sharedSource(options.tests.map(({ test }) => test.summary));
  for (const name of options.tables) chosenTable(options, name, { test: { path: "", summary: { id: {} } }, ...shared });
}

async function encodeTable(
  options: ExportOptions,
  name: string,
  tests: readonly ExportedTest[],
  encode: EncodeTable,
  counts: ExportCounts,
  write: WriteBytes,
  partitioned = false,
): Promise<void> {
  const shared = sharedSource(options.tests.map(({ test }) => test.summary));
  let encoder: TableEncoder | undefined;
  const onSamples = (count: number) => {
    options.signal?.throwIfAborted();
    options.onSamples?.(count);
  };
  const put = async (bytes: Uint8Array) => {
    if (bytes.length === 0) return;
    counts.bytes += bytes.length;
    await write(bytes);
  };
  for (const { test, run } of tests) {
    const table = chosenTable(
      options,
      name,
      { test, run, ...shared, flows: options.flows, intervalMs: options.intervalMs, onSamples },
      partitioned,
    );
    encoder ??= encode(table, counts);
    for await (const chunk of table.rows()) {
      options.signal?.throwIfAborted();
      await put(encoder.rows(chunk));
      options.onProgress?.(counts);
    }
  }
  if (encoder !== undefined) await put(encoder.end());
}

/**
 * Returns a table with the columns that are wanted.
 *
 * @param partitioned the path names the run
 * @throws {TineError} `unknown-table`, `unknown-column`
 */
export function chosenTable(
  { columns, format }: Pick<ExportOptions, "columns" | "format">,
  name: string,
  source: TableSource,
  partitioned = false,
): Table {
  const table = tableNamed(name)(source);
  if (columns === undefined) {
    // The path has it: readers take it for a column.
    return partitioned
      ? selectColumns(table, table.columns.map(({ name }) => name).filter((name) => name !== "run"))
      : table;
  }
  // A point has a time, also where the column was not chosen.
  const time = table.columns[0].name;
  return selectColumns(table, format === "line" ? [time, ...columns.filter((column) => column !== time)] : columns);
}

/** The folders of a test in a partitioned export. */
function partitionOf({ test, run }: ExportedTest): string {
  const parts = [["run", run], ["test", testIdText(test.summary.id)]];
  return parts.flatMap(([key, value]) => value === undefined ? [] : [`${key}=${encodeURIComponent(value)}`]).join("/");
}

/** Writes a file under a temporary name and renames it: a part of it is never seen, and an older one stays until then. */
async function writeFile(
  path: string,
  fill: (write: WriteBytes, counts: ExportCounts) => Promise<void>,
): Promise<WrittenFile> {
  const counts = noCounts();
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : ".";
  const attempt = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (error instanceof TineError) throw error;
      throw new TineError("cannot-write", `cannot write ${path}: ${whyNotExported(error)}`, { cause: error });
    }
  };
  await attempt(Deno.mkdir(folder, { recursive: true }));
  try {
    using file = await attempt(Deno.open(temporary, { createNew: true, write: true }));
    const writer = new BlockWriter(file);
    await fill((bytes) => attempt(writer.write(bytes)), counts);
    await attempt(writer.end());
    await attempt(Deno.rename(temporary, path));
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  return { path, ...counts };
}

/** Returns why a file cannot be written whose folders are made with it. */
export function whyNotExported(error: unknown): string {
  // Of a folder, mkdir() reports so that a file has its name.
  return error instanceof Deno.errors.AlreadyExists ? "what stands above it is no folder" : whyNotWritten(error);
}

/** What is written at once. */
const BLOCK_BYTES = 1024 * 1024;

/** Writes a file in blocks, each while the next one is made. */
class BlockWriter {
  #block = new Uint8Array(BLOCK_BYTES);
  #other = new Uint8Array(BLOCK_BYTES);
  #filled = 0;
  #writing: Promise<void> = Promise.resolve();

  constructor(readonly file: Deno.FsFile) {}

  /** Takes bytes, and waits where the file is slower. */
  async write(bytes: Uint8Array): Promise<void> {
    while (bytes.length > 0) {
      const part = bytes.subarray(0, BLOCK_BYTES - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      bytes = bytes.subarray(part.length);
      if (this.#filled === BLOCK_BYTES) await this.#flush();
    }
  }

  /** Writes what is left. */
  async end(): Promise<void> {
    await this.#flush();
    await this.#writing;
  }

  async #flush(): Promise<void> {
    await this.#writing;
    this.#writing = writeAll(this.file, this.#block.subarray(0, this.#filled));
    this.#writing.catch(() => {}); // The next write or the end rejects with it.
    [this.#block, this.#other] = [this.#other, this.#block];
    this.#filled = 0;
  }
}
