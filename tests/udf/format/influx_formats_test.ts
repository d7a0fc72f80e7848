import { assert, assertEquals, assertThrows } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import type { GivenType } from "../../../src/udf/format/field_column.ts";
import type { InputItem } from "../../../src/udf/format/input_item.ts";
import { Pivot } from "../../../src/udf/format/pivot.ts";
import { readPoints, type ReadPointsOptions } from "../../../src/udf/format/point_reader.ts";
import { Point } from "../../../src/udf/point.ts";
import { read } from "./samples.ts";

/** What is read: a point as its name, tags and fields, a bad line as its reason; and the warnings. */
async function readAll(text: string, options: ReadPointsOptions = {}) {
  const warnings: string[] = [];
  const items = await read({ warn: (message) => warnings.push(message), ...options }, text);
  return { shown: items.map(show), warnings, items };
}

function show(item: InputItem): unknown {
  if (item.kind === "bad") return `${item.line}: ${item.reason}`;
  if (item.kind !== "point") return item.kind;
  const { name, tags } = item.point;
  return [name, Object.fromEntries(tags), Object.fromEntries(item.point.fields())];
}

Deno.test("the CSV of InfluxDB 1: tags as the client and as the server write them, types by measurement", async () => {
  const text = "name,tags,time,value\n" +
    'cpu,"host=a,b=c d,region=",1,1.5\ncpu,"host=x\\,y\\=z,dc=e\\ f",2,2\n' +
    "name,tags,time,value\nmem,host=a,3,n/a\nmem,host=a,4,5\n\nname,tags,time,n\ncpu,,5,7\n";
  const { shown, warnings } = await readAll(text);
  assertEquals(shown, [
    ["cpu", { host: "a", b: "c d" }, { value: 1.5 }],
    ["cpu", { host: "x,y=z", dc: "e f" }, { value: 2 }],
    ["mem", { host: "a" }, { value: "n/a" }],
    ["mem", { host: "a" }, { value: "5" }],
    ["cpu", {}, { n: 7n }],
  ]);
  assertEquals(warnings, [
    'line 5: the field "value" is a string in every row, since its column holds "n/a" beside numbers',
  ]);
});

Deno.test("the CSV of InfluxDB 1: given types and tags hold for all tables, and what does not occur is named", async () => {
  const types = new Map<string, GivenType>([["v", "double"], ["dc", "tag"], ["note", "ignore"], ["x", "int"]]);
  const text = "name,time,dc,v,note,host\ncpu,1,e,98,?,a\ncpu,2,,,?,a\nname,time,v,host\nmem,3,n/a,b\n";
  const { shown, warnings } = await readAll(text, { types, tagColumns: ["host"] });
  assertEquals(shown, [["cpu", { dc: "e", host: "a" }, { v: 98 }], '5: the field "v" is no number: "n/a"']);
  assertEquals(warnings, ['no point has the field "x", which is given as an int']);
});

Deno.test("the CSV of InfluxDB 1: what has no times, errors and rows of another length are bad lines", async () => {
  const { shown } = await readAll("name,tags,time,v\ncpu,,x,1\ncpu,1,1\n,host=a,1,1\n");
  assertEquals(shown, [
    '2: the time "x" is neither an integer in range nor an RFC 3339 time',
    "3: there are 3 cells, but the header has 4",
    "4: the row has no name, and no measurement is given",
  ]);
  const format = "influx-csv";
  assertEquals((await readAll("name,name\ndatabases,telegraf\n", { format })).shown, [
    '1: the header has no column "time", so what follows is no points',
  ]);
  assertEquals((await readAll("error\ndatabase not found\n", { format })).shown, [
    "2: InfluxDB answered with an error",
  ]);
});

Deno.test("the JSON of InfluxDB 1: columns may be tags, and what is odd is named where it is", async () => {
  const series =
    '{"name":"cpu","columns":["time","host","v"],"values":[[1,"a",98],[2,"b",97.5],[3,"c",null],[4],["x","d",1]]}';
  const { shown } = await readAll(`{"results":[{"series":[${series}]},{"error":"timeout"}]}\n`, {
    tagColumns: ["host"],
  });
  assertEquals(shown, [
    ["cpu", { host: "a" }, { v: 98 }],
    ["cpu", { host: "b" }, { v: 97.5 }],
    "1: there are 1 values, but the series has 3 columns",
    '1: time must be an integer or an RFC 3339 time, not "x"',
    '1: InfluxDB answered with an error: "timeout"',
  ]);
  const early = '{"results":[{"series":[{"values":[[1,2]],"columns":["time","v"],"name":"m"}]}]}';
  assertEquals((await readAll(early)).shown, ["1: the columns of a series must come before its values"]);
  const bad = '{"results":[{"series":[{"name":"m","tags":{"host":1},"columns":["time","v"],"values":[[1,2],[3,4]]}]}]}';
  assertEquals((await readAll(bad)).shown, ['1: the tag "host" must be a string, not 1']);
});

