import type { BadLine, InputItem, PointDefaults } from "./input_item.ts";
import { LineProtocolParser } from "./line_protocol.ts";
import { NEEDS_NEWLINE, type RecordParser } from "./record_splitter.ts";

/**
 * Reads Kapacitor's recordings of streams: for each point a line with its database, one with its retention policy, and
 * one in line protocol.
 *
 * Source: `WritePointForRecording` of Kapacitor, replay.go; its `.srpl` files are such text, compressed by gzip.
 */
export class StreamRecordingParser implements RecordParser<InputItem> {
  readonly #defaults: PointDefaults;
  #parser: LineProtocolParser;
  #database: string;
  #retentionPolicy: string;

  constructor(defaults: PointDefaults) {
    this.#defaults = defaults;
    this.#parser = new LineProtocolParser(defaults);
    this.#database = defaults.database;
    this.#retentionPolicy = defaults.retentionPolicy;
  }

  parse(text: string, position: number, line: number, out: (InputItem | BadLine)[]): number {
    const first = text.indexOf("\n", position);
    if (first < 0) return NEEDS_NEWLINE;
    const second = text.indexOf("\n", first + 1);
    if (second < 0) return NEEDS_NEWLINE;
    const database = text.slice(position, first).replace(/\r$/, "");
    const retentionPolicy = text.slice(first + 1, second).replace(/\r$/, "");
    if (database !== this.#database || retentionPolicy !== this.#retentionPolicy) {
      this.#parser = new LineProtocolParser({ ...this.#defaults, database, retentionPolicy });
      [this.#database, this.#retentionPolicy] = [database, retentionPolicy];
    }
    return this.#parser.parse(text, second + 1, line + 2, out);
  }
}
