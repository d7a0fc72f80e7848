import type { FieldValue, Point } from "../point.ts";
import { valueText } from "./canonical.ts";
import type { Context } from "./context.ts";
import { copyUnits, pointsOf, requestsOf, setField, spanOf, type Unit } from "./data.ts";
import type { Probe } from "./probe.ts";

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
    label: `the field ${JSON.stringify(name)} = ${valueText(value)}`,
    plant: (point) => setField(point, name, value),
    look(point) {
      const found = point.field(name);
      return found === undefined ? undefined : valueText(found);
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
 * Sends data with ordinary bystanders, then with extreme ones. Where all ordinary ones of a kind come back as they went, the UDF hands
 * them on, and must hand on the extreme ones as well; where they do not, it computes, and only has to survive.
 *
 * @param kinds ordinary bystanders, and the extreme ones that stand or fall with each
 * @throws {Finding} for what was altered or lost
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

function planted(units: readonly Unit[], shift: bigint, bystanders: readonly Bystander[]): Unit[] {
  return copyUnits(units, shift, (point) => bystanders.forEach((bystander) => bystander.plant(point)));
}

async function sendPlanted(probe: Probe, units: readonly Unit[], bystanders: readonly Bystander[]): Promise<void> {
  await probe.send(...requestsOf(units));
  probe.note(`(all points with ${bystanders.map(({ label }) => label).join(", ")})`);
}

/** What became of a bystander in each point that came back and whose time tells which one it was. */
function fatesOf(probe: Probe, units: readonly Unit[], bystander: Bystander) {
  const sources = new Map(units.flatMap(pointsOf).map((point) => [point.time, point]));
  return probe.points().flatMap((point) => {
    const source = sources.get(point.time);
    return source === undefined ? [] : [{ sent: bystander.look(source), came: bystander.look(point), point }];
  });
}
