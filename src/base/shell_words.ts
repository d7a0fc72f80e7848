/**
 * Splits a command line into words as a POSIX shell does: at blanks, with single quotes, double quotes and backslashes.
 * Nothing is expanded.
 *
 * @returns undefined where a quote or a backslash does not end
 *
 * @example
 * ```ts
 * import { splitCommand } from "./shell_words.ts";
 * console.assert(splitCommand("ping -c 1 'my host'")?.length === 4);
 * ```
 */
export function splitCommand(command: string): string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  let done = 0;
  for (const [token, single, double, escaped, plain] of command.matchAll(TOKEN)) {
    done += token.length;
    if (single !== undefined) word = (word ?? "") + single;
    // In double quotes, a backslash is literal unless it stands before these.
    else if (double !== undefined) word = (word ?? "") + double.replace(/\\([$`"\\\n])/g, "$1");
    else if (escaped !== undefined) word = (word ?? "") + escaped.replace("\n", "");
    else if (plain !== undefined) word = (word ?? "") + plain;
    else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (done < command.length) return undefined;
  if (word !== undefined) words.push(word);
  return words;
}

/** 'single', "double", \x, plain, or blanks. A quote without an end matches no alternative. */
const TOKEN = /'([^']*)'|"((?:[^"\\]|\\[^])*)"|\\([^])|([^'"\\\s]+)|\s+/gy;

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
  return words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : quoteWord(word)).join(" ");
}

/** Writes a text as one word of a POSIX shell, always in quotes. */
export function quoteWord(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
