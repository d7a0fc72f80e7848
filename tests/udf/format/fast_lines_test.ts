import { assert, assertEquals } from "@std/assert";
import { CsvReader } from "../../../src/udf/format/csv_reader.ts";
import { FastLines } from "../../../src/udf/format/fast_lines.ts";
import { FieldColumn } from "../../../src/udf/format/field_column.ts";
import type { InputItem, PointDefaults } from "../../../src/udf/format/input_item.ts";
import { type ItemSource, textSource } from "../../../src/udf/format/item_source.ts";
import { JsonLinesParser } from "../../../src/udf/format/json_lines_parser.ts";
import { JsonLinesWriter } from "../../../src/udf/format/json_lines_writer.ts";
import { JsonReader } from "../../../src/udf/format/json_reader.ts";
import { LineProtocolParser } from "../../../src/udf/format/line_protocol.ts";
import { LineProtocolWriter } from "../../../src/udf/format/line_protocol_writer.ts";
import { LineReader } from "../../../src/udf/format/line_reader.ts";
import { NumberScanner } from "../../../src/udf/format/number_scanner.ts";
import { RecordSplitter } from "../../../src/udf/format/record_splitter.ts";
import { parseRfc3339, scanRfc3339 } from "../../../src/udf/format/timestamp.ts";
import { decodeRequest } from "../../../src/udf/codec.ts";
import type { Point } from "../../../src/udf/point.ts";
import { ByteReader } from "../../../src/wire/byte_reader.ts";
import { FrameReader } from "../../../src/wire/frame_reader.ts";
import { awkwardPoint, awkwardText, plain, Printed, read as readItems, seeded } from "./samples.ts";

const encoder = new TextEncoder();

const LINES = [
  "cpu,host=a usage=1.5,idle=98i 1700000000000000000",
  'm,a\\ b=c\\,d s="x\\"y\\\\z",b=t 5',
  "m f=1e3,g=-0.5,h=5u,i=-7i",
  'm s="two\nlines" 1',
  "# comment",
  "",
  "cpu,b=1,a=2 x=T,y=false,z=TRUE 12",
  "m,t=é f=1.0 -5",
  'm f\\"x=1,f\\\\=2 1',
  "m f=1,f=2 3",
  "m,t=1,t=2 f=1",
  "m f=9223372036854775807i,g=-9223372036854775808i,h=9223372036854775808i 9223372036854775807",
  "m f=123456789012345678.5,g=.5,h=5.,i=0x1 1",
  " m f=1 1",
  "m f=1 1 \r",
  "\ufeffm f=1",
  "m f=NaN",
  'm s="",t="a" 1',
  "m f=+1,g=1e999,h=00012i,i=1.7976931348623157e308 +5",
];

const OBJECTS = [
  '{"name":"cpu","time":1700000000000000000,"tags":{"host":"a"},"fields":{"usage":1.5,"n":98,"b":true,"s":"x"}}',
  '{"name":"m","time":"2024-02-29T12:00:00.123Z","fields":{"a":null,"b":{"double":3},"c":"NaN","d":{"string":"NaN"}}}',
  '{"name":"é\\u00e9\\ud83d\\ude00\\n","fields":{"":1,"x":-0.0,"y":-0,"z":1e5}}',
  '{ "name" : "m" , "tags" : { } , "fields" : { "a" : 1 } }',
  '{"begin":{"name":"b","tags":{}}}',
  '{"time":1,"fields":{"a":1}}',
  '{"end":{"name":"b","tmax":5}}',
  "",
  '{"name":"m","group":"h=a","dimensions":["h"],"byName":true,"database":"d","retentionPolicy":"r","fields":{"a":1,"a":2}}',
  '{"name":"m","fields":{"a":"Na\\u004e","b":"-Infinity","c":"Infinity"}}',
  '{"name":"m","time":"1969-12-31T23:59:59Z","fields":{"a":9223372036854775807,"b":-9223372036854775808}}',
  '{"name":"m","time":"2024-05-01T12:00:00+02:00","fields":{"a":1.,"b":01}}',
  '{"name":"m","time":"2023-02-29T12:00:00Z","fields":{"a":1}}',
  '{"name":"m","tags":{"a":"x","a":"y"},"fields":{"a":1}}',
  '{"name":"m","tags":{"a":"\\ud800"},"fields":{"a":1}}',
];

