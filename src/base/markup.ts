const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Escapes text for HTML and XML 1.0. What they have no place for, such as NUL or half of a character, becomes U+FFFD.
 *
 * @example
 * ```ts
 * import { escapeMarkup } from "./markup.ts";
 * console.assert(escapeMarkup("<b>") === "&lt;b&gt;");
 * ```
 */
export function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character])
    // deno-lint-ignore no-control-regex -- these are what no document may hold
    .replace(/[\0-\x08\v\f\x0e-\x1f\x7f\ufffe\uffff]|\p{Surrogate}/gu, "\ufffd");
}
