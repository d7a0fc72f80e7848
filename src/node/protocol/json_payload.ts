/**
 * Small checks of JSON that another node sent; each names the field.
 *
 * @module
 */

import { messageOf, TineError } from "../../base/errors.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

/** A text as a payload. */
export function encodeText(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The text in a payload; what is not valid UTF-8 becomes U+FFFD. */
export function decodeText(payload: Uint8Array): string {
  return lenient.decode(payload);
}

/** A value as JSON, bigints as decimal strings. */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value, (_, item) => typeof item === "bigint" ? item.toString() : item));
}

/**
 * The value in a payload of JSON.
 *
 * @throws {TineError} `bad-json`
 */
export function decodeJson(payload: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(payload));
  } catch (error) {
    throw new TineError("bad-json", `a payload is no JSON: ${messageOf(error)}`, { cause: error });
  }
}

const DECIMAL = /^-?[0-9]{1,19}$/;

/** @throws {TineError} `bad-item`, if the value is no object */
export function asObject(value: unknown, name: string): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw wrong(name, value, "an object");
  return value as Record<string, unknown>;
}

/** @throws {TineError} `bad-item`, if the value is no text */
export function asText(value: unknown, name: string): string {
  if (typeof value !== "string") throw wrong(name, value, "a text");
  return value;
}

/** @throws {TineError} `bad-item`, if the value is no decimal string of a signed 64-bit integer */
export function asDecimal(value: unknown, name: string): bigint {
  if (typeof value === "string" && DECIMAL.test(value)) {
    const number = BigInt(value);
    if (BigInt.asIntN(64, number) === number) return number;
  }
  throw wrong(name, value, "an integer of 64 bits in a text");
}

/** @throws {TineError} `bad-item`, if the value is no finite number */
export function asNumber(value: unknown, name: string): number {
  if (!Number.isFinite(value)) throw wrong(name, value, "a number");
  return value as number;
}

/** @throws {TineError} `bad-item`, if the value is no integer from 0 on */
export function asCount(value: unknown, name: string): number {
  if (!Number.isSafeInteger(value) || value as number < 0) throw wrong(name, value, "an integer from 0 on");
  return value as number;
}

/** @throws {TineError} `bad-item`, if the value is no list */
export function asList(value: unknown, name: string): unknown[] {
  if (!Array.isArray(value)) throw wrong(name, value, "a list");
  return value;
}

/**
 * The fields of an object, all of one type, without a prototype.
 *
 * @param expected what they are, for the message
 * @throws {TineError} `bad-item`
 */
export function asFields<T>(
  value: unknown,
  name: string,
  is: (value: unknown) => value is T,
  expected: string,
): Record<string, T> {
  const fields: Record<string, T> = Object.create(null);
  for (const [key, field] of Object.entries(asObject(value, name))) {
    if (!is(field)) throw wrong(`${key.slice(0, 80)} in ${name}`, field, expected);
    fields[key] = field;
  }
  return fields;
}

/** @throws {TineError} `bad-item`, if the value is no object of texts */
export function asTexts(value: unknown, name: string): Record<string, string> {
  return asFields(value, name, (value) => typeof value === "string", "a text");
}

function wrong(name: string, value: unknown, expected: string): TineError {
  return new TineError("bad-item", `${name} is ${describe(value)}, expected ${expected}`);
}

function describe(value: unknown): string {
  if (value === undefined) return "left out";
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : JSON.stringify(value).slice(0, 80);
}
