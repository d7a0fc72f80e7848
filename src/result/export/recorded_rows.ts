import type { TestResults } from "../open_results.ts";
import { tableNamed } from "../tables/mod.ts";
import type { TableSource } from "../tables/source.ts";
import type { RowChunk } from "../tables/table.ts";
import { namesIn } from "../tables/row_follower.ts";
import { findStoredTest } from "../stored_plan.ts";
import { TestFollower } from "./test_follower.ts";

/**
 * Hands on the rows of a table of a stored test: those of a flow in the order in which they became known while it ran,
 * and flows mixed about as their records came, where {@linkcode exportToStream} has one flow behind the other.
 *
 * @param table its name
 * @param take takes rows, which are valid until it resolves
 * @throws {TineError} `unknown-table`, and those of reading results
 */
export async function takeRecordedRows(
  table: string,
  source: TableSource & { readonly test: TestResults },
  take: (rows: RowChunk) => Promise<void> | void,
  signal?: AbortSignal,
): Promise<void> {
  const { live, rows } = tableNamed(table)(source);
  if (live === undefined) {
    for await (const chunk of rows()) {
      signal?.throwIfAborted();
      await take(chunk);
    }
    return;
  }
  const folder = await Deno.realPath(source.test.path);
  const planned = await findStoredTest(folder, source.test.summary.id);
  using follower = new TestFollower([{ live, write: take }], source.flows, planned && namesIn(planned));
  await follower.step(folder, { end: true, mixed: true, signal });
}
