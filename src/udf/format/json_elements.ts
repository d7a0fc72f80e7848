import { type BadLine, badLine, type InputItem, quoted } from "./input_item.ts";
import type { TextParser } from "./item_source.ts";

/** A number as it is written, since int64 and double differ in their text. */
export class JsonNumber {
  constructor(readonly text: string) {}

  /** Whether it has neither a fraction nor an exponent. */
  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text);
  }
}

/** A value of JSON; objects are maps, since their keys come from outside. */
export type JsonValue = string | boolean | null | JsonNumber | JsonValue[] | Map<string, JsonValue>;

/** What a format makes of the values in its documents. */
export interface JsonElementReader {
  /**
   * The objects and arrays whose members are handed out one by one, `$` being a document, `$.results` its member
   * `results` and `$.results[]` each element of that. Everything else is handed out whole.
   */
  readonly open: ReadonlySet<string>;

  /** Takes a value. Throws a {@linkcode JsonReason} for one that is not as it should be. */
  element(path: string, value: JsonValue, line: number, out: InputItem[]): void;

  /** Takes the end of an object or array that is handed out in parts. */
  end(path: string, line: number, out: InputItem[]): void;

  /** Forgets the document that is being read, since it is broken or cut. Returns what is lost with it, or "". */
  abandon(): string;
}

/** Thrown by what reads values, with the reason as its message; no Error, since there may be one in each line. */
export class JsonReason {
  constructor(readonly message: string) {}
}

/** An object or array that is not complete. */
interface Container {
  readonly path: string;
  /** Where its members go; undefined: they are handed out. */
  readonly value: JsonValue[] | Map<string, JsonValue> | undefined;
  readonly isObject: boolean;
  /** The key whose value comes next. */
  key: string | undefined;
  /** What may come next. */
  state: "first" | "key" | "value" | "next";
}

/** The longest text of one value, in UTF-16 units, unless an option says otherwise. */
const DEFAULT_MAX_LENGTH = 16 * 1024 * 1024;

