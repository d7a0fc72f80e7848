import { TineError } from "../../base/errors.ts";
import { type CsvRecord, CsvRecordParser, CsvTable } from "./csv_parser.ts";
import { type InputItem, type PointDefaults, quoted } from "./input_item.ts";
import { JsonLinesParser } from "./json_lines_parser.ts";
import { LineProtocolParser } from "./line_protocol.ts";
import { StreamRecordingParser } from "./stream_recording.ts";
import { RecordSplitter } from "./record_splitter.ts";
import { nanosecondsOf, type Precision, PRECISIONS } from "./timestamp.ts";
import { Utf8Decoder } from "./int64.ts";
import type { Point } from "../point.ts";
import { terminalText } from "../../base/terminal_text.ts";

/** The formats points are read from. */
export type InputFormat = "line" | "json" | "csv" | "srpl";

/** How input is to be understood. */
export interface ReadPointsOptions {
  format: InputFormat;
  /** The unit of times that are integers; default ns. */
  precision?: Precision;
  /** The name of points without a name; in CSV, of all points: then `name` is a column like others. */
  measurement?: string;
  /** The database of points without one. */
  database?: string;
  /** The retention policy of points without one. */
  retentionPolicy?: string;
  /** CSV: the columns that are tags. */
  tagColumns?: readonly string[];
  /** CSV: the column of the time; default `time`, if there is one. */
  timeColumn?: string;
  /** The time of points without one, ns since the epoch; default the system's clock, once for all. */
  now?: () => bigint;
  /** The longest line, in UTF-16 units; default 16 Mi. */
  maxLineLength?: number;
  /**
   * CSV: the same input once more. The types of columns are then decided over all of it, else over the first rows of
   * the stream: 10,000, or those that came until it had made wait for a second.
   */
  again?: () => Promise<ReadableStream<Uint8Array>>;
  /** Gets sentences about what is odd and can be read all the same: a field that changes its type, once for each. */
  warn?: (message: string) => void;
}

/**
 * Input as it is read: lists of items, one list for each piece of input. Bad input is an item too, so that the caller
 * decides what to do about it.
 */
export interface PointReader extends AsyncIterable<InputItem[]> {
  /** How many bytes have been taken from the stream. */
  readonly bytesRead: number;
  /** How many lines have been read whole. */
  readonly linesRead: number;
  /** How often bytes that are no UTF-8 became U+FFFD. */
  readonly invalidUtf8: number;
}

/**
 * Reads points from a stream of bytes; see the parser of each format for what it takes. A byte order mark at the
 * start is ignored, lines end in a newline or in carriage return and newline. Can be iterated once.
 *
 * @throws {TineError} `usage` for an unknown format or precision; while it is read, `bad-input` for a header of CSV
 * that cannot be used, and what the stream throws
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
  return new StreamReader(createSource(options), stream, options.warn);
}

/** Turns text into items. */
interface ItemSource {
  /** Reads ahead what it needs to know. */
  prepare?(): Promise<void>;
  push(text: string): InputItem[] | Promise<InputItem[]>;
  end(): InputItem[] | Promise<InputItem[]>;
  /** Whether items are held back until more input has come. */
  readonly holding?: boolean;
  /** Gives what is held back. */
  release?(): InputItem[];
  readonly lines: number;
}

function createSource(options: ReadPointsOptions): ItemSource {
  const start = BigInt(Date.now()) * 1_000_000n;
  const defaults: PointDefaults = {
    unit: nanosecondsOf(options.precision ?? "ns"),
    measurement: options.measurement,
    database: options.database ?? "",
    retentionPolicy: options.retentionPolicy ?? "",
    now: options.now ?? (() => start),
  };
  switch (options.format) {
    case "line":
      return lineSource(new RecordSplitter(new LineProtocolParser(defaults), options.maxLineLength));
    case "json": {
      const parser = new JsonLinesParser(defaults);
      return lineSource(new RecordSplitter(parser, options.maxLineLength), parser);
    }
    case "csv":
      return new CsvSource(defaults, options);
    case "srpl":
      return lineSource(new RecordSplitter(new StreamRecordingParser(defaults), options.maxLineLength));
    default:
      throw new TineError("usage", `"${options.format}" is no input format: line, json, csv or srpl`);
  }
}

function lineSource(splitter: RecordSplitter<InputItem>, parser?: JsonLinesParser): ItemSource {
  return {
    push(text) {
      const items: InputItem[] = [];
      splitter.push(text, items);
      return items;
    },
    end() {
      const items: InputItem[] = [];
      splitter.end(items);
      parser?.end(items);
      return items;
    },
    get lines() {
      return splitter.lines;
    },
  };
}

class CsvSource implements ItemSource {
  readonly #options: ReadPointsOptions;
  readonly #table: CsvTable;
  readonly #splitter: RecordSplitter<InputItem | CsvRecord>;

  constructor(defaults: PointDefaults, options: ReadPointsOptions) {
    const { timeColumn, tagColumns = [], maxLineLength, warn = () => {} } = options;
    this.#options = options;
    this.#table = new CsvTable(defaults, { timeColumn, tagColumns }, warn);
    this.#splitter = new RecordSplitter(new CsvRecordParser(), maxLineLength);
  }

  async prepare(): Promise<void> {
    const { again, maxLineLength } = this.#options;
    if (again === undefined) return;
    const splitter = new RecordSplitter(new CsvRecordParser(), maxLineLength);
    const decoder = new Utf8Decoder();
    for await (const chunk of await again()) {
      for (const piece of piecesOf(chunk)) {
        const records: (InputItem | CsvRecord)[] = [];
        splitter.push(decoder.decode(piece), records);
        await this.#table.survey(records);
      }
    }
    const records: (InputItem | CsvRecord)[] = [];
    splitter.push(decoder.end(), records);
    splitter.end(records);
    await this.#table.survey(records);
    this.#table.surveyed();
  }

