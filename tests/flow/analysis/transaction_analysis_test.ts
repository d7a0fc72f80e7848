import { assert, assertEquals } from "@std/assert";
import {
  figuresOf,
  sumTransactions,
  TRANSACTION_FIGURES,
  TRANSACTION_INTERVAL_FIGURES,
  TransactionAnalysis,
} from "../../../src/flow/analysis/mod.ts";
import { Distribution } from "../../../src/flow/analysis/distribution.ts";
import { ChunkWriter } from "../../../src/flow/records/chunk_writer.ts";
import { type Chunk, readChunk } from "../../../src/flow/records/read_chunk.ts";

/** A transaction: when it was over and how long it took, in nanoseconds. */
type Transaction = readonly [t: number, latency: number, connect?: number, lost?: 0 | 1];

function chunkOf(transactions: readonly Transaction[]): Chunk<"transactionIO"> {
  const writer = new ChunkWriter("transactionIO");
  for (const [t, latency, connect = -1, lost = 0] of transactions) {
    const { columns } = writer, i = writer.next();
    columns.t[i] = t;
    columns.latency[i] = latency;
    columns.connect[i] = connect;
    columns.lost[i] = lost;
  }
  return readChunk(writer.take()) as Chunk<"transactionIO">;
}

Deno.test("TransactionAnalysis has exact rates, and percentiles by the rule of RFC 2330", () => {
  const analysis = new TransactionAnalysis();
  // One after another, of 1 to 999 ns: the last is over at their sum.
  let t = 5000;
  analysis.add(chunkOf(Array.from({ length: 999 }, (_, i): Transaction => [t += i + 1, i + 1])));
  const figures = analysis.figures();
  assertEquals(figuresOf(TRANSACTION_FIGURES, figures), {
    transactions: 999,
    transactionsPerSecond: Number((999 * 1e9 / 499_500).toPrecision(10)),
    durationSeconds: 499_500 / 1e9,
    latencyMinMicros: 0.001,
    latencyMeanMicros: 0.5,
    latencyMedianMicros: 0.5,
    latencyP90Micros: 0.9,
    latencyP99Micros: 0.99,
    latencyP999Micros: 0.999,
    latencyMaxMicros: 0.999,
  });
});

Deno.test("TransactionAnalysis has times of connecting, and connections a second, where each transaction has one", () => {
  const analysis = new TransactionAnalysis();
  analysis.add(chunkOf([[1e6, 1e6, 4e5], [3e6, 2e6, 6e5]]));
  const values = figuresOf(TRANSACTION_FIGURES, analysis.figures());
  assertEquals([values.connectMeanMicros, values.connectMaxMicros], [500, 600]);
  assertEquals([values.connectionsPerSecond, values.transactionsPerSecond], [666.6666667, 666.6666667]);
});

Deno.test("TransactionAnalysis counts lost ones apart, whose waiting is no latency", () => {
  const analysis = new TransactionAnalysis();
  analysis.lossy = true;
  analysis.add(chunkOf([[1000, 1000], [9000, 8000, -1, 1], [10_000, 1000], [11_000, 1000]]));
  const { transactions, unanswered, unansweredPercent, latencyMaxMicros, durationSeconds } = figuresOf(
    TRANSACTION_FIGURES,
    analysis.figures(),
  );
  assertEquals([transactions, unanswered, unansweredPercent, latencyMaxMicros, durationSeconds], [3, 1, 25, 1, 11e-6]);
});

Deno.test("TransactionAnalysis leaves a warm-up out, and knows when there is nothing but that", () => {
  const all: readonly Transaction[] = [[1000, 1000], [2500, 1500], [3000, 500], [4000, 1000]];
  const analysis = new TransactionAnalysis();
  analysis.warmupEnd = 2600;
  analysis.add(chunkOf(all));
  const { transactions, durationNanos, unmeasured } = analysis.figures();
  assertEquals([transactions, durationNanos, unmeasured], [2, 1400, undefined]);
  const short = new TransactionAnalysis();
  short.warmupEnd = 5000;
  short.add(chunkOf(all));
  const nothing = short.figures();
  assertEquals([nothing.unmeasured, nothing.transactions, nothing.durationNanos], [true, 0, 0]);
});

Deno.test("TransactionAnalysis leaves samples out that contradict others", () => {
  const analysis = new TransactionAnalysis();
  analysis.add(chunkOf([[1000, 1000], [900, 10], [1200, 1300], [1300, 10, 20], [NaN, 1], [1400, -5], [1500, 10]]));
  const { transactions, incoherent } = analysis.figures();
  assertEquals([transactions, incoherent], [2, 5]);
});

Deno.test("sumTransactions() has all transactions in the time from the first start to the last end", () => {
  const [a, b, none] = Array.from({ length: 3 }, () => new TransactionAnalysis());
  a.add(chunkOf([[1000, 1000], [2000, 1000]]));
  b.add(chunkOf([[500, 500]]));
  const sum = sumTransactions([
    { originNanos: 0, analysis: a },
    { originNanos: 3500, analysis: b },
    { originNanos: 9e9, analysis: none },
  ]);
  assertEquals([sum.transactions, sum.durationNanos, sum.latency?.max, sum.latency?.min], [3, 4000, 1000, 500]);
  assertEquals(sumTransactions([]).durationNanos, 0);
});

Deno.test("intervals without a transaction have a rate of 0 and no latency", () => {
  const values = figuresOf(TRANSACTION_INTERVAL_FIGURES, { durationMs: 100, latency: new Distribution() });
  assertEquals(values, { transactions: 0, transactionsPerSecond: 0 });
  assert(!("unanswered" in values));
});
