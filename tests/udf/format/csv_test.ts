import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { TineError } from "../../../src/base/errors.ts";
import type { GivenType } from "../../../src/udf/format/field_column.ts";
import { readPoints, type ReadPointsOptions } from "../../../src/udf/format/point_reader.ts";
import { plain, read, readOne, reasons } from "./samples.ts";

const csv = { format: "csv" } as const;

Deno.test("columns become time, name, tags and typed fields; an empty cell is absent", async () => {
  const text = "time,name,host,i,d,b,s,x,n,z\n" +
    '1700000000,cpu,a,3,3.0,true,"say ""hi"", é",,NaN,007\n';
  const point = await readOne({ ...csv, precision: "s", tagColumns: ["host"], database: "db" }, text);
  assertEquals([point.time, point.name, point.database], [1_700_000_000n * 10n ** 9n, "cpu", "db"]);
  assertEquals(point.tags, new Map([["host", "a"]]));
  assertEquals(point.fieldsInt, new Map([["i", 3n]]));
  assertEquals(point.fieldsDouble, new Map([["d", 3], ["n", NaN]]));
  assertEquals(point.fieldsBool, new Map([["b", true]]));
  assertEquals(point.fieldsString, new Map([["s", 'say "hi", é'], ["z", "007"]]));
});

Deno.test("with a measurement the column name is a field; the time column may have another name", async () => {
  const point = await readOne({ ...csv, measurement: "m", timeColumn: "t" }, "t,name\n2020-01-01T00:00:00.5Z,x\n");
  assertEquals([point.time, point.name, point.field("name")], [1577836800500000000n, "m", "x"]);
  assertEquals((await readOne({ ...csv, measurement: "m" }, "v\n1\n")).time, 42n);
});

Deno.test("bad lines are named with their number, also after quoted newlines and blank lines", async () => {
  const text = 'time,v\r\n1,"a\nb"\r\n\r\n2,3,4\r\n3,a"b\r\n4,"a"b\r\n5,99999999999999999999\r\nx,1\r\n6,"a\r\n7,1';
  const items = await read({ ...csv, measurement: "m" }, text);
  assertEquals(items.map((item) => `${item.kind} ${item.line}`), [
    "point 2",
    "boundary 4",
    "bad 5",
    "bad 6",
    "bad 7",
    "point 8",
    "bad 9",
    "bad 10",
    "point 11",
  ]);
  const said = (await reasons({ ...csv, measurement: "m" }, text)).join("\n");
  for (
    const part of ["5: there are 3 cells, but the header has 2", '6: bare "', '7: extraneous or missing "']
  ) {
    assertStringIncludes(said, part);
  }
});

Deno.test("numbers out of range are bad lines", async () => {
  assertEquals(await reasons({ ...csv, measurement: "m" }, "i,d\n1,1e999\n99999999999999999999,1.5\n"), [
    '2: the field "d" is out of the range of doubles: "1e999"',
    '3: the field "i" is out of the range of int64: "99999999999999999999"',
  ]);
});

/** The values of a field in each point, and what is warned of. */
async function column(text: string, options: Partial<ReadPointsOptions> = {}) {
  const warnings: string[] = [];
  const items = await read({ ...csv, measurement: "m", warn: (message) => warnings.push(message), ...options }, text);
  const values = items.map((item) => item.kind === "point" ? item.point.field("v") : item.kind);
  return { values, warnings };
}

const again = (text: string) => () => Promise.resolve(ReadableStream.from([new TextEncoder().encode(text)]));

Deno.test("a column with a double is one of doubles in every row", async () => {
  const text = "time,v\n1,99.5\n2,98\n3,97.5\n4,96\n5, 95\n6,NaN\n7,-inf\n8,.5\n";
  const values = [99.5, 98, 97.5, 96, 95, NaN, -Infinity, 0.5];
  assertEquals(await column(text), { values, warnings: [] });
  assertEquals(await column(text, { again: again(text) }), { values, warnings: [] });
});

