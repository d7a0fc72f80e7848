/** The options of a benchmark. */
export interface BenchmarkOptions {
  /** A smoke run: little work, and one round instead of five. Its figures mean nothing. */
  quick: boolean;
}

/** A line of the report. */
export interface Finding {
  what: string;
  /** What was measured, and what it is compared with. */
  figures: string;
  /** What is to be reached, for people. */
  target?: string;
  reached?: boolean;
}

/** One benchmark. A new one is a new file and a line in registry.ts. */
export interface Benchmark {
  summary: string;
  /** @throws {MissingPeer} if there is nothing to compare with */
  run(options: BenchmarkOptions): AsyncIterable<Finding>;
}

/** What a benchmark compares with is not on this machine. */
export class MissingPeer extends Error {
  override readonly name = "MissingPeer";
}
