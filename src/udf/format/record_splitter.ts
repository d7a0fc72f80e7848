import { type BadLine, badLine } from "./input_item.ts";

/** The text ends before the record does, and what is missing is at least a newline. */
export const NEEDS_NEWLINE = -1;
/** The text ends inside quotes. */
export const NEEDS_QUOTE = -2;

/** Reads one record: a line, or several where a format allows newlines in quotes. */
export interface RecordParser<T> {
  /**
   * Reads the record at `position` and adds its items to `out`.
   *
   * @param line the number of the line at `position`
   * @returns where the next record starts, which is after a newline; or what is missing, and then nothing was added
   */
  parse(text: string, position: number, line: number, out: (T | BadLine)[]): number;
}

/** The longest line, in UTF-16 units, unless an option says otherwise. */
const DEFAULT_MAX_LINE_LENGTH = 16 * 1024 * 1024;

/**
 * Cuts text that comes in pieces of any size into records.
 *
 * A record over the limit is bad, and so is one whose quotes do not close before the limit or the end of input. Then
 * only its first line is lost: what follows is read again from the second.
 */
export class RecordSplitter<T> {
  /** The longest line, in UTF-16 units. */
  readonly maxLength: number;
  readonly #parser: RecordParser<T>;
  /** The start of a record, in pieces that are joined once the awaited character is there. */
  #held: string[] = [];
  #heldLength = 0;
  #awaited = "\n";
  /** Inside the rest of a line over the limit. */
  #skipping = false;
  /** The number of the line that comes next. */
  #line = 1;

  constructor(parser: RecordParser<T>, maxLength: number = DEFAULT_MAX_LINE_LENGTH) {
    this.#parser = parser;
    this.maxLength = maxLength;
  }

  /** The number of lines that have been read whole. */
  get lines(): number {
    return this.#line - 1;
  }

  /** Whether a record has begun that does not end in what has been read. */
  get busy(): boolean {
    return this.#heldLength > 0 || this.#skipping;
  }

  /** Counts lines that were read elsewhere, between two records. */
  skip(lines: number): void {
    this.#line += lines;
  }

  /** Reads what is complete with this piece. */
  push(text: string, out: (T | BadLine)[]): void {
    if (text === "") return;
    if (this.#skipping) {
      const newline = text.indexOf("\n");
      if (newline < 0) return;
      this.#skipping = false;
      this.#line++;
      text = text.slice(newline + 1);
    }
    if (this.#heldLength > 0) {
      this.#held.push(text);
      this.#heldLength += text.length;
      if (this.#heldLength <= this.maxLength && !text.includes(this.#awaited)) return;
      text = this.#held.join("");
    }
    this.#run(text, false, out);
  }

  /** Reads the last record, which need not end in a newline. */
  end(out: (T | BadLine)[]): void {
    if (this.#skipping) this.#line++;
    if (this.#heldLength > 0) this.#run(this.#held.join("") + "\n", true, out);
  }

  #run(text: string, last: boolean, out: (T | BadLine)[]): void {
    const parser = this.#parser;
    const maxLength = this.maxLength;
    let position = 0;
    while (position < text.length) {
      const before = out.length;
      const next = parser.parse(text, position, this.#line, out);
      if (next >= 0 && next - position <= maxLength + 1) {
        position = this.#countLines(text, position, next);
        continue;
      }
      if (next < 0 && !last && text.length - position <= maxLength) {
        this.#hold(text.slice(position), next);
        return;
      }
      out.length = before;
      const newline = text.indexOf("\n", position);
      if (newline < 0) {
        out.push(this.#tooLong(text, position));
        this.#skipping = true;
        break;
      }
      const reason = newline - position > maxLength
        ? undefined
        : last && next < 0
        ? next === NEEDS_QUOTE ? "a quoted string does not end" : "lines are missing at the end"
        : `a quoted string does not end within ${maxLength} characters`;
      out.push(
        reason === undefined ? this.#tooLong(text, position) : badLine(this.#line, reason, text, position, newline),
      );
      if (last && next === NEEDS_NEWLINE) {
        // What is missing would belong to all that is left.
        position = this.#countLines(text, position, text.length);
        continue;
      }
      position = newline + 1;
      this.#line++;
    }
    this.#hold("", NEEDS_NEWLINE);
  }

  #hold(text: string, missing: number): void {
    this.#held = text === "" ? [] : [text];
    this.#heldLength = text.length;
    this.#awaited = missing === NEEDS_QUOTE ? '"' : "\n";
  }

  #tooLong(text: string, position: number): BadLine {
    const newline = text.indexOf("\n", position);
    const end = newline < 0 ? text.length : newline;
    return badLine(this.#line, `the line is longer than ${this.maxLength} characters`, text, position, end);
  }

  #countLines(text: string, position: number, next: number): number {
    do {
      position = text.indexOf("\n", position) + 1;
      this.#line++;
    } while (position < next);
    return next;
  }
}
