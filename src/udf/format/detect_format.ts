import { TineError } from "../../base/errors.ts";
import { FORMATS, type InputFormat } from "./formats.ts";

/** So much of the beginning is looked at, at most. */
const LOOKED_AT_BYTES = 64 * 1024;

/** What input begins with. */
interface Beginning {
  /** The first lines that are neither blank nor comments; the last one may be cut. */
  lines: readonly string[];
  /** The text from the first of them on. */
  text: string;
}

/**
 * Finds the format of input by its beginning.
 *
 * @param start the first bytes, as far as they have come
 * @param isAll whether there will be no more
 * @returns undefined: more bytes are needed
 * @throws {TineError} `bad-input` for what is in no format, with what it looks like
 *
 * @example
 * ```ts
 * import { detectFormat } from "./detect_format.ts";
 * const bytes = (text: string) => new TextEncoder().encode(text);
 * console.assert(detectFormat(bytes("cpu,host=a usage=1.5 1\n"), true) === "line");
 * console.assert(detectFormat(bytes("#datatype measurement,double\nm,v\ncpu,1\n"), true) === "annotated-csv");
 * ```
 */
export function detectFormat(
  start: Uint8Array,
  isAll: boolean,
  { likely, name = "the input" }: DetectOptions = {},
): InputFormat | undefined {
  const found = find(start, isAll, likely);
  if (typeof found !== "object") return found;
  const formats = Object.keys(FORMATS).join(", ");
  throw new TineError("bad-input", `${name} looks like ${found.foreign} (the formats that are read: ${formats})`);
}

/** What is known beside the input itself. */
export interface DetectOptions {
  /** The format that the name of the input suggests, for a text that may be in several. */
  likely?: InputFormat;
  /** The name of the input, for messages. */
  name?: string;
}

/** A format, or what a text looks like that is in no format. */
type Found = InputFormat | { readonly foreign: string };

function find(start: Uint8Array, isAll: boolean, likely: InputFormat | undefined): Found | undefined {
  if (PARQUET.every((byte, i) => start[i] === byte)) return "parquet";
  const binary = unreadBytes(start);
  if (binary !== undefined) return { foreign: binary };
  const isEnough = isAll || start.length >= LOOKED_AT_BYTES;
  const text = new TextDecoder().decode(start.subarray(0, LOOKED_AT_BYTES));
  const beginning = beginningOf(text, isEnough);
  if (beginning === undefined) return isEnough ? likely ?? "line" : undefined;
  if (typeof beginning === "string" || "foreign" in beginning) return beginning;
  return formatOfText(beginning, isEnough, likely);
}

function formatOfText(beginning: Beginning, isEnough: boolean, likely: InputFormat | undefined): Found | undefined {
  const [first, second = ""] = beginning.lines;
  if (first.startsWith("{")) return formatOfJson(beginning.text, isEnough);
  if (!isEnough && !beginning.text.includes("\n")) return undefined;
  const markup = markupOf(first);
  if (markup !== undefined) return { foreign: markup };
  if (LINE_PROTOCOL.test(first)) return "line";
  const csv = formatOfCsv(first);
  if (csv !== undefined) return csv;
  const recording = isStreamRecording(beginning, isEnough);
  if (recording !== false) return recording && "srpl";
  // A first line that is broken does not keep what follows from being read.
  const isLine = beginning.lines.some((line) => LINE_PROTOCOL.test(line));
  const foreign = surelyForeign(first, second) ?? (isLine ? undefined : probablyForeign(first, second));
  if (foreign !== undefined) return { foreign };
  return isLine ? "line" : likely ?? (HEADER.test(first) ? "csv" : "line");
}

