import { TineError } from "../../base/errors.ts";
import { FieldCast, FieldTypes } from "./field_types.ts";
import { terminalText } from "../../base/terminal_text.ts";
import { type GivenType, unseenField } from "./field_column.ts";
import { detectFormat } from "./detect_format.ts";
import { type Format, FORMATS, INPUT_FORMATS, type InputFormat } from "./formats.ts";
import type { InputItem } from "./input_item.ts";
import { type ItemSource, piecesOf } from "./item_source.ts";
import { Pivot } from "./pivot.ts";
import { nanosecondsOf, type Precision, PRECISIONS } from "./timestamp.ts";
export type { InputFormat } from "./formats.ts";

/** How input is to be understood. */
export interface ReadPointsOptions {
  /** The format; undefined: detected from the beginning. */
  format?: InputFormat;
  /** Where the beginning leaves it open, the format that the name of the input suggests; default line. */
  likelyFormat?: InputFormat;
  /** The name of the input, for messages. */
  name?: string;
  /** The unit of times that are integers; default ns, or what is usual in the format. */
  precision?: Precision;
  /** The name of points without a name; in CSV, of all points: then `name` is a column like others. */
  measurement?: string;
  /** The database of points without one. */
  database?: string;
  /** The retention policy of points without one. */
  retentionPolicy?: string;
  /** CSV: the columns that are tags. */
  tagColumns?: readonly string[];
  /**
   * The types of fields by name. A field can also become a tag, or be left out. Where values have no type, as in CSV,
   * other fields have that of all their values; where they have one, they are converted.
   */
  types?: ReadonlyMap<string, GivenType>;
  /** CSV: the column of the time; default `time`, if there is one. */
  timeColumn?: string;
  /** Joins points of the same series and time, which then come at the end, in the order of their times. */
  pivot?: boolean;
  /** The time of points without one, ns since the epoch; default the system's clock, once for all. */
  now?: () => bigint;
  /** The longest line, in UTF-16 units; default 16 Mi. */
  maxLineLength?: number;
  /**
   * The same input once more. Where values have no types, those of fields are then decided over all of it, else over
   * the first rows of the stream: 10,000, or those that came until it had made wait for a second.
   */
  again?: () => Promise<ReadableStream<Uint8Array>>;
  /**
   * Points may come as frames, encoded as Requests with their lengths: where they go to a UDF one by one, that takes half
   * the time. Default false.
   */
  frames?: boolean;
  /** Gets sentences about what is odd and can be read all the same: a field that changes its type, once for each. */
  warn?: (message: string) => void;
}

/**
 * Input as it is read: lists of items, one list for each piece of input. Bad input is an item too, so that the caller
 * decides what to do about it.
 */
export interface PointReader extends AsyncIterable<InputItem[]> {
  /** The number of bytes that have been taken from the stream. */
  readonly bytesRead: number;
  /** The number of lines that have been read whole. */
  readonly linesRead: number;
  /** How often bytes that are no UTF-8 became U+FFFD. */
  readonly invalidUtf8: number;
}

/**
 * Reads points from a stream of bytes; see the parser of each format for what it takes. A byte order mark at the
 * start is ignored, lines end in a newline or in carriage return and newline. Can be iterated once.
 *
 * @throws {TineError} `usage` for an unknown format or precision; while it is read, `bad-input` for what is
 * in none of the formats and for a header of CSV that cannot be used, and what the stream throws
 *
 * @example
 * ```ts
 * import { readPoints } from "./point_reader.ts";
 * const input = new Response("cpu,host=a load=1.5 1700000000\n").body!;
 * for await (const items of readPoints({ format: "line", precision: "s" }, input)) {
 *   for (const item of items) if (item.kind === "point") console.log(item.point.field("load"));
 * }
 * ```
 */
export function readPoints(options: ReadPointsOptions, stream: ReadableStream<Uint8Array>): PointReader {
  if (!PRECISIONS.includes(options.precision ?? "ns")) {
    throw new TineError("usage", `"${options.precision}" is no precision: ${PRECISIONS.join(", ")}`);
  }
  for (const format of [options.format, options.likelyFormat]) {
    if (format === undefined || INPUT_FORMATS.includes(format)) continue;
    throw new TineError("usage", `"${format}" is no input format: ${INPUT_FORMATS.join(", ")}`);
  }
  return new StreamReader(options, stream);
}

/** How long input may make wait before items that are held back are given out, in ms, all waits together. */
const PATIENCE_MS = 1000;

class StreamReader implements PointReader {
  readonly #options: ReadPointsOptions;
  readonly #stream: ReadableStream<Uint8Array>;
  readonly #types: FieldTypes | undefined;
  #cast: FieldCast | undefined;
  /** The time of points without one. */
  readonly #now = BigInt(Date.now()) * 1_000_000n;
  #source: ItemSource | undefined;
  bytesRead = 0;

