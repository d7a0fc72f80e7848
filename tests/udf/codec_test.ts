import { assertEquals, assertThrows } from "@std/assert";
import { decodeRequest, decodeResponse } from "../../src/udf/codec.ts";
import type { Request, Response } from "../../src/udf/messages.ts";
import { Point } from "../../src/udf/point.ts";
import { ByteReader } from "../../src/wire/byte_reader.ts";
import { WireError } from "../../src/base/errors.ts";
import {
  concat,
  doubleField,
  field,
  requestBytes,
  requestIn,
  responseBytes,
  responseIn,
  textField,
  varint,
  varintField,
} from "../support/bytes.ts";
import { describe } from "../support/describe.ts";
import { Generator, REQUEST_KINDS, RESPONSE_KINDS } from "../support/generate.ts";
import { Random } from "../support/random.ts";
import { describeReference, encodeReference } from "../support/reference.ts";

const ROUNDS = 150;
const INFO = 1, INIT = 2, KEEPALIVE = 3, SNAPSHOT = 4, RESTORE = 5, ERROR = 6, BEGIN = 16, POINT = 17, END = 18;

const request = (...parts: Uint8Array[]) => describe(requestIn(concat(parts)));
const response = (...parts: Uint8Array[]) => describe(responseIn(concat(parts)));

for (const kind of REQUEST_KINDS) {
  Deno.test(`encodeRequest() and decodeRequest() agree with protobufjs on: ${kind}`, () => {
    const generator = new Generator(new Random(REQUEST_KINDS.indexOf(kind) + 1), false);
    const reader = new ByteReader();
    for (let i = 0; i < ROUNDS; i++) {
      const sent = generator.request(kind);
      const expected = describe(sent);
      const bytes = requestBytes(sent);
      assertEquals(describeReference("Request", bytes), expected);
      assertEquals(describe(requestIn(bytes, reader)), expected);
      assertEquals(describe(requestIn(encodeReference("Request", sent), reader)), expected);
    }
  });
}

for (const kind of RESPONSE_KINDS) {
  Deno.test(`encodeResponse() and decodeResponse() agree with protobufjs on: ${kind}`, () => {
    const generator = new Generator(new Random(RESPONSE_KINDS.indexOf(kind) + 101), false);
    const reader = new ByteReader();
    for (let i = 0; i < ROUNDS; i++) {
      const sent = generator.response(kind);
      const expected = describe(sent);
      const bytes = responseBytes(sent);
      assertEquals(describeReference("Response", bytes), expected);
      assertEquals(describe(responseIn(bytes, reader)), expected);
      assertEquals(describe(responseIn(encodeReference("Response", sent), reader)), expected);
    }
  });
}

Deno.test("decodeRequest() and decodeResponse() keep keys that objects lose", () => {
  const tags = new Map([["__proto__", "a"], ["constructor", "b"], ["", "c"], ["10", "d"], ["9", "e"]]);
  const begin = { name: "", group: "", tags, size: 0n, byName: false };
  const read = requestIn(requestBytes({ kind: "begin", begin }));
  if (read.kind !== "begin") throw new Error(read.kind);
  assertEquals([...read.begin.tags], [...tags]);
  const info: Response = {
    kind: "info",
    info: { wants: "batch", provides: "stream", options: new Map([["__proto__", ["int", "string"]]]) },
  };
  assertEquals(responseIn(responseBytes(info)), info);
});

Deno.test("encodeRequest() writes nothing for an empty request, decodeRequest() reads nothing as one", () => {
  assertEquals(requestBytes({ kind: "empty" }).length, 0);
  assertEquals(responseBytes({ kind: "empty" }).length, 0);
  assertEquals(request(), { kind: "empty" });
  assertEquals(response(), { kind: "empty" });
});

Deno.test("decodeRequest() takes a message with unknown members only for empty, next to others it skips them", () => {
  const unknown = [textField(99, "x"), varintField(6, 7), doubleField(100, 1.5), textField(ERROR, "not in a request")];
  assertEquals(request(...unknown), { kind: "empty" });
  assertEquals(request(...unknown, field(KEEPALIVE, varintField(1, 5)), ...unknown), { kind: "keepalive", time: "5" });
  // A group, as old encoders write them.
  assertEquals(request(new Uint8Array([0x3b, 0x08, 1, 0x3c]), field(INFO)), { kind: "info" });
});

Deno.test("decodeRequest() skips a known member of another wire type", () => {
  assertEquals(request(varintField(KEEPALIVE, 5)), { kind: "empty" });
  assertEquals(request(field(KEEPALIVE, textField(1, "x"))), { kind: "keepalive", time: "0" });
});

