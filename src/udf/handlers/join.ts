import { formatCount } from "../../base/units.ts";
import type { FieldValue, Handler, InitRequest, Outcome, Output, OutputPoint, Point } from "../udf_types.ts";
import { Groups } from "./groups.ts";
import { type GivenOptions, readOptions } from "./options.ts";

const OPTIONS = {
  left: ["string"],
  right: ["string"],
  leftFrom: ["string"],
  rightFrom: ["string"],
  leftTag: ["string", "string"],
  rightTag: ["string", "string"],
  tolerance: ["duration"],
  leftAs: ["string"],
  rightAs: ["string"],
  buffer: ["int"],
  groups: ["int"],
} as const;

const DEFAULT_BUFFER = 10_000;

/** Where the values of a side come from. */
interface Side {
  field: string;
  /** The measurement; empty: any. */
  from: string;
  /** Tags that its points have. */
  tags: readonly (readonly [string, string])[];
  /** The name of the value in what is answered. */
  as: string;
}

/** A value of the right side, with which points of the left side may be joined. */
interface Partner {
  time: bigint;
  value: FieldValue;
}

/** A point of the left side that waits: all of it but its fields, and its value. */
interface Waiting {
  head: OutputPoint & { time: bigint };
  value: FieldValue;
}

/** What is kept of a group. Both lists are in the order of time. */
interface State {
  waiting: Waiting[];
  /** No two of the same time. */
  partners: Partner[];
  /** Time of the newest point of the left side, and of the right one. */
  newestLeft: bigint | undefined;
  newestRight: bigint | undefined;
}

/**
 * Joins two fields by time: answers each point of the left side with the value of the right side that is nearest in time,
 * at most `tolerance` away, in the same group; of two that are as near, with the earlier one.
 *
 * The sides are fields of the same or of different measurements (`leftFrom`, `rightFrom`) and tags (`leftTag`,
 * `rightTag`); where tags tell them apart, the group must not be by these. The point keeps its name, tags and time; its
 * fields are replaced by `leftAs` and `rightAs`. A point waits until the right side has come to its time, so the answer
 * does not depend on how the sides are interleaved, as long as each is in the order of time. A point without a partner
 * is dropped.
 */