  constructor(options: ReadPointsOptions, stream: ReadableStream<Uint8Array>) {
    this.#options = options;
    this.#stream = stream;
    if (options.warn !== undefined) this.#types = new FieldTypes(options.warn);
  }

  get linesRead(): number {
    return this.#source?.lines ?? 0;
  }

  get invalidUtf8(): number {
    return this.#source?.invalidUtf8 ?? 0;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InputItem[]> {
    const pivot = this.#options.pivot ? new Pivot() : undefined;
    try {
      for await (const items of this.#taken(pivot)) if (items.length > 0) yield items;
    } catch (error) {
      // What was read of an input that breaks off is not lost.
      if (pivot !== undefined) yield* pivot.end();
      throw error;
    }
    if (pivot !== undefined) yield* pivot.end();
    const { types, warn } = this.#options;
    for (const name of this.#cast?.unseen ?? []) warn?.(terminalText(unseenField(name, types!.get(name)!)));
  }

  /** The items that are not kept to be joined. */
  async *#taken(pivot: Pivot | undefined): AsyncGenerator<InputItem[]> {
    for await (const items of this.#items()) {
      this.#cast?.apply(items);
      this.#types?.watch(items);
      yield pivot === undefined ? items : items.filter((item) => !pivot.take(item));
    }
  }

  async *#items(): AsyncGenerator<InputItem[]> {
    const reader = this.#stream.getReader();
    let patienceMs = PATIENCE_MS;
    let source: ItemSource;
    try {
      const start = await this.#start(reader);
      source = this.#source = await this.#open(start.format);
      await source.prepare?.();
      for (const piece of piecesOf(start.bytes)) {
        this.bytesRead += piece.length;
        yield await source.push(piece);
      }
      for (let next = reader.read();;) {
        if (source.holding) {
          const started = performance.now();
          if (!await settlesWithin(next, patienceMs)) yield source.release!();
          patienceMs = Math.max(0, patienceMs - (performance.now() - started));
        }
        let result: ReadableStreamReadResult<Uint8Array>;
        try {
          result = await next;
        } catch (error) {
          if (source.holding) yield source.release!();
          throw error;
        }
        if (result.done) break;
        // The next chunk is on its way while this one is worked on.
        next = reader.read();
        next.catch(() => {}); // thrown where it is waited for
        for (const piece of piecesOf(result.value)) {
          this.bytesRead += piece.length;
          yield await source.push(piece);
        }
      }
    } finally {
      await reader.cancel().catch(() => {}); // an error of the stream has been thrown
    }
    const rest = source.end();
    if (Symbol.asyncIterator in rest) yield* rest;
    else yield await rest;
  }

  /** Reads until the format is known. */
  async #start(
    reader: ReadableStreamDefaultReader<Uint8Array>,
  ): Promise<{ format: InputFormat; bytes: Uint8Array }> {
    const { format: given, likelyFormat, name } = this.#options;
    if (given !== undefined) return { format: given, bytes: new Uint8Array() };
    let bytes = new Uint8Array();
    for (;;) {
      const { done, value } = await reader.read();
      if (value !== undefined) bytes = bytes.length === 0 ? Uint8Array.from(value) : Uint8Array.of(...bytes, ...value);
      const format = detectFormat(bytes, done, { likely: likelyFormat, name });
      if (format !== undefined) return { format, bytes };
    }
  }

  async #open(name: InputFormat): Promise<ItemSource> {
    const { precision, measurement, database, retentionPolicy, now, types, tagColumns, timeColumn } = this.#options;
    const { maxLineLength, again, warn } = this.#options;
    const format: Format = FORMATS[name];
    if (types !== undefined && types.size > 0 && !format.untyped) this.#cast = new FieldCast(types);
    return await format.open({
      defaults: {
        unit: nanosecondsOf(precision ?? format.precision ?? "ns"),
        measurement,
        database: database ?? "",
        retentionPolicy: retentionPolicy ?? "",
        now: now ?? (() => this.#now),
      },
      types: types ?? new Map(),
      tagColumns: tagColumns ?? [],
      timeColumn,
      maxLineLength,
      again: again && (async () => ReadableStream.from(untilItFails(await again()))),
      warn: warn ?? (() => {}),
      frames: this.#options.frames === true && this.#cast === undefined,
    });
  }
}

/** What comes of a stream before it fails: the stream that is read then fails too, and says why. */
async function* untilItFails(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch { /* see above */ }
}

/** Whether a promise settles in time; how it does is left to who waits for it. */
async function settlesWithin(promise: Promise<unknown>, ms: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(resolve, ms, false);
  try {
    return await Promise.race([promise.then(() => true, () => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
