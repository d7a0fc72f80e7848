import { assert, assertEquals, assertNotEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { type FieldValue, Point } from "../../src/udf/point.ts";
import { ByteReader } from "../../src/wire/byte_reader.ts";
import { ByteWriter } from "../../src/wire/byte_writer.ts";
import { WireError } from "../../src/base/errors.ts";
import { concat, doubleField, field, textField, varint, varintField } from "../support/bytes.ts";
import { describePoint } from "../support/describe.ts";
import { Generator } from "../support/generate.ts";
import { Random } from "../support/random.ts";

/** Points read over one connection share a reader. */
const shared = new ByteReader();

function decode(...parts: Uint8Array[]): Point {
  return Point.decode(shared.reset(concat(parts)));
}

function encode(point: Point, capacity = 256): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(capacity);
  point.encode(writer);
  return writer.written().slice();
}

/** What the bytes of a point hold, read from a copy of them. */
const contentOf = (bytes: Uint8Array) => describePoint(decode(bytes.slice()));

const PROPERTIES = [
  "time",
  "name",
  "database",
  "retentionPolicy",
  "group",
  "dimensions",
  "tags",
  "fieldsDouble",
  "fieldsInt",
  "fieldsString",
  "byName",
  "fieldsBool",
] as const;

function copyProperty<K extends (typeof PROPERTIES)[number]>(to: Point, from: Pick<Point, K>, property: K): void {
  (to as Pick<Point, K>)[property] = from[property];
}

const tag = (key: string, value: string) => field(7, textField(1, key), textField(2, value));
const double = (key: string, value: number) => field(8, textField(1, key), doubleField(2, value));
const int = (key: string, value: bigint) => field(9, textField(1, key), varintField(2, value));
const string = (key: string, value: string) => field(10, textField(1, key), textField(2, value));
const bool = (key: string, value: boolean) => field(12, textField(1, key), varintField(2, value ? 1 : 0));

Deno.test("Point.encode() copies an untouched point byte for byte, wherever it lands in a buffer", () => {
  const generator = new Generator(new Random(301));
  for (let i = 0; i < 1000; i++) {
    const bytes = encode(new Point(generator.point()));
    assertEquals(encode(decode(bytes), i % 40), bytes);
  }
});

Deno.test("Point.encode() copies an untouched point byte for byte after field() and the getters of scalars", () => {
  const generator = new Generator(new Random(302));
  for (let i = 0; i < 500; i++) {
    const content = generator.point();
    const bytes = encode(new Point(content));
    const point = decode(bytes);
    for (const name of [...content.fieldsDouble.keys(), ...content.fieldsInt.keys(), "none"]) point.field(name);
    assertEquals(
      [point.time, point.name, point.database, point.retentionPolicy, point.group, point.byName],
      [content.time, content.name, content.database, content.retentionPolicy, content.group, content.byName],
    );
    assertEquals(encode(point), bytes);
  }
});

Deno.test("Point.encode() keeps a NaN with all its bits in a point whose fields were not read", () => {
  const bytes = concat([
    tag("k", "v"),
    field(8, textField(1, "n"), new Uint8Array([0x11, 1, 2, 3, 4, 5, 6, 0xf8, 0x7f])),
  ]);
  const point = decode(bytes);
  point.tags.set("k", "w");
  assertEquals(encode(point).subarray(-11), bytes.subarray(-11));
});

Deno.test("Point keeps its content whichever subset of its properties is read", () => {
  const generator = new Generator(new Random(303));
  for (let subset = 0; subset < 1 << PROPERTIES.length; subset++) {
    const content = generator.point();
    const bytes = encode(new Point(content));
    const point = decode(bytes);
    PROPERTIES.forEach((property, i) => {
      if (subset & 1 << i) point[property];
    });
    assertEquals(contentOf(encode(point)), describePoint(content));
  }
});

Deno.test("Point takes over whichever subset of its properties is set, and keeps the others", () => {
  const generator = new Generator(new Random(304));
  for (let subset = 0; subset < 1 << PROPERTIES.length; subset++) {
    const content = generator.point(), other = generator.point();
    const point = decode(encode(new Point(content)));
    PROPERTIES.forEach((property, i) => {
      if (subset & 1 << i) copyProperty(point, other, property);
    });
    const expected = { ...content };
    PROPERTIES.forEach((property, i) => {
      if (subset & 1 << i) Object.assign(expected, { [property]: other[property] });
    });
    assertEquals(contentOf(encode(point)), describePoint(expected));
    assertEquals(describePoint(point), describePoint(expected));
  }
});

