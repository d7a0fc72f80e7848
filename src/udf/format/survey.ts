import type { InputItem } from "./input_item.ts";
import { Utf8Decoder } from "./int64.ts";
import { type ItemSource, piecesOf, type SourceOptions } from "./item_source.ts";

/** Entries of a stream over which types are decided, */
const SURVEYED_ENTRIES = 10_000;
/** or this much text, in UTF-16 units. */
const SURVEYED_LENGTH = 16 * 1024 * 1024;

/** A format whose values have no types of their own: those of a field are decided over many of its values. */
export interface SurveyedFormat<E> {
  /** Makes what reads the text of an input into entries. */
  parser(): { push(text: string, out: E[]): void; end(out: E[]): void; readonly lines: number };
  /** Takes an entry into account. */
  learn(entry: E): void;
  /** Whether the types of an entry are known without a decision; default false. */
  isSettled?(entry: E): boolean;
  /** Decides the types by what has been learned. */
  decide(): void;
  /** Turns an entry into an item; undefined: there is no such item. */
  item(entry: E): InputItem | undefined;
  /** Takes the end of input. */
  finish?(): void;
}

/**
 * Reads a format without types.
 *
 * They are decided over the whole input where it can be had once more, else over its first entries, which are held back
 * until then.
 */
export class SurveyedSource<E> implements ItemSource {
  readonly #format: SurveyedFormat<E>;
  readonly #again: SourceOptions["again"];
  readonly #parser: ReturnType<SurveyedFormat<E>["parser"]>;
  readonly #decoder = new Utf8Decoder();
  /** The first entries, until types are decided. */
  #held: E[] = [];
  #heldLength = 0;
  #decided = false;

  constructor(format: SurveyedFormat<E>, { again }: SourceOptions) {
    this.#format = format;
    this.#again = again;
    this.#parser = format.parser();
  }

  async prepare(): Promise<void> {
    if (this.#again === undefined) return;
    const parser = this.#format.parser();
    const decoder = new Utf8Decoder();
    const learn = (entries: readonly E[]) => entries.forEach((entry) => this.#format.learn(entry));
    for await (const chunk of await this.#again()) {
      for (const piece of piecesOf(chunk)) {
        const entries: E[] = [];
        parser.push(decoder.decode(piece), entries);
        if (entries.length > 0 && entries.every((entry) => this.#isSettled(entry))) return;
        learn(entries);
      }
    }
    const entries: E[] = [];
    parser.push(decoder.end(), entries);
    parser.end(entries);
    learn(entries);
    this.#decide();
  }

  push(piece: Uint8Array): InputItem[] {
    const entries: E[] = [];
    const text = this.#decoder.decode(piece);
    this.#parser.push(text, entries);
    if (this.#decided) return this.#items(entries);
    this.#heldLength += text.length;
    return this.#hold(entries);
  }

  end(): InputItem[] {
    const entries: E[] = [];
    this.#parser.push(this.#decoder.end(), entries);
    this.#parser.end(entries);
    const items = this.#decided ? this.#items(entries) : this.#hold(entries);
    const all = this.#decided ? items : items.concat(this.release());
    this.#format.finish?.();
    return all;
  }

  get holding(): boolean {
    return this.#held.length > 0;
  }

  release(): InputItem[] {
    if (!this.#decided) this.#decide();
    const held = this.#held;
    this.#held = [];
    return this.#items(held);
  }

  get lines(): number {
    return this.#parser.lines;
  }

  get invalidUtf8(): number {
    return this.#decoder.invalid;
  }

  /** Holds entries back until there are enough, however many come in one piece. */
  #hold(entries: readonly E[]): InputItem[] {
    const items: InputItem[] = [];
    for (const [i, entry] of entries.entries()) {
      if (this.#held.length === 0 && this.#isSettled(entry)) {
        const item = this.#format.item(entry);
        if (item !== undefined) items.push(item);
        continue;
      }
      this.#format.learn(entry);
      this.#held.push(entry);
      if (this.#held.length < SURVEYED_ENTRIES && this.#heldLength < SURVEYED_LENGTH) continue;
      return items.concat(this.release(), this.#items(entries.slice(i + 1)));
    }
    return items;
  }

  #isSettled(entry: E): boolean {
    return this.#format.isSettled?.(entry) ?? false;
  }

  #decide(): void {
    this.#decided = true;
    this.#format.decide();
  }

  #items(entries: readonly E[]): InputItem[] {
    const items: InputItem[] = [];
    for (const entry of entries) {
      const item = this.#format.item(entry);
      if (item !== undefined) items.push(item);
    }
    return items;
  }
}

/**
 * Programs that print 98.0 as 98 leave open whether a number is an int64. A field with a double is of doubles in every
 * point of its measurement.
 */
export class SurveyedNumbers implements SurveyedFormat<InputItem> {
  /** The fields with doubles, by measurement. */
  readonly #doubles = new Map<string, Set<string>>();

  /** @param parser makes what reads points with the numbers as they are written */
  constructor(readonly parser: SurveyedFormat<InputItem>["parser"]) {}

  learn(item: InputItem): void {
    if (item.kind !== "point") return;
    const { name, fieldsDouble } = item.point;
    let fields = this.#doubles.get(name);
    for (const field of fieldsDouble.keys()) {
      if (fields === undefined) this.#doubles.set(name, fields = new Set());
      fields.add(field);
    }
  }

  decide(): void {}

  /** After the decision, doubles of a field are what its later integers become too. */
  item(item: InputItem): InputItem {
    if (item.kind !== "point") return item;
    const { point } = item;
    const doubles = this.#doubles.get(point.name);
    for (const [field, value] of point.fieldsInt) {
      if (!doubles?.has(field)) continue;
      point.fieldsInt.delete(field);
      point.fieldsDouble.set(field, Number(value));
    }
    this.learn(item);
    return item;
  }
}
