// C0, DEL and C1 drive terminals; the next ones turn the direction of writing, or break lines; surrogates here are alone.
// deno-lint-ignore no-control-regex
const UNSAFE = /[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]|\p{Surrogate}/gu;

const SHORT = new Map([["\n", "\\n"], ["\r", "\\r"], ["\t", "\\t"]]);

/**
 * Makes text from outside fit for a terminal and for one line: control characters, and those that turn the direction of
 * writing, become escapes such as `\n`, `\x1b` and `\u202e`. So it can neither move the cursor nor forge lines.
 *
 * @example
 * ```ts
 * import { terminalText } from "./terminal_text.ts";
 * console.assert(terminalText("a\x1b[31mb\n") === "a\\x1b[31mb\\n");
 * ```
 */
export function terminalText(text: string): string {
  return text.replace(UNSAFE, (unit) => {
    const code = unit.charCodeAt(0);
    return SHORT.get(unit) ?? (code < 0x100 ? `\\x${hex(code, 2)}` : `\\u${hex(code, 4)}`);
  });
}

/**
 * Makes JSON text on one line fit for a terminal, as {@linkcode terminalText} does. It stays JSON, which has no `\x`.
 *
 * @param json without line breaks
 */
export function terminalJson(json: string): string {
  return json.replace(UNSAFE, (unit) => `\\u${hex(unit.charCodeAt(0), 4)}`);
}

function hex(code: number, digits: number): string {
  return code.toString(16).padStart(digits, "0");
}
