import type { PointOrBatch } from "../batcher.ts";
import { type Check, warnOnly } from "./check.ts";
import { copyUnits, pointsOf, requestsOf, setField, spanOf } from "./data.ts";
import { concat } from "../../wire/bytes.ts";
import { frame, payloadOf } from "./wire.ts";
import type { FieldValue, Point } from "../point.ts";
import { canonicalValue } from "./canonical.ts";
import type { Context } from "./context.ts";
import type { Probe } from "./probe.ts";

const SECOND = 1_000_000_000n;
/** The coarsest unit in which times are kept in earnest. */
const MAX_ROUNDING = SECOND;
/** A field with the time at which a point was sent. */
const SENT_AT = "tine_sent_at";

/** Values that languages other than the one Kapacitor is written in tend to lose. */
export const valueChecks: readonly Check[] = [
  {
    id: "unicode",
    title: "takes any text in tags and fields",
    run: (context) => compareBystanders(context, bystandersOfText("values")),
  },
  {
    id: "odd-keys",
    title: "takes any text as the name of a tag or field",
    run: (context) => compareBystanders(context, bystandersOfText("keys")),
  },
  {
    id: "int64",
    title: "takes integers of 64 bits",
    run(context) {
      const extreme = [2n ** 53n + 1n, -(2n ** 53n) - 1n, 2n ** 63n - 1n, -(2n ** 63n), 0n];
      return compareBystanders(context, [{
        ordinary: field("tine_int", 5n),
        extreme: extreme.map((value, i) => field(`tine_int${i}`, value)),
      }]);
    },
  },
  {
    id: "doubles",
    title: "takes NaN, infinities, -0 and the smallest and largest doubles",
    run(context) {
      const extreme = [NaN, Infinity, -Infinity, -0, Number.MIN_VALUE, Number.MAX_VALUE, 0.1 + 0.2, 1e21];
      return compareBystanders(context, [{
        ordinary: field("tine_double", 1.5),
        extreme: extreme.map((value, i) => field(`tine_double${i}`, value)),
      }]);
    },
  },
  {
    id: "booleans",
    title: "takes booleans and empty texts",
    run: (context) =>
      compareBystanders(context, [
        { ordinary: field("tine_true", true), extreme: [field("tine_false", false)] },
        { ordinary: field("tine_text", "text"), extreme: [field("tine_empty", "")] },
      ]),
  },
  {
    id: "times",
    title: "takes times to the nanosecond, before 1970 too",
    async run(context) {
      const probe = await context.start();
      const plain = context.subject.units();
      const first = pointsOf(plain[0])[0]?.time ?? 0n;
      // Whole seconds soon after 1970 survive any arithmetic.
      const ordinary = evenly(plain, SECOND);
      const exact = copyUnits(ordinary, first - first % SECOND + 123_456_789n);
      // In steps of 1 ns, since a double at this height resolves 256.
      const dense = evenly(plain, 1n, exactEnd(exact) + 1n);
      const ancient = copyUnits(ordinary, -spanOf(ordinary) - 2n * SECOND - 1n);
      const all = [ancient, ordinary, exact, dense].map((units) =>
        copyUnits(units, 0n, (point) => point.fieldsString.set(SENT_AT, String(point.time)))
      );
      for (const units of all) {
        await probe.send(...requestsOf(units));
        probe.note(`(times from ${units.flatMap(pointsOf)[0]?.time} on)`);
      }
      await probe.settle();
      await probe.finish();
      const sent = new Set(all.flat().flatMap(pointsOf).map(({ time }) => time));
      const points = probe.points();
      const came = new Set(points.map(({ time }) => String(time)));
      const firstOrdinary = SECOND, lastOrdinary = exactEnd(ordinary);
      const near = points.filter(({ time }) => time >= firstOrdinary && time <= lastOrdinary);
      if (near.length === 0 || near.some(({ time }) => !sent.has(time))) {
        return "taken; its points have times of its own";
      }
      // A time is altered where the one that was sent is missing: the point names it, or stands beside it. Else the UDF
      // has added the point.
      const marked = near.every((point) => point.field(SENT_AT) === String(point.time));
      const altered = points.find((point) => {
        if (sent.has(point.time)) return false;
        if (marked) return point.field(SENT_AT) !== undefined && !came.has(String(point.field(SENT_AT)));
        const beside = nearest(point.time, sent);
        return !came.has(String(beside)) && distance(beside, point.time) <= MAX_ROUNDING;
      });
      if (altered === undefined) return "handed on unchanged";
      throw probe.fail(
        `it alters times: ${altered.time} was never sent`,
        "only times that were sent, since it hands on whole seconds soon after 1970 unchanged",
        `a point at ${altered.time}; the nearest that was sent is ${nearest(altered.time, sent)}`,
      );
    },
  },
  {
    id: "invalid-utf8",
    title: "survives text that is not UTF-8",
    async run(context) {
      const probe = await context.start();
      probe.toleratesInvalidUtf8 = true;
      const marker = "tine#bad#utf8";
      const units = copyUnits(context.subject.units(), 0n, (point) => {
        point.tags.set("tine_bad", marker);
        point.fieldsString.set("tine_bad", marker);
      });
      const payloads = requestsOf(units).map((request) => frame(spoil(payloadOf(request))));
      // Only peers built with old versions of Go's protobuf send such text: hence no failure.
      try {
        await probe.sendBytes(concat(payloads), "data with a tag and a field that are not UTF-8");
        await probe.settle();
        await probe.finish();
      } catch (error) {
        throw warnOnly(error);
      }
      if (probe.sawInvalidUtf8) {
        throw probe.warn("it sends text on that is not UTF-8, which Kapacitor refuses", "U+FFFD in place of bad bytes");
      }
    },
  },
];

