import { checkTags, RowFeeder } from "../../bridge/row_feeder.ts";
import { type ExportedTest, takeRecordedRows } from "../../result/export/mod.ts";
import { tableNamed } from "../../result/tables/mod.ts";
import { sharedSource, type TableSource } from "../../result/tables/source.ts";
import type { TestResults } from "../../result/mod.ts";
import type { Host } from "../../udf/host.ts";
import type { EdgeType } from "../../udf/messages.ts";
import type { Supervisor } from "../../udf/supervise/supervisor.ts";
import { testsFor } from "../export/export.ts";
import { escape } from "../terminal.ts";
import { splitNames } from "../udf/input_flags.ts";
import { batcherOptions, type Feed, type FeedOptions } from "./input_feed.ts";

/** Sends the rows of a table of stored results to a UDF, one test behind the other. */
export class RowFeed implements Feed {
  readonly badLines = 0;
  readonly #sources: readonly (TableSource & { readonly test: TestResults })[];
  readonly #table: string;
  readonly #options: FeedOptions;
  #feeder: RowFeeder | undefined;
  #rows = 0;

  private constructor(tests: readonly ExportedTest[], table: string, options: FeedOptions) {
    const { flow: flows, interval: intervalMs } = options.flags;
    const shared = sharedSource(tests.map(({ test }) => test.summary));
    this.#sources = tests.map(({ test, run }) => ({ test, run, ...shared, flows, intervalMs }));
    this.#table = table;
    this.#options = options;
  }

  /**
   * Finds the rows.
   *
   * @param path of results
   * @throws {TineError} `unknown-table`, `unknown-tag`, and those of reading results
   */
  static async open(path: string, table: string, options: FeedOptions): Promise<RowFeed> {
    const { tests } = await testsFor("tine host", path, options.flags.test);
    const feed = new RowFeed(tests, table, options);
    checkTags(feed.#schema, splitNames(options.flags.groupBy));
    return feed;
  }

  get late(): number {
    return this.#feeder?.late ?? 0;
  }

  get lostRows(): number {
    return this.#feeder?.lost ?? 0;
  }

  async run(host: Host | Supervisor, wants: EdgeType): Promise<void> {
    const { flags, messages, signal } = this.#options;
    const feeder = this.#feeder = new RowFeeder(host, this.#schema, {
      wants,
      groupBy: splitNames(flags.groupBy),
      batches: batcherOptions(flags),
    });
    if (!Deno.stdout.isTerminal() && !flags.json) {
      messages.showProgress(() => `${host.counts.pointsIn} points in, ${host.counts.pointsOut} out`);
    }
    try {
      for (const source of this.#sources) {
        await takeRecordedRows(this.#table, source, (rows) => {
          this.#rows += rows.count;
          return feeder.rows(rows);
        }, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (host.failure === undefined) await feeder.end();
    if (this.#rows === 0 && flags.flow !== undefined && !signal.aborted) {
      messages.warn(`there is no row of a flow that matches --flow ${escape(flags.flow)}`);
    }
  }

  async cancel(): Promise<void> {}

  get #schema() {
    return tableNamed(this.#table)(this.#sources[0]);
  }
}
