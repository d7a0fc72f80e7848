import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LineProtocolWriter } from "../../../src/udf/format/line_protocol_writer.ts";
import { Point } from "../../../src/udf/point.ts";
import { awkwardPoint, awkwardText, plain, Printed, read, readOne, reasons, seeded } from "./samples.ts";

const line = { format: "line" } as const;

Deno.test("line protocol gives measurement, tags, fields of every type and the time", async () => {
  const point = await readOne(
    line,
    'cpu,host=a,z=b f=1.5,i=-3i,u=7u,s="x y",t=t,n=FALSE,e=-1.5e-3 1700000000000000001\n',
  );
  assertEquals(point.name, "cpu");
  assertEquals(point.time, 1700000000000000001n);
  assertEquals(point.tags, new Map([["host", "a"], ["z", "b"]]));
  assertEquals(point.fieldsDouble, new Map([["f", 1.5], ["e", -0.0015]]));
  assertEquals(point.fieldsInt, new Map([["i", -3n], ["u", 7n]]));
  assertEquals(point.fieldsString, new Map([["s", "x y"]]));
  assertEquals(point.fieldsBool, new Map([["t", true], ["n", false]]));
});

Deno.test("of fields with the same name the last counts, whatever the types are", async () => {
  const point = await readOne(line, 'm a=1,a=2i,b=t,b=1.5,c="x",c=f,d=1i,d="y",d=2 1');
  assertEquals([...point.fields()].sort(), [["a", 2n], ["b", 1.5], ["c", false], ["d", 2]]);
});

Deno.test("int64 is exact at its ends and an error beyond them", async () => {
  const point = await readOne(line, "m a=9223372036854775807i,b=-9223372036854775808i,c=9223372036854775807u 1");
  assertEquals(point.fieldsInt, new Map([["a", 2n ** 63n - 1n], ["b", -(2n ** 63n)], ["c", 2n ** 63n - 1n]]));
  const bad = await reasons(line, "m a=9223372036854775808i\nm a=-9223372036854775809i\nm a=18446744073709551615u\n");
  assertEquals(bad.length, 3);
  for (const reason of bad) assertStringIncludes(reason, "out of the range of int64");
});

Deno.test("a backslash escapes in names, and stands for itself elsewhere", async () => {
  const point = await readOne(line, String.raw`m\ \,x\=y,t\,\ \=k=v\ \,\=\q f\"\ k="a\"b\\c\d" 1`);
  assertEquals(point.name, String.raw`m ,x\=y`);
  assertEquals(point.tags, new Map([["t, =k", String.raw`v ,=\q`]]));
  assertEquals(point.fieldsString, new Map([['f" k', String.raw`a"b\c\d`]]));
});

Deno.test("a quoted string may hold newlines, and line numbers go on after it", async () => {
  const items = await read(line, 'm s="one\ntwo\n\nthree" 1\nbroken\n');
  assert(items[0].kind === "point");
  assertEquals(items[0].point.field("s"), "one\ntwo\n\nthree");
  assertEquals(items[1].kind, "bad");
  assertEquals(items[1].line, 5);
});

Deno.test("an unfinished quote costs one line, not those after it", async () => {
  const items = await read(line, 'm s="open 1\nm s="good" 2\nm s="open 3\nm f=1 4');
  assertEquals(items.map((item) => `${item.kind} ${item.line}`), ["bad 1", "point 2", "bad 3", "point 4"]);
});

Deno.test("comments say nothing, blank lines are boundaries, CRLF and a byte order mark are accepted", async () => {
  const items = await read(line, '\ufeff# a "comment\r\nm f=1 1\r\n\r\n  \nm f=2\r\n');
  assertEquals(items.map((item) => item.kind), ["point", "boundary", "boundary", "point"]);
});

Deno.test("a missing time is now, and the precision counts", async () => {
  assertEquals((await readOne(line, "m f=1")).time, 42n);
  assertEquals((await readOne({ ...line, precision: "h" }, "m f=1 -2")).time, -7_200_000_000_000n);
  assertStringIncludes(
    (await reasons({ ...line, precision: "h" }, "m f=1 9223372036854775807"))[0],
    "out of the range",
  );
});

Deno.test("bad lines are named with their number and a reason", async () => {
  const cases: [string, string][] = [
    ["m", "there are no fields"],
    ["m,t=a", "there are no fields"],
    ["m f", "has no value"],
    ["m f=", "has no value"],
    ["m f=1,", "a field has no value"],
    ["m =1", "a field has no name"],
    [",t=a f=1", "the measurement is missing"],
    ["m,t f=1", 'the tag "t" has no value'],
    ["m,t= f=1", 'the tag "t" has an empty value'],
    ["m,=a f=1", "a tag has no name"],
    ["m,t=a=b f=1", "equals sign"],
    ["m,t=a,t=b f=1", "twice"],
    ["m f=NaN", "NaN"],
    ["m f=1e999", "out of the range of doubles"],
    ["m f=0x10", "neither a number"],
    ["m f=abc", "neither a number"],
    ["m f=-1u", "out of the range"],
    ['m f="a"b', "a comma or a space is missing"],
    ["m f=1 12a", "is not an integer"],
    ["m f=1 1 2", "more text"],
    ['m f="open', "does not end"],
  ];
  for (const [text, reason] of cases) {
    const [bad, ...rest] = await reasons(line, `m f=1 1\n${text}\nm f=1 1\n`);
    assertStringIncludes(bad ?? "none", reason, text);
    assert(bad.startsWith("2: ") && rest.length === 0, text);
  }
});

