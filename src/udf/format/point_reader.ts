import { TineError } from "../../wire/errors.ts";
import { CsvRecordParser, CsvTable } from "./csv_parser.ts";
import type { InputItem, PointDefaults } from "./input_item.ts";
import { JsonLinesParser } from "./json_lines_parser.ts";
import { LineProtocolParser } from "./line_protocol_parser.ts";
import { RecordSplitter } from "./record_splitter.ts";
import { nanosecondsOf, type Precision, PRECISIONS } from "./timestamp.ts";
import { Utf8Decoder } from "./utf8_decoder.ts";

/** The formats points are read from. */
export type InputFormat = "line" | "json" | "csv";

/** How input is to be understood. */
export interface ReadPointsOptions {
  format: InputFormat;
  /** The unit of times that are integers; default ns. */
  precision?: Precision;
  /** The name of points that have none; in CSV, of all points: then `name` is a column like others. */
  measurement?: string;
  /** The database of points that name none. */
  database?: string;
  /** The retention policy of points that name none. */
  retentionPolicy?: string;
  /** CSV: the columns that are tags. */
  tagColumns?: readonly string[];
  /** CSV: the column of the time; default `time`, if there is one. */
  timeColumn?: string;
  /** The time of points without one, ns since the epoch; default the system's clock, once for all. */
  now?: () => bigint;
  /** The longest line, in UTF-16 units; default 16 Mi. */
  maxLineLength?: number;
}

/**
 * Input as it is read: lists of items, each as long as one piece of input makes it. What is bad is an item too, so
 * that the caller decides what follows from it.
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
 * @throws {TineError} `usage` for an unknown format or precision; while it is read, `bad-input` for a header of CSV that
 * cannot be used, and what the stream throws
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
  return new StreamReader(createSource(options), stream);
}

/** Turns text into items. */
interface ItemSource {
  push(text: string): InputItem[] | Promise<InputItem[]>;
  end(): InputItem[] | Promise<InputItem[]>;
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
      return csvSource(
        new CsvTable(defaults, { timeColumn: options.timeColumn, tagColumns: options.tagColumns ?? [] }),
        options.maxLineLength,
      );
    default:
      throw new TineError("usage", `"${options.format}" is no input format: line, json or csv`);
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

function csvSource(table: CsvTable, maxLineLength: number | undefined): ItemSource {
  const splitter = new RecordSplitter(new CsvRecordParser(), maxLineLength);
  return {
    push(text) {
      const records: Parameters<CsvRecordParser["parse"]>[3] = [];
      splitter.push(text, records);
      return table.read(records);
    },
    end() {
      const records: Parameters<CsvRecordParser["parse"]>[3] = [];
      splitter.end(records);
      return table.read(records);
    },
    get lines() {
      return splitter.lines;
    },
  };
}

/** The most bytes that are read at once, so that lists of items stay short whatever pieces the stream has. */
const PIECE = 64 * 1024;

class StreamReader implements PointReader {
  readonly #source: ItemSource;
  readonly #stream: ReadableStream<Uint8Array>;
  readonly #decoder = new Utf8Decoder();
  bytesRead = 0;

  constructor(source: ItemSource, stream: ReadableStream<Uint8Array>) {
    this.#source = source;
    this.#stream = stream;
  }

  get linesRead(): number {
    return this.#source.lines;
  }

  get invalidUtf8(): number {
    return this.#decoder.invalid;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<InputItem[]> {
    for await (const chunk of this.#stream) {
      for (let start = 0; start < chunk.length; start += PIECE) {
        const piece = chunk.subarray(start, start + PIECE);
        this.bytesRead += piece.length;
        const items = await this.#source.push(this.#decoder.decode(piece));
        if (items.length > 0) yield items;
      }
    }
    const rest = await this.#source.push(this.#decoder.end());
    if (rest.length > 0) yield rest;
    const items = await this.#source.end();
    if (items.length > 0) yield items;
  }
}
