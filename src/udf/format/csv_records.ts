import type { TextRecords } from "./fast_lines.ts";
import type { InputItem } from "./input_item.ts";
import { NEEDS_NEWLINE, NEEDS_QUOTE, type RecordParser, RecordSplitter } from "./record_splitter.ts";

/** A record of CSV as text, before its cells are known. */
export interface CsvRecord {
  kind: "record";
  line: number;
  text: string;
}

/** Records of CSV as text, for a table. */
export class CsvText implements TextRecords {
  readonly #splitter: RecordSplitter<InputItem | CsvRecord>;
  readonly #take: (records: (InputItem | CsvRecord)[]) => Promise<InputItem[]>;

  constructor(
    maxLineLength: number | undefined,
    take: (records: (InputItem | CsvRecord)[]) => Promise<InputItem[]>,
  ) {
    this.#splitter = new RecordSplitter(new CsvRecordParser(), maxLineLength);
    this.#take = take;
  }

  get lines(): number {
    return this.#splitter.lines;
  }

  get maxLength(): number {
    return this.#splitter.maxLength;
  }

  get busy(): boolean {
    return this.#splitter.busy;
  }

  skip(lines: number): void {
    this.#splitter.skip(lines);
  }

  async push(text: string, out: InputItem[]): Promise<void> {
    const records: (InputItem | CsvRecord)[] = [];
    this.#splitter.push(text, records);
    if (records.length > 0) { for (const item of await this.#take(records)) out.push(item); }
  }

  async end(out: InputItem[]): Promise<void> {
    const records: (InputItem | CsvRecord)[] = [];
    this.#splitter.end(records);
    for (const item of await this.#take(records)) out.push(item);
  }
}

/** Finds where records end: at a newline outside of quotes. Lines with nothing but white space are boundaries. */
class CsvRecordParser implements RecordParser<InputItem | CsvRecord> {
  parse(text: string, position: number, line: number, out: (InputItem | CsvRecord)[]): number {
    let newline = text.indexOf("\n", position);
    const quote = text.indexOf('"', position);
    if (quote >= 0 && (newline < 0 || quote < newline)) newline = recordEnd(text, position);
    if (newline < 0) return newline;
    const record = text.slice(position, text[newline - 1] === "\r" ? newline - 1 : newline);
    if (record.trim() === "") out.push({ kind: "boundary", line });
    else out.push({ kind: "record", line, text: record });
    return newline + 1;
  }
}

/** The newline that ends the record at `position`, or what is missing. */
function recordEnd(text: string, position: number): number {
  for (;;) {
    if (text[position] === '"') {
      do {
        position = text.indexOf('"', position + 1);
        if (position < 0) return NEEDS_QUOTE;
        position++;
      } while (text[position] === '"'); // a doubled quote is a quote inside
    }
    while (position < text.length && text[position] !== "," && text[position] !== "\n") position++;
    if (position >= text.length) return NEEDS_NEWLINE;
    if (text[position] === "\n") return position;
    position++;
  }
}
