import type { Benchmark } from "./benchmark.ts";
import { floodFinding } from "./node_flood.ts";

/** How many samples a second come from a node through another one and the root to the disk. */
export const benchmark: Benchmark = {
  summary: "samples of packets from a node through another one to the disk, beside cat",

  async *run({ quick }) {
    yield await floodFinding({ what: "records", count: quick ? 20_000 : 10_000_000 }, 2_000_000, quick);
  },
};