/** A text of lines, some of them damaged. */
function someText(random: () => number, lines: readonly string[], makeLine: () => string): Uint8Array {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  let text = random() < 0.1 ? "\ufeff" : "";
  for (let n = 1 + Math.floor(random() * 8); n > 0; n--) {
    let line = random() < 0.6 ? pick(lines) : makeLine();
    if (random() < 0.4) {
      const at = Math.floor(random() * line.length);
      const put = pick([...'0eE.+-"\\{}[]:,ntu\t\u0001 =iu\n\r', "", "1", "\\u00"]);
      line = line.slice(0, at) + put + line.slice(at + Math.floor(random() * 3));
    }
    text += line + (random() < 0.1 ? "\r\n" : n === 1 && random() < 0.5 ? "" : "\n");
  }
  const bytes = encoder.encode(text);
  if (random() < 0.1) bytes[Math.floor(random() * bytes.length)] = 128 + Math.floor(random() * 128);
  return bytes;
}

async function readAll(source: ItemSource, bytes: Uint8Array, cuts: readonly number[]) {
  const items: InputItem[] = [];
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    items.push(...await source.push(bytes.slice(from, cut)));
    from = cut;
  }
  const rest = await source.end();
  assert(Array.isArray(rest));
  items.push(...rest);
  return {
    items: items.map((item) => item.kind === "point" ? { line: item.line, ...plain(item.point) } : item),
    lines: source.lines,
    invalidUtf8: source.invalidUtf8,
  };
}

function defaults(random: () => number): PointDefaults {
  return {
    unit: random() < 0.7 ? 1n : 1_000_000_000n,
    measurement: random() < 0.3 ? "given" : undefined,
    database: random() < 0.3 ? "dé" : "",
    retentionPolicy: random() < 0.3 ? "r" : "",
    now: () => 42n,
  };
}

Deno.test("FastLines reads line protocol as its parser alone does, damaged and cut anywhere", async () => {
  const random = seeded(17);
  const writer = new Printed(new LineProtocolWriter());
  const text = () => awkwardText(random) + (random() < 0.1 ? "\n" : "");
  const makeLine = () => writer.point(awkwardPoint(random, { name: text, text, doubles: [random() * 100] })).trimEnd();
  let points = 0;
  for (let i = 0; i < 1000; i++) {
    const bytes = someText(random, LINES, makeLine);
    const cuts = Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * bytes.length)).sort(
      (a, b) => a - b,
    );
    const given = defaults(random);
    const reader = new LineReader(given);
    const slow = await readAll(textSource(new RecordSplitter(new LineProtocolParser(given))), bytes, cuts);
    const fast = await readAll(
      new FastLines(() => reader, new RecordSplitter(new LineProtocolParser(given))),
      bytes,
      cuts,
    );
    assertEquals(fast, slow, new TextDecoder().decode(bytes));
    points += slow.items.filter((item) => "fieldsInt" in item).length;
  }
  assert(points > 1000);
});

Deno.test("FastLines reads JSON lines as their parser alone does, damaged and cut anywhere", async () => {
  const random = seeded(18);
  const writer = new Printed(new JsonLinesWriter());
  const text = () => awkwardText(random) + (random() < 0.1 ? "\n" : "");
  const makeLine = () => {
    const point = awkwardPoint(random, { name: text, text, doubles: [random() * 100, NaN] });
    if (random() < 0.2) [point.group, point.dimensions, point.database] = [text(), [text(), text()], text()];
    return writer.point(point).trimEnd();
  };
  let points = 0;
  for (let i = 0; i < 1000; i++) {
    const bytes = someText(random, OBJECTS, makeLine);
    const cuts = Array.from({ length: Math.floor(random() * 4) }, () => Math.floor(random() * bytes.length)).sort(
      (a, b) => a - b,
    );
    const given = defaults(random);
    const reader = new JsonReader(given);
    const slowParser = new JsonLinesParser(given), parser = new JsonLinesParser(given);
    const slow = await readAll(textSource(new RecordSplitter(slowParser), (out) => slowParser.end(out)), bytes, cuts);
    const fast = await readAll(
      new FastLines(() => reader, new RecordSplitter(parser), { atEnd: (out) => parser.end(out) }),
      bytes,
      cuts,
    );
    assertEquals(fast, slow, new TextDecoder().decode(bytes));
    points += slow.items.filter((item) => "fieldsInt" in item).length;
  }
  assert(points > 1000);
});

Deno.test("the fast readers take what programs write, and leave the rest to the parsers", () => {
  const given = defaults(() => 0.5);
  const takes = (reader: LineReader | JsonReader, line: string) => {
    const bytes = encoder.encode(line + "\n");
    return reader.read(bytes, 0, bytes.length) === bytes.length;
  };
  for (
    const line of [
      'cpu,host=a\\ b,region=é usage=40.499966667333325,n=-5i,up=true,s="a \\"b\\" 温" 1700000000000000000',
      "m f=1",
      'm s="two\nlines" 5\r',
    ]
  ) assert(takes(new LineReader(given), line), line);
  for (const line of ["m f=1,f=2", "# c", "m", "m f=NaN"]) assert(!takes(new LineReader(given), line), line);
  for (
    const line of [
      '{"name":"m","time":"2024-02-29T12:00:00.123+01:00","tags":{"a":"\\u00e9\\ud83d\\ude00"},"fields":{"a":1,"b":null}}',
      '{ "fields": {"x": -1.5e3, "s": "温\\n"}, "name": "m" }',
    ]
  ) assert(takes(new JsonReader(given), line), line);
  for (const line of ['{"name":"m"} x', '{"begin":{}}', "", '{"name":"m","name":"m"}']) {
    assert(!takes(new JsonReader(given), line), line);
  }
});