Deno.test("Point keeps what is put into maps and lists that were read", () => {
  const point = decode(varintField(1, 5), field(6), tag("host", "a"), double("v", 1), int("n", 2n));
  point.tags.set("host", "b").set("dc", "x");
  point.dimensions.push("host");
  point.fieldsDouble.delete("v");
  point.fieldsString.set("s", "new");
  const expected = new Point({
    time: 5n,
    dimensions: ["", "host"],
    tags: new Map([["host", "b"], ["dc", "x"]]),
    fieldsInt: new Map([["n", 2n]]),
    fieldsString: new Map([["s", "new"]]),
  });
  assertEquals(contentOf(encode(point)), describePoint(expected));
  assertEquals(contentOf(encode(point)), describePoint(expected), "encoding changes nothing");
});

Deno.test("Points of one connection can be read and written in any order", () => {
  const generator = new Generator(new Random(305));
  const contents = Array.from({ length: 40 }, () => generator.point());
  const points = contents.map((content) => decode(encode(new Point(content))));
  for (const property of PROPERTIES) {
    for (let i = points.length - 1; i >= 0; i--) assertEquals(points[i][property], contents[i][property]);
  }
  contents.forEach((content, i) => assertEquals(contentOf(encode(points[i])), describePoint(content)));
});

Deno.test("Point.decode() reads fields out of order, repeated, unknown and odd, as any decoder does", () => {
  const unknown = concat([textField(13, "?"), varintField(99, -1n), doubleField(14, 1)]);
  const shuffled: [name: string, parts: Uint8Array[], expected: ConstructorParameters<typeof Point>[0]][] = [
    ["out of order", [textField(2, "cpu"), varintField(1, 5)], { time: 5n, name: "cpu" }],
    ["a scalar twice", [varintField(1, 5), varintField(1, 6)], { time: 6n }],
    ["a string twice", [textField(2, "a"), textField(2, "")], { name: "" }],
    ["byName twice", [varintField(11, 1), varintField(11, 0)], { byName: false }],
    ["unknown fields", [unknown, varintField(1, 5), unknown, tag("k", "v"), unknown], {
      time: 5n,
      tags: new Map([["k", "v"]]),
    }],
    ["an unknown field at the end", [varintField(1, 5), textField(13, "?")], { time: 5n }],
    ["maps in turns", [tag("a", "1"), double("v", 2), tag("b", "2"), double("w", 3)], {
      tags: new Map([["a", "1"], ["b", "2"]]),
      fieldsDouble: new Map([["v", 2], ["w", 3]]),
    }],
    ["a key twice", [tag("k", "1"), tag("l", "2"), tag("k", "3")], { tags: new Map([["k", "3"], ["l", "2"]]) }],
    ["an entry without key", [field(7, textField(2, "v"))], { tags: new Map([["", "v"]]) }],
    ["an entry without value", [field(9, textField(1, "k"))], { fieldsInt: new Map([["k", 0n]]) }],
    ["an entry without anything", [field(8)], { fieldsDouble: new Map([["", 0]]) }],
    ["an entry, value first", [field(10, textField(2, "v"), textField(1, "k"))], {
      fieldsString: new Map([["k", "v"]]),
    }],
    ["an entry, key twice", [field(12, textField(1, "k"), textField(1, "l"), varintField(2, 1))], {
      fieldsBool: new Map([["l", true]]),
    }],
    ["an entry with more", [field(7, textField(1, "k"), unknown, textField(2, "v"), unknown)], {
      tags: new Map([["k", "v"]]),
    }],
    ["another wire type", [textField(1, "x"), varintField(2, 7), doubleField(7, 1)], {}],
    ["a true of more bits", [varintField(11, 2n ** 40n)], { byName: true }],
    ["a long tag", [new Uint8Array([0x88, 0x80, 0]), varint(7)], { time: 7n }],
    ["a long length", [new Uint8Array([0x12, 0x83, 0x80, 0, 99, 112, 117])], { name: "cpu" }],
    ["a long number", [new Uint8Array([0x08, 0x85, 0x80, 0x80, 0])], { time: 5n }],
    ["a group", [new Uint8Array([0xf3, 0x06, 0x08, 1, 0xf4, 0x06]), varintField(1, 5)], { time: 5n }],
    ["nothing", [], {}],
  ];
  for (const [name, parts, expected] of shuffled) {
    const point = decode(...parts);
    const content = describePoint(new Point(expected));
    assertEquals(contentOf(encode(point)), content, name);
    assertEquals(describePoint(point), content, name);
  }
});