/** Makes each `#` of the markers a byte that no UTF-8 has. */
function spoil(payload: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const hash = "#".charCodeAt(0);
  for (let i = 0; i < payload.length; i++) if (payload[i] === hash) payload[i] = 0xff;
  return payload;
}

/** The units with times `step` apart. */
function evenly(units: Parameters<typeof copyUnits>[0], step: bigint, from = step) {
  let time = from - step;
  return copyUnits(units, 0n, (point) => point.time = time += step).map((unit) => {
    if (unit.kind === "point") return unit;
    const { points, end } = unit.batch;
    return { ...unit, batch: { ...unit.batch, end: { ...end, tmax: points.at(-1)?.time ?? time } } };
  });
}

function exactEnd(units: Parameters<typeof copyUnits>[0]): bigint {
  return units.flatMap(pointsOf).reduce((latest, { time }) => time > latest ? time : latest, 0n);
}

function nearest(time: bigint, times: ReadonlySet<bigint>): bigint {
  return [...times].reduce((best, other) => distance(other, time) < distance(best, time) ? other : best);
}

function distance(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a;
}

/** Texts that encodings and escaping tend to break. */
const VALUES = [
  "",
  " ",
  "日本語",
  "😀 \u{10ffff}",
  "e\u0301 and \u00e9",
  "\ufeffbom",
  "a\nb\r\n\tc",
  "\u0000 nul",
  "\u2028\u2029",
  "a,b=c d\\e\"f'",
  "\u202eright to left",
];

/** Names that collide with what objects have by themselves, or with the syntax of groups. */
const KEYS = [
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "length",
  "0",
  "-1",
  "",
  "tine key",
  "tine=a,b",
  "tine\nline",
  "Größe",
  "温度",
  "😀",
];

/** Ordinary and odd texts on points: as values of tags and fields, or as their names. */
export function bystandersOfText(where: "values" | "keys"): { ordinary: Bystander; extreme: Bystander[] }[] {
  const all = where === "values" ? VALUES : KEYS;
  const named = (text: string, i: number): [string, string] =>
    where === "values" ? [`tine_text${i}`, text] : [text, `value ${i}`];
  return [
    { ordinary: field("tine_text", "text"), extreme: all.map((text, i) => field(...named(text, i))) },
    { ordinary: tag("tine_tag", "text"), extreme: all.map((text, i) => tag(...named(text, i))) },
  ];
}

