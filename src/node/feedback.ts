import { TineError } from "../base/errors.ts";

/** Values that runs hand to those after them, such as the address that a server was given. */
export type Feedback = ReadonlyMap<string, string>;

/** No values. */
export const NO_FEEDBACK: Feedback = new Map();

/** More values, or longer ones, than these come from a mistake. */
const MAX_VALUES = 10_000;
const MAX_VALUE_LENGTH = 64 * 1024;

/**
 * Joins values of two runs.
 *
 * @throws {TineError} `feedback-conflict`, if a key is in both
 *
 * @example
 * ```ts
 * import { mergeFeedback } from "./feedback.ts";
 * const both = mergeFeedback(new Map([["a", "1"]]), new Map([["b", "2"]]));
 * console.assert(both.size === 2);
 * ```
 */
export function mergeFeedback(into: Feedback, more: Feedback): Feedback {
  if (more.size === 0) return into;
  if (into.size === 0) return more;
  const merged = new Map(into);
  for (const [key, value] of more) {
    if (merged.has(key)) {
      throw new TineError(
        "feedback-conflict",
        `the feedback key ${key} is set twice: ${merged.get(key)}, then ${value}`,
      );
    }
    merged.set(key, value);
  }
  return merged;
}

/** The values as JSON, as they cross nodes. */
export function feedbackToJson(feedback: Feedback): Record<string, string> {
  return Object.fromEntries(feedback);
}

/**
 * Reads values from JSON of another node.
 *
 * @throws {TineError} `bad-feedback`, if it is something else, or too much
 */
export function feedbackFromJson(value: unknown): Feedback {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TineError("bad-feedback", "feedback is no object of texts");
  }
  const entries = Object.entries(value);
  if (entries.length > MAX_VALUES) throw new TineError("bad-feedback", `feedback has ${entries.length} values`);
  for (const [key, text] of entries) {
    if (typeof text !== "string" || text.length > MAX_VALUE_LENGTH) {
      throw new TineError("bad-feedback", `the value of the feedback key ${key} is no text, or too long`);
    }
  }
  return new Map(entries);
}
