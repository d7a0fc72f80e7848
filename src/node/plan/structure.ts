import { at, type Place, placeText, type Problem } from "./place.ts";

/** The most levels of lists and objects: about a hundred runs, one in another. */
export const MAX_DEPTH = 200;
/** The most values of a plan; a reference to a YAML anchor counts as all values that it stands for. */
export const MAX_VALUES = 10_000_000;

/**
 * Finds what a schema cannot walk through: endless and huge values, which a few lines of YAML make by anchors, and keys
 * with a meaning in JavaScript.
 *
 * @returns what is wrong, if anything
 */
export function checkStructure(value: unknown): Problem | undefined {
  try {
    const values = count(value, undefined, 0, new Map());
    if (values <= MAX_VALUES) return undefined;
    return { place: "", message: `has more than ${MAX_VALUES} values, anchors counted wherever they are referred to` };
  } catch (error) {
    if (error instanceof BadStructure) return { place: placeText(error.place), message: error.message };
    throw error;
  }
}

class BadStructure extends Error {
  constructor(readonly place: Place | undefined, message: string) {
    super(message);
  }
}

/** Counts values. It walks through a shared value once for each depth at most, so a bomb of anchors costs little. */
function count(value: unknown, place: Place | undefined, depth: number, known: Map<object, Known>): number {
  if (typeof value !== "object" || value === null) return 1;
  if (depth >= MAX_DEPTH) {
    throw new BadStructure(place, `is nested too deeply: at most ${MAX_DEPTH} levels are possible`);
  }
  const before = known.get(value);
  if (before?.values === undefined && before !== undefined) throw new BadStructure(place, "contains itself");
  if (before?.values !== undefined && before.depth >= depth) return before.values;
  known.set(value, { depth, values: undefined });
  let values = 1;
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) values += count(value[i], at(place, i), depth + 1, known);
  } else {
    for (const key of Object.keys(value)) {
      if (key === "__proto__") throw new BadStructure(place, 'unknown key "__proto__"');
      values += count((value as Record<string, unknown>)[key], at(place, key), depth + 1, known);
    }
  }
  known.set(value, { depth, values });
  return values;
}

/** What is known about a list or object: its depth, and its number of values once they are counted. */
interface Known {
  depth: number;
  values: number | undefined;
}
