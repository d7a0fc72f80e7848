import { messageOf, TineError } from "../../base/errors.ts";
import { int64, number } from "../../base/shape.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Encodes a value as JSON, bigints as decimal strings.
 *
 * @throws {TineError} `bad-item` for numbers that are not finite and integers of more than 64 bits
 */
export function encodeJson(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value, jsonValue));
}

function jsonValue(name: string, value: unknown): unknown {
  if (typeof value === "number") return number(value, name);
  return typeof value === "bigint" ? int64(value.toString(), name).toString() : value;
}

/**
 * Decodes a payload of JSON.
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
