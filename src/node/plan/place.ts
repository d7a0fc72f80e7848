/** Where something stands in a plan: the last key, and the place above it. */
export interface Place {
  readonly above: Place | undefined;
  readonly key: string | number;
}

/** A place below another one; undefined is the whole plan. */
export function at(above: Place | undefined, ...keys: readonly (string | number)[]): Place | undefined {
  return keys.reduce<Place | undefined>((above, key) => ({ above, key }), above);
}

/**
 * Writes a place as people do: `tests[0].serial[2].child.node`.
 *
 * @example
 * ```ts
 * import { at, placeText } from "./place.ts";
 * console.assert(placeText(at(undefined, "tests", 0, "id")) === "tests[0].id");
 * ```
 */
export function placeText(place: Place | undefined): string {
  const parts: string[] = [];
  for (; place !== undefined; place = place.above) {
    if (typeof place.key === "number") parts.push(`[${place.key}]`);
    else if (/^[A-Za-z_]\w*$/.test(place.key)) parts.push(`${place.above ? "." : ""}${place.key}`);
    else parts.push(`[${JSON.stringify(place.key.length > 40 ? place.key.slice(0, 40) + "..." : place.key)}]`);
  }
  return parts.reverse().join("");
}