Deno.test("numbers of JSON behind the first ones of a stream make a field one of doubles from there on", async () => {
  let text = "";
  for (let i = 0; i < 10_002; i++) {
    text += `{"name":"m","fields":{"v":${i === 10_000 ? 0.5 : i}},"timestamp":${i}}\n`;
  }
  const { items, warnings } = await readAll(text);
  const values = items.map((item) => item.kind === "point" && item.point.field("v"));
  assertEquals([values.length, ...values.slice(9_999)], [10_002, 9_999n, 0.5, 10_001]);
  assertEquals(warnings, [
    'line 10001: the field "v" of "m" is a double and was an int64 before; further changes of this field are not reported',
  ]);
  const again = () => Promise.resolve(ReadableStream.from([new TextEncoder().encode(text)]));
  const whole = await readAll(text, { again });
  assertEquals(whole.warnings, []);
  assert(whole.items.every((item) => item.kind === "point" && typeof item.point.field("v") === "number"));
});

Deno.test("what makes a metric of Telegraf or a batch of Kapacitor unusable is one bad line", async () => {
  const metric = (member: string) => `{"name":"m","fields":{"v":1},${member},"timestamp":1}\n`;
  const text = metric('"time":1') + metric('"tags":{"a":null}') + metric('"tags":null') +
    `{"metrics":[${metric('"x":1')}]}\n`;
  assertEquals((await readAll(text)).shown, [
    '1: a metric has no "time": it has name, timestamp, tags and fields',
    '2: the tag "a" must be a string, not null',
    ["m", {}, { v: 1n }],
    '4: a metric has no "x": it has name, timestamp, tags and fields',
  ]);
  const batch = (point: string) =>
    `{"name":"m","points":[{"fields":{"v":1},"time":"2026-03-02T09:00:00Z"},${point}]}\n`;
  const good = '{"fields":{"v":2},"time":"2026-03-02T09:00:01Z"}';
  const batches = batch("7") + batch('{"fields":{"v":[]},"time":"2026-03-02T09:00:01Z"}') +
    batch('{"fields":{"v":1}}') +
    batch(good);
  assertEquals((await readAll(batches)).shown, [
    "1: a point must be an object, not 7",
    '2: the field "v" is an array',
    "3: the time of a point must be an integer or an RFC 3339 time, not null",
    ...["begin", ["m", {}, { v: 1 }], ["m", {}, { v: 2 }], "end"],
  ]);
});

Deno.test("rows that are held back are given out once a stream makes wait", async () => {
  for (const text of ["name,tags,time,v\ncpu,,1,2\n", '{"name":"cpu","fields":{"v":2},"timestamp":1}\n']) {
    const stream = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new TextEncoder().encode(text)),
    });
    for await (const items of readPoints({}, stream)) {
      assertEquals(items.map(show), [["cpu", {}, { v: 2n }]]);
      break;
    }
  }
});

Deno.test("annotated CSV: strings beside _field are tags, and columns without types get them", async () => {
  const header = ",result,table,_start,_stop,_time,_value,_field,_measurement,host";
  const row = (time: number, value: string, field: string) =>
    `,,0,2020-01-01T00:00:00Z,2020-01-02T00:00:00Z,${time},${value},${field},cpu,a`;
  const text = [header, row(1, "98", "v"), row(2, "97.5", "v"), row(3, "x", "note"), row(4, "", "v")].join("\n");
  const { shown, items } = await readAll(text);
  assertEquals(shown, [
    ["cpu", { host: "a" }, { v: 98 }],
    ["cpu", { host: "a" }, { v: 97.5 }],
    ["cpu", { host: "a" }, { note: "x" }],
  ]);
  assertEquals(items.map((item) => item.kind === "point" && item.point.time), [1n, 2n, 3n]);
});

