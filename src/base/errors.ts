/**
 * An error with a code that programs can test and one sentence that people can read.
 *
 * Every error that tine throws on purpose is of this class or a subclass.
 *
 * @example
 * ```ts
 * import { TineError } from "./errors.ts";
 * const error = new TineError("usage", "unknown flag --foo");
 * console.assert(error.code === "usage");
 * ```
 */
export class TineError extends Error {
  override name = "TineError";

  /**
   * @param code what went wrong, in kebab-case, stable between versions
   * @param message one sentence: the value, what was expected, the place
   * @param options `cause`: the error behind this one
   */
  constructor(readonly code: string, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Bytes that break the protocol: a bad varint, a cut frame, a frame over the limit. */
export class WireError extends TineError {
  override name = "WireError";
}

/** Returns the message of any thrown value, without a stack. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}

/** Returns why a file cannot be read, without the number and the call that the system's message has. */
export function whyNotRead(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof Deno.errors.NotADirectory) return "what stands above it is no folder";
  return messageOf(error);
}

/** Returns a value of any type in a few words, for messages: `the number 5`, `"now"`, `an array`, `null`. */
export function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (Array.isArray(value)) return "an array";
  if (typeof value === "object") return value instanceof Date ? "a Date" : "an object";
  if (typeof value === "function" || typeof value === "symbol") return `a ${typeof value}`;
  return `the ${typeof value} ${value}`;
}
