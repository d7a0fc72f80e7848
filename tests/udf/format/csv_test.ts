import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { TineError } from "../../../src/wire/errors.ts";
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
  const text =
    'time,v\r\n1,"a\nb"\r\n\r\n2,3,4\r\n3,a"b\r\n4,"a"b\r\n5,99999999999999999999\r\nx,1\r\n6,"a\r\n7,1\r\n8,1e999';
  const items = await read({ ...csv, measurement: "m" }, text);
  assertEquals(items.map((item) => `${item.kind} ${item.line}`), [
    "point 2",
    "boundary 4",
    "bad 5",
    "bad 6",
    "bad 7",
    "bad 8",
    "bad 9",
    "bad 10",
    "point 11",
    "bad 12",
  ]);
  const said = (await reasons({ ...csv, measurement: "m" }, text)).join("\n");
  for (
    const part of ["5: there are 3 cells, but the header has 2", '6: bare "', '7: extraneous or missing "', "int64"]
  ) {
    assertStringIncludes(said, part);
  }
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