export function createHandler(agent: Output): Handler {
  let left: Side = { field: "", from: "", tags: [], as: "" };
  let right = left;
  let tolerance = 0n;
  let buffer = DEFAULT_BUFFER;
  const groups = new Groups("join", newState);
  let ready = false;
  let full = false;
  let alone = 0;
  let strays = 0;

  function init(request: InitRequest): Outcome {
    const outcome = readOptions(request, OPTIONS, (given) => {
      left = sideOf("left", given);
      right = sideOf("right", given);
      if (left.as === right.as) given.refuse(`options leftAs and rightAs are both ${JSON.stringify(left.as)}`);
      tolerance = given.duration("tolerance", 0n) ?? 0n;
      buffer = given.integer("buffer", { min: 1, max: 1e6 }) ?? DEFAULT_BUFFER;
      groups.configure(given);
    });
    ready = outcome.success;
    return outcome;
  }

  function point(point: Point): Promise<void> | void {
    if (!ready) throw new Error("a point came before a successful init");
    const value = valueOf(left, point), partner = valueOf(right, point);
    if (value === undefined && partner === undefined) {
      if (strays++ === 0) reportStray(point);
      return;
    }
    const state = groups.of(point.group);
    if (partner !== undefined) addPartner(state, { time: point.time, value: partner });
    if (value !== undefined) {
      const { time } = point;
      if (state.waiting.length === 0 && state.newestRight !== undefined && state.newestRight >= time) {
        return answerAtOnce(state, point, value);
      }
      addWaiting(state, { head: headOf(point), value });
    }
    return send(decided(state, false));
  }

  /** Answers a point that need not wait, without a copy of it. */
  function answerAtOnce(state: State, point: Point, value: FieldValue): Promise<void> | void {
    const partner = partnerOf(state, point.time);
    if (state.newestLeft === undefined || point.time > state.newestLeft) state.newestLeft = point.time;
    forget(state);
    if (partner === undefined) return;
    point.setFields([[left.as, value], [right.as, partner.value]]);
    return agent.point(point);
  }

  /** Returns the partner of a point; undefined, and counted, where it has none. */
  function partnerOf({ partners }: State, time: bigint): Partner | undefined {
    const partner = nearest(partners, time);
    if (partner !== undefined && distance(partner.time, time) <= tolerance) return partner;
    alone++;
  }

  /** Forgets partners that are too far behind for all points that wait or come in the order of time. */
  function forget({ waiting, newestLeft, partners }: State): void {
    const next = waiting[0]?.head.time ?? newestLeft;
    if (next === undefined) return;
    const oldest = next - tolerance;
    let useless = 0;
    while (useless < partners.length && partners[useless].time < oldest) useless++;
    if (useless > 0) partners.splice(0, useless);
  }

  /** The first value of a time counts. */
  function addPartner(state: State, partner: Partner): void {
    const { partners } = state;
    const place = firstNotBefore(partners, partner.time);
    if (partners[place]?.time !== partner.time) partners.splice(place, 0, partner);
    if (partners.length > buffer) {
      partners.shift();
      reportFull();
    }
    if (state.newestRight === undefined || partner.time > state.newestRight) state.newestRight = partner.time;
  }

  function addWaiting(state: State, added: Waiting): void {
    const { waiting } = state;
    let place = waiting.length;
    while (place > 0 && waiting[place - 1].head.time > added.head.time) place--;
    waiting.splice(place, 0, added);
    if (state.newestLeft === undefined || added.head.time > state.newestLeft) state.newestLeft = added.head.time;
  }

  /** Takes out the points that need not wait longer, each with its partner; all of them at the end. */
  function decided(state: State, ended: boolean): OutputPoint[] {
    const { waiting, newestRight } = state;
    const answers: OutputPoint[] = [];
    while (waiting.length > 0) {
      const { head, value } = waiting[0];
      const isDecided = newestRight !== undefined && newestRight >= head.time;
      if (!isDecided && !ended) {
        if (waiting.length <= buffer) break;
        reportFull();
      }
      waiting.shift();
      const partner = partnerOf(state, head.time);
      if (partner !== undefined) {
        answers.push({ ...head, fields: new Map([[left.as, value], [right.as, partner.value]]) });
      }
    }
    forget(state);
    return answers;
  }

  function send(answers: OutputPoint[], first = 0): Promise<void> | void {
    for (let i = first; i < answers.length; i++) {
      const full = agent.point(answers[i]);
      if (full !== undefined) return full.then(() => send(answers, i + 1));
    }
  }

  function reportStray(point: Point): void {
    console.error(
      `join: a point of ${JSON.stringify(point.name)} is of neither side, ${describeSide(left)} and ` +
        `${describeSide(right)}; such points are dropped`,
    );
  }

  function reportFull(): void {
    if (full) return;
    full = true;
    console.error(
      `join: more than ${buffer} points of a group wait for the other side: the oldest go; the option buffer allows more`,
    );
  }

  const kind = () => ({ left: JSON.stringify(left), right: JSON.stringify(right) });

  return {
    info: () => ({ wants: "stream", provides: "stream", options: OPTIONS }),
    init,
    point,
    snapshot: () => groups.snapshot(kind(), save),
    restore: (snapshot) => groups.restore(snapshot, kind(), load),
    async stop() {
      if (!ready) return;
      for (const state of groups.states()) await send(decided(state, true));
      if (strays > 0) console.error(`join: dropped ${formatCount(strays, "point")} of neither side`);
      if (alone > 0) {
        console.error(`join: dropped ${formatCount(alone, "point")} without a partner within ${tolerance} ns`);
      }
      groups.report();
    },
  };
}

