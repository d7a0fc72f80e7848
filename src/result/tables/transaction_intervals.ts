import { Distribution, TRANSACTION_INTERVAL_FIGURES, type TransactionInterval } from "../../flow/analysis/mod.ts";
import type { Chunk } from "../../flow/records/read_chunk.ts";
import type { Column } from "./table.ts";

const { transactions, transactionsPerSecond, latency, unanswered } = TRANSACTION_INTERVAL_FIGURES;

const number = (name: string, unit: string, definition: string): Column => ({ name, type: "double", unit, definition });

/** The columns of intervals that requests and responses have. */
export const TRANSACTION_COLUMNS = {
  transactions: number("transactions", "transactions", transactions.definition),
  transactions_per_second: number("transactions_per_second", "1/s", transactionsPerSecond.definition),
  latency_min_us: number("latency_min_us", "us", latency.definition),
  latency_mean_us: number("latency_mean_us", "us", "Mean of these."),
  latency_median_us: number("latency_median_us", "us", "Median of these."),
  latency_p90_us: number("latency_p90_us", "us", "90th percentile of these."),
  latency_p99_us: number("latency_p99_us", "us", "99th percentile of these."),
  latency_max_us: number("latency_max_us", "us", "Longest of these."),
  unanswered_transactions: number("unanswered_transactions", "transactions", unanswered.definition),
} satisfies Record<string, Column>;

/** Values of a row; what is left out is absent. */
type TransactionRow = Partial<Record<keyof typeof TRANSACTION_COLUMNS | "interval_seconds", number>>;

/** A row and the number of its interval, from 0 at the start of the flow. */
interface PlacedTransactionRow {
  readonly interval: number;
  readonly row: TransactionRow;
}

/** Requests and responses by intervals. */
export class TransactionIntervals {
  readonly ready: PlacedTransactionRow[] = [];
  /** They go both ways. */
  readonly direction = undefined;
  #interval = 0;
  #latency = new Distribution();
  #lost = 0;
  #seen = false;

  /** @param lossy whether some may be lost: those over UDP */
  constructor(readonly intervalNanos: number, readonly lossy: boolean) {}

  /** Takes samples, which are in the order of their times. */
  add(chunk: Chunk): void {
    if (chunk.kind !== "transactionIO") return;
    const { columns, count } = chunk;
    for (let i = 0; i < count; i++) {
      const t = columns.t[i];
      if (!(t >= 0 && t <= Number.MAX_SAFE_INTEGER)) continue;
      const interval = Math.floor(t / this.intervalNanos);
      if (interval < this.#interval) continue;
      // Where nothing was over for long, that is what rows show; before the first one, the flow was being opened.
      while (this.#interval < interval) {
        if (this.#seen) this.#release();
        else this.#interval = interval;
      }
      this.#seen = true;
      if (columns.lost[i] === 1) this.#lost++;
      else this.#latency.add(columns.latency[i]);
    }
  }

  /** No sample follows. */
  end(): void {
    if (this.#seen) this.#release();
    this.#seen = false;
  }

  #release(): void {
    const of: TransactionInterval = {
      durationMs: this.intervalNanos / 1e6,
      latency: this.#latency,
      ...this.lossy && { lost: this.#lost },
    };
    const known = of.latency.count > 0;
    const us = (part: "min" | "mean" | "median" | "p90" | "p99" | "max") => {
      const value = known ? latency.value(of, part) : undefined;
      return value === undefined ? undefined : Math.round(value * 1000) / 1000;
    };
    this.ready.push({
      interval: this.#interval++,
      row: {
        interval_seconds: this.intervalNanos / 1e9,
        transactions: transactions.value(of),
        transactions_per_second: transactionsPerSecond.value(of),
        latency_min_us: us("min"),
        latency_mean_us: us("mean"),
        latency_median_us: us("median"),
        latency_p90_us: us("p90"),
        latency_p99_us: us("p99"),
        latency_max_us: us("max"),
        unanswered_transactions: unanswered.value(of),
      },
    });
    this.#latency = new Distribution();
    this.#lost = 0;
  }
}