Deno.test("Point.decode() gives the same point for shuffled fields as for fields in order", () => {
  const random = new Random(306);
  const generator = new Generator(random);
  for (let i = 0; i < 500; i++) {
    const content = generator.point();
    const parts = [
      varintField(1, content.time),
      textField(2, content.name),
      textField(3, content.database),
      textField(4, content.retentionPolicy),
      textField(5, content.group),
      ...[...content.tags].map(([key, value]) => tag(key, value)),
      ...[...content.fieldsDouble].map(([key, value]) => double(key, value)),
      ...[...content.fieldsInt].map(([key, value]) => int(key, value)),
      ...[...content.fieldsString].map(([key, value]) => string(key, value)),
      varintField(11, content.byName ? 1 : 0),
      ...[...content.fieldsBool].map(([key, value]) => bool(key, value)),
    ];
    content.dimensions = [];
    for (let j = parts.length - 1; j > 0; j--) {
      const k = random.below(j + 1);
      [parts[j], parts[k]] = [parts[k], parts[j]];
    }
    const point = decode(...parts);
    for (const [key, value] of content.fieldsBool) assertStrictEquals(point.field(key), value);
    assertEquals(describePoint(point), describePoint(content));
  }
});

Deno.test("Point.field() prefers bool to double to int to string", () => {
  const all: [Uint8Array, FieldValue][] = [
    [string("v", "text"), "text"],
    [int("v", 0n), 0n],
    [double("v", 0), 0],
    [bool("v", false), false],
  ];
  for (let subset = 1; subset < 16; subset++) {
    const present = all.filter((_, i) => subset & 1 << i);
    const expected = present.at(-1)![1];
    const inOrder = decode(...present.map(([bytes]) => bytes).sort((a, b) => a[0] - b[0]));
    const outOfOrder = decode(...present.map(([bytes]) => bytes).sort((a, b) => b[0] - a[0]));
    for (const point of [inOrder, outOfOrder, inOrder.copy()]) {
      assertStrictEquals(point.field("v"), expected);
      assertStrictEquals(point.field("w"), undefined);
      assertEquals([...point.fields()], [["v", expected]]);
      assertStrictEquals(point.field("v"), expected);
    }
  }
});

Deno.test("Point.field() finds every name, however long or odd, and the last of a name that repeats", () => {
  const names = [
    "",
    "v",
    "__proto__",
    "é",
    "日本",
    "😀",
    "x".repeat(127),
    "x".repeat(128),
    "x".repeat(5000),
    "v\0",
    "V",
  ];
  const point = decode(
    ...names.map((name) => double(name, -1)),
    ...names.map((name, i) => double(name, i)),
    ...names.map((name) => string(name, "not this one")),
  );
  names.forEach((name, i) => assertStrictEquals(point.field(name), i, name.slice(0, 9)));
  for (const absent of ["w", "vv", "x", "\ud800", "e\u0301", "constructor"]) {
    assertStrictEquals(point.field(absent), undefined);
  }
});

Deno.test("Point.field() and the maps agree on every generated point", () => {
  const generator = new Generator(new Random(307));
  for (let i = 0; i < 500; i++) {
    const content = generator.point();
    const point = decode(encode(new Point(content)));
    const names = [content.fieldsBool, content.fieldsDouble, content.fieldsInt, content.fieldsString]
      .flatMap((map) => [...map.keys()]);
    const looked = names.map((name) => point.field(name));
    assertEquals(encode(point), encode(new Point(content)));
    assertEquals(new Map(point.fields()), new Map(names.map((name, j) => [name, looked[j]!])));
    assertEquals(names.map((name) => point.field(name)), looked);
  }
});

Deno.test("Point.tag(), dimensionNames and locate() leave a point encoded", () => {
  const tags = [tag("a", "1"), tag("a", "2"), tag("b", ""), tag("", "x"), tag("é".repeat(70), "温")];
  const bytes = concat([varintField(1, 5n), textField(6, "b"), textField(6, "a"), ...tags, double("v", 1)]);
  const point = Point.decode(shared.reset(bytes));
  assertEquals(["a", "b", "", "é".repeat(70), "c"].map((name) => point.tag(name)), ["2", "", "x", "温", undefined]);
  assertEquals(point.dimensionNames, ["b", "a"]);
  const layout = { bytes: new Uint8Array(), view: new DataView(new ArrayBuffer(0)), offsets: new Array<number>() };
  assert(point.locate(layout));
  assertEquals([layout.offsets[1], layout.offsets[13], point.encodedLength], [0, bytes.length, bytes.length]);
  point.dimensions = ["c"];
  point.tags.set("a", "3");
  assertEquals([point.tag("a"), point.dimensionNames, point.encodedLength], ["3", ["c"], undefined]);
  assert(!point.locate(layout));
  const made = new Point({ tags: new Map([["a", "1"]]) });
  assertEquals([made.tag("a"), made.tag("b"), made.dimensionNames], ["1", undefined, []]);
});

