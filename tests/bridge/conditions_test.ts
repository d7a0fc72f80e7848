import { assertEquals } from "@std/assert";
import { ConditionMonitor } from "../../src/bridge/conditions.ts";
import { Point } from "../../src/udf/point.ts";

const MS = 1_000_000n;
const pointAt = (ms: number, avg: number, group = "") =>
  new Point({ time: BigInt(ms) * MS, group, fieldsDouble: new Map([["avg", avg]]) });

Deno.test("an alert fails at the first point beyond its limit, and keeps that one", () => {
  const conditions = new ConditionMonitor({ alert: { field: "avg", above: 30 } });
  for (const point of [pointAt(1, 30), pointAt(2, 31, "flow=a"), pointAt(3, 99)]) conditions.take(point);
  assertEquals(conditions.alert, {
    condition: "avg above 30",
    verdict: "failed",
    points: 2,
    first: { time: "2000000", group: "flow=a", value: 31 },
  });
});

Deno.test("an alert passes with data alone", () => {
  const conditions = new ConditionMonitor({ alert: { field: "avg", above: 30, below: 10 } });
  conditions.take(new Point({ fieldsDouble: new Map([["other", 99]]), fieldsString: new Map([["avg", "99"]]) }));
  assertEquals(conditions.alert?.verdict, "no-data");
  conditions.take(pointAt(1, NaN));
  assertEquals(conditions.alert?.verdict, "no-data");
  conditions.take(pointAt(1, 20));
  assertEquals(conditions.alert, { condition: "avg above 30 or below 10", verdict: "passed", points: 0 });
  assertEquals(new ConditionMonitor({}).alert, undefined);
});

Deno.test("a stop takes a condition that holds for as long, by the times of points, in one group", () => {
  const conditions = new ConditionMonitor({ stop: { field: "avg", above: 100, for: 2000 } });
  const reasons = [
    pointAt(0, 101, "flow=a"),
    pointAt(500, 101, "flow=b"),
    pointAt(1000, 100, "flow=a"),
    pointAt(1500, 200, "flow=a"),
    pointAt(2400, 200, "flow=b"),
    pointAt(3400, 200, "flow=a"),
    pointAt(3500, 200, "flow=a"),
    pointAt(9000, 200, "flow=b"),
  ].map((point) => conditions.take(point));
  assertEquals(reasons.filter((reason) => reason !== undefined), ["avg was above 100 for 2s in flow=a"]);
  assertEquals(reasons[6], "avg was above 100 for 2s in flow=a");
});

Deno.test("a stop without a duration takes one point", () => {
  const conditions = new ConditionMonitor({ stop: { field: "on", above: 0 } });
  assertEquals(conditions.take(new Point({ fieldsBool: new Map([["on", false]]) })), undefined);
  assertEquals(conditions.take(new Point({ fieldsBool: new Map([["on", true]]) })), "on was above 0");
});
