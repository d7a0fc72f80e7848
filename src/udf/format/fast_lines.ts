import type { BadLine, InputItem } from "./input_item.ts";
import { Utf8Decoder } from "./int64.ts";
import type { ItemSource } from "./item_source.ts";
import type { RecordSplitter } from "./record_splitter.ts";

const NEWLINE = 0x0a;

/** Reads records from bytes, as far as they are as usual. */
export interface FastReader {
  /**
   * Reads the record at `start`.
   *
   * @param end where the last whole line ends that is there
   * @param line the number of the line at `start`
   * @returns where the next record starts; -1 where this record is for the parser, and then nothing was added
   */
  read(bytes: Uint8Array, start: number, end: number, line: number, out: InputItem[]): number;
  /** Lines of the record that was read last. */
  readonly lines: number;
}

/**
 * A source of records that are lines, or several: a fast reader takes what it can, a parser of text takes the rest,
 * which is little. Where records start is for both to see, and for both the same.
 */
export class FastLines implements ItemSource {
  readonly #reader: FastReader;
  readonly #splitter: RecordSplitter<InputItem>;
  readonly #atEnd: (out: InputItem[]) => void;
  readonly #maxLength: number;
  readonly #decoder = new Utf8Decoder({ ignoreBOM: true });
  /** The start of a line, in pieces. */
  #held: Uint8Array[] = [];
  #heldLength = 0;
  /** No byte has been read. */
  #atStart = true;

  /**
   * @param splitter cuts and reads what the reader leaves
   * @param atEnd adds what the end of input makes known
   */
  constructor(reader: FastReader, splitter: RecordSplitter<InputItem>, atEnd: (out: InputItem[]) => void = () => {}) {
    this.#reader = reader;
    this.#splitter = splitter;
    this.#maxLength = splitter.maxLength;
    this.#atEnd = atEnd;
  }

  get lines(): number {
    return this.#splitter.lines;
  }

  get invalidUtf8(): number {
    return this.#decoder.invalid;
  }

  push(piece: Uint8Array): InputItem[] {
    const items: InputItem[] = [];
    const linesEnd = piece.lastIndexOf(NEWLINE) + 1;
    if (this.#splitter.busy) {
      // A record has begun that the parser has not seen whole.
      this.#parse(piece.subarray(0, linesEnd === 0 ? piece.length : linesEnd), items);
      if (linesEnd > 0) this.#keep(piece.subarray(linesEnd), items);
      return items;
    }
    if (linesEnd > 0) this.#run(this.#join(piece.subarray(0, linesEnd)), items);
    this.#keep(piece.subarray(linesEnd), items);
    return items;
  }

  end(): InputItem[] {
    const items: InputItem[] = [];
    this.#parse(this.#join(new Uint8Array()), items);
    this.#splitter.push(this.#decoder.end(), items);
    this.#splitter.end(items);
    this.#atEnd(items);
    return items;
  }

  /** Reads whole lines. */
  #run(bytes: Uint8Array, items: InputItem[]): void {
    const reader = this.#reader;
    const splitter = this.#splitter;
    const end = bytes.length;
    const firstLine = splitter.lines + 1;
    let line = firstLine;
    let position = 0;
    while (position < end) {
      const before = items.length;
      const next = reader.read(bytes, position, end, line, items);
      if (next >= 0 && next - position <= this.#maxLength) {
        line += reader.lines;
        position = next;
        continue;
      }
      items.length = before;
      splitter.skip(line - 1 - splitter.lines);
      const lineEnd = bytes.indexOf(NEWLINE, position) + 1;
      this.#parse(bytes.subarray(position, lineEnd), items);
      if (splitter.busy) return this.#parse(bytes.subarray(lineEnd), items);
      line = splitter.lines + 1;
      position = lineEnd;
    }
    splitter.skip(line - 1 - splitter.lines);
  }

  #parse(bytes: Uint8Array, items: (InputItem | BadLine)[]): void {
    if (bytes.length > 0) this.#splitter.push(this.#decoder.decode(bytes), items);
  }

  /** Keeps the start of a line; one that is too long for a line is for the parser. */
  #keep(piece: Uint8Array, items: InputItem[]): void {
    if (this.#splitter.busy) return this.#parse(piece, items);
    if (piece.length === 0) return;
    this.#held.push(piece.slice());
    this.#heldLength += piece.length;
    if (this.#heldLength > this.#maxLength) this.#parse(this.#join(new Uint8Array()), items);
  }

  /** The start of a line that was kept, with what follows it. */
  #join(rest: Uint8Array): Uint8Array {
    let bytes = rest;
    if (this.#heldLength > 0) {
      bytes = new Uint8Array(this.#heldLength + rest.length);
      let position = 0;
      for (const piece of this.#held) {
        bytes.set(piece, position);
        position += piece.length;
      }
      bytes.set(rest, position);
      this.#held = [];
      this.#heldLength = 0;
    }
    if (!this.#atStart || bytes.length === 0) return bytes;
    this.#atStart = false;
    const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
    return hasMark ? bytes.subarray(3) : bytes;
  }
}