/** Something on a point that no option speaks of, so that most UDFs hand it on as it is. */
export interface Bystander {
  /** For messages: `the field tine_int`. */
  readonly label: string;
  plant(point: Point): void;
  /** What became of it, as text; undefined: it is gone. */
  look(point: Point): string | undefined;
}

/** A field of this value. */
export function field(name: string, value: FieldValue): Bystander {
  return {
    label: `the field ${JSON.stringify(name)} = ${canonicalValue(value)}`,
    plant: (point) => setField(point, name, value),
    look(point) {
      const found = point.field(name);
      return found === undefined ? undefined : canonicalValue(found);
    },
  };
}

/** A tag of this value. */
export function tag(name: string, value: string): Bystander {
  return {
    label: `the tag ${JSON.stringify(name)} = ${JSON.stringify(value)}`,
    plant: (point) => void point.tags.set(name, value),
    look(point) {
      const found = point.tags.get(name);
      return found === undefined ? undefined : JSON.stringify(found);
    },
  };
}

/**
 * Sends data with ordinary bystanders, then with extreme ones. Where all ordinary ones of a kind come back as they
 * went, the UDF hands them on, and must hand on the extreme ones as well; where they do not, it computes, and only has
 * to survive.
 *
 * @param kinds ordinary bystanders, and the extreme ones that stand or fall with each
 * @throws {CheckError} for what was altered or lost
 */
export async function compareBystanders(
  context: Context,
  kinds: readonly { ordinary: Bystander; extreme: readonly Bystander[] }[],
): Promise<string> {
  const probe = await context.start();
  const ordinary = kinds.map((kind) => kind.ordinary), extreme = kinds.flatMap((kind) => kind.extreme);
  const plain = context.subject.units();
  const first = planted(plain, 0n, ordinary), second = planted(plain, spanOf(plain), extreme);
  await sendPlanted(probe, first, ordinary);
  await sendPlanted(probe, second, extreme);
  await probe.settle();
  await probe.finish();

  const handsOn = kinds.filter(({ ordinary }) => {
    const fates = fatesOf(probe, first, ordinary);
    return fates.length > 0 && fates.every(({ sent, came }) => sent === came);
  });
  let seen = 0;
  for (const bystander of handsOn.flatMap((kind) => kind.extreme)) {
    for (const { sent, came, point } of fatesOf(probe, second, bystander)) {
      seen++;
      if (sent === came) continue;
      throw probe.fail(
        `it ${came === undefined ? "loses" : "alters"} ${bystander.label}`,
        `${bystander.label} as it was sent, since it hands on ordinary ones unchanged`,
        came === undefined ? `the point at ${point.time} without it` : `${came} in the point at ${point.time}`,
      );
    }
  }
  return handsOn.length === 0
    ? "taken; it hands on no such values"
    : seen === 0
    ? "taken; no point with them came back"
    : "handed on unchanged";
}

function planted(units: readonly PointOrBatch[], shift: bigint, bystanders: readonly Bystander[]): PointOrBatch[] {
  return copyUnits(units, shift, (point) => bystanders.forEach((bystander) => bystander.plant(point)));
}

async function sendPlanted(
  probe: Probe,
  units: readonly PointOrBatch[],
  bystanders: readonly Bystander[],
): Promise<void> {
  await probe.send(...requestsOf(units));
  probe.note(`(all points with ${bystanders.map(({ label }) => label).join(", ")})`);
}

/** Returns what became of a bystander in each point that came back, by the time of the point. */
function fatesOf(probe: Probe, units: readonly PointOrBatch[], bystander: Bystander) {
  const sources = new Map(units.flatMap(pointsOf).map((point) => [point.time, point]));
  return probe.points().flatMap((point) => {
    const source = sources.get(point.time);
    return source === undefined ? [] : [{ sent: bystander.look(source), came: bystander.look(point), point }];
  });
}