Deno.test("annotated CSV: a result without _time has that of _stop, one without measurement that which is given", async () => {
  const text =
    "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,double,string\n#group,false,false,true,true,false,true\n" +
    "#default,mean,,,,,\n,result,table,_start,_stop,_value,host\n" +
    ",,0,1970-01-01T00:00:01Z,1970-01-01T00:00:02Z,98,a\n";
  const { shown, items } = await readAll(text, { measurement: "m" });
  assertEquals(shown, [["m", { host: "a" }, { _value: 98 }]]);
  assert(items[0].kind === "point" && items[0].point.time === 2_000_000_000n);
  assertEquals((await readAll(text)).shown, [
    "4: the table cannot be read: there is no column of the measurement (_measurement, or the type measurement), " +
    "and no measurement is given",
  ]);
});

Deno.test("annotated CSV: given types count more than annotated ones; tables that cannot be read are named once", async () => {
  const types = new Map<string, GivenType>([["n", "double"], ["host", "ignore"], ["s", "tag"]]);
  const text = "#datatype measurement,tag,long,string,time\nm,host,n,s,t\ncpu,a,98,x,1\ncpu,a,,,2\n" +
    "#datatype measurement,float\nm,v\ncpu,1\ncpu,2\n" +
    "#datatype measurement,long,dateTime:2006-01-02\nm,v,t\ncpu,1,2020-01-01\n" +
    "#timezone Local\n#datatype measurement,long\nm,v\ncpu,1\ncpu,1,2\ncpu,x\n#unknown,1\n# a comment\n";
  assertEquals((await readAll(text, { types })).shown, [
    ["cpu", { s: "x" }, { n: 98 }],
    '6: the table cannot be read: the column "v" has the unknown type "float"',
    '10: the table cannot be read: the times of the column "t" have the layout "2006-01-02": RFC3339, RFC3339Nano and ' +
    "number can be read",
    "12: the annotation #timezone is not read",
    ["cpu", {}, { v: 1n }],
    "16: there are 3 cells, but the header has 2",
    '17: the field "v" is no integer: "x"',
    "18: there is no annotation #unknown: datatype, group, default and constant are read",
  ]);
});

Deno.test("exports: the policy of one database is not that of the next, and statements are passed over", async () => {
  const text = "# DDL\nCREATE DATABASE a WITH NAME b\ncreate retention policy x on a\n# DML\n" +
    "# CONTEXT-DATABASE: a\n# CONTEXT-RETENTION-POLICY: b\ncpu v=1 1\n# CONTEXT-DATABASE:c d\nCpu v=1 2\ncpu v= 3\nDROP x\n";
  const { items } = await readAll(text, { retentionPolicy: "r" });
  assertEquals(
    items.map((item) =>
      item.kind === "point" ? [item.line, item.point.database, item.point.retentionPolicy] : show(item)
    ),
    [[7, "a", "b"], [9, "c d", "r"], '10: the field "v" has no value', "11: a field has no value"],
  );
});

Deno.test("Pivot joins points in any order, leaves batches alone, and has a limit", () => {
  const point = (time: bigint, field: string, host = "a") =>
    new Point({ name: "m", time, tags: new Map([["host", host]]), fieldsInt: new Map([[field, time]]) });
  const item = (point: Point): InputItem => ({ kind: "point", line: 1, point });
  const pivot = new Pivot(3);
  const batch = { name: "m", group: "", tags: new Map<string, string>(), byName: false };
  assert(!pivot.take({ kind: "begin", line: 1, begin: { ...batch, size: 0n } }));
  assert(!pivot.take(item(point(1n, "x"))));
  assert(!pivot.take({ kind: "end", line: 1, end: { ...batch, tmax: 0n } }));
  assert(!pivot.take({ kind: "bad", line: 1, reason: "", text: "" }));
  for (const [time, field, host] of [[2n, "x"], [1n, "x"], [2n, "y"], [1n, "x", "b"]] as const) {
    assert(pivot.take(item(point(time, field, host))));
  }
  const error = assertThrows(() => pivot.take(item(point(9n, "x"))), TineError, "more than 3 points cannot be joined");
  assertEquals(error.code, "too-many-points");
  assertEquals([...pivot.end()].flat().map(show), [
    ["m", { host: "a" }, { x: 1n }],
    ["m", { host: "b" }, { x: 1n }],
    ["m", { host: "a" }, { x: 2n, y: 2n }],
  ]);
});
