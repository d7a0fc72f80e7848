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
export type Validator<T> = (value: unknown, name: string) => T;

/** Whether a value passes a validator. */
export function passes<T>(validate: Validator<T>, value: unknown): value is T {
  try {
    validate(value, "");
    return true;
  } catch (error) {
    if (error instanceof TineError) return false;
    throw error;
  }
}

/** Validators for each field of an object. */
export type Shape<T> = { readonly [K in keyof T]-?: Validator<T[K]> };

/** Accepts strings. */
export const text: Validator<string> = accept("a text", (value) => typeof value === "string");

/** Accepts booleans. */
export const boolean: Validator<boolean> = accept("a boolean", (value) => typeof value === "boolean");

/** Accepts finite numbers. */
export const number: Validator<number> = accept("a number", (value): value is number => Number.isFinite(value));

/** Accepts integers up to 2^53 - 1, of either sign. */
export const integer: Validator<number> = accept("an integer", (value): value is number => Number.isSafeInteger(value));

/** Accepts integers from 0 to 2^53 - 1. */
export const count: Validator<number> = accept(
  "an integer from 0 on",
  (value): value is number => Number.isSafeInteger(value) && value as number >= 0,
);

/** Accepts strings, finite numbers and booleans. */
export const plain: Validator<string | number | boolean> = accept(
  "a text, a number or a boolean",
  (value) => typeof value === "string" || typeof value === "number" || typeof value === "boolean",
);

/** Reads decimal strings of signed 64-bit integers. */
export const int64: Validator<bigint> = (value, name) => {
  if (typeof value === "string" && /^-?[0-9]{1,19}$/.test(value)) {
    const integer = BigInt(value);
    if (BigInt.asIntN(64, integer) === integer) return integer;
  }
  throw wrong(name, value, "an integer of 64 bits in a text");
};

/** Accepts a value that is left out. */
export function optional<T>(validate: Validator<T>): Validator<T | undefined> {
  return (value, name) => value === undefined ? undefined : validate(value, name);
}

/** Accepts one of some values. */
export function oneOf<const T extends string | boolean>(...values: readonly T[]): Validator<T> {
  return accept(values.join(", "), (value): value is T => values.includes(value as T));
}

/** Reads lists whose items all pass a validator. */
export function list<T>(item: Validator<T>): Validator<T[]> {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrong(name, value, "a list");
    return value.map((one, i) => item(one, `${name}[${i}]`));
  };
}

/** Reads objects whose fields all pass a validator; what it returns has no prototype. */
export function map<T>(field: Validator<T>): Validator<Record<string, T>> {
  return (value, name) => {
    const fields: Record<string, T> = Object.create(null);
    for (const [key, one] of Object.entries(record(value, name))) {
      fields[key] = field(one, `${key.slice(0, 80)} in ${name}`);
    }
    return fields;
  };
}

/** Reads objects with the fields of a shape; others are refused. */
export function exactly<T>(shape: Shape<T>): Validator<T> {
  const read = object(shape);
  return (value, name) => {
    const other = Object.keys(record(value, name)).find((key) => !Object.hasOwn(shape, key));
    if (other !== undefined) throw wrong(name, value, `no ${other.slice(0, 80)}`);
    return read(value, name);
  };
}

/** Reads objects with the fields of a shape; others are left out. */
export function object<T>(shape: Shape<T>): Validator<T> {
  const fields = Object.entries(shape) as [string & keyof T, Validator<T[string & keyof T]>][];
  return (value, name) => {
    const values = record(value, name);
    const checked: Partial<T> = {};
    for (const [key, validate] of fields) {
      const one = Object.hasOwn(values, key) ? values[key] : undefined;
      checked[key] = validate(one, name === "" ? key : `${name}.${key}`);
    }
    return checked as T;
  };
}

function record(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, value, "an object");
  return value as Record<string, unknown>;
}

function accept<T>(expected: string, is: (value: unknown) => value is T): Validator<T> {
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
