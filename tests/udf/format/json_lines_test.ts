import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { JsonLinesWriter } from "../../../src/udf/format/json_lines_writer.ts";
import { Point } from "../../../src/udf/point.ts";
import { awkwardPoint, awkwardText, plain, Printed, read, readOne, reasons, seeded } from "./samples.ts";

const json = { format: "json" } as const;

Deno.test("of fields with the same name the last counts, whatever the types are", async () => {
  const text = '{"name":"m","fields":{"a":1.5,"a":2,"b":true,"b":"x","c":"x","c":false,"d":1,"d":null}}';
  const point = await readOne({ format: "json" }, text);
  assertEquals([...point.fields()].sort(), [["a", 2n], ["b", "x"], ["c", false]]);
});

Deno.test("a number without . or exponent is an int64, any other a double", async () => {
  const point = await readOne(
    json,
    '{"name":"m","time":9223372036854775807,"fields":{"i":-9223372036854775808,"d":3.0,"e":1e3,"z":-0.0,"y":-0}}',
  );
  assertEquals(point.time, 2n ** 63n - 1n);
  assertEquals(point.fieldsInt, new Map([["i", -(2n ** 63n)], ["y", 0n]]));
  assertEquals(point.fieldsDouble, new Map([["d", 3], ["e", 1000], ["z", -0]]));
});

Deno.test("NaN and infinities are strings, and strings that look so are tagged", async () => {
  const text = '{"name":"m","time":0,"tags":{},"fields":{"a":NaN,"b":Infinity,"c":-Infinity,"d":{"string":"NaN"}}}'
    .replace(/NaN,|-?Infinity/g, (word) => word === "NaN," ? '"NaN",' : `"${word}"`);
  const point = await readOne(json, text);
  assertEquals(point.fieldsDouble, new Map([["a", NaN], ["b", Infinity], ["c", -Infinity]]));
  assertEquals(point.fieldsString, new Map([["d", "NaN"]]));
  assertEquals(new Printed(new JsonLinesWriter()).point(point), text + "\n");
});

Deno.test("names such as __proto__ are names", async () => {
  const point = await readOne(
    json,
    '{"name":"m","tags":{"__proto__":"a"},"fields":{"__proto__":1,"constructor":true}}',
  );
  assertEquals(point.tags, new Map([["__proto__", "a"]]));
  assertEquals([...point.fields()], [["constructor", true], ["__proto__", 1n]]);
  assertEquals(point.time, 42n);
});

Deno.test("options give what a point does not say, and null fields are absent", async () => {
  const options = { ...json, precision: "ms", measurement: "m", database: "d", retentionPolicy: "r" } as const;
  const point = await readOne(options, '{"time":5,"fields":{"a":null,"b":{"double":3}}}');
  assertEquals([point.name, point.time, point.database, point.retentionPolicy], ["m", 5_000_000n, "d", "r"]);
  assertEquals([...point.fields()], [["b", 3]]);
  const dated = await readOne(options, '{"name":"n","database":"e","time":"1970-01-01T01:00:00.000000001+01:00"}');
  assertEquals([dated.name, dated.database, dated.time], ["n", "e", 1n]);
});

Deno.test("every point reads back the same", async () => {
  const random = seeded(2);
  const text = () => awkwardText(random) + (random() < 0.1 ? "\n\r\0\u001b" : "");
  for (let i = 0; i < 2000; i++) {
    const point = awkwardPoint(random, { name: text, text, doubles: [NaN, Infinity, -Infinity] });
    if (i % 3 === 0) {
      point.database = text();
      point.retentionPolicy = text();
      point.group = text();
      point.dimensions = [text(), text()];
      point.byName = random() < 0.5;
    }
    const written = new Printed(new JsonLinesWriter()).point(point);
    JSON.parse(written);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(written));
    assertEquals(plain(await readOne(json, written)), plain(point), written);
  }
});

