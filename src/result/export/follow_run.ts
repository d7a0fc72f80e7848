import { TineError } from "../../base/errors.ts";
import { followTests } from "../follow_tests.ts";
import { findStoredTest, findStoredTests } from "../stored_plan.ts";
import { readRunSummary, readTestSummary, WORK_SUFFIX } from "../summary.ts";
import type { TableSource } from "../tables/source.ts";
import type { LiveRows } from "../tables/live.ts";
import type { TableSchema } from "../tables/table.ts";
import { type EncodeTable, type ExportFormat, loadFormat, type TableEncoder } from "./formats.ts";
import { UDF_TABLE_PREFIX, UdfTail } from "../udf_output.ts";
import { UdfColumns } from "../udf_columns.ts";
import { chosenTable, type WriteBytes } from "./export_tables.ts";
import { TABLES } from "../tables/mod.ts";
import { type FollowedTable, namesIn } from "../tables/row_follower.ts";
import { TestFollower } from "./test_follower.ts";
import type { ExportCounts } from "./row_printer.ts";

/** What is followed, and how. */
export interface FollowOptions {
  /** Folder of the run. */
  readonly run: string;
  /** Name of the folder of one of its tests, where only that is followed. */
  readonly test?: string;
  /** Whether a test is wanted, by its id; all are by default. */
  wanted?(id: Readonly<Record<string, string>>): boolean;
  /** Names of tables. */
  readonly tables: readonly string[];
  readonly format: Exclude<ExportFormat, "parquet">;
  /** A glob pattern for the ids of flows. */
  readonly flows?: string;
  /** The length of intervals, in milliseconds. */
  readonly intervalMs?: number;
  /** Columns by name, in order; all where it is left out. */
  readonly columns?: readonly string[];
  /** Gets called as rows are written. */
  readonly onProgress?: (counts: ExportCounts) => void;
  readonly signal: AbortSignal;
}

/** How the following ended. */
export interface Followed extends ExportCounts {
  /** False if the run was killed, so that its results are cut. */
  readonly complete: boolean;
}

/**
 * Writes the rows of tables as a run records them, until it ends, also through the change of its folder's name. All
 * that was recorded before comes first. Rows are those of {@linkcode exportToStream}, in the order in which they become
 * known.
 *
 * A row is written once it is certain: samples of one end wait for those of the other, and a packet is lost when both
 * ends have recorded what was sent much later. What is estimated from all packets of a flow, such as how two clocks
 * relate, is what is known by then.
 *
 * @param writeTo returns where the rows of a table go; bytes are valid until the promise resolves
 * @throws {TineError} `unknown-table`, `unknown-column`, and those of reading results
 *
 * @example
 * ```ts ignore
 * import { followRun } from "./follow_run.ts";
 *
 * const run = "results/2026-11-29T01-39-31Z.work";
 * await followRun({ run, tables: ["round_trips"], format: "jsonl", signal }, () => async (bytes) => {
 *   await Deno.stdout.write(bytes);
 * });
 * ```
 */
export async function followRun(options: FollowOptions, writeTo: (table: string) => WriteBytes): Promise<Followed> {
  const path = await Deno.realPath(options.run);
  const output = await Output.start(options, writeTo, await idKeysOf(path, options.test), runName(path));
  const complete = await followTests({
    ...options,
    async open(folder, { id }) {
      const tables = await output.tablesOf(folder);
      if (tables === undefined) return undefined;
      const planned = await findStoredTest(folder, id);
      const follower = new TestFollower(tables, options.flows, planned && namesIn(planned));
      const udfs = output.udfs.map((name) => ({ name, tail: new UdfTail(name), columns: undefined }));
      return {
        async step(folder, step) {
          await follower.step(folder, step);
          for (const udf of udfs) await output.returned(udf, { path: folder, summary: { id } });
        },
        [Symbol.dispose]: () => follower[Symbol.dispose](),
      };
    },
  });
  return { ...output.counts, complete };
}

/** The name that the folder has in the end. */
function runName(path: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return name.endsWith(WORK_SUFFIX) ? name.slice(0, -WORK_SUFFIX.length) : name;
}