  push(text: string): Promise<InputItem[]> {
    const records: (InputItem | CsvRecord)[] = [];
    this.#splitter.push(text, records);
    return this.#table.read(records);
  }

  async end(): Promise<InputItem[]> {
    const records: (InputItem | CsvRecord)[] = [];
    this.#splitter.end(records);
    const items = await this.#table.read(records);
    return items.concat(this.#table.decide());
  }

  get holding(): boolean {
    return this.#table.holding;
  }

  release(): InputItem[] {
    return this.#table.decide();
  }

  get lines(): number {
    return this.#splitter.lines;
  }
}

/** The most bytes that are read at once, so that lists of items stay short whatever pieces the stream has. */
const PIECE = 64 * 1024;

/** How long input may make wait before items that are held back are given out, in ms, all waits together. */
const PATIENCE_MS = 1000;

class StreamReader implements PointReader {
  readonly #source: ItemSource;
  readonly #stream: ReadableStream<Uint8Array>;
  readonly #decoder = new Utf8Decoder();
  readonly #types: FieldTypes | undefined;
  bytesRead = 0;

  constructor(source: ItemSource, stream: ReadableStream<Uint8Array>, warn?: (message: string) => void) {
    this.#source = source;
    this.#stream = stream;
    if (warn !== undefined) this.#types = new FieldTypes(warn);
  }

  get linesRead(): number {
    return this.#source.lines;
  }

  get invalidUtf8(): number {
    return this.#decoder.invalid;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InputItem[]> {
    for await (const items of this.#items()) {
      if (items.length === 0) continue;
      this.#types?.watch(items);
      yield items;
    }
  }

  async *#items(): AsyncGenerator<InputItem[]> {
    const source = this.#source;
    const reader = this.#stream.getReader();
    let patienceMs = PATIENCE_MS;
    try {
      await source.prepare?.();
      for (;;) {
        const next = reader.read();
        if (source.holding) {
          const started = performance.now();
          if (!await settlesWithin(next, patienceMs)) yield source.release!();
          patienceMs = Math.max(0, patienceMs - (performance.now() - started));
        }
        const { done, value: chunk } = await next;
        if (done) break;
        for (const piece of piecesOf(chunk)) {
          this.bytesRead += piece.length;
          yield await source.push(this.#decoder.decode(piece));
        }
      }
    } finally {
      await reader.cancel().catch(() => {}); // an error of the stream has been thrown
    }
    yield await source.push(this.#decoder.end());
    yield await source.end();
  }
}

function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < chunk.length; start += PIECE) yield chunk.subarray(start, start + PIECE);
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

/** Fields whose types are watched; input may invent any number of names. */
const MAX_FIELDS = 10_000;

type FieldType = "an int64" | "a double" | "a string" | "a boolean";

/**
 * Watches the types of fields. InfluxDB fixes them for each measurement, and most UDFs rely on that.
 *
 * @example
 * ```ts
 * import { Point } from "../point.ts";
 * import { FieldTypes } from "./point_reader.ts";
 * const types = new FieldTypes(console.warn);
 * types.watch([{ kind: "point", line: 1, point: new Point({ name: "cpu", fieldsDouble: new Map([["usage", 99.5]]) }) }]);
 * types.watch([{ kind: "point", line: 2, point: new Point({ name: "cpu", fieldsInt: new Map([["usage", 98n]]) }) }]); // warns
 * ```
 */
export class FieldTypes {
  readonly #warn: (message: string) => void;
  readonly #measurements = new Map<string, Map<string, FieldType>>();
  /** Fields that have changed, by measurement: one sentence for each is enough. */
  readonly #changed = new Map<string, Set<string>>();
  #count = 0;

  /** @param warn gets a sentence with line, field and types at the first change of each field */
  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /**
   * Looks at the points among the items. The name of a batch is not known to its points: they count as one measurement.
   */
  watch(items: readonly InputItem[]): void {
    for (const item of items) if (item.kind === "point") this.#point(item.point, item.line);
  }

  #point({ name, fieldsDouble, fieldsInt, fieldsString, fieldsBool }: Point, line: number): void {
    let types = this.#measurements.get(name);
    if (types === undefined) this.#measurements.set(name, types = new Map());
    for (const field of fieldsDouble.keys()) this.#field(name, types, field, "a double", line);
    for (const field of fieldsInt.keys()) this.#field(name, types, field, "an int64", line);
    for (const field of fieldsString.keys()) this.#field(name, types, field, "a string", line);
    for (const field of fieldsBool.keys()) this.#field(name, types, field, "a boolean", line);
  }

  #field(name: string, types: Map<string, FieldType>, field: string, type: FieldType, line: number): void {
    const before = types.get(field);
    if (before === type) return;
    if (before === undefined) {
      if (this.#count++ < MAX_FIELDS) types.set(field, type);
      return;
    }
    let changed = this.#changed.get(name);
    if (changed === undefined) this.#changed.set(name, changed = new Set());
    if (changed.has(field)) return;
    changed.add(field);
    const of = name === "" ? "" : ` of ${quoted(name)}`;
    this.#warn(terminalText(
      `line ${line}: the field ${quoted(field)}${of} is ${type} and was ${before} before; ` +
        "further changes of this field are not reported",
    ));
  }
}
