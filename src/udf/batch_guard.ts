import { TineError } from "../base/errors.ts";
import type { BeginBatch, EdgeType, EndBatch } from "./messages.ts";

/**
 * The largest `size` that a BeginBatch carries. Kapacitor allocates that much before it sees a point, so a larger batch
 * goes out with the size unknown.
 */
const MAX_ANNOUNCED = 1n << 20n;

/** The `size` to announce for a batch of this many points. */
export function announcedSize(points: number | bigint): bigint {
  return points > MAX_ANNOUNCED ? 0n : BigInt(points);
}

/**
 * Follows one direction of a connection and refuses what does not fit its edge: a wrong nesting or size of batches
 * crashes Kapacitor, or makes it take later points for points of a batch.
 */
export class BatchGuard {
  #edge: EdgeType | undefined;
  readonly #who: string;
  readonly #sizeIsHint: boolean;
  #open: BeginBatch | undefined;
  #count = 0n;

  /**
   * @param who subject of the sentences in errors, e.g. "the handler"
   * @param options `sizeIsHint`: a batch may have more or fewer points than announced; Kapacitor sends the size that it
   *   expects, which a node before the UDF may have changed
   */
  constructor(who: string, { sizeIsHint = false } = {}) {
    this.#who = who;
    this.#sizeIsHint = sizeIsHint;
  }

  /** Sets the edge once it is known. */
  set edge(edge: EdgeType) {
    this.#edge = edge;
  }

  /** The batch that has begun and not ended. */
  get open(): BeginBatch | undefined {
    return this.#open;
  }

  point(): void {
    if (this.#open === undefined) {
      if (this.#edge === "batch") this.#fail("a point outside of a batch, on an edge of batches");
      return;
    }
    this.#count++;
    if (!this.#sizeIsHint && this.#open.size !== 0n && this.#count > this.#open.size) {
      this.#fail(`more points than the ${this.#open.size} that the batch ${quote(this.#open)} announced`);
    }
  }

  /** @returns what may leave */
  begin(begin: BeginBatch): BeginBatch {
    if (this.#edge === "stream") this.#fail(`the beginning of a batch ${quote(begin)}, on an edge of single points`);
    if (this.#open !== undefined) {
      this.#fail(`the beginning of a batch ${quote(begin)} inside the batch ${quote(this.#open)}`);
    }
    if (begin.size < 0n) this.#fail(`a batch ${quote(begin)} of the negative size ${begin.size}`);
    this.#open = begin;
    this.#count = 0n;
    return { ...begin, size: announcedSize(begin.size) };
  }

  end(end: Pick<EndBatch, "name">): void {
    const open = this.#open;
    if (open === undefined) return this.#fail(`the end of a batch ${quote(end)} that has not begun`);
    if (!this.#sizeIsHint && open.size !== 0n && this.#count !== open.size) {
      this.#fail(`the end of the batch ${quote(open)} after ${this.#count} points, it announced ${open.size}`);
    }
    this.#open = undefined;
  }

  #fail(what: string): never {
    throw new TineError("wrong-batch", `${this.#who} sent ${what}`);
  }
}

function quote({ name }: { name: string }): string {
  return JSON.stringify(name);
}