/** A measurement, tags and the first field. */
const LINE_PROTOCOL = /^\s*(?:[^\s,\\]|\\.)+(?:,(?:[^\s,=\\]|\\.)+=(?:[^\s,\\]|\\.)+)*[ ]+(?:[^\s,="\\]|\\.)+=/;

/** Two columns at least, whose names are no numbers. */
const HEADER = /^\s*(?:"[^"]*"|[^\s",=;{}][^",=;{}]*)(?:,(?:"[^"]*"|[^",=;{}]*))+\s*$/;

/** Skips comments and blank lines. Returns what comments show, or undefined if there is nothing else. */
function beginningOf(text: string, isAll: boolean): Beginning | Found | undefined {
  let position = 0;
  while (position < text.length) {
    const newline = text.indexOf("\n", position);
    const end = newline < 0 ? text.length : newline;
    const line = text.slice(position, end).replace(/\r$/, "");
    if (newline < 0 && !isAll && (line.startsWith("#") || line.startsWith('"#'))) return undefined;
    const comment = formatOfComment(line);
    if (comment !== undefined) return comment;
    if (line.trim() !== "" && !line.startsWith("#")) {
      const lines = text.slice(position).split(/\r?\n/, 10);
      return { lines, text: text.slice(position) };
    }
    position = end + 1;
  }
}

function formatOfComment(line: string): Found | undefined {
  if (/^"?#(?:datatype|group|default|constant|timezone|concat)\b/i.test(line)) return "annotated-csv";
  if (/^#\s*(?:INFLUXDB EXPORT|DDL\s*$|DML\s*$|CONTEXT-(?:DATABASE|RETENTION-POLICY))/.test(line)) {
    return "influx-export";
  }
  if (/^# (?:HELP|TYPE) [a-zA-Z_:]/.test(line)) return { foreign: PROMETHEUS };
}

/** By the names in the first object. */
function formatOfJson(text: string, isAll: boolean): InputFormat | undefined {
  const { names, isWhole } = namesInObject(text);
  if (names.includes("results") || names.length === 1 && names[0] === "error") return "influx-json";
  if (names.includes("metrics") || names.includes("timestamp")) return "telegraf-json";
  if (names.includes("points")) return "brpl";
  if (isWhole || isAll || names.includes("time") || names.includes("begin")) return "json";
}

/** The names of the first object's members, as far as they have come. */
function namesInObject(text: string): { names: string[]; isWhole: boolean } {
  const names: string[] = [];
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"\\\n]|\\.)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") {
      if (--depth === 0) return { names, isWhole: true };
    } else if (depth === 1 && token.endsWith(":")) {
      names.push(token.slice(1, token.lastIndexOf('"')));
    }
  }
  return { names, isWhole: false };
}

function formatOfCsv(header: string): InputFormat | undefined {
  if (!HEADER.test(header) && !/^,result,table,/.test(header)) return undefined;
  const names = header.split(",").map((name) => name.trim().replace(/^"(.*)"$/, "$1"));
  if (names[0] === "name" && (names[1] === "tags" || names[1] === "time")) return "influx-csv";
  const isAnnotated = names[0] === "" && names[1] === "result" ||
    names.includes("_time") && names.some((name) => name === "_value" || name === "_measurement") ||
    names.some((name) => /\|(?:measurement|dateTime|tag|field)\b/.test(name));
  if (isAnnotated) return "annotated-csv";
  // The name of a column of the time is a strong sign; else the name of the file counts more.
  return names.includes("time") || names.includes("name") ? "csv" : undefined;
}

/** Whether a database, a retention policy and line protocol stand on three lines; undefined: more bytes are needed. */
function isStreamRecording({ lines }: Beginning, isAll: boolean): boolean | undefined {
  const isName = (line: string | undefined) => line !== undefined && /^[^\s,=;:{}<>()|]+$/.test(line);
  // A database without a name is a blank line, which has been passed over.
  if (!isName(lines[0])) return false;
  if (lines.length < 2 && !isAll) return undefined;
  if (LINE_PROTOCOL.test(lines[1] ?? "")) return false;
  if (lines.length < 4 && !isAll) return isName(lines[1]) || lines[1] === "" ? undefined : false;
  return (isName(lines[1]) || lines[1] === "") && LINE_PROTOCOL.test(lines[2] ?? "");
}

const PROMETHEUS = "the text format of Prometheus; Telegraf's input plugin prometheus makes line protocol of it";

function markupOf(first: string): string | undefined {
  if (/^\s*<(?:!doctype html|html)/i.test(first)) return "a page of HTML, such as an error of a server";
  if (/^\s*<[?!\w]/.test(first)) return "XML";
}

/** What a text is that is in no format. */
function surelyForeign(first: string, second: string): string | undefined {
  if (/^\s*\[\s*(?:\{|$)/.test(first)) return "an array of JSON; jq -c '.[]' makes a line of each element";
  if (/^name: \S/.test(first) && /^(?:tags: |time\s)/.test(second)) {
    return "a table of influx; influx -format csv and influx -format json can be read";
  }
  if (/^Result: \S+$/.test(first) && second.startsWith("Table: keys: ")) {
    return "a table of influx query; influx query --raw can be read";
  }
  if (/^\+-{2,}/.test(first)) return "a table that is drawn for people";
  if (/^sep=|^[^\s,;]+(?:;[^,;]*)+$/.test(first)) return "CSV with semicolons; columns have to be divided by commas";
  if (/^[^\s,=]+(?:\t[^\t=]*)+$/.test(first)) return "columns divided by tabs; they have to be divided by commas";
}

/** What a text looks like that is in no format. */
function probablyForeign(first: string, second: string): string | undefined {
  if (/^[^\s:|]+:[^\s|]+\|(?:c|g|ms|s|h|d)\b/.test(first)) {
    return "StatsD's metrics; Telegraf's input plugin statsd reads them";
  }
  if (/^[a-zA-Z_:][\w:]*\{.*\} \S+(?: \d+)?$/.test(first)) return PROMETHEUS;
  if (/^[^\s,={}]+ -?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?: \d+)?$/i.test(first)) {
    return "Graphite's plaintext or Prometheus's metrics; Telegraf makes line protocol of them";
  }
  if (/^(?:CREATE|INSERT|SELECT|BEGIN|SET)\s/.test(first)) return "statements of SQL or InfluxQL";
  if (/^---\s*$|^- \S/.test(first) || /^[\w-]+:(?: \S.*)?$/.test(first) && /^(?:\s+|- |[\w-]+:)/.test(second)) {
    return "YAML";
  }
}

/** "PAR1". Source: https://parquet.apache.org/docs/file-format/ */
const PARQUET = [0x50, 0x41, 0x52, 0x31];

const MAGIC: readonly (readonly [string, readonly number[]])[] = [
  ["text in UTF-32; it has to be UTF-8: iconv -f UTF-32 -t UTF-8", [0xff, 0xfe, 0, 0]],
  ["text in UTF-32; it has to be UTF-8: iconv -f UTF-32 -t UTF-8", [0, 0, 0xfe, 0xff]],
  ["text in UTF-16; it has to be UTF-8: iconv -f UTF-16 -t UTF-8", [0xff, 0xfe]],
  ["text in UTF-16; it has to be UTF-8: iconv -f UTF-16 -t UTF-8", [0xfe, 0xff]],
  ["data of bzip2; bunzip2 -c decompresses it", [0x42, 0x5a, 0x68]],
  ["data of xz; xz -dc decompresses it", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
  ["data of LZ4; lz4 -dc decompresses it", [0x04, 0x22, 0x4d, 0x18]],
  ["a file of InfluxDB's storage engine; influx_inspect export makes line protocol of it", [0x16, 0xd1, 0x16, 0xd1]],
  ["a database of SQLite", [0x53, 0x51, 0x4c, 0x69, 0x74, 0x65, 0x20]],
  ["a program (ELF)", [0x7f, 0x45, 0x4c, 0x46]],
];

/** What bytes look like that are no text. */
function unreadBytes(start: Uint8Array): string | undefined {
  for (const [what, magic] of MAGIC) if (magic.every((byte, i) => start[i] === byte)) return what;
  return start.subarray(0, 1024).includes(0) ? "binary data" : undefined;
}
