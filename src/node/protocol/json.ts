/**
 * Payloads of JSON.
 *
 * @module
 */
import { messageOf, TineError } from "../../base/errors.ts";
import { int64, number, type Validator } from "../../base/shape.ts";

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

/** How the content of messages of a kind is sent. */
export interface Codec<T> {
  /** The size limit of a payload that is read, in bytes. */
  readonly maxBytes?: number;
  /** Returns the payload. */
  encode(content: T): Uint8Array;
  /** Returns what the payload holds. */
  decode(payload: Uint8Array): T;
}

/**
 * Returns how content is sent as JSON.
 *
 * @param validate reads it from JSON
 * @param toJson returns what the JSON holds; default: the content itself
 *
 * @example
 * ```ts
 * import { object, text } from "../../base/shape.ts";
 * import { json } from "./json.ts";
 * const { encode, decode } = json(object({ host: text }));
 * console.assert(decode(encode({ host: "a" })).host === "a");
 * ```
 */
export function json<T>(validate: Validator<T>, toJson: (content: T) => unknown = (content) => content): Codec<T> {
  return {
    encode: (content) => encodeJson(toJson(content)),
    decode: (payload) => validate(decodeJson(payload), ""),
  };
}

/** Returns how content is sent that may be left out: then the payload is empty. */
export function orEmpty<T>({ maxBytes, encode, decode }: Codec<T>): Codec<T | undefined> {
  return {
    maxBytes,
    encode: (content) => content === undefined ? new Uint8Array() : encode(content),
    decode: (payload) => payload.length === 0 ? undefined : decode(payload),
  };
}
