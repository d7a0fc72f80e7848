import type { InputItem, PointShape } from "./input_item.ts";
import { Utf8Decoder } from "./int64.ts";
import type { ItemSource } from "./item_source.ts";
import type { PointEncoder } from "./point_encoder.ts";

const NEWLINE = 0x0a;

/** Reads records from bytes, as far as they are as usual. */
export interface FastReader {
  /**
   * Reads the record at `start`.
   *
   * @param end where the last whole line ends that is there
   * @param line the number of the line at `start`
   * @returns where the next record starts; -1 where this record is for the parser
   */
  read(bytes: Uint8Array, start: number, end: number, line: number): number;
  /** What was read last: a point, which is in the encoder, a blank line, or what makes no item. */
  readonly found: "point" | "boundary" | "nothing";
  /** Lines of the record that was read last. */
  readonly lines: number;
  readonly encoder?: PointEncoder;
}

/** Reads text in which the records are that a fast reader leaves. A RecordSplitter does. */
export interface TextRecords {
  /** The number of lines that have been read whole. */
  readonly lines: number;
  /** The longest line, in UTF-16 units. */
  readonly maxLength: number;
  /** Whether a record has begun that does not end in what has been read. */
  readonly busy: boolean;
  /** Counts lines that were read elsewhere, between two records. */
  skip(lines: number): void;
  /** Reads what is complete with this piece. */
  push(text: string, out: InputItem[]): Promise<void> | void;
  /** Reads the last record. */
  end(out: InputItem[]): Promise<void> | void;
}

/** What a {@linkcode FastLines} does beyond reading. */
export interface FastLinesOptions {
  /** Adds what the end of input makes known. */
  atEnd?: (out: InputItem[]) => void;
  /** Points come as frames of Requests, where their shape has come before. */
  frames?: boolean;
}

/**
 * A source of records that are lines, or several: a fast reader takes what it can, a parser of text takes the rest,
 * which is little. Where records start is for both to see, and for both the same.
 */
export class FastLines implements ItemSource {
  readonly #reader: () => FastReader | undefined;
  readonly #records: TextRecords;
  readonly #options: FastLinesOptions;
  readonly #maxLength: number;
  readonly #decoder = new Utf8Decoder({ ignoreBOM: true });
  /** The start of a line, in pieces. */
  #held: Uint8Array[] = [];
  #heldLength = 0;
  readonly #shapes = new WeakSet<PointShape>();
  #lastShape: PointShape | undefined;
  /** No byte has been read. */
  #atStart = true;

  /**
   * @param reader gives the fast reader; undefined as long as there is none
   * @param records reads what the reader leaves
   */
  constructor(reader: () => FastReader | undefined, records: TextRecords, options: FastLinesOptions = {}) {
    this.#reader = reader;
    this.#records = records;
    this.#maxLength = records.maxLength;
    this.#options = options;
  }

  get lines(): number {
    return this.#records.lines;
  }

  get invalidUtf8(): number {
    return this.#decoder.invalid;
  }

  async push(piece: Uint8Array): Promise<InputItem[]> {
    const items: InputItem[] = [];
    const linesEnd = piece.lastIndexOf(NEWLINE) + 1;
    if (this.#records.busy) {
      // A record has begun that has not been read whole.
      await this.#parse(piece.subarray(0, linesEnd === 0 ? piece.length : linesEnd), items);
      if (linesEnd > 0) await this.#keep(piece.subarray(linesEnd), items);
      return items;
    }
    if (linesEnd > 0) await this.#run(this.#join(piece.subarray(0, linesEnd)), items);
    await this.#keep(piece.subarray(linesEnd), items);
    return items;
  }

  async end(): Promise<InputItem[]> {
    const items: InputItem[] = [];
    await this.#parse(this.#join(new Uint8Array()), items);
    await this.#records.push(this.#decoder.end(), items);
    await this.#records.end(items);
    this.#options.atEnd?.(items);
    return items;
  }

  /** Reads whole lines. */
  async #run(bytes: Uint8Array, items: InputItem[]): Promise<void> {
    const reader = this.#reader();
    if (reader === undefined) return await this.#parse(bytes, items);
    const records = this.#records;
    const end = bytes.length;
    const run = this.#options.frames ? new FrameRun(items) : undefined;
    let line = records.lines + 1;
    let position = 0;
    let left = 1;
    while (position < end) {
      const next = reader.read(bytes, position, end, line);
      if (next >= 0 && next - position <= this.#maxLength) {
        const encoder = reader.encoder!;
        if (reader.found === "point" && run !== undefined && this.#isKnown(encoder.shape!)) {
          run.add(encoder, line);
        } else if (reader.found !== "nothing") {
          run?.end();
          items.push(
            reader.found === "point"
              ? { kind: "point", line, point: encoder.point(), shape: encoder.shape }
              : { kind: "boundary", line },
          );
        }
        line += reader.lines;
        position = next;
        left = 1;
        continue;
      }
      run?.end();
      records.skip(line - 1 - records.lines);
      // Where one line is left, the next ones mostly are too: twice as many at a time cost less.
      let leftEnd = position;
      for (let n = 0; n < left && leftEnd < end; n++) leftEnd = bytes.indexOf(NEWLINE, leftEnd) + 1;
      left *= 2;
      const parsing = this.#parse(bytes.subarray(position, leftEnd), items);
      if (parsing !== undefined) await parsing;
      if (records.busy) return await this.#parse(bytes.subarray(leftEnd), items);
      line = records.lines + 1;
      position = leftEnd;
    }
    run?.end();
    records.skip(line - 1 - records.lines);
  }

  /** Whether a point of this shape has come before: the first one is looked at by others. */
  #isKnown(shape: PointShape): boolean {
    if (shape === this.#lastShape) return true;
    this.#lastShape = shape;
    if (this.#shapes.has(shape)) return true;
    this.#shapes.add(shape);
    return false;
  }

  #parse(bytes: Uint8Array, items: InputItem[]): Promise<void> | void {
    if (bytes.length > 0) return this.#records.push(this.#decoder.decode(bytes), items);
  }

  /** Keeps the start of a line; one that is too long for a line is for the records. */
  #keep(piece: Uint8Array, items: InputItem[]): Promise<void> | void {
    if (this.#records.busy) return this.#parse(piece, items);
    if (piece.length === 0) return;
    this.#held.push(piece.slice());
    this.#heldLength += piece.length;
    if (this.#heldLength > this.#maxLength) return this.#parse(this.#join(new Uint8Array()), items);
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

/** Frames of points that stand end to end. */
class FrameRun {
  readonly #items: InputItem[];
  #bytes: Uint8Array = new Uint8Array();
  #start = 0;
  #end = 0;
  #points = 0;
  #line = 0;

  /** @param items gets what has been collected */
  constructor(items: InputItem[]) {
    this.#items = items;
  }

  /** Adds the point that was encoded last. */
  add({ bytes, frameStart, frameEnd }: PointEncoder, line: number): void {
    if (bytes !== this.#bytes || frameStart !== this.#end) {
      this.end();
      this.#bytes = bytes;
      this.#start = frameStart;
      this.#line = line;
    }
    this.#end = frameEnd;
    this.#points++;
  }

  /** Hands on what has been collected. */
  end(): void {
    if (this.#points === 0) return;
    const frames = this.#bytes.subarray(this.#start, this.#end);
    this.#items.push({ kind: "frames", line: this.#line, frames, points: this.#points });
    this.#points = 0;
    this.#end = -1;
  }
}
