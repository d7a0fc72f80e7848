import { measureFlow } from "../read_flows.ts";
import { LogTail } from "../read_logs.ts";
import { RecordFile, RecordTail } from "../read_records.ts";
import { type FollowedTable, RowFollower } from "../tables/row_follower.ts";

/** Records whose rows are written at a time, where flows are to be mixed. */
const FEW_RECORDS = 8;

/** How {@linkcode TestFollower.step} goes on. */
export interface StepOptions {
  readonly end?: boolean;
  readonly mixed?: boolean;
  readonly signal?: AbortSignal;
}

/** Makes rows of tables while a test writes its results. */
export class TestFollower implements Disposable {
  readonly #rows: RowFollower;
  readonly #logs = new LogTail();
  #records: RecordTail | undefined;
  /** For figures of flows, and for samples whose turn comes late. */
  #samples: RecordFile | undefined;

  /**
   * @param tables that are followed
   * @param flows a glob pattern for the ids of flows
   * @param runners the names of all that the test runs, where they are known
   */
  constructor(
    tables: readonly FollowedTable[],
    flows: string | undefined,
    runners: ReadonlySet<string> | undefined,
  ) {
    const hasFlows = tables.some(({ live }) => live.of === "flow");
    this.#rows = new RowFollower(tables, flows, {
      runners,
      read: (place) => this.#samples!.read(place),
      ...hasFlows && { measure: (flow, index) => measureFlow(this.#samples!, flow, index) },
    });
  }

  /**
   * Writes the rows of what has come since the last call.
   *
   * @param folder of the test, wherever it is by now
   * @param end nothing follows
   * @param mixed writes the rows of few records at a time, so that flows are mixed as they were while the test ran
   * @throws {TineError} `bad-results`, `bad-item`, `bad-records`, `cannot-read`
   */
  async step(folder: string, { end = false, mixed = false, signal }: StepOptions = {}): Promise<void> {
    this.#records ??= await RecordTail.open(folder);
    if (this.#records !== undefined) this.#samples ??= await RecordFile.open(folder);
    for (let some; (some = await this.#records?.read()) !== undefined;) {
      signal?.throwIfAborted();
      const now = performance.now();
      for (const [i, { message, place }] of some.entries()) {
        this.#rows.add(message, now, place);
        if (mixed && i % FEW_RECORDS === 0) await this.#rows.settle(now, false);
      }
      await this.#rows.write();
    }
    await this.#rows.settle(performance.now(), end);
    if (!this.#rows.has("lines")) return;
    for (let lines; (lines = await this.#logs.read(folder)).length > 0;) await this.#rows.addLines(lines);
  }

  [Symbol.dispose](): void {
    this.#records?.[Symbol.dispose]();
    this.#samples?.[Symbol.dispose]();
  }
}