Deno.test("points with a shape of their own have it, whoever comes between", async () => {
  const given = defaults(() => 0.5);
  const reader = new LineReader(given);
  const source = new FastLines(() => reader, new RecordSplitter(new LineProtocolParser(given)));
  const items = await source.push(encoder.encode("m a=1,b=2 1\nm a=1,b=2i 1\nn a=1,b=2 1\nm a=3,b=4 1\nm b=1,a=2 1\n"));
  const shapes = items.map((item) => item.kind === "point" ? item.shape : undefined);
  assert(shapes.every((shape) => shape !== undefined));
  assertEquals(shapes.map((shape) => shapes.indexOf(shape)), [0, 1, 2, 0, 4]);
});

Deno.test("NumberScanner.double() is what Number() makes of the text", () => {
  const random = seeded(19);
  const number = new NumberScanner();
  const view = new DataView(new ArrayBuffer(8));
  const texts = ["0", "-0", "5.", ".5", "1e5", "1.5E-7", "9007199254740993", "9007199254740992.5", "1e999"];
  for (let i = 0; i < 20_000; i++) {
    texts.push(String(random() * 100), String(-random() * 10 ** Math.floor(random() * 18)));
    let digits = "";
    for (let n = 1 + Math.floor(random() * 22); n > 0; n--) digits += Math.floor(random() * 10);
    const point = Math.floor(random() * digits.length);
    texts.push(digits, `-${digits.slice(0, point)}.${digits.slice(point)}`);
    // The middle between two doubles, or near it.
    const value = random() * 8;
    view.setFloat64(0, value);
    view.setBigInt64(0, view.getBigInt64(0) + 1n);
    texts.push(((value + view.getFloat64(0)) / 2).toPrecision(18));
  }
  for (const text of texts) {
    assertEquals(number.scan(encoder.encode(text + ","), 0), text.length, text);
    assert(Object.is(number.double(), Number(text)), text);
  }
});

Deno.test("NumberScanner.int64() is exact at its ends and false beyond them", () => {
  const random = seeded(20);
  const number = new NumberScanner();
  const values = [0n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 63n, -(2n ** 63n) - 1n, 2n ** 64n, 10n ** 19n, 10n ** 20n];
  for (let i = 0; i < 10_000; i++) {
    let digits = "";
    for (let n = 1 + Math.floor(random() * 20); n > 0; n--) digits += Math.floor(random() * 10);
    values.push(BigInt(digits), -BigInt(digits));
  }
  for (const value of values) {
    number.scan(encoder.encode(`${value}i`), 0);
    const fits = BigInt.asIntN(64, value) === value;
    assertEquals(number.int64(), fits, `${value}`);
    if (fits) assertEquals(BigInt(number.high) << 32n | BigInt(number.low >>> 0), value);
  }
});

Deno.test("scanRfc3339() reads what parseRfc3339() reads from 1970 on, and nothing else", () => {
  const random = seeded(21);
  const number = new NumberScanner();
  const digits = (length: number, below: number) => String(Math.floor(random() * below)).padStart(length, "0");
  let read = 0;
  for (let i = 0; i < 20_000; i++) {
    const zone = ["Z", "z", "+02:00", "-11:30", "+24:00", ""][Math.floor(random() * 6)];
    const fraction = random() < 0.5 ? "" : "." + digits(1 + Math.floor(random() * 10), 10);
    const text = `${1960 + Math.floor(random() * 310)}-${digits(2, 14)}-${digits(2, 33)}T${digits(2, 25)}:${
      digits(2, 61)
    }:${digits(2, 61)}${fraction}${zone}`;
    const time = parseRfc3339(text);
    const end = scanRfc3339(encoder.encode(text + '"'), 0, number);
    if (time === undefined || time < 0n) {
      assert(end !== text.length, text);
    } else {
      read++;
      assertEquals([end, BigInt(number.high) << 32n | BigInt(number.low >>> 0)], [text.length, time], text);
    }
  }
  assert(read > 1000);
});