Deno.test("decodeRequest() takes the last of several members", () => {
  assertEquals(request(field(INFO), field(KEEPALIVE, varintField(1, 5)), field(SNAPSHOT)), { kind: "snapshot" });
  const point = field(POINT, varintField(1, 1));
  assertEquals(request(point, field(KEEPALIVE, varintField(1, 5))), { kind: "keepalive", time: "5" });
  const last = request(point, field(POINT, varintField(1, 2), textField(2, "cpu")));
  assertEquals([last.kind, last.time, last.name], ["point", "2", "cpu"]);
});

Deno.test("decodeRequest() reads fields in any order and takes the last of a repeated one", () => {
  const begin = field(
    BEGIN,
    varintField(5, 0),
    varintField(4, 3),
    field(3, textField(2, "v1"), textField(1, "k")),
    textField(2, "g"),
    textField(1, "first"),
    field(3, textField(1, "k"), textField(2, "v2")),
    textField(1, "last"),
    varintField(5, 1),
    varintField(4, -9n),
  );
  assertEquals(request(begin), {
    kind: "begin",
    name: "last",
    group: "g",
    tags: [["k", "v2"]],
    size: "-9",
    byName: true,
  });
});

Deno.test("decodeRequest() joins a member that comes again, unless another one is between", () => {
  const tags = field(BEGIN, textField(1, "cpu"), field(3, textField(1, "a"), textField(2, "1")));
  const more = field(BEGIN, textField(2, "g"), field(3, textField(1, "b"), textField(2, "2")));
  const again = field(BEGIN, varintField(4, 7), field(3, textField(1, "a"), textField(2, "3")));
  const joined = { kind: "begin", name: "cpu", group: "g", tags: [["a", "3"], ["b", "2"]], size: "7", byName: false };
  assertEquals(request(tags, textField(60, "?"), more, again), joined);
  const keepalive = field(KEEPALIVE, varintField(1, 5));
  assertEquals(request(tags, keepalive, again), { ...joined, name: "", group: "", tags: [["a", "3"]] });
  const point = request(field(POINT, varintField(1, 1), textField(2, "cpu")), field(POINT, textField(3, "db")));
  assertEquals([point.kind, point.time, point.name, point.database], ["point", "1", "cpu", "db"]);
});

Deno.test("decodeRequest() skips unknown fields at every depth", () => {
  const unknown = concat([textField(60, "?"), varintField(61, -1n), doubleField(62, 3)]);
  assertEquals(
    request(
      unknown,
      field(
        INIT,
        unknown,
        field(
          1,
          unknown,
          textField(1, "size"),
          field(2, unknown, varintField(1, 1), varintField(3, 10), unknown),
          unknown,
        ),
        textField(2, "task"),
        unknown,
      ),
      unknown,
    ),
    { kind: "init", options: [{ name: "size", values: [["int", "10"]] }], taskId: "task", nodeId: "" },
  );
  assertEquals(
    request(field(END, field(4, unknown, textField(1, "k"), unknown, textField(2, "v"), unknown), unknown)),
    { kind: "end", name: "", group: "", tmax: "0", tags: [["k", "v"]], byName: false },
  );
});

Deno.test("decodeRequest() gives a map entry without key or value its defaults", () => {
  const tags = (...parts: Uint8Array[]) => request(field(BEGIN, ...parts)).tags;
  assertEquals(tags(field(3)), [["", ""]]);
  assertEquals(tags(field(3, textField(1, "k"))), [["k", ""]]);
  assertEquals(tags(field(3, textField(2, "v"))), [["", "v"]]);
  const options = (...parts: Uint8Array[]) => response(field(INFO, ...parts)).options;
  assertEquals(options(field(3)), [["", []]]);
  assertEquals(options(field(3, textField(1, "flag"))), [["flag", []]]);
});

Deno.test("decodeResponse() reads packed and unpacked value types, also mixed", () => {
  const packed = field(1, new Uint8Array([0, 1]));
  const one = varintField(1, 4);
  const types = (...info: Uint8Array[]) => {
    const described = response(field(INFO, field(3, textField(1, "o"), field(2, ...info))));
    return described.options;
  };
  assertEquals(types(packed), [["o", ["bool", "int"]]]);
  assertEquals(types(one, one), [["o", ["duration", "duration"]]]);
  assertEquals(types(one, packed, one, field(1)), [["o", ["duration", "bool", "int", "duration"]]]);
  assertEquals(types(field(1, new Uint8Array([0x82, 0x80, 0]))), [["o", ["double"]]]);
});

Deno.test("decodeResponse() refuses enum values it does not know", () => {
  for (const info of [varintField(1, 2), varintField(2, 77), varintField(1, -1n)]) {
    const error = assertThrows(() => response(field(INFO, info)), WireError, "EdgeType");
    assertEquals(error.code, "unknown-enum");
  }
  assertThrows(() => response(field(INFO, field(3, field(2, varintField(1, 5))))), WireError, "ValueType 5 is unknown");
});