Deno.test("Point.setFields() replaces the fields of all types and nothing else", () => {
  const fields: [string, FieldValue][] = [["d", 1.5], ["i", 2n], ["s", "three"], ["b", true], ["n", NaN], [
    "__proto__",
    -0,
  ]];
  for (const read of [false, true]) {
    const point = decode(
      varintField(1, 9),
      tag("k", "v"),
      double("old", 1),
      int("d", 5n),
      bool("i", true),
      string("x", ""),
    );
    if (read) describePoint(point);
    point.setFields(fields);
    const expected = describePoint(
      new Point({
        time: 9n,
        tags: new Map([["k", "v"]]),
        fieldsDouble: new Map([["d", 1.5], ["n", NaN], ["__proto__", -0]]),
        fieldsInt: new Map([["i", 2n]]),
        fieldsString: new Map([["s", "three"]]),
        fieldsBool: new Map([["b", true]]),
      }),
    );
    assertEquals(contentOf(encode(point)), expected);
    for (const [name, value] of fields) assertStrictEquals(point.field(name), value);
    assertStrictEquals(point.field("old"), undefined);
    assertEquals(describePoint(point), expected);
    assertEquals(contentOf(encode(point)), expected);
    point.setFields([]);
    assertEquals([...point.fields()], []);
    point.setFields([["a", 1]]);
    point.fieldsInt.set("b", 2n);
    assertEquals([...contentOf(encode(point)).fieldsInt as string[]], [["b", "2"]]);
    assertStrictEquals(point.field("a"), 1);
  }
});

Deno.test("Point.setFields() then setting one map keeps the other new fields", () => {
  const point = decode(double("old", 1), string("old", "x"));
  point.setFields([["d", 1], ["s", "text"]]);
  point.fieldsDouble = new Map([["e", 2]]);
  assertEquals(new Map(decode(encode(point)).fields()), new Map<string, FieldValue>([["e", 2], ["s", "text"]]));
});

Deno.test("Point.copy() shares nothing with the point nor with the buffer it was read into", () => {
  const content = new Generator(new Random(308)).point();
  content.tags.set("k", "v");
  content.dimensions.push("k");
  const bytes = encode(new Point(content));
  const point = Point.decode(new ByteReader().reset(bytes));
  const copy = point.copy();
  point.tags.clear();
  point.dimensions.length = 0;
  bytes.fill(0xff);
  assertEquals(describePoint(copy), describePoint(content));
  assertEquals(contentOf(encode(copy)), describePoint(content));
  assertNotEquals(point.tags, copy.tags);
});

Deno.test("new Point() is empty, and encodes as nothing", () => {
  assertEquals(encode(new Point()).length, 0);
  assertEquals(encode(new Point({})).length, 0);
  assertEquals(describePoint(new Point()), contentOf(new Uint8Array()));
  assertStrictEquals(new Point().field("v"), undefined);
});

Deno.test("Point.decode() replaces invalid UTF-8 anywhere, counts it, and encodes it as valid UTF-8", () => {
  const bad = (number: number) => field(number, new Uint8Array([0x61, 0xc3]));
  const good = "a\ufffd";
  const cases: [Uint8Array, ConstructorParameters<typeof Point>[0]][] = [
    [bad(2), { name: good }],
    [bad(3), { database: good }],
    [bad(4), { retentionPolicy: good }],
    [bad(5), { group: good }],
    [bad(6), { dimensions: [good] }],
    [field(7, bad(1), textField(2, "v")), { tags: new Map([[good, "v"]]) }],
    [field(7, textField(1, "k"), bad(2)), { tags: new Map([["k", good]]) }],
    [field(8, bad(1), doubleField(2, 1)), { fieldsDouble: new Map([[good, 1]]) }],
    [field(9, bad(1), varintField(2, 1)), { fieldsInt: new Map([[good, 1n]]) }],
    [field(10, bad(1), textField(2, "v")), { fieldsString: new Map([[good, "v"]]) }],
    [field(10, textField(1, "k"), bad(2)), { fieldsString: new Map([["k", good]]) }],
    [field(12, bad(1), varintField(2, 1)), { fieldsBool: new Map([[good, true]]) }],
  ];
  const reader = new ByteReader();
  cases.forEach(([bytes, expected], i) => {
    const point = Point.decode(reader.reset(bytes));
    assertEquals(reader.strings.invalid, i + 1);
    assertEquals(describePoint(point), describePoint(new Point(expected)));
    assertEquals(encode(point), encode(new Point(expected)));
  });
});

