/**
 * Checks of JSON from outside, such as other nodes and files: each error names the field. They are for what loads no
 * schema library.
 *
 * @module
 */
import { TineError } from "./errors.ts";

/**
 * Gives a value from JSON its type, or throws a TineError `bad-item` that names what is wrong.
 *
 * @param name of the value for the error; empty for the whole
 *
 * @example
 * ```ts
 * import { count, list, object, text } from "./shape.ts";
 * const flows = object({ host: text, flows: list(object({ id: text, bytes: count })) });
 * console.assert(flows(JSON.parse('{"host": "a", "flows": []}'), "").host === "a");
 * ```
 */
export type Check<T> = (value: unknown, name: string) => T;

/** Whether a value passes a check. */
export function passes<T>(check: Check<T>, value: unknown): value is T {
  try {
    check(value, "");
    return true;
  } catch (error) {
    if (error instanceof TineError) return false;
    throw error;
  }
}

/** Checks for each field of an object. */
export type Shape<T> = { readonly [K in keyof T]-?: Check<T[K]> };

/** Accepts strings. */
export const text: Check<string> = accept("a text", (value) => typeof value === "string");

/** Accepts booleans. */
export const boolean: Check<boolean> = accept("a boolean", (value) => typeof value === "boolean");

/** Accepts finite numbers. */
export const number: Check<number> = accept("a number", (value): value is number => Number.isFinite(value));

/** Accepts integers up to 2^53 - 1, of either sign. */
export const integer: Check<number> = accept("an integer", (value): value is number => Number.isSafeInteger(value));

/** Accepts integers from 0 to 2^53 - 1. */
export const count: Check<number> = accept(
  "an integer from 0 on",
  (value): value is number => Number.isSafeInteger(value) && value as number >= 0,
);

/** Accepts strings, finite numbers and booleans. */
export const plain: Check<string | number | boolean> = accept(
  "a text, a number or a boolean",
  (value) => typeof value === "string" || typeof value === "number" || typeof value === "boolean",
);

/** Reads decimal strings of signed 64-bit integers. */
export const int64: Check<bigint> = (value, name) => {
  if (typeof value === "string" && /^-?[0-9]{1,19}$/.test(value)) {
    const integer = BigInt(value);
    if (BigInt.asIntN(64, integer) === integer) return integer;
  }
  throw wrong(name, value, "an integer of 64 bits in a text");
};

/** Accepts a value that is left out. */
export function optional<T>(check: Check<T>): Check<T | undefined> {
  return (value, name) => value === undefined ? undefined : check(value, name);
}

/** Accepts one of some values. */
export function oneOf<const T extends string | boolean>(...values: readonly T[]): Check<T> {
  return accept(values.join(", "), (value): value is T => values.includes(value as T));
}

/** Reads lists whose items all pass a check. */
export function list<T>(item: Check<T>): Check<T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrong(name, value, "a list");
    return value.map((one, i) => item(one, `${name}[${i}]`));
  };
}

/** Reads objects whose fields all pass a check; what it returns has no prototype. */
export function map<T>(field: Check<T>): Check<Record<string, T>> {
  return (value, name) => {
    const fields: Record<string, T> = Object.create(null);
    for (const [key, one] of Object.entries(record(value, name))) {
      fields[key] = field(one, `${key.slice(0, 80)} in ${name}`);
    }
    return fields;
  };
}

/** Reads objects with the fields of a shape; others are refused. */
export function exactly<T>(shape: Shape<T>): Check<T> {
  const read = object(shape);
  return (value, name) => {
    const other = Object.keys(record(value, name)).find((key) => !Object.hasOwn(shape, key));
    if (other !== undefined) throw wrong(name, value, `no ${other.slice(0, 80)}`);
    return read(value, name);
  };
}

/** Reads objects with the fields of a shape; others are left out. */
export function object<T>(shape: Shape<T>): Check<T> {
  const fields = Object.entries(shape) as [string & keyof T, Check<T[string & keyof T]>][];
  return (value, name) => {
    const values = record(value, name);
    const checked: Partial<T> = {};
    for (const [key, check] of fields) {
      const one = Object.hasOwn(values, key) ? values[key] : undefined;
      checked[key] = check(one, name === "" ? key : `${name}.${key}`);
    }
    return checked as T;
  };
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, value, "an object");
  return value as Record<string, unknown>;
}

function accept<T>(expected: string, is: (value: unknown) => value is T): Check<T> {
  return (value, name) => {
    if (is(value)) return value;
    throw wrong(name, value, expected);
  };
}

function wrong(name: string, value: unknown, expected: string): TineError {
  return new TineError("bad-item", `${name || "it"} is ${describe(value)}, expected ${expected}`);
}

function describe(value: unknown): string {
  if (value === undefined) return "left out";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  return typeof value === "number" ? String(value) : JSON.stringify(value).slice(0, 80);
}