/** The keys of all ids that the run will have. */
async function idKeysOf(run: string, test: string | undefined): Promise<string[]> {
  const ids: Readonly<Record<string, string>>[] = [];
  if (test !== undefined) ids.push((await readTestSummary(`${run}/${test}`))?.id ?? {});
  else {
    for (const { id } of (await readRunSummary(run))?.tests ?? []) ids.push(id);
    for (const { id } of await findStoredTests(run)) ids.push(id);
  }
  return [...new Set(ids.flatMap((id) => Object.keys(id)))];
}

function isUdf(table: string): boolean {
  return table.startsWith(UDF_TABLE_PREFIX);
}

async function* only<T>(value: T): AsyncGenerator<T> {
  yield value;
}

/** Encodes rows and hands them on at once. */
class Output {
  readonly counts: ExportCounts = { rows: 0, bytes: 0, lostRows: 0, lostValues: 0 };
  readonly #encoders = new Map<string, TableEncoder>();

  private constructor(
    readonly options: FollowOptions,
    readonly writeTo: (table: string) => WriteBytes,
    readonly encode: EncodeTable,
    readonly idKeys: readonly string[],
    readonly run: string,
  ) {}

  /** Writes what comes before rows. */
  static async start(
    options: FollowOptions,
    writeTo: (table: string) => WriteBytes,
    idKeys: readonly string[],
    run: string,
  ): Promise<Output> {
    const output = new Output(options, writeTo, await loadFormat(options.format), idKeys, run);
    // All names are looked at before anything is written.
    if (output.udfs.length > 0 && options.format === "csv") {
      const name = UDF_TABLE_PREFIX + output.udfs[0];
      throw new TineError("cannot-follow", `the columns of ${name} are known at the end of a test: take jsonl or line`);
    }
    const schemas = output.#tables.map((name) => output.#table(name, { path: "", summary: { id: {} } }));
    for (const { name, ...schema } of schemas) {
      const encoder = output.encode({ name, ...schema }, output.counts);
      output.#encoders.set(name, encoder);
      await output.#put(name, encoder.end());
    }
    return output;
  }

  /** Returns the tables of a test; undefined where it has no summary yet. */
  async tablesOf(path: string): Promise<FollowedTable[] | undefined> {
    const summary = await readTestSummary(path);
    if (summary === undefined) return undefined;
    return this.#tables.map((name) => ({
      live: this.#table(name, { path, summary }).live,
      write: async (rows) => {
        await this.#put(name, this.#encoders.get(name)!.rows(rows));
        this.options.onProgress?.(this.counts);
      },
    }));
  }

  /** The names of the UDFs whose tables are followed. */
  get udfs(): string[] {
    return this.options.tables.filter(isUdf).map((name) => name.slice(UDF_TABLE_PREFIX.length));
  }

  /** The other tables. */
  get #tables(): string[] {
    return this.options.tables.filter((name) => !isUdf(name));
  }

  /** Writes what a UDF has returned since the last call. */
  async returned(
    udf: { readonly name: string; readonly tail: UdfTail; columns: UdfColumns | undefined },
    test: TableSource["test"],
  ): Promise<void> {
    const { name, tail } = udf;
    const { columns: wanted, format, onProgress } = this.options;
    for await (const points of tail.read(test.path)) {
      const made = TABLES.get(tail.table ?? "")?.({ test, idKeys: this.idKeys });
      const columns = udf.columns ??= new UdfColumns(made);
      for (const { point, batch } of points) {
        columns.add(point);
        if (batch !== undefined) columns.addTags(batch.tags.keys());
      }
      const udfs = new Map([[name, columns.columns]]);
      const source = { test, run: this.run, idKeys: this.idKeys, udfs, returned: only(points) };
      const table = chosenTable({ columns: wanted, format }, UDF_TABLE_PREFIX + name, source);
      // Lines have no head: a column more is no change of what was written before.
      const encoder = this.encode(table, this.counts);
      for await (const rows of table.rows()) await this.#put(table.name, encoder.rows(rows));
      onProgress?.(this.counts);
    }
  }

  #table(name: string, test: TableSource["test"]): TableSchema & { live: LiveRows } {
    const { flows, intervalMs, columns, format } = this.options;
    const source = { test, run: this.run, idKeys: this.idKeys, flows, intervalMs };
    const { live, ...table } = chosenTable({ columns, format }, name, source);
    if (live === undefined) throw new TineError("cannot-follow", `the table ${name} cannot be followed`);
    return { ...table, live };
  }

  async #put(name: string, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    this.counts.bytes += bytes.length;
    await this.writeTo(name)(bytes);
  }
}
