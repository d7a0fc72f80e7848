import { messageOf, TineError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { InfoResponse, Option } from "./messages.ts";
import { describeOption, describeOptions, parseValue } from "./option_settings.ts";

type Scalar = string | number | bigint | boolean;
type Given = Scalar | readonly (Scalar | readonly Scalar[])[];

/** Options by name, as plans and cases of tests have them. */
export type OptionValues = Readonly<Record<string, Given>>;

/**
 * Turns options as a plan or a case of tests has them into options as a UDF takes them, typed by its info. A value is one option; a list is
 * one where the option takes several values, else one option each; a list of lists is an option for each inner list. A
 * flag is `true`, and left out where it is `false`.
 *
 * @throws {TineError} `bad-option`, with the name, the value and what the UDF takes
 *
 * @example
 * ```ts
 * import { udfOptions } from "./option_values.ts";
 * const info = { options: new Map([["size", ["int" as const]]]) };
 * const [option] = udfOptions({ size: 10 }, info);
 * console.assert(option.values[0].value === 10n);
 * ```
 */
export function udfOptions(given: OptionValues | undefined, info: Pick<InfoResponse, "options">): Option[] {
  return Object.entries(given ?? {}).flatMap(([name, value]) => {
    const types = info.options.get(name);
    if (types === undefined) {
      const near = nearest(name, info.options.keys());
      const hint = near === undefined ? describeOptions(info) : `did you mean ${near}?`;
      throw new TineError("bad-option", `the UDF has no option ${JSON.stringify(name)}: ${hint}`);
    }
    if (types.length === 0) {
      if (typeof value !== "boolean") {
        throw new TineError(
          "bad-option",
          `option ${name} is a flag: expected true or false, not ${flagText(value)}`,
        );
      }
      return value ? [{ name, values: [] }] : [];
    }
    return listsOf(value, types.length).map((values): Option => {
      const wanted = `option ${name} wants ${describeOption(name, types)}`;
      if (values.length !== types.length) {
        throw new TineError("bad-option", `${wanted}, got ${values.length} of ${types.length} values`);
      }
      try {
        return { name, values: types.map((type, i) => parseValue(type, String(values[i]))) };
      } catch (error) {
        throw new TineError("bad-option", `${wanted}: ${messageOf(error)}`);
      }
    });
  });
}

/** The values of each option that a member stands for. */
function listsOf(value: Given, arity: number): (readonly Scalar[])[] {
  if (!Array.isArray(value)) return [[value as Scalar]];
  const list = value as readonly (Scalar | readonly Scalar[])[];
  if (list.some(Array.isArray)) return list.map((inner) => Array.isArray(inner) ? inner : [inner as Scalar]);
  return arity === 1 ? list.map((inner) => [inner as Scalar]) : [list as readonly Scalar[]];
}

function flagText(value: Given): string {
  return typeof value === "bigint" ? String(value) : JSON.stringify(value);
}
