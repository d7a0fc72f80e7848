import { MAX_DEPTH } from "./structure.ts";

/** An error of syntax, with its place. */
export class TextError extends Error {
  override name = "TextError";

  /**
   * @param line from 1
   * @param column from 1, in UTF-16 units
   */
  constructor(readonly line: number, readonly column: number, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/**
 * Reads JSON, with comments and commas before closing brackets.
 *
 * It is written by hand, since JSON.parse and `@std/jsonc` name no line for some errors and accept duplicate keys.
 *
 * @throws {TextError} where it is not JSON, is nested too deeply, or has a key twice
 *
 * @example
 * ```ts
 * import { parseJsonc } from "./jsonc.ts";
 * console.assert((parseJsonc('{"a": 1, /* one *\/ }') as { a: number }).a === 1);
 * ```
 */
export function parseJsonc(text: string): unknown {
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

const WORDS = new Map<string, unknown>([["true", true], ["false", false], ["null", null]]);

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): unknown {
    this.#skip();
    const first = this.#text[this.#at];
    if (first === "{" || first === "[") {
      if (depth >= MAX_DEPTH) this.#fail(`is nested too deeply: at most ${MAX_DEPTH} levels are possible`);
      return first === "{" ? this.#object(depth + 1) : this.#list(depth + 1);
    }
    if (first === '"') return this.#string();
    const number = this.#match(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])/y);
    if (number !== undefined) return Number(number);
    const start = this.#at;
    const word = this.#match(/\w+/y);
    if (word !== undefined && WORDS.has(word)) return WORDS.get(word);
    this.#at = start;
    this.#unexpected("a value");
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) this.#unexpected("nothing more");
  }

  #object(depth: number): unknown {
    const object: Record<string, unknown> = {};
    this.#at++;
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] === "}") break;
      const start = this.#at;
      if (this.#text[this.#at] !== '"') this.#unexpected("a key in double quotes or }");
      const key = this.#string();
      if (Object.hasOwn(object, key)) this.#fail(`the key ${JSON.stringify(key)} is there twice`, start);
      this.#skip();
      if (this.#text[this.#at] !== ":") this.#unexpected(`: after the key ${JSON.stringify(key)}`);
      this.#at++;
      const value = this.value(depth);
      if (key !== "__proto__") object[key] = value;
      else Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true });
      this.#skip();
      if (this.#text[this.#at] === "}") break;
      if (this.#text[this.#at] !== ",") this.#unexpected(", or }");
      this.#at++;
    }
    this.#at++;
    return object;
  }

  #list(depth: number): unknown[] {
    const list: unknown[] = [];
    this.#at++;
    for (;;) {
      this.#skip();
      if (this.#text[this.#at] === "]") break;
      list.push(this.value(depth));
      this.#skip();
      if (this.#text[this.#at] === "]") break;
      if (this.#text[this.#at] !== ",") this.#unexpected(", or ]");
      this.#at++;
    }
    this.#at++;
    return list;
  }

  #string(): string {
    const start = this.#at;
    // deno-lint-ignore no-control-regex
    const plain = this.#match(/"[^"\\\u0000-\u001f]*"/y);
    if (plain !== undefined) return plain.slice(1, -1);
    for (this.#at++;; this.#at++) {
      const character = this.#text[this.#at];
      if (character === '"') break;
      if (character === "\\") this.#at++;
      else if (character === undefined || character < " ") this.#fail("a text does not end on its line", start);
    }
    this.#at++;
    try {
      return JSON.parse(this.#text.slice(start, this.#at));
    } catch (error) {
      this.#fail("a text has an escape that JSON does not know", start, error);
    }
  }

  /** Skips blanks and comments. */
  #skip(): void {
    for (;;) {
      this.#match(/[ \t\r\n]+/y);
      if (this.#text[this.#at] !== "/") return;
      if (this.#match(/\/\/[^\r\n]*/y) !== undefined) continue;
      if (!this.#text.startsWith("/*", this.#at)) this.#unexpected("a comment");
      const end = this.#text.indexOf("*/", this.#at + 2);
      if (end < 0) this.#fail("a comment does not end");
      this.#at = end + 2;
    }
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0];
    this.#at += match?.length ?? 0;
    return match;
  }

  #unexpected(expected: string): never {
    const rest = this.#text.slice(this.#at, this.#at + 40);
    const [found] = /^(?:\w+|.)/u.exec(rest) ?? [""];
    this.#fail(`expected ${expected}, not ${found === "" ? "the end" : JSON.stringify(found)}`);
  }

  #fail(message: string, at = this.#at, cause?: unknown): never {
    const before = this.#text.slice(0, at);
    const start = Math.max(before.lastIndexOf("\n"), before.lastIndexOf("\r")) + 1;
    throw new TextError(before.split(/\r\n|\r|\n/).length, at - start + 1, message, { cause });
  }
}
