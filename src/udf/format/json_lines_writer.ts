import type { BeginBatch, EndBatch } from "../messages.ts";
import type { FieldValue, Point } from "../point.ts";
import type { PointWriter } from "./point_writer.ts";

/** The strings that stand for doubles in JSON, which has no number for them; as in protobuf's JSON format. */
export const SPECIAL_DOUBLES: ReadonlyMap<string, number> = new Map([
  ["NaN", NaN],
  ["Infinity", Infinity],
  ["-Infinity", -Infinity],
]);

/**
 * Writes a line of JSON for each point, and for the begin and the end of each batch; {@linkcode JsonLinesParser}
 * reads them back as they were.
 *
 * A point: `{"name":"cpu","time":1,"tags":{"host":"a"},"fields":{"load":1.0,"n":3,"up":true,"text":"a"}}`, and, if they
 * are set, `database`, `retentionPolicy`, `group`, `dimensions` and `byName`. Time is in ns. A number with `.` or
 * exponent is a double, one without an int64. The strings "NaN", "Infinity" and "-Infinity" are doubles; a string field
 * with such a text is
 * `{"string":"NaN"}`. A batch starts with `{"begin":{"name","group","tags","size","byName"}}` and ends with
 * `{"end":{"name","group","tmax","tags","byName"}}`; empty values are left out, and so are the names of points in a
 * batch.
 */
export class JsonLinesWriter implements PointWriter {
  readonly losses = { points: 0, fields: 0, tags: 0 };
  #inBatch = false;

  point(point: Point): string {
    let text = this.#inBatch && point.name === "" ? "{" : `{"name":${quote(point.name)},`;
    text += `"time":${point.time},"tags":${tagsText(point.tags)},"fields":{`;
    let separator = "";
    for (const [key, value] of point.fields()) {
      text += separator + quote(key) + ":" + valueText(value);
      separator = ",";
    }
    text += "}";
    if (point.database !== "") text += `,"database":${quote(point.database)}`;
    if (point.retentionPolicy !== "") text += `,"retentionPolicy":${quote(point.retentionPolicy)}`;
    if (point.group !== "") text += `,"group":${quote(point.group)}`;
    if (point.dimensions.length > 0) text += `,"dimensions":[${point.dimensions.map(quote).join(",")}]`;
    if (point.byName) text += `,"byName":true`;
    return text + "}\n";
  }

  begin(begin: BeginBatch): string {
    this.#inBatch = true;
    return `{"begin":{${groupText(begin)}${begin.size === 0n ? "" : `,"size":${begin.size}`}${byNameText(begin)}}}\n`;
  }

  end(end: EndBatch): string {
    this.#inBatch = false;
    return `{"end":{${groupText(end)},"tmax":${end.tmax}${byNameText(end)}}}\n`;
  }

  flush(): string {
    return "";
  }
}

function groupText({ name, group, tags }: BeginBatch | EndBatch): string {
  return `"name":${quote(name)}${group === "" ? "" : `,"group":${quote(group)}`},"tags":${tagsText(tags)}`;
}

function byNameText({ byName }: BeginBatch | EndBatch): string {
  return byName ? `,"byName":true` : "";
}

function tagsText(tags: Map<string, string>): string {
  let text = "{";
  for (const [key, value] of tags) {
    if (text !== "{") text += ",";
    text += quote(key) + ":" + quote(value);
  }
  return text + "}";
}

function valueText(value: FieldValue): string {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) return `"${value}"`;
      if (Object.is(value, -0)) return "-0.0";
      // Numbers of 1e21 and more have an exponent already.
      return Number.isInteger(value) && Math.abs(value) < 1e21 ? value + ".0" : String(value);
    case "string":
      return SPECIAL_DOUBLES.has(value) ? `{"string":"${value}"}` : quote(value);
    default:
      return String(value);
  }
}

/** JSON.stringify, but for lone surrogates, and for DEL and C1 controls: a terminal must not see those. */
function quote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  return JSON.stringify(text.toWellFormed()).replace(
    /[\x7f-\x9f]/g,
    (unit) => "\\u00" + unit.charCodeAt(0).toString(16),
  );
}
