import { parse } from "@std/yaml";
import { TextError } from "./jsonc.ts";
import { at, type Place, placeText, type Problem } from "./place.ts";
import { show } from "../../base/schema.ts";
import { MAX_DEPTH } from "./structure.ts";

/**
 * Reads YAML: the core schema of YAML 1.2, with anchors, without tags. See {@linkcode mergeKeys} for keys `<<`.
 *
 * @throws {TextError}
 */
export function parseYaml(text: string): unknown {
  try {
    return parse(text, { schema: "core" });
  } catch (error) {
    if (error instanceof RangeError) {
      throw new TextError(1, 1, `is nested too deeply: at most ${MAX_DEPTH} levels are possible`, { cause: error });
    }
    if (!(error instanceof Error)) throw error;
    // "Cannot handle unknown tag at line 1, column 5:\n    excerpt"
    const [, message, line = "1", column = "1"] = /^([^]*?)(?: at line (\d+), column (\d+))?(?::\n|$)/.exec(
      error.message,
    )!;
    throw new TextError(Number(line), Number(column), message.trim(), { cause: error });
  }
}

/** The key of YAML that stands for the members of other objects: <https://yaml.org/type/merge.html>. */
const MERGE = "<<";

/**
 * Puts the members of other objects in place of the keys `<<`, which the core schema leaves alone. Members of the
 * object itself take precedence, then those of earlier objects of a list.
 *
 * @param value what {@linkcode parseYaml} returns, with nothing that `checkStructure` finds
 * @returns what is wrong, if anything; otherwise the value is changed in place
 */
export function mergeKeys(value: unknown): Problem | undefined {
  // Several aliases stand for one object, which is merged once.
  const merged = new Set<object>();
  const merge = (value: unknown, place: Place | undefined): Problem | undefined => {
    if (typeof value !== "object" || value === null || merged.has(value)) return undefined;
    merged.add(value);
    for (const [key, inner] of Object.entries(value)) {
      const problem = merge(inner, at(place, Array.isArray(value) ? Number(key) : key));
      if (problem !== undefined) return problem;
    }
    if (!Array.isArray(value) && Object.hasOwn(value, MERGE)) return take(value as Members, at(place, MERGE));
  };
  return merge(value, undefined);
}

type Members = Record<string, unknown>;

function take(object: Members, place: Place | undefined): Problem | undefined {
  const { [MERGE]: merge, ...own } = object;
  const sources = Array.isArray(merge) ? merge : [merge];
  for (const source of sources) {
    if (typeof source === "object" && source !== null && !Array.isArray(source)) continue;
    const message = `expected an object such as *anchor, or a list of them, not ${show(source)}`;
    return { place: placeText(place), message };
  }
  delete object[MERGE];
  for (const [key, value] of sources.flatMap((source: Members) => Object.entries(source))) {
    if (!Object.hasOwn(own, key)) object[key] = own[key] = value;
  }
}
