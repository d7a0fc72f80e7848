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
