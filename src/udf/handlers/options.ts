import type { InitRequest, OptionValue, Outcome, ValueType } from "../udf_types.ts";

/** The types of the options of a handler, as its info declares them. */
export type OptionTypes = Readonly<Record<string, readonly ValueType[]>>;

/** The range of a number, both ends included. */
export interface OptionRange {
  min: number;
  max: number;
}

/** An option that is not as the handler wants it. */
class OptionError extends Error {}

/** The options that a handler was given; of one that is given twice, the last counts. */
export class GivenOptions {
  readonly #values = new Map<string, OptionValue[][]>();
  /** Options that the handler needs and was not given. */
  readonly missing: string[] = [];

  constructor({ options }: InitRequest, types: OptionTypes) {
    for (const { name, values } of options) {
      const wanted = Object.hasOwn(types, name) ? types[name] : undefined;
      if (wanted?.length !== values.length || wanted.some((type, i) => values[i].type !== type)) {
        throw new OptionError(`option ${name} is unknown, or its value is not of the type that info declares`);
      }
      const before = this.#values.get(name);
      if (before === undefined) this.#values.set(name, [values]);
      else before.push(values);
    }
  }

  /** Whether an option was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Returns a text, which must not be empty; without `absent` the option is required. */
  text(name: string, absent?: string): string {
    const given = this.#last(name) ?? absent;
    if (typeof given === "string" && given !== "") return given;
    this.missing.push(name);
    return "";
  }

  /** Returns one of a few words. */
  word<W extends string>(name: string, words: readonly W[], absent: W): W {
    const given = this.#last(name) ?? absent;
    const found = words.find((word) => word === given);
    if (found !== undefined) return found;
    const expected = words.map((word) => JSON.stringify(word)).join(" or ");
    throw new OptionError(`option ${name} must be ${expected}, got ${JSON.stringify(given)}`);
  }

  /** Returns a whole number; undefined where it is not given. */
  integer(name: string, { min, max }: OptionRange): number | undefined {
    const given = this.#last(name);
    if (typeof given !== "bigint") return undefined;
    if (!(given >= min && given <= max)) {
      throw new OptionError(`option ${name} must be from ${min} to ${max}, got ${given}`);
    }
    return Number(given);
  }

  /**
   * Returns a double; undefined where it is not given.
   *
   * @param expected what it must be, such as `at least 1.0`
   * @param fits whether it is that
   */
  double(name: string, expected: string, fits: (value: number) => boolean): number | undefined {
    const given = this.#last(name);
    if (typeof given !== "number") return undefined;
    if (!fits(given)) throw new OptionError(`option ${name} must be ${expected}, got ${given}`);
    return given;
  }

  /** Returns a duration of at least `minNs` nanoseconds; undefined where it is not given. */
  duration(name: string, minNs: bigint): bigint | undefined {
    const given = this.#last(name);
    if (typeof given !== "bigint") return undefined;
    if (given < minNs) {
      throw new OptionError(`option ${name} must be at least ${minNs} ns, got ${given} ns`);
    }
    return given;
  }

  /** Returns all pairs of texts that an option of two texts was given. */
  pairs(name: string): [string, string][] {
    return (this.#values.get(name) ?? []).map(([a, b]) => [String(a.value), String(b.value)]);
  }

  /** @throws an error that makes init fail with this text */
  refuse(reason: string): never {
    throw new OptionError(reason);
  }

  /** The first value of the last call, of the type that the handler declares. */
  #last(name: string): OptionValue["value"] | undefined {
    return this.#values.get(name)?.at(-1)?.[0]?.value;
  }
}

/**
 * Reads the options of a handler in its init.
 *
 * @param types of all options
 * @param read takes the options over
 * @returns what init returns: a failure where an option is unknown, wrong or missing
 *
 * @example
 * ```ts
 * import { readOptions } from "./options.ts";
 * let field = "";
 * const init = { options: [], taskId: "", nodeId: "" };
 * const outcome = readOptions(init, { field: ["string"] }, (given) => void (field = given.text("field")));
 * console.assert(outcome.error === "missing option: field" && field === "");
 * ```
 */
export function readOptions(init: InitRequest, types: OptionTypes, read: (given: GivenOptions) => void): Outcome {
  try {
    const given = new GivenOptions(init, types);
    read(given);
    return given.missing.length > 0
      ? { success: false, error: `missing option: ${given.missing.join(", ")}` }
      : { success: true, error: "" };
  } catch (error) {
    if (!(error instanceof OptionError)) throw error;
    return { success: false, error: error.message };
  }
}
