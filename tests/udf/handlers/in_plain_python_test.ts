import { assert, assertEquals } from "@std/assert";
import { loadBundledHandler } from "../../../src/udf/handlers/mod.ts";
import type { Request } from "../../../src/udf/messages.ts";
import { type FieldValue, Point } from "../../../src/udf/point.ts";
import { initOf, pointsAmong, runHandler } from "../../support/handler_driver.ts";
import { run } from "../../support/peers.ts";
import { Random } from "../../support/random.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";

const SCRIPT = new URL("./in_plain_python.py", import.meta.url).pathname;

/** The cases of the script, with the options that it assumes. */
const CASES: readonly [name: string, handler: string, settings: string[]][] = [
  ["ewma by points", "ewma", ["field=v", "alpha=0.125", "deviation=dev"]],
  ["ewma by time", "ewma", ["field=v", "halfLife=2s"]],
  ["quantile by count", "quantile", ["field=v", "p=0.9", "size=20"]],
  ["quantile by time", "quantile", ["field=v", "p=0.5", "window=5s"]],
  ["quantile by both", "quantile", ["field=v", "p=0.99", "size=7", "window=5s"]],
  ["anomaly by count", "anomaly", ["field=v", "size=15"]],
  ["anomaly by time", "anomaly", ["field=v", "window=8s", "threshold=2.5", "floor=0.5", "warmUp=4"]],
  ["rate of a counter", "rate", ["field=v"]],
  ["rate of a gauge", "rate", ["field=v", "of=gauge", "unit=1m"]],
];

type Sample = [time: bigint, group: string, fields: Record<string, FieldValue>];

/** Points of three groups: some late, some at the same time, some without a number, some far off; doubles and integers. */
function samples(count: number): Sample[] {
  const random = new Random(152);
  let time = 1_700_000_000_000_000_000n;
  return Array.from({ length: count }, (): Sample => {
    if (!random.oneIn(6)) time += BigInt(random.below(random.oneIn(40) ? 9_000_000_000 : 600_000_000));
    const late = random.oneIn(8) ? BigInt(random.below(6_000_000_000)) : 0n;
    const level = random.oneIn(15) ? 500 : 20;
    const value = random.oneIn(3) ? BigInt(random.below(level)) : random.below(level * 1000) / 1000 - 2;
    const unusable: Record<string, FieldValue>[] = [{}, { w: 1 }, { v: "7" }, { v: true }];
    return [time - late, random.pick(["a", "b", "c"]), random.oneIn(12) ? random.pick(unusable) : { v: value }];
  });
}

/** Points of two sides, each in the order of time, in bursts of one side. */
function sides(count: number): Sample[] {
  const random = new Random(153);
  const times = { l: 1_700_000_000_000_000_000n, r: 1_700_000_000_000_000_000n };
  const list: Sample[] = [];
  while (list.length < count) {
    const [side, other] = random.oneIn(2) ? ["l", "r"] as const : ["r", "l"] as const;
    const group = random.pick(["a", "b"]);
    while (times[side] < times[other] + 3_000_000_000n) {
      times[side] += BigInt(random.below(8)) * 100_000_000n + 1n;
      // A time of the other side, or one as far behind it as before.
      list.push([times[side], group, { [side]: random.below(1000) / 8 }]);
    }
  }
  return list;
}

function requests(list: readonly Sample[]): Request[] {
  return list.map(([time, group, fields]) => {
    const point = new Point({ name: "rtt", group: `g=${group}`, time, tags: new Map([["g", group]]) });
    point.setFields(Object.entries(fields));
    return { kind: "point", point };
  });
}

Deno.test({
  ...unless(whyNotInstalled("python3"), "handlers answer what plain Python computes from the same points"),
  async fn() {
    const points = samples(500);
    const input = { points, sides: sides(300) };
    // A time exceeds what a number of JSON holds here, though not in Python.
    const json = JSON.stringify(
      input,
      (key, value) => typeof value !== "bigint" ? value : key === "0" ? String(value) : Number(value),
    );
    const { code, stdout, stderr } = await run("python3", [SCRIPT], new TextEncoder().encode(json));
    assertEquals([code, stderr], [0, ""]);
    const expected = JSON.parse(new TextDecoder().decode(stdout));
    for (const [name, handler, settings] of CASES) {
      const createHandler = (await loadBundledHandler(handler))!;
      const init = await initOf(createHandler, ...settings);
      const answers = pointsAmong(await runHandler(createHandler, [init, ...requests(points)]));
      assertEquals(answers.length, expected[name].length, name);
      assert(answers.length > 200);
      for (const [i, point] of answers.entries()) assertNear(point, expected[name][i], `${name}, answer ${i}`);
      if (handler === "anomaly") {
        const marked = answers.filter((point) => point.field("anomaly") === true).length;
        assert(marked > 10 && marked < answers.length / 4, `${marked} of ${answers.length} are marked`);
      }
    }
    const join = (await loadBundledHandler("join"))!;
    const init = await initOf(join, "left=l", "right=r", "tolerance=500ms");
    const answers = pointsAmong(await runHandler(join, [init, ...requests(input.sides)]));
    const joined = Map.groupBy(
      answers,
      (point) => point.tags.get("g")!,
    );
    for (const [group, rows] of Object.entries<[number, number, number][]>(expected.join)) {
      assert(rows.length > 30);
      assertEquals(
        joined.get(group)?.map((point) => [point.field("left"), point.field("right")]),
        rows.map(([, left, right]) => [left, right]),
      );
    }
  },
});

function assertNear(point: Point, expected: Record<string, number | boolean>, what: string): void {
  const found = Object.fromEntries(point.fields());
  for (const [name, value] of Object.entries(expected)) {
    const came = found[name];
    const isSame = typeof value === "number" && typeof came === "number"
      ? Math.abs(came - value) <= 1e-9 * Math.max(1, Math.abs(value))
      : came === value;
    assert(isSame, `${what}: ${name} is ${came}, Python ${value}`);
  }
}
