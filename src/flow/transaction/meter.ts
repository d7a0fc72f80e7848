import type { SampleSink } from "../engine/engine_flow.ts";
import type { TransactionReport } from "../report.ts";

/** What a report has besides counts and times. */
export type ReportExtras = Pick<
  TransactionReport,
  "complete" | "warmupNanos" | "serverTransactions" | "serverCpuNanos"
>;

/** In place of the time that connecting took: the connection was there before. */
const NO_CONNECT = -1;

/** Counts and records the transactions of a flow at its client. Times are nanoseconds since the flow's `tinit`. */
export class TransactionMeter {
  /** Transactions that have their response. */
  transactions = 0;
  /** Transactions that were given up. */
  lost = 0;
  readonly #sink: SampleSink<"transactionIO"> | undefined;
  #startedAt: number;
  #endedAt: number;
  #reportedAt: number;
  #reported = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  /**
   * @param sink undefined: nothing is recorded
   * @param startedAt when it was ready to begin
   */
  constructor(sink: SampleSink<"transactionIO"> | undefined, startedAt: number) {
    this.#sink = sink;
    this.#startedAt = this.#endedAt = this.#reportedAt = startedAt;
  }

  /**
   * Takes a transaction whose response is there.
   *
   * @param t when it came
   * @param latency how long that took
   * @param connect how much of that connecting took; left out: the connection was there before
   */
  add(t: number, latency: number, connect = NO_CONNECT): void {
    this.transactions++;
    this.#sum += latency;
    if (latency < this.#min) this.#min = latency;
    if (latency > this.#max) this.#max = latency;
    this.#record(t, latency, connect, 0);
  }

  /**
   * Takes a transaction without a response.
   *
   * @param t when it was given up
   * @param waited how long it was waited for
   */
  lose(t: number, waited: number): void {
    this.lost++;
    this.#record(t, waited, NO_CONNECT, 1);
  }

  /**
   * Reports the counts so far.
   *
   * @param now the time, for the rate since the report before; left out: the flow is over, and the rate is that of all
   */
  report(extras: ReportExtras, now?: number): TransactionReport {
    const { transactions, lost } = this;
    const [from, before] = now === undefined ? [this.#startedAt, 0] : [this.#reportedAt, this.#reported];
    const nanos = (now ?? this.#endedAt) - from;
    if (now !== undefined) {
      this.#reportedAt = now;
      this.#reported = transactions;
    }
    return {
      kind: "transactions",
      ...extras,
      elapsedNanos: (now ?? this.#endedAt) - this.#startedAt,
      transactions,
      lost,
      transactionsPerSecond: nanos > 0 ? (transactions - before) * 1e9 / nanos : 0,
      ...transactions > 0 && {
        latency: {
          minMicros: this.#min / 1000,
          meanMicros: this.#sum / transactions / 1000,
          maxMicros: this.#max / 1000,
        },
      },
    };
  }

  #record(t: number, latency: number, connect: number, lost: number): void {
    // The first one that is over is the first that began.
    if (this.transactions + this.lost === 1) this.#startedAt = t - latency;
    this.#endedAt = t;
    const writer = this.#sink?.writer();
    if (writer === undefined) return;
    const { columns } = writer, i = writer.next();
    columns.t[i] = t;
    columns.latency[i] = latency;
    columns.connect[i] = connect;
    columns.lost[i] = lost;
  }
}

/**
 * Decides whether one more transaction begins: a flow ends after a time or a number of transactions, whichever is
 * first.
 */
export class TransactionLimit {
  /** The number of transactions that have begun. */
  begun = 0;
  readonly #most: number;
  #until: number;

  /**
   * @param most the maximum number of transactions
   * @param untilNanos none begins from this time on
   */
  constructor(most = Infinity, untilNanos = Infinity) {
    this.#most = most;
    this.#until = untilNanos;
  }

  /** No more begin. */
  end(): void {
    this.#until = -Infinity;
  }

  /** Whether one more begins at this time. */
  allows(now: number): boolean {
    return this.begun < this.#most && now < this.#until;
  }
}
