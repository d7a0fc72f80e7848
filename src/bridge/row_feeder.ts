import { TineError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { RowChunk, TableSchema } from "../result/tables/table.ts";
import { Batcher, type BatcherOptions } from "../udf/batcher.ts";
import type { Host } from "../udf/host.ts";
import type { EdgeType } from "../udf/messages.ts";
import { RowPoints } from "./row_points.ts";

/** The length of batches where nothing else is wanted, in milliseconds. */
export const DEFAULT_BATCH_WINDOW_MS = 1000;

/** How rows become what a UDF wants. */
export interface RowFeederOptions {
  /** What the UDF wants. */
  readonly wants: EdgeType;
  /** The tags to group by; `*`: all tags; without any, all points are one group. */
  readonly groupBy: readonly string[];
  /** When a batch is complete, for a UDF that wants batches; windows of a second where it does not say. */
  readonly batches: BatcherOptions;
}

/** Feeds a UDF with the rows of a table: single points, or batches made of them. */
export class RowFeeder {
  readonly #host: Pick<Host, "pointFrame" | "batch">;
  readonly #points: RowPoints;
  readonly #batcher: Batcher | undefined;

  /**
   * @param schema of the table
   * @throws {TineError} `unknown-tag` for one that the table does not have
   */
  constructor(
    host: Pick<Host, "pointFrame" | "batch">,
    schema: TableSchema,
    { wants, groupBy, batches: { size, windowNs } }: RowFeederOptions,
  ) {
    checkTags(schema, groupBy);
    this.#host = host;
    this.#points = new RowPoints(schema, groupBy);
    if (wants === "stream") return;
    const isOpen = size === undefined && windowNs === undefined;
    this.#batcher = new Batcher({ size, windowNs: isOpen ? BigInt(DEFAULT_BATCH_WINDOW_MS) * 1_000_000n : windowNs });
  }

  /** Points that came after their window had closed, and were dropped. */
  get late(): number {
    return this.#batcher?.late ?? 0;
  }

  /** Rows without a time or without any field, which are no points. */
  get lost(): number {
    return this.#points.lost;
  }

  /** Sends rows, as far as they make something complete. */
  async rows(chunk: RowChunk): Promise<void> {
    if (this.#batcher !== undefined) {
      for (const point of this.#points.points(chunk)) {
        for (const batch of this.#batcher.point(point)) await this.#host.batch(batch);
      }
      return;
    }
    const { bytes, count, places } = this.#points.encode(chunk);
    for (let i = 0; i < count; i++) {
      const full = this.#host.pointFrame(bytes, places[2 * i], places[2 * i + 1]);
      if (full !== undefined) await full;
    }
  }

  /** Sends the batches that the end of the rows completes. */
  async end(): Promise<void> {
    for (const batch of this.#batcher?.flush() ?? []) await this.#host.batch(batch);
  }
}

/**
 * Makes sure that rows can be grouped by tags.
 *
 * @throws {TineError} `unknown-tag`, with the nearest name
 */
export function checkTags({ name: table, columns }: TableSchema, groupBy: readonly string[]): void {
  const tags = columns.filter(({ tag }, i) => i > 0 && tag).map(({ name }) => name);
  for (const name of groupBy) {
    if (name === "*" || tags.includes(name)) continue;
    const near = nearest(name, tags);
    const hint = near === undefined ? `it has ${tags.join(", ")}` : `did you mean ${near}?`;
    throw new TineError("unknown-tag", `the table ${table} has no tag "${name}" to group by: ${hint}`);
  }
}
