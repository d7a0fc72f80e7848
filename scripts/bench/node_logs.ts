import type { Benchmark } from "./benchmark.ts";
import { floodFinding } from "./node_flood.ts";

/** How many log entries a second come from a node through another one and the root to the disk. */
export const benchmark: Benchmark = {
  summary: "log entries from a node through another one to the disk, beside cat",

  async *run({ quick }) {
    yield await floodFinding({ what: "logs", count: quick ? 2_000 : 400_000 }, 50_000, quick);
  },
};