Deno.test("integers and booleans are what they are with spaces around them, and null is absent", async () => {
  assertEquals(await column("time,v\n 1 ,98\n2, 97\n3,\n4,null\n5, NULL\n6,96 \n"), {
    values: [98n, 97n, 96n],
    warnings: [],
  });
  assertEquals(await column("v,w\ntrue,1\nFalse,1\nnull,1\n"), { values: [true, false, undefined], warnings: [] });
});

Deno.test("a column with a text is one of strings in every row, and line and cell are named where others are numbers", async () => {
  assertEquals(await column("v\n12\n007\n 5\n"), {
    values: ["12", "007", " 5"],
    warnings: ['line 3: the field "v" is a string in every row, since its column holds "007" beside numbers'],
  });
  assertEquals((await column("v\n12\n007\n", { again: again("v\n12\n007\n") })).warnings.length, 1);
  assertEquals(await column("v\ntrue\n1\n"), {
    values: ["true", "1"],
    warnings: ['line 2: the field "v" is a string in every row, since its column holds "true" beside numbers'],
  });
  assertEquals(await column("v\na\nb\n"), { values: ["a", "b"], warnings: [] });
});

Deno.test("a field that changes its type behind the first rows of a stream is named once, and stays of the wider type", async () => {
  const rows = Array.from({ length: 10_000 }, (_, i) => `${i}`);
  const text = "v\n" + [...rows, "0.5", "7", "n/a", "8"].join("\n") + "\n";
  const { values, warnings } = await column(text);
  assertEquals(values.slice(9_998), [9998n, 9999n, 0.5, 7, "n/a", 8]);
  assertEquals(warnings, [
    'line 10002: the field "v" of "m" is a double and was an int64 before; further changes of this field are not reported',
  ]);
  // All of a file is known before its first point.
  const whole = await column("v\n" + [...rows, "0.5", "7"].join("\n"), {
    again: again("v\n" + [...rows, "0.5", "7"].join("\n")),
  });
  assertEquals([whole.values.at(0), whole.values.at(-1), whole.warnings], [0, 7, []]);
});

Deno.test("rows of a stream that makes wait are given out, and a reader that leaves then cancels it", async () => {
  let canceled = false;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("v\n1\n2\n")),
    cancel: () => void (canceled = true),
  });
  for await (const items of readPoints({ ...csv, measurement: "m" }, stream)) {
    assertEquals(items.map((item) => item.kind === "point" && item.point.field("v")), [1n, 2n]);
    break;
  }
  assert(canceled);
});

Deno.test("a row without a value is no point and ends no batch", async () => {
  const text = "time,name,host,v,w\n,,,,\n1,cpu,a,,null\n2,cpu,a,1,\n , ,, ,\n\n";
  const items = await read({ ...csv, tagColumns: ["host"] }, text);
  assertEquals(items.map(({ kind, line }) => `${kind} ${line}`), ["point 4", "boundary 6"]);
});

Deno.test("without a column of fields, rows are points", async () => {
  const items = await read({ ...csv, tagColumns: ["host"] }, "time,name,host\n1,login,a\n,,\n");
  assertEquals(items.map(({ kind, line }) => `${kind} ${line}`), ["point 2"]);
});

Deno.test("pieces may be cut at every byte", async () => {
  const text = '\ufefftime,v,w\r\n1,"a\r\n""é""",x\r\n\n2,3\n4,"5",6';
  const options = { ...csv, measurement: "m" };
  const show = (items: Awaited<ReturnType<typeof read>>) =>
    items.map((item) => item.kind === "point" ? { line: item.line, ...plain(item.point) } : item);
  const whole = show(await read(options, text));
  assertEquals(whole.length, 4);
  for (let size = 1; size < 45; size++) assertEquals(show(await read(options, text, size)), whole);
});

Deno.test("many rows around a bad one are all there", async () => {
  let text = "v\n";
  for (let i = 0; i < 3000; i++) text += i % 1000 === 500 ? '1"\n' : `${i}\n`;
  const items = await read({ ...csv, measurement: "m" }, text);
  for (const [i, item] of items.entries()) {
    if (i % 1000 === 500) assertEquals(item.kind, "bad");
    else assert(item.kind === "point" && item.point.field("v") === BigInt(i));
    assertEquals(item.line, i + 2);
  }
});