Deno.test("encodeResponse() and encodeRequest() refuse enum names they do not know", () => {
  const made = (text: string): unknown => JSON.parse(text);
  const info = (wants: string, types: string) => ({
    kind: "info",
    info: { wants: made(wants), provides: "stream", options: new Map([["o", made(types)]]) },
  } as Response);
  assertEquals(response(responseBytes(info('"batch"', '["int"]'))).wants, "batch");
  assertThrows(() => responseBytes(info('"flood"', "[]")), WireError, "flood");
  assertThrows(() => responseBytes(info('"batch"', '["int", "float"]')), WireError, "float");
  const option = { type: "integer", value: 1n } as unknown as { type: "int"; value: bigint };
  const init = { options: [{ name: "size", values: [option] }], taskId: "", nodeId: "" };
  assertThrows(() => requestBytes({ kind: "init", init }), WireError, "integer");
});

Deno.test("decodeRequest() gives an option value without a member the default of its type, the member counts else", () => {
  const value = (...parts: Uint8Array[]) => request(field(INIT, field(1, field(2, ...parts)))).options;
  const one = (...expected: (string | number | boolean)[]) => [{ name: "", values: [expected] }];
  assertEquals(value(), one("bool", false));
  assertEquals(value(varintField(1, 1)), one("int", "0"));
  assertEquals(value(varintField(1, 2)), one("double", "0000000000000000"));
  assertEquals(value(varintField(1, 3)), one("string", ""));
  assertEquals(value(varintField(1, 4)), one("duration", "0"));
  assertEquals(value(varintField(3, 7), textField(5, "last")), one("string", "last"));
  assertEquals(value(textField(5, "x"), varintField(6, -7n), varintField(1, 4)), one("duration", "-7"));
});

Deno.test("encodeRequest() writes members of a oneof even when they are 0, false or empty", () => {
  const values = (["bool", "int", "double", "string", "duration"] as const).map((type) =>
    requestIn(requestBytes({
      kind: "init",
      init: {
        options: [{
          name: "",
          values: [
            type === "bool"
              ? { type, value: false }
              : type === "double"
              ? { type, value: 0 }
              : type === "string"
              ? { type, value: "" }
              : { type, value: 0n },
          ],
        }],
        taskId: "",
        nodeId: "",
      },
    }))
  );
  assertEquals(values.map((value) => describe(value).options), [
    [{ name: "", values: [["bool", false]] }],
    [{ name: "", values: [["int", "0"]] }],
    [{ name: "", values: [["double", "0000000000000000"]] }],
    [{ name: "", values: [["string", ""]] }],
    [{ name: "", values: [["duration", "0"]] }],
  ]);
  const bytes = requestBytes({
    kind: "init",
    init: { options: [{ name: "n", values: [{ type: "bool", value: false }] }], taskId: "", nodeId: "" },
  });
  assertEquals(bytes, field(INIT, field(1, textField(1, "n"), field(2, varintField(2, 0)))));
});

Deno.test("decodeRequest() reads what older peers send, without the fields that came later", () => {
  assertEquals(
    request(field(INIT, field(1, textField(1, "as"), field(2, varintField(1, 3), textField(5, "avg"))))),
    { kind: "init", options: [{ name: "as", values: [["string", "avg"]] }], taskId: "", nodeId: "" },
  );
  assertEquals(
    request(
      field(BEGIN, textField(1, "cpu"), textField(2, "host=a"), field(3, textField(1, "host"), textField(2, "a"))),
    ),
    { kind: "begin", name: "cpu", group: "host=a", tags: [["host", "a"]], size: "0", byName: false },
  );
  const point = request(
    field(POINT, varintField(1, 5), textField(2, "cpu"), field(8, textField(1, "v"), doubleField(2, 1))),
  );
  assertEquals([point.time, point.name, point.byName, point.fieldsBool], ["5", "cpu", false, []]);
});

