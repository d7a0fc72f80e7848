import { type FieldMaps, quoted } from "./input_item.ts";
import { parseInt64 } from "./int64.ts";
import { JsonNumber, JsonReason, type JsonValue } from "./json_elements.ts";
import { parseRfc3339, parseTime } from "./timestamp.ts";

/** The text of a value, for a reason. */
export function jsonText(value: JsonValue): string {
  if (value instanceof JsonNumber) return value.text;
  if (value instanceof Map) return "an object";
  if (Array.isArray(value)) return "an array";
  return typeof value === "string" ? quoted(value) : String(value);
}

/**
 * Reads a time: an integer in a unit, or RFC 3339.
 *
 * @param what it is, for the reason
 * @param unit ns
 * @throws {JsonReason}
 */
export function jsonTime(value: JsonValue, what: string, unit: bigint): bigint {
  if (typeof value === "string") {
    const time = parseRfc3339(value);
    if (time !== undefined) return time;
  } else if (value instanceof JsonNumber && value.isInteger) {
    const time = parseTime(value.text, unit);
    if (time !== undefined) return time;
    throw new JsonReason(`${what} is out of the range of int64 nanoseconds: ${value.text} in units of ${unit} ns`);
  }
  throw new JsonReason(`${what} must be an integer or an RFC 3339 time, not ${jsonText(value)}`);
}

/** Reads a string. @throws {JsonReason} */
export function stringOf(value: JsonValue, what: string): string {
  if (typeof value !== "string") throw new JsonReason(`${what} must be a string, not ${jsonText(value)}`);
  return value;
}

/** Reads an array. @throws {JsonReason} */
export function arrayOf(value: JsonValue, what: string): JsonValue[] {
  if (!Array.isArray(value)) throw new JsonReason(`${what} must be an array, not ${jsonText(value)}`);
  return value;
}

/** Reads an object. @throws {JsonReason} */
export function objectOf(value: JsonValue, what: string): Map<string, JsonValue> {
  if (!(value instanceof Map)) throw new JsonReason(`${what} must be an object, not ${jsonText(value)}`);
  return value;
}

/** Reads tags; an empty value is absent, as in InfluxDB, and null stands for an empty object. @throws {JsonReason} */
export function tagsOf(value: JsonValue): Map<string, string> {
  const tags = new Map<string, string>();
  if (value === null) return tags;
  for (const [key, tag] of objectOf(value, "tags")) {
    const text = stringOf(tag, `the tag ${quoted(key)}`);
    if (text !== "") tags.set(key, text);
  }
  return tags;
}

/**
 * Sets a field; null is absent. A number without fraction and exponent is an int64.
 *
 * @throws {JsonReason} for objects, arrays and numbers out of range
 */
export function setJsonField(fields: FieldMaps, name: string, value: JsonValue): void {
  if (value === null) return;
  if (typeof value === "string") return fields.setString(name, value);
  if (typeof value === "boolean") return fields.setBool(name, value);
  if (!(value instanceof JsonNumber)) throw new JsonReason(`the field ${quoted(name)} is ${jsonText(value)}`);
  if (value.isInteger) {
    const int = parseInt64(value.text);
    if (int !== undefined) return fields.setInt(name, int);
    throw new JsonReason(`the field ${quoted(name)} is out of the range of int64: ${value.text}`);
  }
  const double = Number(value.text);
  if (Number.isFinite(double)) return fields.setDouble(name, double);
  throw new JsonReason(`the field ${quoted(name)} is out of the range of doubles: ${value.text}`);
}
