/**
 * A command line that a POSIX shell splits into exactly these words.
 *
 * @example
 * ```ts
 * import { shellWords } from "./shell_words.ts";
 * console.assert(shellWords(["echo", "it's", "plain"]) === `echo 'it'\\''s' plain`);
 * ```
 */
export function shellWords(words: readonly string[]): string {
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}
