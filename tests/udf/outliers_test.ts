import { assert, assertEquals } from "@std/assert";
import { createHandler } from "../../src/udf/handlers/outliers.ts";
import type { OptionValue, Request } from "../../src/udf/messages.ts";
import { type FieldValue, Point } from "../../src/udf/point.ts";
import { describePoint } from "../support/describe.ts";
import { Random } from "../support/random.ts";
import { AgentDriver, beginRequest, endRequest } from "../support/udf_driver.ts";

/** The batches that come back for batches of these values, with the point's place in its batch as time. */
async function run(batches: FieldValue[][], scale?: number): Promise<Point[][]> {
  const options: { name: string; values: OptionValue[] }[] = [
    { name: "field", values: [{ type: "string", value: "v" }] },
  ];
  if (scale !== undefined) options.push({ name: "scale", values: [{ type: "double", value: scale }] });
  const requests: Request[] = [{ kind: "init", init: { options, taskId: "", nodeId: "" } }];
  for (const [i, values] of batches.entries()) {
    requests.push(beginRequest(BigInt(values.length)), ...values.map(toRequest), endRequest(BigInt(i)));
  }
  const driver = new AgentDriver(createHandler).send(...requests).end();
  const responses = await driver.rest();
  assertEquals(await driver.ended, undefined);
  const found: Point[][] = [];
  for (const response of responses.slice(1)) {
    if (response.kind === "begin") {
      const { size, ...head } = response.begin;
      const { size: _, ...expected } = beginRequest().begin;
      assertEquals(head, expected);
      found.push(Object.assign([], { size }));
    } else if (response.kind === "point") {
      found.at(-1)!.push(response.point);
    } else {
      assert(response.kind === "end");
      assertEquals(response.end, endRequest(BigInt(found.length - 1)).end);
      assertEquals((found.at(-1) as Point[] & { size?: bigint }).size, BigInt(found.at(-1)!.length));
    }
  }
  assertEquals(found.length, batches.length);
  return found;
}

function toRequest(value: FieldValue, i: number): Request & { kind: "point" } {
  const point = new Point({ time: BigInt(i), group: "g", tags: new Map([["host", "a"]]) });
  point.setFields([["v", value], ["other", "kept"]]);
  return { kind: "point", point };
}

/** By the words of the definition. */
function naive(values: FieldValue[], scale: number): number[] {
  const numbers = values.map((value) => typeof value === "number" || typeof value === "bigint" ? Number(value) : NaN);
  const sorted = numbers.filter((value) => !Number.isNaN(value)).sort((a, b) => a === b ? 0 : a < b ? -1 : 1);
  const half = sorted.length >> 1;
  const q1 = median(sorted.slice(0, half));
  const q3 = median(sorted.slice(sorted.length - half));
  const low = q1 - scale * (q3 - q1);
  const high = q3 + scale * (q3 - q1);
  return numbers.flatMap((value, i) => value < low || value > high ? [i] : []);

  function median(part: number[]): number {
    if (part.length === 0) return NaN;
    return (part[(part.length - 1) >> 1] + part[part.length >> 1]) / 2;
  }
}

const places = (batches: Point[][]) => batches.map((batch) => batch.map((point) => Number(point.time)));

Deno.test("outliers agrees with the definition on generated batches", async () => {
  const random = new Random(41);
  const value = (): FieldValue => {
    if (random.oneIn(12)) return random.pick([NaN, Infinity, -Infinity, "text", true]);
    if (random.oneIn(8)) return random.pick([1e4, -1e4, 10n ** 6n]);
    return random.oneIn(3) ? BigInt(random.below(20)) : random.below(2000) / 100;
  };
  for (const scale of [undefined, 1, 3]) {
    const batches = Array.from({ length: 300 }, (_, i) => Array.from({ length: i % 40 }, value));
    const expected = batches.map((values) => naive(values, scale ?? 1.5));
    assert(expected.flat().length > 100);
    assertEquals(places(await run(batches, scale)), expected);
  }
});

Deno.test("outliers answers every batch, however small", async () => {
  const batches = [[], [1], [1, 100], [1, 1, 100], [1, 1, 1, 100], [1, 1, 1, 1, 100]];
  assertEquals(places(await run(batches)), [[], [], [], [], [], []]);
});

Deno.test("outliers takes quartiles of halves that do not hold the median, by the mean of two middle points", async () => {
  // Halves [1 2 3 4] and [6 7 8 x] around 5: Q1 = 2.5, Q3 = 7.5, so the fences are -5 and 15.
  assertEquals(places(await run([[1, 2, 3, 4, 5, 6, 7, 8, 15], [1, 2, 3, 4, 5, 6, 7, 8, 15.01]])), [[], [8]]);
  assertEquals(places(await run([[-5, 2, 3, 4, 5, 6, 7, 8, 9], [-6.01, 2, 3, 4, 5, 6, 7, 8, 9]])), [[], [0]]);
});

Deno.test("outliers sends its points unmodified and in order of arrival", async () => {
  const values = [100n, 1, 2, 3, 4, 3, 2, 1, 2, 3, -100, 2];
  const [found] = await run([values]);
  assertEquals(found.map(describePoint), [0, 10].map((i) => describePoint(toRequest(values[i], i).point)));
});

Deno.test("outliers never takes NaN for an outlier, and does not let it move the fences", async () => {
  const values = [NaN, 1, 2, NaN, 2, 1, 2, 50, NaN];
  assertEquals(places(await run([values])), [[7]]);
  assertEquals(places(await run([[NaN, NaN, NaN, NaN]])), [[]]);
});

Deno.test("outliers takes a lone infinity for an outlier, and huge values for what they are", async () => {
  assertEquals(places(await run([[1, 2, 1, 2, 1, 2, Infinity], [-Infinity, 1, 2, 1, 2, 1, 2]])), [[6], [0]]);
  const huge = [1e308, 1.1e308, 1e308, 1.1e308, 1e308, 1.1e308, 1e308, 1.1e308, -1e308];
  assertEquals(places(await run([huge])), [[8]]);
});
