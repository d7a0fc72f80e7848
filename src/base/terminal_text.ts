// C0, DEL and C1 drive terminals; the rest reorders what follows, or breaks lines.
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const SHORT = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);

/**
 * Makes text from outside safe to show on a terminal and on one line: control characters, and those that turn the
 * direction of writing, become escapes such as `\n` and `\u001b`; lone surrogates become U+FFFD.
 *
 * @example
 * ```ts
 * import { terminalText } from "./terminal_text.ts";
 * console.assert(terminalText("\x1b[31m") === "\\u001b[31m");
 * ```
 */
export function terminalText(text: string): string {
  return text.toWellFormed().replace(
    UNSAFE,
    (unit) => SHORT.get(unit) ?? "\\u" + unit.charCodeAt(0).toString(16).padStart(4, "0"),
  );
}