Deno.test("a header that cannot be used is an error that says why", async () => {
  const cases: [object, string, string][] = [
    [{}, "a,b\n", 'there is no column "name"'],
    [{ measurement: "m" }, "a,a\n", "twice"],
    [{ measurement: "m" }, "a,\n", "a column has no name"],
    [{ measurement: "m", tagColumns: ["host"] }, "a\n", 'there is no column "host"'],
    [{ measurement: "m", timeColumn: "t" }, "a\n", 'there is no column "t"'],
  ];
  for (const [options, text, message] of cases) {
    const error = await assertRejects(() => read({ ...csv, ...options }, text), TineError, message);
    assertEquals(error.code, "bad-input");
  }
  assertEquals(await read(csv, ""), []);
});

Deno.test("given types hold for each value, tags and left-out columns too, and what does not fit is a bad line", async () => {
  const types = new Map<string, GivenType>([
    ["usage", "double"],
    ["n", "int"],
    ["id", "string"],
    ["up", "bool"],
    ["host", "tag"],
    ["note", "ignore"],
  ]);
  const text = "time,name,host,usage,n,id,up,note\n" +
    "1,cpu,a, 98 ,3.0,007,yes,x\n2,cpu,b,+097,-4,8,0,y\n3,cpu,c,n/a,1,1,1,\n4,cpu,c,1,1.5,1,1,\n5,cpu,c,1,1,1,maybe,\n6,cpu,c,,,,,z\n";
  const items = await read({ ...csv, types }, text);
  assertEquals(
    items.map((item) => item.kind === "point" ? { ...Object.fromEntries(item.point.fields()) } : item.kind),
    [{ usage: 98, n: 3n, id: "007", up: true }, { usage: 97, n: -4n, id: "8", up: false }, "bad", "bad", "bad"],
  );
  assert(items[0].kind === "point");
  assertEquals(items[0].point.tags, new Map([["host", "a"]]));
  assertEquals(await reasons({ ...csv, types }, text), [
    '4: the field "usage" is no number: "n/a"',
    '5: the field "n" is no integer: "1.5"',
    '6: the field "up" is no boolean: "maybe"',
  ]);
});

Deno.test("types are given of columns that are there and can have them", async () => {
  const cases: [Partial<ReadPointsOptions>, string][] = [
    [{ types: new Map([["usag", "double"]]) }, 'there is no column "usag", only time, usage'],
    [{ types: new Map([["time", "int"]]) }, 'the column "time" is the time, and no int'],
    [
      { types: new Map([["usage", "int"]]), tagColumns: ["usage"] },
      'the column "usage" is given both as a tag and as int',
    ],
  ];
  for (const [options, message] of cases) {
    await assertRejects(() => read({ ...csv, measurement: "m", ...options }, "time,usage\n1,2\n"), TineError, message);
  }
});

Deno.test("where values have types, given ones convert them, and a field that does not occur is named", async () => {
  const warnings: string[] = [];
  const types = new Map<string, GivenType>([["v", "double"], ["host", "tag"], ["x", "ignore"], ["never", "int"], [
    "dc",
    "ignore",
  ]]);
  const text = 'cpu,dc=1 v=98i,host="a",x=1 1\ncpu v="97.5",host="b" 2\ncpu v="?" 3\n';
  const items = await read({ format: "line", types, warn: (message) => warnings.push(message) }, text);
  assertEquals(
    items.map((item) => item.kind === "point" ? [...item.point.tags, ...item.point.fields()] : item.kind),
    [[["host", "a"], ["v", 98]], [["host", "b"], ["v", 97.5]], "bad"],
  );
  assertEquals(await reasons({ format: "line", types }, text), ['3: the field "v" is no number: "?"']);
  assertEquals(warnings, ['no point has the field "never", which is given as an int']);
});
