import type { GivenType } from "./field_column.ts";
import type { InputItem, PointDefaults } from "./input_item.ts";
import { Utf8Decoder } from "./int64.ts";

/** Turns the bytes of one input into items. */
export interface ItemSource {
  /** Reads ahead what it needs to know. */
  prepare?(): Promise<void>;
  /** Reads what is complete with this piece, of at most 64 KiB. */
  push(piece: Uint8Array): InputItem[] | Promise<InputItem[]>;
  /** Reads what is left at the end of input: in one list, or in several where that is most of it. */
  end(): InputItem[] | Promise<InputItem[]> | AsyncIterable<InputItem[]>;
  /** Whether items are held back until more input has come. */
  readonly holding?: boolean;
  /** Gives what is held back. */
  release?(): InputItem[];
  /** The number of lines that have been read whole. */
  readonly lines: number;
  /** How often bytes that are no UTF-8 became U+FFFD. */
  readonly invalidUtf8: number;
}

/** The most bytes that are read at once, so that lists of items stay short whatever pieces the stream has. */
const PIECE = 64 * 1024;

/** Cuts a chunk into pieces of at most 64 KiB. */
export function* piecesOf(chunk: Uint8Array): Generator<Uint8Array> {
  for (let start = 0; start < chunk.length; start += PIECE) yield chunk.subarray(start, start + PIECE);
}

/** What a source is made with. */
export interface SourceOptions {
  defaults: PointDefaults;
  /** What is given about fields. */
  types: ReadonlyMap<string, GivenType>;
  /** The columns that are tags, where a format has columns and does not name them. */
  tagColumns: readonly string[];
  /** The column of the time; undefined: as the format names it. */
  timeColumn: string | undefined;
  /** The longest record, in UTF-16 units. */
  maxLineLength: number | undefined;
  /** The same input once more, where it can be had. */
  again: (() => Promise<ReadableStream<Uint8Array>>) | undefined;
  /** Gets sentences about what is odd and can be read all the same. */
  warn: (message: string) => void;
  /** Points may come as frames. */
  frames: boolean;
}

/** Reads text that comes in pieces, and adds what is complete to `out`. */
export interface TextParser {
  push(text: string, out: InputItem[]): void;
  end(out: InputItem[]): void;
  readonly lines: number;
}

/**
 * A source of text, which is UTF-8.
 *
 * @param parser reads the text; a RecordSplitter does where records are lines
 * @param atEnd adds what the end of input makes known
 */
export function textSource(
  parser: TextParser,
  atEnd: (out: InputItem[]) => void = () => {},
): ItemSource {
  const decoder = new Utf8Decoder();
  return {
    push(piece) {
      const items: InputItem[] = [];
      parser.push(decoder.decode(piece), items);
      return items;
    },
    end() {
      const items: InputItem[] = [];
      parser.push(decoder.end(), items);
      parser.end(items);
      atEnd(items);
      return items;
    },
    get lines() {
      return parser.lines;
    },
    get invalidUtf8() {
      return decoder.invalid;
    },
  };
}
