// Run it with: deno test my_udf_test.ts
import type { Handler, Output, Point } from "@tine/tine/udf";
import { createHandler } from "./my_udf.ts";

/** The handler with its options, and what it writes. */
async function start(
  field = "value",
): Promise<{ handler: Handler; written: Point[] }> {
  const written: Point[] = [];
  const agent: Output = {
    point: (point) => void written.push(point as Point),
    beginBatch() {},
    endBatch() {},
  };
  const handler = createHandler(agent);
  const options = [{
    name: "field",
    values: [{ type: "string" as const, value: field }],
  }];
  const outcome = await handler.init({
    options,
    taskId: "test",
    nodeId: "test",
  });
  if (outcome && !outcome.success) throw new Error(outcome.error);
  return { handler, written };
}

/** A point as the handler gets it, as far as the handler uses it. */
function point(
  seconds: number,
  value: number,
  group = "",
  field = "value",
): Point {
  const made = {
    time: BigInt(seconds * 1e9),
    name: "m",
    group,
    fieldsDouble: new Map([[field, value]]),
    field: (name: string) => made.fieldsDouble.get(name),
    setFields(fields: [string, number][]) {
      made.fieldsDouble = new Map(fields);
    },
  };
  return made as unknown as Point;
}

function rates(written: Point[]): unknown[] {
  return written.map((point) => point.field("rate"));
}

function assertEquals(actual: unknown, expected: unknown): void {
  const [got, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (got !== wanted) throw new Error(`expected ${wanted}, got ${got}`);
}

Deno.test("the rate is the change for each second", async () => {
  const { handler, written } = await start();
  await handler.point?.(point(10, 5));
  await handler.point?.(point(12, 8));
  assertEquals(rates(written), [1.5]);
});

Deno.test("groups do not mix", async () => {
  const { handler, written } = await start();
  await handler.point?.(point(1, 0, "host=a"));
  await handler.point?.(point(2, 100, "host=b"));
  await handler.point?.(point(3, 4, "host=a"));
  assertEquals(rates(written), [2]);
});

Deno.test("a restored snapshot goes on where it was taken", async () => {
  const before = await start();
  await before.handler.point?.(point(1, 1));
  const snapshot = await before.handler.snapshot?.();
  const after = await start();
  await after.handler.restore?.(snapshot!);
  await after.handler.point?.(point(2, 4));
  assertEquals(rates(after.written), [3]);
});

Deno.test("a snapshot of another field is taken and ignored", async () => {
  const before = await start();
  await before.handler.point?.(point(1, 1));
  const snapshot = await before.handler.snapshot?.();
  const after = await start("other");
  const outcome = await after.handler.restore?.(snapshot!);
  assertEquals(outcome, { success: true, error: "" });
  await after.handler.point?.(point(2, 4, "", "other"));
  await after.handler.point?.(point(3, 6, "", "other"));
  assertEquals(rates(after.written), [2]);
});

Deno.test("init fails without the option field", async () => {
  const outcome = await createHandler({
    point() {},
    beginBatch() {},
    endBatch() {},
  })
    .init({ options: [], taskId: "", nodeId: "" });
  assertEquals(outcome, { success: false, error: "missing option: field" });
});