const WORD = /[^\s,:[\]{}"]+/y;
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/**
 * Reads JSON documents one after the other, over any number of lines, and hands out their parts as soon as they are
 * whole: a document may be larger than memory, and of one that is cut nothing is lost that was there.
 *
 * After a mistake, reading goes on at the next line that begins with `{`.
 *
 * Format: https://www.rfc-editor.org/rfc/rfc8259
 */
export class JsonElements implements TextParser {
  readonly #reader: JsonElementReader;
  readonly #maxLength: number;
  readonly #stack: Container[] = [];
  /** The start of a string or word that is not complete. */
  #held = "";
  #line = 1;
  /** The line on which the document begins. */
  #start = 1;
  #skipping = false;
  /** The length of the value that is handed out next, as far as it has come, in UTF-16 units. */
  #valueLength = 0;

  constructor(reader: JsonElementReader, maxLength: number = DEFAULT_MAX_LENGTH) {
    this.#reader = reader;
    this.#maxLength = maxLength;
  }

  get lines(): number {
    return this.#line - 1;
  }

  push(text: string, out: InputItem[]): void {
    this.#run(this.#held + text, false, out);
  }

  end(out: InputItem[]): void {
    if (this.#held !== "") this.#run(this.#held + "\n", true, out);
    this.#held = "";
    if (this.#stack.length > 0) this.#abandon("the input ends within it", out);
  }

  #run(text: string, last: boolean, out: InputItem[]): void {
    this.#held = "";
    let position = 0;
    while (position < text.length) {
      if (this.#skipping) {
        position = this.#resume(text, position);
        continue;
      }
      position = this.#space(text, position);
      if (position === text.length) return;
      const end = tokenEnd(text, position);
      if (end === undefined && !last && text.length - position <= this.#maxLength) {
        this.#held = text.slice(position);
        return;
      }
      const reason = end === undefined
        ? text.length - position > this.#maxLength
          ? `a value is longer than ${this.#maxLength} characters`
          : "a string does not end"
        : (this.#valueLength += end - position) > this.#maxLength
        ? `a value is longer than ${this.#maxLength} characters`
        : this.#token(text.slice(position, end), out);
      if (reason !== "") {
        out.push(this.#bad(reason, text, position));
        this.#skipping = true;
        continue;
      }
      position = end!;
    }
  }

  /** Moves over white space. */
  #space(text: string, position: number): number {
    for (; position < text.length; position++) {
      const unit = text.charCodeAt(position);
      if (unit === 0x0a) this.#line++;
      else if (unit !== 0x20 && unit !== 0x09 && unit !== 0x0d) break;
    }
    return position;
  }

  /** The start of the next line that begins with `{`, or the end of the text. */
  #resume(text: string, position: number): number {
    for (;;) {
      const newline = text.indexOf("\n", position);
      if (newline < 0) return text.length;
      if (newline + 1 === text.length) {
        // What the line begins with is not known before there is more.
        this.#held = "\n";
        return text.length;
      }
      this.#line++;
      position = newline + 1;
      if (text[position] !== "{") continue;
      this.#skipping = false;
      return position;
    }
  }

  /** Takes a string, a word or a sign. Returns what is wrong with it, or "". */
  #token(token: string, out: InputItem[]): string {
    const top = this.#stack.at(-1);
    if (token[0] === '"' && (token.length === 1 || !token.endsWith('"'))) return "a string does not end";
    const sign = token.length === 1 ? token : "";
    if (sign === "}" || sign === "]") return this.#close(sign, top, out);
    if (sign === ",") {
      if (top?.state !== "next") return `there is no value before ${quoted(sign)}`;
      top.state = top.isObject ? "key" : "value";
      return "";
    }
    if (top?.state === "next") return `a comma or ${top.isObject ? "}" : "]"} is missing before ${quoted(token)}`;
    if (top !== undefined && top.isObject && (top.state === "first" || top.state === "key")) {
      if (sign === ":" && top.key !== undefined) {
        top.state = "value";
        return "";
      }
      if (top.key !== undefined) return `a colon is missing behind ${quoted(top.key)}`;
      const key = token[0] === '"' ? parsed(token) : undefined;
      if (typeof key !== "string") return `a name in quotes is missing before ${quoted(token)}`;
      top.key = key;
      return "";
    }
    if (sign === ":") return 'a name is missing before ":"';
    if (sign === "{" || sign === "[") return this.#open(sign, top);
    if (top === undefined) return `a document begins with {, not with ${quoted(token)}`;
    const value = parsed(token);
    if (value === undefined) {
      return token[0] === '"' ? "a string is no JSON" : `${quoted(token)} is no value of JSON`;
    }
    return this.#value(value, top, out);
  }

  #open(sign: "{" | "[", top: Container | undefined): string {
    if (top === undefined) {
      if (sign === "[") return "a document begins with {, not with [";
      this.#start = this.#line;
    }
    const path = top === undefined ? "$" : memberPath(top);
    const isHandedOut = top === undefined || top.value === undefined;
    const inParts = isHandedOut && this.#reader.open.has(path);
    if (isHandedOut) this.#valueLength = 0;
    const value = inParts ? undefined : sign === "{" ? new Map<string, JsonValue>() : [];
    this.#stack.push({ path, value, isObject: sign === "{", key: undefined, state: "first" });
    return "";
  }

  #close(sign: "}" | "]", top: Container | undefined, out: InputItem[]): string {
    const fits = top !== undefined && top.isObject === (sign === "}") && top.key === undefined &&
      (top.state === "first" || top.state === "next");
    if (!fits) return top === undefined ? `there is nothing to close by ${sign}` : `a value is missing before ${sign}`;
    this.#stack.pop();
    const above = this.#stack.at(-1);
    if (top.value !== undefined && above !== undefined) return this.#value(top.value, above, out);
    const reason = top.value !== undefined
      ? this.#handOut("$", top.value, out)
      : reasonOf(() => this.#reader.end(top.path, this.#line, out));
    if (above !== undefined) {
      above.key = undefined;
      above.state = "next";
    }
    return this.#report(reason, out);
  }

  #value(value: JsonValue, top: Container, out: InputItem[]): string {
    const path = top.value === undefined ? memberPath(top) : "";
    if (top.value instanceof Map) top.value.set(top.key!, value);
    else if (top.value !== undefined) top.value.push(value);
    top.key = undefined;
    top.state = "next";
    return top.value === undefined ? this.#report(this.#handOut(path, value, out), out) : "";
  }

  #handOut(path: string, value: JsonValue, out: InputItem[]): string {
    this.#valueLength = 0;
    return reasonOf(() => this.#reader.element(path, value, this.#line, out));
  }

  /** A value that is JSON and not what was expected does not keep the next ones from being read. */
  #report(reason: string, out: InputItem[]): string {
    if (reason !== "") out.push(badLine(this.#line, reason, ""));
    return "";
  }

  #bad(reason: string, text: string, position: number): BadLine {
    const newline = text.indexOf("\n", position);
    const lost = this.#lost();
    this.#stack.length = 0;
    this.#valueLength = 0;
    return badLine(this.#line, reason + lost, text, position, newline < 0 ? text.length : newline);
  }

  #abandon(reason: string, out: InputItem[]): void {
    const lost = this.#lost();
    this.#stack.length = 0;
    out.push(badLine(this.#start, `the JSON that begins here has no end: ${reason}${lost}`, ""));
  }

  #lost(): string {
    const lost = this.#stack.length === 0 ? "" : this.#reader.abandon();
    return lost === "" ? "" : `; ${lost}`;
  }
}

function memberPath(container: Container): string {
  return container.isObject ? `${container.path}.${container.key}` : `${container.path}[]`;
}

function reasonOf(call: () => void): string {
  try {
    call();
    return "";
  } catch (error) {
    if (!(error instanceof JsonReason)) throw error;
    return error.message;
  }
}

/** Where the string, word or sign at `position` ends; undefined: behind the text. */
function tokenEnd(text: string, position: number): number | undefined {
  if (text[position] !== '"') {
    WORD.lastIndex = position;
    if (!WORD.test(text)) return position + 1;
    return WORD.lastIndex === text.length ? undefined : WORD.lastIndex;
  }
  for (let i = position + 1; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x22) return i + 1;
    if (unit === 0x5c) i++;
    else if (unit === 0x0a) return i; // no string holds a newline: what is cut here is found to be no JSON
  }
}

/** The value of a string or word, or undefined. */
function parsed(token: string): JsonValue | undefined {
  if (token[0] !== '"') {
    if (NUMBER.test(token)) return new JsonNumber(token);
    return token === "true" ? true : token === "false" ? false : token === "null" ? null : undefined;
  }
  if (token.length > 1 && !token.includes("\\") && token.endsWith('"') && !CONTROL.test(token)) {
    return token.slice(1, -1);
  }
  try {
    return (JSON.parse(token) as string).toWellFormed();
  } catch {
    return undefined;
  }
}

// deno-lint-ignore no-control-regex
const CONTROL = /[\0-\x1f]/;
