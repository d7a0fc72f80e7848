import { messageOf, TineError } from "../base/errors.ts";
import { nearest } from "../base/nearest.ts";
import type { InfoResponse, Option, OptionValue, ValueType } from "./messages.ts";

const DURATION_UNITS: Readonly<Record<string, bigint>> = {
  ns: 1n,
  u: 1_000n,
  us: 1_000n,
  "µ": 1_000n,
  "µs": 1_000n,
  "μs": 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
};

/**
 * Turns settings as people write them into options as a UDF takes them, typed by its info.
 *
 * A setting is `name=value`, `name=value,value` where the option has several values (a backslash keeps a comma), or a
 * bare `name` for a flag.
 *
 * @throws {TineError} `bad-option` with what the UDF takes
 *
 * @example
 * ```ts
 * import { parseSettings } from "./option_settings.ts";
 * const info = { wants: "stream", provides: "stream", options: new Map([["size", ["int" as const]]]) } as const;
 * const [option] = parseSettings(["size=10"], info);
 * console.assert(option.values[0].value === 10n);
 * ```
 */
export function parseSettings(settings: readonly string[], info: Pick<InfoResponse, "options">): Option[] {
  return settings.map((setting) => {
    const equals = setting.indexOf("=");
    const name = equals < 0 ? setting : setting.slice(0, equals);
    const types = info.options.get(name);
    if (types === undefined) {
      const near = nearest(name, info.options.keys());
      throw new TineError(
        "bad-option",
        `the UDF has no option ${JSON.stringify(name)}; ${describeOptions(info)}` +
          (near === undefined ? "" : `; did you mean ${near}?`),
      );
    }
    if (types.length === 0) {
      if (equals >= 0) throw new TineError("bad-option", `option ${name} is a flag and takes no value, got ${setting}`);
      return { name, values: [] };
    }
    const texts = equals < 0
      ? []
      : types.length === 1
      ? [setting.slice(equals + 1)]
      : splitByComma(setting.slice(equals + 1));
    if (texts.length !== types.length) {
      throw new TineError(
        "bad-option",
        `option ${name} wants ${types.length} ${types.length === 1 ? "value" : "values"} (${
          describeOption(name, types)
        }), ` +
          `got ${texts.length}`,
      );
    }
    try {
      return { name, values: types.map((type, i) => parseValue(type, texts[i])) };
    } catch (error) {
      throw new TineError("bad-option", `option ${name} wants ${describeOption(name, types)}: ${messageOf(error)}`);
    }
  });
}

/** Describes the options of a UDF in one clause: `it takes field=STRING, size=INT`. */
export function describeOptions({ options }: Pick<InfoResponse, "options">): string {
  if (options.size === 0) return "it takes no options";
  return `it takes ${Array.from(options, ([name, types]) => describeOption(name, types)).join(", ")}`;
}

/** Describes an option: `field=STRING`. */
export function describeOption(name: string, types: readonly ValueType[]): string {
  return types.length === 0 ? name : `${name}=${types.map((type) => type.toUpperCase()).join(",")}`;
}

function splitByComma(text: string): string[] {
  const parts = [""];
  for (let i = 0; i < text.length; i++) {
    if (text[i] === "\\" && (text[i + 1] === "," || text[i + 1] === "\\")) parts[parts.length - 1] += text[++i];
    else if (text[i] === ",") parts.push("");
    else parts[parts.length - 1] += text[i];
  }
  return parts;
}

/**
 * Parses a value of an option.
 *
 * @throws {Error} that says what was expected
 */
export function parseValue(type: ValueType, text: string): OptionValue {
  switch (type) {
    case "bool":
      if (text !== "true" && text !== "false") throw expected("true or false", text);
      return { type, value: text === "true" };
    case "int": {
      if (!/^[+-]?\d{1,20}$/.test(text)) throw expected("a whole number", text);
      const value = BigInt(text.replace("+", ""));
      if (BigInt.asIntN(64, value) !== value) throw expected("a whole number of at most 64 bits", text);
      return { type, value };
    }
    case "double":
      if (text.trim() === "" || Number.isNaN(Number(text)) && text !== "NaN") throw expected("a number", text);
      return { type, value: Number(text) };
    case "string":
      return { type, value: text };
    case "duration":
      return { type, value: parseDuration(text) };
  }
}

/** Parses a duration such as `10s`, `1h30m` or `250us`; returns ns. */
function parseDuration(text: string): bigint {
  const match = /^(-?)((?:\d+(?:ns|us|µs|μs|ms|u|µ|s|m|h|d|w))+)$/.exec(text);
  if (match === null) throw expected("a duration such as 10s, 1h30m or 250us", text);
  let sum = 0n;
  for (const [, amount, unit] of match[2].matchAll(/(\d+)(\D+)/g)) sum += BigInt(amount) * DURATION_UNITS[unit];
  const value = match[1] === "-" ? -sum : sum;
  if (BigInt.asIntN(64, value) !== value) throw expected("a duration below 292 years", text);
  return value;
}

function expected(what: string, text: string): Error {
  return new Error(`expected ${what}, got ${JSON.stringify(text)}`);
}