Deno.test("batches read back the same, cut at every byte", async () => {
  const writer = new Printed(new JsonLinesWriter());
  const tags = new Map([["host", "a"]]);
  const begin = { name: "cpu", group: "cpu\nhost=a", tags, size: 1n, byName: true };
  const end = { name: "cpu", group: "cpu\nhost=a", tags, tmax: -5n, byName: false };
  const point = new Point({ time: 3n, group: "g", fieldsString: new Map([["s", "é\n"]]) });
  const text = writer.begin(begin) + writer.point(point) + "\n" + writer.end(end);
  for (let size = 1; size < 50; size++) {
    const items = await read(json, text, size);
    assert(items[0].kind === "begin" && items[1].kind === "point" && items[2].kind === "end" && items.length === 3);
    assertEquals(items[0].begin, begin);
    assertEquals(plain(items[1].point), plain(point));
    assertEquals(items[2].end, end);
  }
});

Deno.test("bad lines are named with their number and a reason", async () => {
  const cases: [string, string][] = [
    ["[1]", "a line must be an object"],
    ["{", "a name in an object must be a string, not the end of the line"],
    ['{"fields":{"a":1}}', "no name"],
    ['{"name":5}', "name must be a string"],
    ['{"name":"m","time":1.5}', "time must be an integer"],
    ['{"name":"m","time":9223372036854775808}', "out of the range"],
    ['{"name":"m","time":"yesterday"}', "RFC 3339"],
    ['{"name":"m","tags":{"a":1}}', 'the tag "a" must be a string'],
    ['{"name":"m","fields":{"a":9223372036854775808}}', "out of the range of int64"],
    ['{"name":"m","fields":{"a":1e999}}', "out of the range of doubles"],
    ['{"name":"m","fields":{"a":[1]}}', "is an array"],
    ['{"name":"m","fields":{"a":{"x":1}}}', "is an object"],
    ['{"name":"m","fields":{"a":{}}}', "is an object"],
    ['{"name":"m","fields":{"a":tru}}', "true or false"],
    ['{"name":"m","fields":{"a":01}}', "must be"],
    ['{"name":"m","feilds":{}}', 'a point has no "feilds"'],
    ['{"name":"m"} x', "nothing"],
    ['{"name":"m",}', "a name in an object"],
    ['{"name":"m\\x"}', "is not JSON"],
    ['{"name":"m', "does not end"],
    ['{"name":"\u001b[31m"}', "control character"],
    ['{"end":{"name":"m","tmax":1}}', "has not begun"],
    ['{"begin":{"name":"m","fields":{}}}', 'begin has no "fields"'],
  ];
  for (const [text, reason] of cases) {
    const bad = await reasons(json, `{"name":"m"}\n${text}\n{"name":"m"}\n`);
    assertEquals(bad.length, 1, text);
    assertStringIncludes(bad[0], reason);
    assert(bad[0].startsWith("2: "));
  }
  assertEquals(await reasons(json, '\n{"begin":{}}\n{}\n'), ["2: the batch that begins here has no end"]);
});

Deno.test("mutated lines are accepted only if they are JSON, and never break the reader", async () => {
  const random = seeded(3);
  const point = new Point({ name: "m", time: 12n, tags: new Map([["t", "\u001b\\é"]]) });
  point.setFields([["a", 1.5], ["b", 10n ** 18n], ["c", true], ["d", "NaN"], ["e", NaN]]);
  const good = new Printed(new JsonLinesWriter()).point(point).trim();
  let accepted = 0;
  for (let i = 0; i < 5000; i++) {
    const at = Math.floor(random() * good.length);
    const put = ' 0eE.+-"\\{}[]:,ntu\t\u0001'[Math.floor(random() * 19)];
    const text = good.slice(0, at) + (random() < 0.5 ? put : "") + good.slice(at + Math.floor(random() * 3));
    const [item] = await read(json, text);
    if (item.kind !== "point") continue;
    accepted++;
    JSON.parse(text);
  }
  assert(accepted > 100);
});