Deno.test("decodeRequest() replaces invalid UTF-8 anywhere, counts it, and encodes it as valid UTF-8", () => {
  const bad = (number: number) => field(number, new Uint8Array([0x61, 0xff]));
  const good = "a\ufffd";
  const cases: [bytes: Uint8Array, invalid: number][] = [
    [field(INIT, field(1, bad(1), field(2, bad(5))), bad(2), bad(3)), 4],
    [field(BEGIN, bad(1), bad(2), field(3, bad(1), bad(2))), 4],
    [field(END, bad(1), bad(2), field(4, bad(1), bad(2))), 4],
    [field(POINT, bad(2), bad(3), bad(4), bad(5), bad(6), field(7, bad(1), bad(2))), 7],
    [field(POINT, field(8, bad(1), doubleField(2, 1)), field(9, bad(1), varintField(2, 1))), 2],
    [field(POINT, field(10, bad(1), bad(2)), field(12, bad(1), varintField(2, 1))), 3],
  ];
  for (const [bytes, invalid] of cases) {
    const reader = new ByteReader();
    for (let round = 1; round <= 2; round++) {
      const read = requestIn(bytes, reader);
      const encoded = requestBytes(read);
      assertEquals(reader.strings.invalid, invalid * round);
      assertEquals(describe(requestIn(encoded)), describe(read));
      assertEquals(JSON.stringify(describe(read)).split(good).length - 1, invalid);
      const again = new ByteReader();
      describe(requestIn(encoded, again));
      assertEquals(again.strings.invalid, 0);
    }
  }
  const reader = new ByteReader();
  assertEquals(describe(responseIn(field(ERROR, bad(1)), reader)), { kind: "error", error: good });
  assertEquals(describe(responseIn(field(RESTORE, bad(2)), reader)), { kind: "restore", success: false, error: good });
  assertEquals(describe(responseIn(field(INFO, field(3, bad(1))), reader)).options, [[good, []]]);
  assertEquals(reader.strings.invalid, 3);
});

Deno.test("encodeResponse() writes lone surrogates as U+FFFD", () => {
  const sent = new Point({ name: "a\ud800", tags: new Map([["\udc00k", "v\ud83d"]]) });
  const read = responseIn(responseBytes({ kind: "point", point: sent }));
  if (read.kind !== "point") throw new Error(read.kind);
  assertEquals(read.point.name, "a\ufffd");
  assertEquals([...read.point.tags], [["\ufffdk", "v\ufffd"]]);
});

Deno.test("decodeRequest() and decodeResponse() refuse the field number 0, end of groups, and wire types 6 and 7", () => {
  for (const bytes of [[0x02, 0], [0x00, 0], [0x01, ...Array(8).fill(0)], [0x0c], [0x0e], [0x0f], [0x80, 0]]) {
    assertThrows(() => requestIn(new Uint8Array(bytes)), WireError, undefined, `${bytes}`);
    assertThrows(() => responseIn(new Uint8Array(bytes)), WireError, undefined, `${bytes}`);
    for (const member of [INFO, INIT, KEEPALIVE, SNAPSHOT, RESTORE, ERROR, BEGIN, POINT, END]) {
      const inner = field(member, new Uint8Array(bytes));
      if (member !== ERROR) assertThrows(() => requestIn(inner), WireError, undefined, `${member}: ${bytes}`);
      assertThrows(() => responseIn(inner), WireError, undefined, `${member}: ${bytes}`);
    }
  }
});

Deno.test("decodeRequest() refuses every message that is cut, unless the cut is between two fields", () => {
  const generator = new Generator(new Random(77));
  for (const kind of REQUEST_KINDS) {
    const bytes = requestBytes(generator.request(kind));
    // Every Request is one field.
    for (let cut = 1; cut < Math.min(bytes.length, 2000); cut++) {
      assertThrows(() => requestIn(bytes.subarray(0, cut)), WireError, undefined, `${kind} cut at ${cut}`);
    }
  }
});

Deno.test("decodeRequest() stays inside its message", () => {
  const random = new Random(78);
  const generator = new Generator(random);
  for (let i = 0; i < 300; i++) {
    const sent: Request = generator.request();
    const expected = describe(sent);
    const bytes = requestBytes(sent);
    const before = random.bytes(random.below(9)), after = random.bytes(random.below(30));
    const buffer = concat([before, bytes, after]);
    const start = before.length, end = start + bytes.length;
    assertEquals(describe(decodeRequest(new ByteReader().reset(buffer, start, end))), expected);
    // Inside a larger buffer a cut message must not borrow from what follows.
    if (bytes.length > 1) {
      const cut = start + 1 + random.below(bytes.length - 1);
      assertThrows(() => decodeRequest(new ByteReader().reset(buffer, start, cut)), WireError);
      assertThrows(() => decodeResponse(new ByteReader().reset(buffer, start, cut)), WireError);
    }
  }
});

Deno.test("decodeRequest() reads the length of a snapshot as it is, and copies it", () => {
  const snapshot = new Random(4).bytes(100_000);
  const bytes = requestBytes({ kind: "restore", snapshot });
  assertEquals(bytes.length, 1 + varint(100_004).length + 1 + 3 + 100_000);
  const read = requestIn(bytes);
  bytes.fill(0);
  assertEquals(read, { kind: "restore", snapshot });
});
