import type { BadLine, InputItem, PointDefaults } from "./input_item.ts";
import { LineProtocolParser } from "./line_protocol.ts";
import { NEEDS_NEWLINE, type RecordParser } from "./record_splitter.ts";

/** A comment that names the database or the retention policy of what follows. */
const CONTEXT = /^#\s*CONTEXT-(DATABASE|RETENTION-POLICY)\s*:\s*(.*?)\s*$/i;
/** Statements that create databases. */
const STATEMENT = /^\s*(?:CREATE|DROP|ALTER)\s+(?:DATABASE|RETENTION\s+POLICY)\s/i;

/**
 * Reads what `influx_inspect export` writes and `influx -import` reads: statements that create databases, which are
 * passed over, then line protocol with comments that name the database and the retention policy of what follows.
 *
 * Format: https://docs.influxdata.com/influxdb/v1/tools/influx_inspect/#export
 */
export class InfluxExportParser implements RecordParser<InputItem> {
  readonly #defaults: PointDefaults;
  #parser: LineProtocolParser;
  #context: Pick<PointDefaults, "database" | "retentionPolicy">;

  constructor(defaults: PointDefaults) {
    this.#defaults = defaults;
    this.#context = defaults;
    this.#parser = new LineProtocolParser(defaults);
  }

  parse(text: string, position: number, line: number, out: (InputItem | BadLine)[]): number {
    const first = text[position];
    const mayBeOurs = first === "#" || first === "C" || first === "c" || first === "D" || first === "A";
    if (!mayBeOurs) return this.#parser.parse(text, position, line, out);
    const newline = text.indexOf("\n", position);
    if (newline < 0) return NEEDS_NEWLINE;
    const written = text.slice(position, newline);
    if (STATEMENT.test(written)) return newline + 1;
    const context = CONTEXT.exec(written);
    if (context === null) return this.#parser.parse(text, position, line, out);
    const database = context[1].toUpperCase() === "DATABASE";
    // A policy belongs to a database, so that of the one before does not go on.
    this.#context = database
      ? { database: context[2], retentionPolicy: this.#defaults.retentionPolicy }
      : { database: this.#context.database, retentionPolicy: context[2] };
    this.#parser = new LineProtocolParser({ ...this.#defaults, ...this.#context });
    return newline + 1;
  }
}
