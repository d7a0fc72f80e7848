import type { InputItem } from "./input_item.ts";
import { type ItemSource, type SourceOptions, textSource } from "./item_source.ts";
import type { JsonElementReader } from "./json_elements.ts";
import { type RecordParser, RecordSplitter } from "./record_splitter.ts";
import type { Precision } from "./timestamp.ts";

/** How points are written in a format, and what reads them. */
export interface Format {
  /** What it is, for help and messages. */
  readonly what: string;
  /** One point, for the manual, where the format is text. */
  readonly example?: string;
  /** Endings of names of files that are in this format unless their content looks otherwise. */
  readonly endings: readonly string[];
  /** The unit of integers that are times, unless a precision is given; default ns. */
  readonly precision?: Precision;
  /** Whether values have no type of their own, so that what reads them takes care of given types. */
  readonly untyped?: boolean;
  /** Makes what reads it. Loaded when wanted, since a run reads one format or two. */
  open(options: SourceOptions): Promise<ItemSource>;
}

/** The formats points are read from. A format is one entry here, and one rule in `detect_format.ts`. */
export const FORMATS = {
  line: {
    what: "InfluxDB's line protocol",
    example: 'cpu,host=a usage=99.5,n=3i,up=true,note="x" 1772442000000000000',
    endings: ["line", "lp"],
    async open(options) {
      const { LineProtocolParser } = await import("./line_protocol.ts");
      const { LineReader } = await import("./line_reader.ts");
      const { FastLines } = await import("./fast_lines.ts");
      const { defaults, maxLineLength, frames } = options;
      const reader = new LineReader(defaults);
      const records = new RecordSplitter(new LineProtocolParser(defaults), maxLineLength);
      return new FastLines(() => reader, records, { frames });
    },
  },
  json: {
    what: "JSON lines, as tine prints them",
    example: '{"name":"cpu","time":"2026-03-02T09:00:00Z","tags":{"host":"a"},"fields":{"usage":99.5,"n":3}}',
    endings: ["json", "jsonl", "ndjson"],
    async open(options) {
      const { JsonLinesParser } = await import("./json_lines_parser.ts");
      const { JsonReader } = await import("./json_reader.ts");
      const { FastLines } = await import("./fast_lines.ts");
      const { defaults, maxLineLength, frames } = options;
      const reader = new JsonReader(defaults);
      const parser = new JsonLinesParser(defaults);
      const records = new RecordSplitter(parser, maxLineLength);
      return new FastLines(() => reader, records, { frames, atEnd: (out) => parser.end(out) });
    },
  },
  csv: {
    what: "CSV with a header",
    example: ["time,name,host,usage", "2026-03-02T09:00:00Z,cpu,a,99.5"].join("\n"),
    endings: ["csv"],
    untyped: true,
    async open(options) {
      const { CsvSource } = await import("./csv_parser.ts");
      return new CsvSource(options);
    },
  },
  parquet: {
    what: "Parquet with a column of times",
    endings: ["parquet"],
    async open(options) {
      const { ParquetSource } = await import("./parquet_reader.ts");
      return new ParquetSource(options);
    },
  },
  "annotated-csv": {
    what: "InfluxDB's annotated CSV: results of queries, and what influx write takes",
    example: [
      "#datatype measurement,tag,double,dateTime:RFC3339",
      "m,host,usage,time",
      "cpu,a,99.5,2026-03-02T09:00:00Z",
    ].join("\n"),
    endings: [],
    untyped: true,
    async open(options) {
      const { AnnotatedCsv } = await import("./annotated_csv.ts");
      const { SurveyedSource } = await import("./survey.ts");
      return new SurveyedSource(new AnnotatedCsv(options), options);
    },
  },
  "influx-csv": {
    what: "CSV of InfluxDB 1: influx -format csv",
    example: ["name,tags,time,usage", 'cpu,"host=a,region=eu",1772442000000000000,99.5'].join("\n"),
    endings: [],
    untyped: true,
    async open(options) {
      const { InfluxCsv } = await import("./influx_csv.ts");
      const { SurveyedSource } = await import("./survey.ts");
      return new SurveyedSource(new InfluxCsv(options), options);
    },
  },
  "influx-json": {
    what: "JSON of InfluxDB 1: answers to queries",
    example: [
      '{"results":[{"series":[{"name":"cpu","tags":{"host":"a"},"columns":["time","usage"],',
      '  "values":[["2026-03-02T09:00:00Z",99.5]]}]}]}',
    ].join("\n"),
    endings: [],
    async open(options) {
      const { InfluxJsonReader } = await import("./influx_json.ts");
      return await numbersSource(() => new InfluxJsonReader(options.defaults, options.tagColumns), options);
    },
  },
  "influx-export": {
    what: "exports of influx_inspect",
    example: [
      "# DDL",
      "CREATE DATABASE telegraf WITH NAME autogen",
      "# DML",
      "# CONTEXT-DATABASE:telegraf",
      "# CONTEXT-RETENTION-POLICY:autogen",
      "cpu,host=a usage=99.5 1772442000000000000",
    ].join("\n"),
    endings: [],
    async open(options) {
      const { InfluxExportParser } = await import("./influx_export.ts");
      return lineSource(new InfluxExportParser(options.defaults), options);
    },
  },
  "telegraf-json": {
    what: "Telegraf's JSON",
    example: '{"fields":{"usage":99.5},"name":"cpu","tags":{"host":"a"},"timestamp":1772442000}',
    endings: [],
    precision: "s",
    async open(options) {
      const { TelegrafJsonReader } = await import("./telegraf_json.ts");
      return await numbersSource(() => new TelegrafJsonReader(options.defaults), options);
    },
  },
  srpl: {
    what: "Kapacitor's recording of a stream",
    example: ["telegraf", "autogen", "cpu,host=a usage=99.5 1772442000000000000"].join("\n"),
    endings: ["srpl"],
    async open(options) {
      const { StreamRecordingParser } = await import("./stream_recording.ts");
      return lineSource(new StreamRecordingParser(options.defaults), options);
    },
  },
  brpl: {
    what: "Kapacitor's recording of batches",
    example: [
      '{"name":"cpu","tmax":"2026-03-02T09:00:10Z","group":"host=a","tags":{"host":"a"},',
      '  "points":[{"fields":{"usage":99.5},"time":"2026-03-02T09:00:00Z"}]}',
    ].join("\n"),
    endings: ["brpl"],
    async open(options) {
      const { BatchRecordingReader } = await import("./batch_recording.ts");
      const { JsonElements } = await import("./json_elements.ts");
      return textSource(new JsonElements(new BatchRecordingReader(options.defaults), options.maxLineLength));
    },
  },
} as const satisfies Record<string, Format>;

/** A source whose records are lines, or several. */
function lineSource(
  parser: RecordParser<InputItem>,
  { maxLineLength }: SourceOptions,
  atEnd?: (out: InputItem[]) => void,
): ItemSource {
  return textSource(new RecordSplitter(parser, maxLineLength), atEnd);
}

/** A source of JSON where 98.0 may be written 98. */
async function numbersSource(reader: () => JsonElementReader, options: SourceOptions): Promise<ItemSource> {
  const { JsonElements } = await import("./json_elements.ts");
  const { SurveyedNumbers, SurveyedSource } = await import("./survey.ts");
  const parser = () => new JsonElements(reader(), options.maxLineLength);
  return new SurveyedSource(new SurveyedNumbers(parser), options);
}

/** The name of a format that points are read from. */
export type InputFormat = keyof typeof FORMATS;

/** The names of all of them. */
export const INPUT_FORMATS = Object.keys(FORMATS) as readonly InputFormat[];

/** Returns the format of files with this ending, such as `csv`, or undefined. */
export function formatOfEnding(ending: string): InputFormat | undefined {
  return INPUT_FORMATS.find((name) => (FORMATS[name].endings as readonly string[]).includes(ending.toLowerCase()));
}