Deno.test("Point.decode() tells valid UTF-8 from invalid at every length and place", () => {
  for (let length = 1; length < 20; length++) {
    for (let place = 0; place < length; place++) {
      const text = new Uint8Array(length).fill(0x61);
      text[place] = 0xff;
      const around = new Uint8Array([0xc3, 0xff, 0xff, 0xff]); // what stands around a text is no part of it
      for (const [bytes, invalid] of [[text, 1], [text.map(() => 0x7f), 0]] as const) {
        const point = field(2, bytes);
        const reader = new ByteReader();
        const read = Point.decode(reader.reset(concat([around, point, around]), 4, 4 + point.length));
        assertEquals(read.name.includes("\ufffd"), invalid === 1);
        assertEquals(reader.strings.invalid, invalid);
      }
    }
  }
});

Deno.test("Point.decode() reads strings and entries of 16 KiB and more", () => {
  for (const length of [127, 128, 16_370, 16_383, 16_384, 100_000]) {
    const text = "x".repeat(length);
    const content = { name: text, tags: new Map([[text, "v"], ["k", text]]), fieldsString: new Map([["k", text]]) };
    const bytes = encode(new Point(content));
    const point = decode(bytes);
    assertEquals(encode(point), bytes);
    assertStrictEquals(point.field("k"), text);
    assertEquals(describePoint(point), describePoint(new Point(content)));
  }
});

Deno.test("Point.decode() refuses a point that is cut, at every byte that ends no field", () => {
  const parts = [
    varintField(1, 2n ** 40n),
    textField(2, "cpu"),
    textField(6, "host"),
    tag("host", "a"),
    double("v", 1),
    int("n", -1n),
    string("s", "text"),
    varintField(11, 1),
    bool("b", true),
  ];
  const whole = concat(parts);
  const ends = new Set([0]);
  for (const part of parts) ends.add(Math.max(...ends) + part.length);
  for (let cut = 0; cut <= whole.length; cut++) {
    // Once with nothing behind the cut, once inside a larger buffer.
    for (const reset of [() => shared.reset(whole.slice(0, cut)), () => shared.reset(whole, 0, cut)]) {
      if (ends.has(cut)) assert(Point.decode(reset()) instanceof Point);
      else assertThrows(() => Point.decode(reset()), WireError, undefined, `cut at ${cut}`);
    }
  }
});

Deno.test("Point.encode() refuses a value that is not of its map's type, and names it", () => {
  const fieldsInt = new Map([["count", 3]]) as unknown as Map<string, bigint>;
  assertThrows(
    () => new Point({ fieldsInt }).encode(new ByteWriter()),
    TypeError,
    '"count" must be a bigint, got a number',
  );
});

Deno.test("Point.decode() finds the fields of points whose keys and values have any length", () => {
  for (const length of [...range(0, 20), ...range(56, 70), ...range(110, 132), 300, 20_000]) {
    for (const letter of ["a", "é"]) {
      const text = letter.repeat(length);
      const point = new Point({
        time: 1_700_000_000_000_000_000n,
        name: "m",
        group: text,
        byName: length % 2 === 1,
        tags: new Map([["host", text], [`${text}t`, "x"]]),
        fieldsDouble: new Map([["first", 1.5], [`${text}d`, -2.5]]),
        fieldsInt: new Map([[`${text}i`, -7n]]),
        fieldsString: new Map([[`${text}s`, text]]),
        fieldsBool: new Map([[`${text}b`, true]]),
      });
      const bytes = encode(point);
      const decoded = Point.decode(new ByteReader().reset(bytes));
      assertEquals(decoded.field(`${text}d`), -2.5);
      assertEquals(decoded.field(`${text}i`), -7n);
      assertEquals(decoded.field(`${text}s`), text);
      assertEquals(decoded.field(`${text}b`), true);
      assertEquals(decoded.field(`${text}?`), undefined);
      assertEquals(encode(decoded), bytes, "nothing was set");
      decoded.setFields([[`${text}mean`, 0.25]]);
      const again = Point.decode(new ByteReader().reset(encode(decoded)));
      assertEquals([again.tags.get("host"), again.group, again.byName], [text, text, length % 2 === 1]);
      assertEquals([...again.fields()], [[`${text}mean`, 0.25]]);
    }
  }
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}