Deno.test("a line over the limit is bad, wherever the pieces are cut, and the next one is read", async () => {
  const text = `m s="${"x".repeat(100)}" 1\nm f=1 2\nm s="\n${"y\n".repeat(50)}`;
  for (const size of [1, 7, 64, 1000]) {
    const items = await read({ ...line, maxLineLength: 50 }, text, size);
    assertEquals(items.slice(0, 3).map((item) => `${item.kind} ${item.line}`), ["bad 1", "point 2", "bad 3"]);
    assertEquals(items.length, 53);
  }
});

Deno.test("pieces may be cut at every byte", async () => {
  const text = '# c\r\nm,t=é\\ 温 s="😀\n\\"\\\\",i=3i 5\r\n\r\nbad\nm f=1e3 7';
  const whole = await read(line, text);
  assertEquals(whole.length, 4);
  for (let size = 1; size < 40; size++) assertEquals(describe(await read(line, text, size)), describe(whole));
});

Deno.test("bytes that are not UTF-8 become U+FFFD and are counted, those that spell U+FFFD are not", async () => {
  const { readPoints } = await import("../../../src/udf/format/point_reader.ts");
  const bytes = new Uint8Array([...new TextEncoder().encode('m s="\ufffd'), 0xff, 0xc3, 0x22, 0x0a]);
  for (const size of [1, 2, 3, 100]) {
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < bytes.length; i += size) pieces.push(bytes.slice(i, i + size));
    const reader = readPoints(line, ReadableStream.from(pieces));
    for await (const [item] of reader) assert(item.kind === "point" && item.point.field("s") === "\ufffd\ufffd\ufffd");
    assertEquals([reader.invalidUtf8, reader.bytesRead, reader.linesRead], [2, bytes.length, 1]);
  }
});

Deno.test("what line protocol can hold reads back the same", async () => {
  const random = seeded(1);
  const name = () => {
    for (;;) {
      const text = awkwardText(random);
      if (text !== "" && !text.endsWith("\\") && !/^[#\t]/.test(text)) return text;
    }
  };
  for (let i = 0; i < 2000; i++) {
    const point = awkwardPoint(random, { name, text: () => awkwardText(random) + (i % 9 === 0 ? "\n" : "") });
    const writer = new Printed(new LineProtocolWriter());
    const text = writer.point(point);
    assertEquals(writer.writer.losses, { points: 0, fields: 0, tags: 0 });
    assertEquals(plain(await readOne(line, text)), plain(point), text);
  }
});

Deno.test("what line protocol cannot hold is left out and counted", () => {
  const writer = new Printed(new LineProtocolWriter());
  const fieldsDouble = new Map([["a", NaN], ["b", Infinity], ["c", 1], ["d\n", 1], ["e\\", 1]]);
  assertEquals(writer.point(new Point({ name: "m", fieldsDouble, tags: new Map([["t", ""]]) })), "m c=1 0\n");
  assertEquals(writer.writer.losses, { points: 0, fields: 4, tags: 1 });
  const fieldsInt = new Map([["i", 1n]]);
  for (const name of ["", "a\nb", "a\\", "#a", "\ta"]) assertEquals(writer.point(new Point({ name, fieldsInt })), "");
  assertEquals(writer.point(new Point({ name: "m", fieldsInt, tags: new Map([["t", "a\n"]]) })), "");
  assertEquals(writer.point(new Point({ name: "m" })), "");
  assertEquals(writer.writer.losses, { points: 7, fields: 4, tags: 1 });
});

Deno.test("a batch ends in a blank line, and its points have its name", () => {
  const writer = new Printed(new LineProtocolWriter());
  const batch = { name: "cpu", group: "", tags: new Map<string, string>(), byName: false };
  const text = writer.begin({ ...batch, size: 1n }) + writer.point(new Point({ fieldsInt: new Map([["i", 1n]]) })) +
    writer.end({ ...batch, tmax: 0n });
  assertEquals(text, "cpu i=1i 0\n\n");
});

Deno.test("lone surrogates go out as U+FFFD", () => {
  const point = new Point({ name: "\ud800", fieldsString: new Map([["\udfff", "\ud83d"]]) });
  assertEquals(new Printed(new LineProtocolWriter()).point(point), '\ufffd \ufffd="\ufffd" 0\n');
});

function describe(items: Awaited<ReturnType<typeof read>>): unknown[] {
  return items.map((item) => item.kind === "point" ? { line: item.line, ...plain(item.point) } : item);
}
