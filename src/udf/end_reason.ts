import { messageOf, TineError, WireError } from "../base/errors.ts";
import type { RunningUdf } from "./running_udf.ts";

/** How long the end of a UDF is waited for, so that it can explain the end of its connection. */
export const EXIT_GRACE_MS = 2000;

/** What is known when a connection to a UDF ends. */
export interface Breakage {
  udf: RunningUdf;
  /** What reading or handling threw. */
  error?: unknown;
  /** The first bytes of all, where nothing has been understood. */
  first?: Uint8Array;
  /** The bytes that belong to no frame. */
  rest?: Uint8Array;
  /** The frame that was being handled, with its length where that takes one byte. */
  frame?: Uint8Array;
  /** What the UDF was asked and did not answer. */
  asked?: string;
}

/**
 * Finds the best reason for the end of a connection: what the UDF itself reported, then how it ended, then what
 * happened to the connection.
 */
export async function endReason({ udf, error, first, rest, frame, asked }: Breakage): Promise<Error> {
  // What the UDF itself reported, or what is wrong with one of the responses.
  if (error instanceof TineError && !(error instanceof WireError)) return error;
  const text = textOn(first) ?? (error instanceof WireError ? textOn(frame) : undefined) ?? textOn(rest);
  if (text !== undefined) return textOnStdout(text, error);
  const ended = error instanceof WireError && error.code !== "cut-frame"
    ? undefined
    : await withinMs(EXIT_GRACE_MS, udf.ended);
  if (ended !== undefined) return new TineError("udf-ended", `the UDF ${ended}`, { cause: error });
  if (error instanceof WireError) {
    if (error.code === "frame-too-large") {
      return new TineError(error.code, `the UDF sent too large a message (--max-frame allows more): ${error.message}`, {
        cause: error,
      });
    }
    return new TineError(error.code, `the UDF sent bytes that are not the protocol: ${error.message}`, {
      cause: error,
    });
  }
  if (error !== undefined) {
    return new TineError("connection-broke", `the connection to the UDF broke: ${messageOf(error)}`, { cause: error });
  }
  return new TineError(
    "udf-ended",
    asked === undefined
      ? "the UDF ended its output before the end of its input"
      : `the UDF ended its output without answering ${asked}`,
  );
}

/** The error where writing to a UDF fails, and nothing better is known. */
export function brokenPipe(cause: unknown): TineError {
  return new TineError("connection-broke", "the UDF stopped reading before the end of its input", { cause });
}

/** The error for text where frames should be: the most common mistake of authors. */
export function textOnStdout(text: string, cause?: unknown): TineError {
  return new TineError(
    "text-on-stdout",
    `the UDF wrote text to its standard output, which must carry only frames (print to stderr instead): ${text}`,
    { cause },
  );
}

/** A preview of bytes that look like text, undefined if they do not. */
export function textOn(bytes: Uint8Array | undefined): string | undefined {
  if (bytes === undefined || bytes.length < 2 || beginsFrame(bytes)) return undefined;
  // Frames may follow the text.
  // A terminal that a UDF wanted to colour may have been sent escape sequences.
  // deno-lint-ignore no-control-regex
  const text = /^[\t\n\r\x1b\x20-\x7e\u00a0-\ufffc]*/u.exec(new TextDecoder().decode(bytes.subarray(0, 80)))![0];
  const enough = text.endsWith("\n") ? 3 : 4;
  return text.length >= Math.min(enough, bytes.length) ? JSON.stringify(text) : undefined;
}

/**
 * Whether a Response may begin like this: its length, then a field that is announced as long as the rest. Of the kinds
 * whose tag is a printable character, an ErrorResponse holds little else than text.
 */
function beginsFrame([length, tag, inner]: Uint8Array): boolean {
  return (tag === 0x0a || tag === 0x2a || tag === 0x32) && (inner === undefined || inner === length - 2);
}

/** What a promise gives within a time, undefined if it takes longer. */
export async function withinMs<T>(ms: number, promise: Promise<T> | undefined): Promise<T | undefined> {
  const timeout = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => timeout.resolve(undefined), ms);
  try {
    return await Promise.race([promise, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}