Deno.test("rows of CSV read the same from bytes and as text", async () => {
  const random = seeded(22);
  const cells = [
    ["1", "-2", "1.5", "x", "", "true", "null", " 5 ", "1e3", "007", "-0", "5.", ".5", "Infinity", "é", '"a""b"', '""'],
    ["9223372036854775807", "9223372036854775808", "FALSE", "nul", "NULL ", "\u00a0", '"5"', '"a,b"', "+1", "running"],
  ].flat();
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)];
  const times = ["1700000000000000000", "2024-02-29T12:00:00Z", "", "5", "-7", "soon"];
  let points = 0;
  for (let i = 0; i < 300; i++) {
    const columns = [cells.slice(0, 2), cells.slice(0, 3), ["x", "running", "é"], ["true", "false", ""], cells];
    const rows = Array.from({ length: 1 + Math.floor(random() * 20) }, () => {
      const values = columns.map((own) => pick(random() < 0.9 ? own : cells));
      return [pick(times), pick(["cpu", "m", ""]), pick(["a", "b c", "", "null"]), ...values].join(",");
    });
    // What may be white space is for the parser of text to look at.
    const read = async (tag: string) => {
      const text = ["time,name,host,a,b,c,d,e,q", ...rows.map((row) => `${row},${tag}`)].join("\n") + "\n";
      const again = i % 2 === 0 ? () => Promise.resolve(new Blob([text]).stream()) : undefined;
      const warnings: string[] = [];
      const warn = (message: string) => warnings.push(message);
      const options = { format: "csv", tagColumns: ["host", "q"], again, warn } as const;
      const items = await readItems(options, text, 1 + Math.floor(random() * 500));
      return [
        ...warnings,
        ...items.map((item) => {
          if (item.kind === "bad") return `${item.line}: ${item.reason}`;
          if (item.kind !== "point") return item;
          item.point.tags.delete("q");
          points++;
          return { line: item.line, ...plain(item.point) };
        }),
      ];
    };
    assertEquals(await read("x"), await read("\u2000x"));
  }
  assert(points > 1000);
});

Deno.test("rows of CSV as programs write them are read from bytes", () => {
  const given = { ...defaults(() => 0.5), unit: 1n };
  const column = (name: string, type: "int" | "double" | "bool" | "string") => {
    return { name, role: "field", field: new FieldColumn(name, type) } as const;
  };
  const reader = new CsvReader(given, [
    { name: "time", role: "time" },
    { name: "name", role: "name" },
    { name: "host", role: "tag" },
    column("n", "int"),
    column("d", "double"),
    column("b", "bool"),
    column("s", "string"),
  ]);
  const takes = (row: string) => {
    const bytes = encoder.encode(row + "\n");
    return reader.read(bytes, 0) === bytes.length;
  };
  for (
    const row of ["5,m,a,1,2.5,true,x", '2024-02-29T12:00:00Z,m,,-1,5,,"é ""x"", y"\r', " 5, m , a, 1 ,2, true, x"]
  ) {
    assert(takes(row), row);
  }
  for (const row of ["5,m,a,1.5,,,", "5,m,a,,,,", "5,m", '5,m,a,1,,,"x', "5,m,a,1,,,  ", "5,m, null,1,,,"]) {
    assert(!takes(row), row);
  }
});

Deno.test("points come as frames where that is asked for, but the first of each shape, and hold the same", async () => {
  const given = defaults(() => 0.5);
  const text = 'm,t=a f=1,s="x" 1\nm,t=a f=2 2\nm f=-3 3\n\nm f=4 4\nbad\n' + `m,t=é f=5,s="${"y".repeat(200)}" 5\n`;
  const open = (frames: boolean) => {
    const reader = new LineReader({ ...given, unit: 1n });
    return new FastLines(() => reader, new RecordSplitter(new LineProtocolParser(given)), { frames });
  };
  const points: Point[] = [];
  const kinds: string[] = [];
  for (const item of await open(true).push(encoder.encode(text))) {
    kinds.push(`${item.kind} ${item.line}`);
    if (item.kind === "point") points.push(item.point);
    if (item.kind !== "frames") continue;
    const reader = new FrameReader({
      read: (buffer) => Promise.resolve((buffer.set(item.frames), item.frames.length)),
    });
    await reader.fill();
    for (let n = 0; n < item.points; n++) {
      assert(reader.next());
      const request = decodeRequest(new ByteReader().reset(reader.bytes, reader.start, reader.end));
      assert(request.kind === "point");
      points.push(request.point);
    }
    assert(!reader.next());
  }
  assertEquals(kinds, ["point 1", "point 2", "frames 3", "boundary 4", "frames 5", "bad 6", "frames 7"]);
  const expected = (await open(false).push(encoder.encode(text))).flatMap((item) =>
    item.kind === "point" ? item.point : []
  );
  assertEquals(points.map(plain), expected.map(plain));
});
