import type { BeginBatch, EndBatch } from "../messages.ts";
import type { FieldValue, Point } from "../point.ts";
import type { Losses, PointWriter } from "./point_writer.ts";

/**
 * Writes InfluxDB line protocol, times in ns. A blank line follows each batch, so that batches read back as batches.
 *
 * Line protocol cannot hold everything. Left out and counted are: fields that are NaN or infinite, or whose name is
 * empty, ends in a backslash or holds a newline; tags with an empty value, which InfluxDB takes for absent; and whole
 * points that have no field left, whose measurement or tags have such a name, or whose measurement starts like a
 * comment or a tab.
 *
 * Format: https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/
 */
export class LineProtocolWriter implements PointWriter {
  readonly losses: Losses = { points: 0, fields: 0, tags: 0 };
  /** The name of the batch, which its points do not repeat. */
  #batchName = "";

  begin(begin: BeginBatch): string {
    this.#batchName = begin.name;
    return "";
  }

  end(_end: EndBatch): string {
    this.#batchName = "";
    return "\n";
  }

  point(point: Point): string {
    const name = (point.name || this.#batchName).toWellFormed();
    if (!isName(name) || /^[#\t]/.test(name)) return this.#skip();
    let text = escape(name, /[, ]/g);
    let emptyTags = 0;
    for (const [key, value] of point.tags) {
      if (value === "") {
        emptyTags++;
        continue;
      }
      if (!isName(key) || !isName(value)) return this.#skip();
      text += "," + escape(key.toWellFormed(), /[,= ]/g) + "=" + escape(value.toWellFormed(), /[,= ]/g);
    }
    let separator = " ";
    let lostFields = 0;
    for (const [key, value] of point.fields()) {
      if (!isName(key) || typeof value === "number" && !Number.isFinite(value)) {
        lostFields++;
        continue;
      }
      text += separator + escape(key.toWellFormed(), /[,= "]/g) + "=" + valueText(value);
      separator = ",";
    }
    if (separator === " ") return this.#skip();
    this.losses.tags += emptyTags;
    this.losses.fields += lostFields;
    return `${text} ${point.time}\n`;
  }

  flush(): string {
    return "";
  }

  #skip(): string {
    this.losses.points++;
    return "";
  }
}

/** Names that need no escapes: nearly all. */
const PLAIN = /^[\w.:/-]+$/;

/** Whether names can hold the text. A backslash at the end would escape what comes next. */
function isName(text: string): boolean {
  return text !== "" && !text.endsWith("\\") && !text.includes("\n");
}

function escape(text: string, special: RegExp): string {
  if (PLAIN.test(text)) return text;
  return text.replace(special, "\\$&");
}

function valueText(value: FieldValue): string {
  switch (typeof value) {
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return value + "i";
    case "boolean":
      return String(value);
    default:
      return '"' + value.toWellFormed().replace(/["\\]/g, "\\$&") + '"';
  }
}
