import { Batcher, type BatcherOptions } from "./batcher.ts";
import type { BadLine, InputItem } from "./format/input_item.ts";
import { assignGroup } from "./group.ts";
import type { Host } from "./host.ts";
import type { EdgeType } from "./messages.ts";

/** How input becomes what a UDF wants. */
export interface FeederOptions {
  /** What the UDF wants. */
  wants: EdgeType;
  /** The tags to group by; without any, points keep the group that they came with. */
  groupBy: readonly string[];
  /** How points become batches, where the UDF wants those. */
  batches: BatcherOptions;
  /** Gets what could not be used. */
  onBad: (bad: BadLine) => void;
}

/** What a feeder sends to: a host, or what acts like one. */
export type FedHost = Pick<Host, "point" | "batch"> & Partial<Pick<Host, "frames">>;

/** Feeds a UDF with input as it is read: single points, or batches made of them. */
export class Feeder {
  readonly #host: FedHost;
  readonly #options: FeederOptions;
  readonly #batcher: Batcher | undefined;

  constructor(host: FedHost, options: FeederOptions) {
    this.#host = host;
    this.#options = options;
    if (options.wants === "batch") this.#batcher = new Batcher(options.batches);
  }

  /** Points that came after their window had closed, and were dropped. */
  get late(): number {
    return this.#batcher?.late ?? 0;
  }

  /** Whether points may come as frames: they are sent one by one, and stay as they are. */
  get takesFrames(): boolean {
    return this.#host.frames !== undefined && this.#batcher === undefined && this.#options.groupBy.length === 0;
  }

  /** Sends the items, as far as they make something complete. */
  async feed(items: readonly InputItem[]): Promise<void> {
    for (const item of items) {
      if (item.kind === "bad") {
        this.#options.onBad(item);
        continue;
      }
      if (item.kind === "frames") {
        const full = this.#host.frames!(item.frames, item.points);
        if (full !== undefined) await full;
        continue;
      }
      if (item.kind === "point" && this.#options.groupBy.length > 0) assignGroup(item.point, this.#options.groupBy);
      if (this.#batcher !== undefined) {
        await this.#feedBatcher(this.#batcher, item);
      } else if (item.kind === "point") {
        const full = this.#host.point(item.point);
        if (full !== undefined) await full;
      } else if (item.kind === "begin") {
        this.#options.onBad({
          kind: "bad",
          line: item.line,
          reason: "a batch, but the UDF wants single points: its points are sent one by one",
          text: item.begin.name,
        });
      }
    }
  }

  /** Sends the batches that the end of input completes. */
  async end(): Promise<void> {
    for (const batch of this.#batcher?.flush() ?? []) await this.#host.batch(batch);
  }

  async #feedBatcher(batcher: Batcher, item: Exclude<InputItem, BadLine | { kind: "frames" }>): Promise<void> {
    const complete = item.kind === "point"
      ? batcher.point(item.point)
      : item.kind === "begin"
      ? batcher.begin(item.begin)
      : item.kind === "end"
      ? batcher.end(item.end)
      : batcher.boundary();
    for (const batch of complete) await this.#host.batch(batch);
  }
}
