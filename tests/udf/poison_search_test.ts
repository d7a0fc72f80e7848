import { assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import { type RunningUdf, startInProcess } from "../../src/udf/running_udf.ts";
import type { Request } from "../../src/udf/messages.ts";
import { Point } from "../../src/udf/point.ts";
import { Supervisor, type SupervisorOptions } from "../../src/udf/supervise/supervisor.ts";
import { TineError } from "../../src/base/errors.ts";
import { batchHandler, streamHandler } from "../support/udf_driver.ts";

const point = (i: number) => new Point({ name: "cpu", time: BigInt(i), fieldsInt: new Map([["v", BigInt(i)]]) });

/** A UDF that sums values up, and dies at some of them. */
function summing(
  poison: readonly number[],
  { snapshots = true, snapshot = () => {} }: { snapshots?: boolean; snapshot?: () => void } = {},
): () => Promise<RunningUdf> {
  return () =>
    Promise.resolve(startInProcess(
      "sum",
      streamHandler((agent) => {
        let sum = 0;
        return {
          point(point) {
            const value = Number(point.fieldsInt.get("v"));
            if (poison.includes(value)) throw new Error(`no idea what ${value} is`);
            sum += value;
            return agent.point(
              new Point({ name: "sum", time: point.time, fieldsInt: new Map([["sum", BigInt(sum)]]) }),
            );
          },
          snapshot() {
            snapshot();
            return snapshots ? new TextEncoder().encode(String(sum)) : new Uint8Array();
          },
          restore(state) {
            sum = Number(new TextDecoder().decode(state));
            return { success: true, error: "" };
          },
        };
      }),
    ));
}

/** Sends values to a supervised UDF, and returns what came of it. */
async function run(
  reach: () => Promise<RunningUdf>,
  values: number,
  options: Partial<SupervisorOptions> = {},
  sums: bigint[] = [],
) {
  const kept: bigint[] = [], log: string[] = [];
  const supervisor = new Supervisor(reach, {
    point: (point) => void sums.push(point.fieldsInt.get("sum")!),
    batch() {},
  }, {
    backoff: { firstDelayMs: 1, longestDelayMs: 2, limit: 8 },
    poison: {
      action: "skip",
      keep: (requests: readonly Request[]) =>
        void kept.push(...requests.flatMap((request) => request.kind === "point" ? [request.point.time] : [])),
    },
    log: (message) => log.push(message),
    ...options,
  });
  supervisor.start();
  await supervisor.init([]);
  for (let i = 1; i <= values; i++) await supervisor.point(point(i));
  await supervisor.stop();
  return { kept, log, last: sums.at(-1), counts: supervisor.supervision };
}

Deno.test("a UDF that dies at some points goes on without them, and with all others", async () => {
  const { kept, log, last, counts } = await run(summing([700, 4000, 4001]), 5000);
  assertEquals(kept, [700n, 4000n, 4001n]);
  assertEquals(last, BigInt(5000 * 5001 / 2 - 700 - 4000 - 4001));
  assertEquals([counts.poisonPoints, counts.lostPoints], [3, 0]);
  assertStringIncludes(log.join("\n"), "the UDF dies at a point of cpu at 700 each time: it goes on without");
});

Deno.test("a UDF gets past all points at which it dies after its input has ended, too", async () => {
  const poison = [3, 5, 7, 9, 11];
  for (const snapshots of [true, false]) {
    const { kept, last, counts } = await run(summing(poison, { snapshots }), 12);
    assertEquals(kept, poison.map(BigInt));
    assertEquals([last, counts.poisonPoints], [BigInt(12 * 13 / 2 - 35), 5]);
  }
});

Deno.test("points are not blamed for the death of a UDF that dies when it is asked for a snapshot", async () => {
  let asked = 0;
  const snapshot = () => {
    asked++;
    throw new Error("there are no snapshots");
  };
  const { kept, last, log } = await run(summing([3, 7], { snapshot }), 12);
  assertEquals([kept, last, asked], [[3n, 7n], BigInt(12 * 13 / 2 - 10), 1]);
  assertStringIncludes(log.join("\n"), "the UDF dies when it is asked for a snapshot: it is not asked again");
});

Deno.test("a UDF without snapshots gets past a point at which it dies, too", async () => {
  const { kept, last, counts } = await run(summing([30], { snapshots: false }), 100);
  assertEquals([kept, last, counts.poisonPoints], [[30n], BigInt(100 * 101 / 2 - 30), 1]);
});

Deno.test("a UDF is stopped at the point at which it dies each time, where that is wanted", async () => {
  const kept: Request[] = [];
  const error = await assertRejects(
    () => run(summing([3]), 10, { poison: { action: "stop", keep: (requests) => void kept.push(...requests) } }),
    TineError,
    "the UDF dies at a point of cpu at 3 each time: ",
  );
  assertEquals([error.code, kept.length], ["poison-point", 1]);
});

Deno.test("a UDF that dies at each point is given up", async () => {
  const all = Array.from({ length: 100 }, (_, i) => i + 1);
  const error = await assertRejects(
    () => run(summing(all), 100),
    TineError,
    "the UDF dies at each of 10 points or batches in a row: ",
  );
  assertEquals(error.code, "poison-point");
});

Deno.test("a batch at which a UDF dies is left out as a whole", async () => {
  const kept: string[] = [];
  const got: bigint[] = [];
  let count = 0n;
  const reach = () => {
    count = 0n;
    const handler = batchHandler(() => ({
      point({ time }) {
        if (time === 12n) throw new Error("not that");
        count++;
      },
      endBatch: () => void got.push(count),
      snapshot: () => Uint8Array.of(Number(count)),
      restore([saved]) {
        count = BigInt(saved);
        return { success: true, error: "" };
      },
    }));
    return Promise.resolve(startInProcess("batches", handler));
  };
  const supervisor = new Supervisor(reach, { point() {}, batch() {} }, {
    backoff: { firstDelayMs: 1, longestDelayMs: 2 },
    poison: { action: "skip", keep: (requests) => void kept.push(...requests.map(({ kind }) => kind)) },
  });
  supervisor.start();
  await supervisor.init([]);
  for (const times of [[1, 2], [11, 12, 13], [21]]) {
    const begin = { name: "cpu", group: "", tags: new Map(), size: BigInt(times.length), byName: false };
    await supervisor.batch({ begin, points: times.map(point), end: { ...begin, tmax: BigInt(times.at(-1)!) } });
  }
  await supervisor.stop();
  assertEquals(kept, ["begin", "point", "point", "point", "end"]);
  assertEquals([got.at(-1), supervisor.supervision.poisonPoints], [3n, 3]);
});

Deno.test("outputs that come a second time after a restart are left out, where that is wanted", async () => {
  const sums: bigint[] = [];
  const { counts, last } = await run(summing([50]), 60, { dedupe: true }, sums);
  assertEquals(sums.length, 59);
  assertEquals(last, BigInt(60 * 61 / 2 - 50));
  assertGreater(counts.dedupedOutputs, 0);
  assertEquals(counts.repeatedOutputs, 0);
});

Deno.test("outputs of a UDF that answers otherwise after a restart are all handed on", async () => {
  let starts = 0;
  const reach = () => {
    const start = ++starts;
    return Promise.resolve(startInProcess(
      "odd",
      streamHandler((agent) => ({
        point(point) {
          if (start < 3 && point.time === 5n) throw new Error("not yet");
          return agent.point(
            new Point({ name: "odd", time: point.time, fieldsInt: new Map([["sum", BigInt(start)]]) }),
          );
        },
        snapshot: () => new Uint8Array(),
        restore: () => ({ success: true, error: "" }),
      })),
    ));
  };
  const sums: bigint[] = [];
  const { counts } = await run(reach, 6, { dedupe: true }, sums);
  assertEquals(sums.filter((start) => start === 3n).length, 6);
  assertEquals(counts.dedupedOutputs, 0);
});

Deno.test("a point at which a UDF dies and that cannot be kept ends it with an error, and is not passed over", async () => {
  const keep = () => {
    throw new TineError("cannot-write", "cannot write points at which the UDF dies to /nothing/points: no such folder");
  };
  const error = await assertRejects(() => run(summing([30]), 100, { poison: { action: "skip", keep } }), TineError);
  assertEquals(error.message, "cannot write points at which the UDF dies to /nothing/points: no such folder");
});
