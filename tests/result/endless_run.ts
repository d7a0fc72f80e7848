/** A run that stores records and logs until it is killed; prints a line once a second test is under way. */

import { ChunkWriter } from "../../src/flow/records/chunk_writer.ts";
import { Kind } from "../../src/node/protocol/frame.ts";
import { errorMessage, log, startRun, testNamed } from "./fixtures.ts";

const run = await startRun(Deno.args[0]);
const done = await run.startTest(testNamed("done"));
await done.add(log("left", 1, "x"));
await done.finish({ status: "ok" });
const store = await run.startTest(testNamed("cut"));
await store.add(errorMessage("left", "seen before the end"));
const writer = new ChunkWriter("streamIO");
let stored = 0;
for (let i = 0;; i++) {
  while (!writer.full) writer.columns.t[writer.next()] = Math.random();
  const payload = writer.take();
  stored += payload.length;
  await store.add({ kind: Kind.records, origin: "left", name: "f", payload });
  await store.add(log("left", i, "x".repeat(1000)));
  // More than ever waits in memory: some of it is on disk.
  if (stored > 16 * 2 ** 20) {
    console.log("going on");
    stored = -Infinity;
  }
  await new Promise((resolve) => setTimeout(resolve));
}
