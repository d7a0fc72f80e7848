import { assert, assertEquals } from "@std/assert";
import { createHandler } from "../../src/udf/handlers/outliers.ts";
import type { OptionValue, Request } from "../../src/udf/messages.ts";
import { type FieldValue, Point } from "../../src/udf/point.ts";
import { describePoint } from "../support/describe.ts";
import { Random } from "../support/random.ts";
import { AgentDriver, beginRequest, endRequest } from "../support/udf_driver.ts";

/** The batches that come back for batches of these values, with the point's place in its batch as time. */
async function run(batches: FieldValue[][], scale?: number, quartiles?: "kapacitor" | "tukey"): Promise<Point[][]> {
  const options: { name: string; values: OptionValue[] }[] = [
    { name: "field", values: [{ type: "string", value: "v" }] },
  ];
  if (scale !== undefined) options.push({ name: "scale", values: [{ type: "double", value: scale }] });
  if (quartiles !== undefined) options.push({ name: "quartiles", values: [{ type: "string", value: quartiles }] });
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

/** By the words of the definition; `shift` is how much higher the median of an even count is looked for. */
function naive(values: FieldValue[], scale: number, shift: 0 | 1): number[] {
  const numbers = values.map((value) => typeof value === "number" || typeof value === "bigint" ? Number(value) : NaN);
  const sorted = numbers.filter((value) => !Number.isNaN(value)).sort((a, b) => a === b ? 0 : a < b ? -1 : 1);
  const even = sorted.length % 2 === 0;
  const half = sorted.length / 2 + shift;
  const q1 = median(sorted.slice(0, even ? half : sorted.length >> 1));
  const q3 = median(sorted.slice(even ? half : (sorted.length >> 1) + 1));
  const low = q1 - scale * (q3 - q1);
  const high = q3 + scale * (q3 - q1);
  return numbers.flatMap((value, i) => value < low || value > high ? [i] : []);

  function median(part: number[]): number {
    if (part.length === 0) return NaN;
    if (part.length % 2 === 0 && part.length > 2) {
      const first = part.length / 2 - 1 + shift;
      return (part[first] + part[first + 1]) / 2;
    }
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
  for (
    const [scale, quartiles] of [[undefined, undefined], [1, "kapacitor"], [undefined, "tukey"], [3, "tukey"]] as const
  ) {
    const batches = Array.from({ length: 300 }, (_, i) => Array.from({ length: i % 40 }, value));
    const expected = batches.map((values) => naive(values, scale ?? 1.5, quartiles === "tukey" ? 0 : 1));
    assert(expected.flat().length > 100);
    assertEquals(places(await run(batches, scale, quartiles)), expected);
  }
});

Deno.test("outliers answers every batch, however small", async () => {
  const batches = [[], [1], [1, 100], [1, 1, 100], [1, 1, 1, 100], [1, 1, 1, 1, 100]];
  assertEquals(places(await run(batches)), [[], [], [], [], [], []]);
});

Deno.test("outliers with tukey takes quartiles of halves that do not hold the median, by the mean of two middle points", async () => {
  // Halves [1 2 3 4] and [6 7 8 x] around 5: Q1 = 2.5, Q3 = 7.5, so the fences are -5 and 15.
  const tukey = async (...batches: number[][]) => places(await run(batches, undefined, "tukey"));
  assertEquals(await tukey([1, 2, 3, 4, 5, 6, 7, 8, 15], [1, 2, 3, 4, 5, 6, 7, 8, 15.01]), [[], [8]]);
  assertEquals(await tukey([-5, 2, 3, 4, 5, 6, 7, 8, 9], [-6.01, 2, 3, 4, 5, 6, 7, 8, 9]), [[], [0]]);
});

Deno.test("outliers looks by default for the median of an even count where Kapacitor's own UDF does", async () => {
  // Halves [1 2 3 4] and [6 7 8 9]: Q1 = 3.5, and Q3 = 8.5 or (8 + x) / 2.
  assertEquals(places(await run([[-4, 2, 3, 4, 5, 6, 7, 8, 9], [-4.01, 2, 3, 4, 5, 6, 7, 8, 9]])), [[], [0]]);
  // Of eight values the lower half has five, the upper one three: Q1 = 3, Q3 = 7, so the fences are -3 and 13.
  assertEquals(places(await run([[1, 2, 3, 4, 5, 6, 7, 13], [1, 2, 3, 4, 5, 6, 7, 13.01]])), [[], [7]]);
});

Deno.test("outliers finds what Kapacitor's TestServer_UDFBatchAgents expects: five, where tukey finds three", async () => {
  // deno-fmt-ignore
  const values = [5, 6, 7, 13, 33, 35, 36, 45, 46, 47, 48, 50, 51, 52, 53, 54, 80, 85, 90, 100];
  assertEquals((await run([values]))[0].map((point) => point.field("v")), [5, 6, 85, 90, 100]);
  assertEquals((await run([values], undefined, "tukey"))[0].map((point) => point.field("v")), [85, 90, 100]);
});

Deno.test("outliers sends its points unmodified and in order of arrival", async () => {
  const values = [100n, 1, 2, 3, 4, 3, 2, 1, 2, 3, -100, 2];
  const [found] = await run([values]);
  assertEquals(found.map(describePoint), [0, 10].map((i) => describePoint(toRequest(values[i], i).point)));
});

Deno.test("outliers never takes NaN for an outlier, and does not let it move the fences", async () => {
  const values = [NaN, 1, 2, NaN, 2, 1, 2, 1, 50, NaN];
  for (const quartiles of ["kapacitor", "tukey"] as const) {
    assertEquals(places(await run([values], undefined, quartiles)), [[8]]);
    assertEquals(places(await run([[NaN, NaN, NaN, NaN]], undefined, quartiles)), [[]]);
  }
});

Deno.test("outliers takes a lone infinity for an outlier, and huge values for what they are", async () => {
  assertEquals(places(await run([[1, 2, 1, 2, 1, 2, Infinity], [-Infinity, 1, 2, 1, 2, 1, 2]])), [[6], [0]]);
  const huge = [1e308, 1.1e308, 1e308, 1.1e308, 1e308, 1.1e308, 1e308, 1.1e308, -1e308];
  assertEquals(places(await run([huge])), [[8]]);
});
