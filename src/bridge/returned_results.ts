import { messageOf, TineError } from "../base/errors.ts";
import { type ExportedTest, takeRecordedRows } from "../result/export/mod.ts";
import { tableNamed } from "../result/tables/mod.ts";
import { sharedSource } from "../result/tables/source.ts";
import { Host, type HostCounts, type HostOptions } from "../udf/host.ts";
import type { InfoResponse, Option } from "../udf/messages.ts";
import { describeOptions } from "../udf/option_settings.ts";
import type { RunningUdf } from "../udf/running_udf.ts";
import { ReturnedFile } from "./returned_file.ts";
import { checkTags, RowFeeder, type RowFeederOptions } from "./row_feeder.ts";

/** How rows of stored results go through a UDF. */
export interface ReturnedResultsOptions extends Omit<RowFeederOptions, "wants"> {
  readonly tests: readonly ExportedTest[];
  /** The name of the table whose rows the UDF gets. */
  readonly table: string;
  /** A glob pattern for the ids of flows. */
  readonly flows?: string;
  /** The length of intervals, in milliseconds. */
  readonly intervalMs?: number;
  /** What the UDF is called: what it returns is the table `udf.NAME`. */
  readonly name: string;
  /** Starts or connects to the UDF, for each test anew. */
  reach(): Promise<RunningUdf>;
  /** Returns the options that a UDF gets. */
  options(info: InfoResponse): Option[];
  readonly host?: HostOptions;
  /** How long the UDF may take to end, in milliseconds; 0: for ever. */
  readonly drainTimeoutMs?: number;
  /** Gets called as rows are taken, with what has gone through the UDF of a test. */
  readonly onProgress?: (counts: HostCounts) => void;
  /** Gets called once the UDF of a test has ended. */
  readonly onEnd?: (counts: HostCounts & { readonly late: number; readonly lost: number }) => void;
  readonly signal?: AbortSignal;
}

/**
 * Sends the rows of a table of stored tests through a UDF, each test through one of its own as while it ran, and stores
 * what it returns.
 *
 * @param folder for what is returned, a folder a test, see {@linkcode findUdfFile}
 * @returns the tests with what the UDF returned, as the table `udf.NAME` and nothing else
 * @throws {TineError} `unknown-table`, `unknown-tag`, `cannot-write`, those of reading results, and why the UDF failed
 */
export async function returnedResults(options: ReturnedResultsOptions, folder: string): Promise<ExportedTest[]> {
  const shared = sharedSource(options.tests.map(({ test }) => test.summary));
  const returned: ExportedTest[] = [];
  for (const [i, exported] of options.tests.entries()) {
    const path = `${folder}/${i + 1}`;
    returned.push(await throughUdf(exported, shared, options, path));
  }
  return returned;
}

async function throughUdf(
  { test, run }: ExportedTest,
  shared: ReturnType<typeof sharedSource>,
  options: ReturnedResultsOptions,
  path: string,
): Promise<ExportedTest> {
  const { name, table, flows, intervalMs, signal } = options;
  const source = { test, run, ...shared, flows, intervalMs };
  const schema = tableNamed(table)(source);
  checkTags(schema, options.groupBy);
  using file = await ReturnedFile.create(path, name, schema);
  const host = new Host(await options.reach(), file, options.host);
  const cancel = () => host.abort(new TineError("canceled", "it was interrupted"));
  signal?.addEventListener("abort", cancel);
  let feeder: RowFeeder;
  try {
    host.start();
    const info = await host.info();
    await initialise(host, options.options(info), info);
    feeder = new RowFeeder(host, schema, { ...options, wants: info.wants });
    await takeRecordedRows(table, source, async (rows) => {
      if (host.failure !== undefined) throw host.failure;
      await feeder.rows(rows);
      options.onProgress?.(host.counts);
    }, signal);
    await feeder.end();
    try {
      await host.stop(options.drainTimeoutMs);
    } catch (error) {
      // As beside a test: nothing is missing.
      if (!(error instanceof TineError) || error.code !== "bad-exit") throw error;
      options.host?.log?.(`the UDF has handled all rows, but did not end well: ${error.message}`);
    }
  } catch (error) {
    host.abort(error instanceof Error ? error : new Error(messageOf(error)));
    await host.stop(options.drainTimeoutMs).catch(() => {}); // it is known why
    throw host.failure ?? error;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
  const { bytes, columns } = await file.end();
  const { late, lost } = feeder;
  options.onEnd?.({ ...host.counts, late, lost });
  const { pointsIn, pointsOut, batchesOut } = host.counts;
  const summary = {
    name,
    table,
    rowsIn: pointsIn,
    pointsOut,
    batchesOut,
    droppedRows: late + lost,
    droppedSamples: 0,
    restarts: 0,
    bytes,
    columns,
  };
  return { test: { ...test, path, summary: { ...test.summary, udfs: [summary] } }, run };
}

async function initialise(host: Host, options: Option[], info: InfoResponse): Promise<void> {
  try {
    await host.init(options);
  } catch (error) {
    if (!(error instanceof TineError) || error.code !== "init-failed") throw error;
    throw new TineError(error.code, `${error.message} (${describeOptions(info)})`, { cause: error });
  }
}