function newState(): State {
  return { waiting: [], partners: [], newestLeft: undefined, newestRight: undefined };
}

function sideOf(name: "left" | "right", given: GivenOptions): Side {
  return {
    field: given.text(name),
    from: given.has(`${name}From`) ? given.text(`${name}From`) : "",
    tags: given.pairs(`${name}Tag`),
    as: given.text(`${name}As`, name),
  };
}

function describeSide({ field, from, tags }: Side): string {
  const where = [from !== "" && `measurement ${from}`, ...tags.map(([name, value]) => `${name}=${value}`)];
  const conditions = where.filter((condition) => condition !== false);
  return `the field ${JSON.stringify(field)}${conditions.length > 0 ? ` of ${conditions.join(", ")}` : ""}`;
}

/** Returns the value of a side; undefined for a point of anything else. */
function valueOf({ field, from, tags }: Side, point: Point): FieldValue | undefined {
  if (from !== "" && point.name !== from) return undefined;
  for (const [name, value] of tags) if (point.tags.get(name) !== value) return undefined;
  return point.field(field);
}

/** Returns all of a point but its fields, apart from the buffer that it came in. */
function headOf({ time, name, database, retentionPolicy, group, dimensions, tags, byName }: Point): Waiting["head"] {
  return { time, name, database, retentionPolicy, group, dimensions: [...dimensions], tags: new Map(tags), byName };
}

/** Returns the place of the first partner whose time is not before this one. */
function firstNotBefore(partners: readonly Partner[], time: bigint): number {
  let low = 0;
  let high = partners.length;
  // Nearly always the newest one counts.
  if (high === 0 || partners[high - 1].time < time) return high;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (partners[middle].time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Returns the partner nearest to a time, the earlier of two. */
function nearest(partners: readonly Partner[], time: bigint): Partner | undefined {
  const place = firstNotBefore(partners, time);
  const before: Partner | undefined = partners[place - 1], after: Partner | undefined = partners[place];
  if (before === undefined || after === undefined) return before ?? after;
  return time - before.time <= after.time - time ? before : after;
}

function distance(a: bigint, b: bigint): bigint {
  return a > b ? a - b : b - a;
}

/** A value with its type, as text: JSON has no NaN, no infinities, no -0 and no int64. */
type SavedValue = [type: string, text: string];

interface SavedState {
  waiting: { head: Record<string, unknown>; time: string; tags: [string, string][]; value: SavedValue }[];
  partners: [time: string, value: SavedValue][];
  newest: [left: string | null, right: string | null];
}

function save({ waiting, partners, newestLeft, newestRight }: State): SavedState {
  const text = (time: bigint | undefined) => time === undefined ? null : String(time);
  return {
    waiting: waiting.map(({ head: { time, tags, ...head }, value }) => ({
      head,
      time: String(time),
      tags: [...tags as Map<string, string>],
      value: saveValue(value),
    })),
    partners: partners.map(({ time, value }) => [String(time), saveValue(value)]),
    newest: [text(newestLeft), text(newestRight)],
  };
}

function load({ waiting, partners, newest: [left, right] }: SavedState): State {
  return {
    waiting: waiting.map(({ head, time, tags, value }) => ({
      head: { ...head, time: BigInt(time), tags: new Map(tags) },
      value: loadValue(value),
    })),
    partners: partners.map(([time, value]) => ({ time: BigInt(time), value: loadValue(value) })),
    newestLeft: left === null ? undefined : BigInt(left),
    newestRight: right === null ? undefined : BigInt(right),
  };
}

function saveValue(value: FieldValue): SavedValue {
  return [typeof value, Object.is(value, -0) ? "-0" : String(value)];
}

function loadValue([type, text]: SavedValue): FieldValue {
  switch (type) {
    case "number":
      return Number(text);
    case "bigint":
      return BigInt(text);
    case "boolean":
      return text === "true";
    case "string":
      return String(text);
    default:
      throw new Error(`${JSON.stringify(type)} is no type of a value`);
  }
}
