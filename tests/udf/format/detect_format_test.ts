import { assert, assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import { detectFormat } from "../../../src/udf/format/detect_format.ts";
import {
  type Format,
  formatOfEnding,
  FORMATS,
  INPUT_FORMATS,
  type InputFormat,
} from "../../../src/udf/format/formats.ts";
import { read } from "./samples.ts";

const detect = (text: string, isAll = true, likely?: InputFormat) =>
  detectFormat(new TextEncoder().encode(text), isAll, { likely, name: "x.txt" });

for (const name of INPUT_FORMATS) {
  const { example, endings }: Format = FORMATS[name];
  if (example === undefined) continue;

  Deno.test(`the example of ${name} is found to be that, and read`, async () => {
    assertEquals(detect(example), name);
    assertEquals(detect(`\ufeff${example}\r\n`.replaceAll("\n", "\r\n")), name);
    // Some bytes more, and it is known: input that a person types is not held back.
    assertEquals(detect(example + "\n", name === "srpl" ? true : false), name);
    for (const ending of endings) assertEquals(formatOfEnding(ending), name);
    const items = await read({}, example + "\n");
    assertEquals(items.filter(({ kind }) => kind === "bad"), []);
    const [point] = items.flatMap((item) => item.kind === "point" ? item.point : []);
    assertEquals([point.name, point.tags.get("host"), point.field("usage")], [
      "cpu",
      name === "csv" ? undefined : "a",
      99.5,
    ]);
  });
}

Deno.test("the beginning decides where it is sure, the ending of the name else, and line protocol is what is left", () => {
  const cases: [string, InputFormat | undefined, InputFormat][] = [
    ["", "csv", "csv"],
    ["\n# a comment\n\n  cpu v=1\n", "csv", "line"],
    ["a,b\n1,2\n", undefined, "csv"],
    ["v\n1\n2\n", "csv", "csv"],
    ['"name","tags","time","v"\n', undefined, "influx-csv"],
    ["v\n1\n2\n", undefined, "line"],
    ["time,v\n1,2\n", "json", "csv"],
    [`time,"a b",v\n`, undefined, "csv"],
    ["name,time,v\n", "csv", "influx-csv"],
    [",result,table,_time,_value\n", "csv", "annotated-csv"],
    ["m|measurement,v|double\n", "csv", "annotated-csv"],
    ["#datatype,string\n", undefined, "annotated-csv"],
    ['"#group",false\n', undefined, "annotated-csv"],
    ["# CONTEXT-DATABASE: x\ncpu v=1\n", undefined, "influx-export"],
    ['{"error":"x"}', undefined, "influx-json"],
    ['{\n  "metrics": [\n', undefined, "telegraf-json"],
    ['{"fields":{"results":1},"name":"x"}', undefined, "json"],
    ['{"name":"a","tmax":"x","points":[', "json", "brpl"],
    ["db\n\ncpu v=1\ndb\n\ncpu v=2\n", undefined, "srpl"],
    ["cpu\nmem 1\ncpu v=1\n", undefined, "line"],
    ["cpu.load 1\ncpu v=1\n", undefined, "line"],
    ['cpu,a\\ b=c\\,d\\=e v="x y"\n', undefined, "line"],
  ];
  for (const [text, likely, format] of cases) assertEquals(detect(text, true, likely), format, text);
});

Deno.test("nothing is decided before there is enough", () => {
  for (
    const text of ["", "\n", "# a", "#data", "time,", "cpu", "cpu\n", "telegraf\nautogen\n", '{"na', '{"fields":{"a":1']
  ) {
    assertEquals(detect(text, false), undefined, text);
  }
  assertEquals(detect("#".repeat(70_000), false), "line");
  assertEquals(detect(`{"fields":{"${"a".repeat(70_000)}`, false), "json");
});

Deno.test("what is in no format is named as what it looks like, with what helps", () => {
  const cases: [string, RegExp][] = [
    ["<!DOCTYPE html>\n<html>", /a page of HTML/],
    ['<?xml version="1.0"?>\n<a/>', /XML/],
    ['[{"name":"a"}]', /an array of JSON; jq/],
    ["time;v\n1;2\n", /CSV with semicolons/],
    ["sep=;\n", /CSV with semicolons/],
    ["time\tv\n1\t2\n", /columns divided by tabs/],
    ["# HELP go_goroutines Number\n# TYPE go_goroutines gauge\n", /Prometheus/],
    ['http_requests_total{method="post",code="200"} 1027 1395066363000\n', /Prometheus/],
    ["servers.a.cpu.load 1.5 1700000000\n", /Graphite/],
    ["cpu.load:1.5|g\n", /StatsD/],
    ["INSERT INTO cpu VALUES (1)\n", /SQL/],
    ["---\na: 1\n", /YAML/],
    ["udf: x\nseries:\n  - y\n", /YAML/],
    ["name: cpu\ntime usage\n---- -----\n1 2\n", /a table of influx/],
    ["Result: _result\nTable: keys: [_field]\n", /influx query --raw can be read/],
    ["+------+\n| time |\n", /a table that is drawn for people/],
    ["\u0000\u0001", /binary data/],
    ["BZh91AY", /bzip2/],
  ];
  for (const [text, message] of cases) {
    const error = assertThrows(() => detect(text), TineError, "x.txt looks like ", text);
    assertEquals(error.code, "bad-input");
    assert(message.test(error.message), error.message);
  }
  assertThrows(() => detectFormat(Uint8Array.of(0xff, 0xfe, 0x63, 0), true), TineError, "UTF-16");
  assertThrows(() => detectFormat(Uint8Array.of(0xff, 0xfe, 0, 0, 0x63, 0, 0, 0), true), TineError, "UTF-32");
});
