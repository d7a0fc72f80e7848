import { type BadLine, badLine } from "./input_item.ts";
import { NEEDS_NEWLINE, NEEDS_QUOTE, type RecordParser } from "./record_splitter.ts";

/** A row of CSV. */
export interface CsvRow {
  kind: "row";
  line: number;
  /** The row as it is written, for messages. */
  text: string;
  cells: string[];
}

/** A line with nothing but white space. */
export interface BlankRow {
  kind: "boundary";
  line: number;
}

/**
 * Cuts CSV into rows and those into cells, which may be in quotes. A quote within a cell that does not begin with one
 * stands for itself, as programs write it that quote nothing.
 *
 * Format: https://www.rfc-editor.org/rfc/rfc4180
 */
export class CsvRowParser implements RecordParser<CsvRow | BlankRow> {
  parse(text: string, position: number, line: number, out: (CsvRow | BlankRow | BadLine)[]): number {
    const cells: string[] = [];
    for (let start = position;;) {
      let end: number;
      if (text[start] === '"') {
        let close = start;
        do {
          close = text.indexOf('"', close + 1);
          if (close < 0) return NEEDS_QUOTE;
          close++;
        } while (text[close] === '"'); // a doubled quote is a quote inside
        cells.push(text.slice(start + 1, close - 1).replaceAll('""', '"'));
        end = cellEnd(text, close);
        if (end < 0) return NEEDS_NEWLINE;
        if (text.slice(close, end).trim() !== "") {
          const newline = text.indexOf("\n", end);
          if (newline < 0) return NEEDS_NEWLINE;
          out.push(badLine(line, "there is text behind a closing quote", text, position, newline));
          return newline + 1;
        }
      } else {
        end = cellEnd(text, start);
        if (end < 0) return NEEDS_NEWLINE;
        const isLast = text[end] === "\n";
        cells.push(text.slice(start, isLast && text[end - 1] === "\r" && end > start ? end - 1 : end));
      }
      if (text[end] === "\n") {
        const record = text.slice(position, text[end - 1] === "\r" ? end - 1 : end);
        if (record.trim() === "") out.push({ kind: "boundary", line });
        else {out.push({
            kind: "row",
            line,
            text: record,
            cells: text[end - 1] === "\r" ? cells.map(plainNewlines) : cells,
          });}
        return end + 1;
      }
      start = end + 1;
    }
  }
}

/** A writer that ends lines in carriage return and newline does so within quotes too, as those of Go do. */
function plainNewlines(cell: string): string {
  return cell.replaceAll("\r\n", "\n");
}

/** The comma or newline at or behind a position; -1: neither. */
function cellEnd(text: string, position: number): number {
  for (let i = position; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit === 0x2c || unit === 0x0a) return i;
  }
  return -1;
}
