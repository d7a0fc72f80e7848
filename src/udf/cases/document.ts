import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, Scalar } from "yaml";
import type { PointText } from "./points.ts";

/** A place in a file of cases: keys from the outside in. */
export type CasePath = readonly (string | number)[];

/** One thing that is wrong with a file of cases. */
export interface CaseFileProblem {
  readonly line: number;
  readonly message: string;
}

/** A text of YAML whose values know their lines. */
export class CaseDocument {
  readonly text: string;
  readonly #lines = new LineCounter();
  readonly #document: Document.Parsed;

  constructor(text: string) {
    this.text = text;
    this.#document = parseDocument(text, {
      intAsBigInt: true,
      lineCounter: this.#lines,
      merge: true,
      prettyErrors: false,
      version: "1.2",
    });
  }

  /** What is wrong with its syntax. */
  get problems(): CaseFileProblem[] {
    return this.#document.errors.map(({ pos: [from], message }) => ({ line: this.lineOf(from), message }));
  }

  /** What it holds; whole numbers are bigint. */
  value(): unknown {
    return this.#document.toJS({ maxAliasCount: 1000 });
  }

  /** The line of a character, from 1. */
  lineOf(offset: number): number {
    return this.#lines.linePos(offset).line;
  }

  /** Returns the value at a place; undefined where the place is empty, or a merge takes its value from elsewhere. */
  find(path: CasePath): Node | undefined {
    const { node, found } = this.#walk(path);
    return found ? node : undefined;
  }

  /** The line of the value at a place, or of what is around it where it is missing. */
  lineAt(path: CasePath): number {
    return this.lineOf(this.#walk(path).offset);
  }

  /** The text at a place, each of whose lines knows where it stands. */
  textAt(path: CasePath, text: string): PointText {
    const node = this.find(path);
    const first = node?.range ? this.lineOf(node.range[0]) : this.lineAt(path);
    const isLiteral = isScalar(node) && node.type === Scalar.BLOCK_LITERAL;
    return { text, lineOf: (line) => isLiteral ? first + line : first };
  }

  /**
   * How the text changes where a member of a map gets points as its value; undefined where that is written elsewhere.
   *
   * @param path of the map
   * @param points lines, each with its end
   */
  edit(path: CasePath, key: string, points: string): { from: number; to: number; text: string } | undefined {
    const map = this.find(path);
    if (!isMap(map) || !map.range) return undefined;
    const members = map.items.filter((pair) => isScalar(pair.key) && pair.key.range);
    const member = members.find(({ key: name }) => (name as Scalar).value === key);
    const column = (offset: number) => offset - (this.text.lastIndexOf("\n", offset - 1) + 1);
    const short = points === "" ? "none" : undefined;
    if (map.flow) {
      const value = short ?? JSON.stringify(points);
      if (member === undefined) {
        const last = members.at(-1)?.value as Node | undefined;
        const end = last?.range?.[1];
        return end === undefined ? undefined : { from: end, to: end, text: `, ${key}: ${value}` };
      }
      const range = (member.value as Node | null)?.range;
      return range ? { from: range[0], to: range[1], text: value } : undefined;
    }
    const indent = column((members[0].key as Scalar).range![0]);
    const body = points.replace(/^(?=.)/gm, " ".repeat(indent + 2));
    if (member === undefined) {
      // Behind the last member, in front of comments that belong to what follows.
      const last = members.at(-1)!;
      const value = (last.value as Node | null)?.range;
      const end = value?.[1] ?? (last.key as Scalar).range![1] + 1;
      const lineEnd = this.text[end - 1] === "\n" ? end : this.#lineEnd(end);
      const start = this.text[lineEnd - 1] === "\n" ? "" : "\n";
      const head = `${start}${" ".repeat(indent)}${key}:`;
      return { from: lineEnd, to: lineEnd, text: short ? `${head} none\n` : `${head} |\n${body}` };
    }
    const value = member.value as Node | null;
    const keyEnd = this.text.indexOf(":", (member.key as Scalar).range![1]) + 1;
    const to = value?.range?.[1] ?? keyEnd;
    const anchor = value !== null && !isAlias(value) && value.anchor ? ` &${value.anchor}` : "";
    // A comment on the line of the key stays there.
    const old = this.text.slice(value?.range?.[0] ?? keyEnd, to);
    const isBlock = old.endsWith("\n");
    const inside = isBlock
      ? /^[|>][-+\d]*([ \t]+#[^\n]*)?/.exec(old)?.[1] ?? /^[ \t]+#[^\n]*/.exec(this.text.slice(keyEnd))?.[0] ?? ""
      : "";
    const lineEnd = isBlock ? to : this.#lineEnd(to);
    const rest = isBlock ? inside : this.text.slice(to, lineEnd).trimEnd();
    const comment = rest === "" ? "" : ` ${rest.trim()}`;
    const text = short ? `${anchor} ${short}${comment}\n` : `${anchor} |${comment}\n${body}`;
    return { from: keyEnd, to: lineEnd, text };
  }

  /** The offset behind the end of a line. */
  #lineEnd(offset: number): number {
    const end = this.text.indexOf("\n", offset);
    return end < 0 ? this.text.length : end + 1;
  }

  #walk(path: CasePath): { node: Node | undefined; offset: number; found: boolean } {
    let node = this.#resolve(this.#document.contents);
    let offset = node?.range?.[0] ?? 0;
    for (const key of path) {
      let next: unknown;
      if (isMap(node)) {
        const pair = node.items.find(({ key: name }) => isScalar(name) && name.value === key);
        if (pair !== undefined) offset = (pair.key as Node).range?.[0] ?? offset;
        next = pair?.value;
      } else if (isSeq(node)) {
        next = node.items[Number(key)];
        offset = (next as Node | undefined)?.range?.[0] ?? offset;
      }
      if (next === undefined || next === null) return { node, offset, found: false };
      node = this.#resolve(next as Node);
    }
    return { node, offset, found: true };
  }

  #resolve(node: Node | null): Node | undefined {
    return (isAlias(node) ? node.resolve(this.#document) : node) ?? undefined;
  }
}
