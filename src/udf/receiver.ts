import type { Batch } from "./batcher.ts";
import type { Point } from "./point.ts";

/** Gets what a UDF sends back, in order. A promise that is returned holds up reading, and so in the end the UDF. */
export interface Receiver {
  point(point: Point): Promise<void> | void;
  batch(batch: Batch): Promise<void> | void;
}
