import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { Item } from "../../../src/node/item.ts";
import { Kind, type Message } from "../../../src/node/protocol/frame.ts";
import { decodeItem, encodeItem } from "../../../src/node/protocol/kinds.ts";
import { TineError } from "../../../src/base/errors.ts";
import { Random, TEXTS } from "../../support/random.ts";
import { message as messageOf, reference } from "./frames.ts";
import { streamReport } from "../../flow/reports.ts";

const encoder = new TextEncoder();
const nodeId = "left";
const versions = { tine: "0.1.0", deno: "2.9.6", kernel: "6.1" };
const ITEMS: Item[] = [
  {
    type: "nodeInfo",
    nodeId,
    platform: "linux-x64",
    hostname: "h",
    bootId: "b",
    clock: { offsetNs: -1.5e9, errorNs: 250.5 },
    time: 1_700_000_000_123_456_789n,
    pid: 12,
    versions,
  },
  { type: "log", nodeId, time: 1_700_000_000_123_456_789n, tag: "ip", text: "Grüße\n" },
  { type: "log", nodeId, time: -5n, tag: "", text: "" },
  { type: "error", nodeId, time: 2n ** 63n - 1n, tag: "system", code: "command-failed", message: "ip: no" },
  { type: "fileData", nodeId, name: "a/b.txt", data: new Uint8Array([0, 255]) },
  { type: "sysInfo", nodeId, sections: { kernel: { release: "6.1", "__proto__x": "" }, load: "0.1 0.2" } },
  { type: "feedback", nodeId, values: { addr: "[::1]:4242" } },
  { type: "progress", nodeId, flow: "bbr.1", report: streamReport({ bytes: 5, goodputBitsPerSecond: 1.5e9 }) },
  { type: "streamInfo", nodeId, flow: "f", tinit: 17n, server: true, values: { cca: "bbr", mss: 1448, ecn: false } },
  { type: "packetInfo", nodeId, flow: "f-1", tinit: 17n, server: false, values: {} },
  { type: "records", nodeId, flow: "f", chunk: new Uint8Array([9]) },
  { type: "activity", nodeId, running: ["system ip addr"], more: 0, ended: 3 },
  { type: "nodeEnd", nodeId, clock: { offsetNs: 17, errorNs: 0.5 }, time: 18n },
  {
    type: "runTimes",
    nodeId,
    runs: [{ path: "tests[0].serial[2]", name: "sleep", start: 17n, end: undefined, error: undefined }, {
      path: "tests[0]",
      name: "serial",
      start: -5n,
      end: 2n ** 63n - 1n,
      error: "Grüße\n",
    }],
  },
];

Deno.test("decodeItem() gives what encodeItem() was given, for every kind of result", () => {
  for (const item of ITEMS) assertEquals(decodeItem(encodeItem(item)), item);
});

Deno.test("encodeItem() puts the flow or the file into the name, and the node into the origin", () => {
  const [file, progress] = [ITEMS[4], ITEMS[7]].map(encodeItem);
  assertEquals([file.kind, file.origin, file.name], [Kind.fileData, "left", "a/b.txt"]);
  assertEquals([progress.kind, progress.origin, progress.name], [Kind.progress, "left", "bbr.1"]);
});

Deno.test("encodeItem() writes log entries as protobufjs does, and decodeItem() reads its", () => {
  const random = new Random(5);
  for (let i = 0; i < 500; i++) {
    const entry = { time: random.int64(), tag: random.pick(TEXTS), text: random.string() };
    const { payload } = encodeItem({ type: "log", nodeId, ...entry });
    const plain = { ...entry, time: entry.time.toString() };
    assertEquals(
      reference.logEntry.toObject(reference.logEntry.decode(payload), { longs: String, defaults: true }),
      plain,
    );
    const bytes = new Uint8Array(reference.logEntry.encode(reference.logEntry.fromObject(plain)).finish());
    assertEquals(decodeItem({ kind: Kind.log, origin: nodeId, name: "", payload: bytes }), {
      type: "log",
      nodeId,
      ...entry,
    });
  }
});

Deno.test("encodeItem() cuts a long text between characters and says how much is left out", () => {
  for (const [text, kept] of [["x".repeat(2 ** 20 + 10), 2 ** 20], ["y" + "ü".repeat(2 ** 19), 2 ** 20 - 1]] as const) {
    const bytes = new TextEncoder().encode(text).length;
    const item = decodeItem(encodeItem({ type: "log", nodeId, time: 0n, tag: "", text }));
    assert(item.type === "log");
    const [start, note] = item.text.split(" ... ");
    assert(text.startsWith(start));
    assertEquals(new TextEncoder().encode(start).length, kept);
    assertEquals(note, `(${bytes - kept} more bytes were left out)`);
  }
  const text = "z".repeat(2 ** 20);
  const whole = decodeItem(encodeItem({ type: "log", nodeId, time: 0n, tag: "", text }));
  assert(whole.type === "log" && whole.text === text);
});

Deno.test("encodeItem() refuses numbers that JSON cannot hold, and times of more than 64 bits", () => {
  const bad: Item[] = [
    { type: "progress", nodeId, flow: "f", report: streamReport({ goodputBitsPerSecond: NaN }) },
    { type: "streamInfo", nodeId, flow: "f", tinit: 0n, server: true, values: { rate: Infinity } },
    { type: "log", nodeId, time: 2n ** 63n, tag: "", text: "" },
  ];
  for (const item of bad) assertEquals(assertThrows(() => encodeItem(item), TineError).code, "bad-item");
});

Deno.test("decodeItem() names what is wrong, the kind and the node", () => {
  const json = (value: unknown) => encoder.encode(JSON.stringify(value));
  const info = { platform: "p", hostname: "h", bootId: "b", clock: { offsetNs: 1, errorNs: 0 }, pid: 1 };
  const cases: [Partial<Message>, string][] = [
    [{ kind: Kind.run }, "a result (run) of node left is broken"],
    [{ kind: 99 as Kind }, "this version of tine does not know it"],
    [{ kind: Kind.log, origin: "" }, "its node id has 0 characters"],
    [{ kind: Kind.log, payload: new Uint8Array([9, 1]) }, "ends in the middle of a field"],
    [{ kind: Kind.fileData, name: "" }, "its file name has 0 characters"],
    [{ kind: Kind.records, name: "A b" }, 'its flow is "A b"'],
    [{ kind: Kind.error, payload: encoder.encode("{") }, "no JSON"],
    [{ kind: Kind.error, payload: new Uint8Array([0xff]) }, "no JSON"],
    [{ kind: Kind.error, payload: json([]) }, "it is a list, expected an object"],
    [{ kind: Kind.error, payload: json({ time: 5 }) }, "time is 5, expected an integer of 64 bits in a text"],
    [{ kind: Kind.error, payload: json({ time: "9223372036854775808" }) }, "expected an integer of 64 bits"],
    [{ kind: Kind.error, payload: json({ time: "1", tag: null }) }, "tag is null, expected a text"],
    [{ kind: Kind.feedback, payload: json({ values: { a: 1 } }) }, "a in values is 1, expected a text"],
    [{ kind: Kind.sysInfo, payload: json({ sections: { a: ["b"] } }) }, "a in sections is a list, expected an object"],
    [
      { kind: Kind.progress, name: "f", payload: json({ values: { a: "1" } }) },
      'a in values is "1", expected a number',
    ],
    [
      { kind: Kind.progress, name: "f", payload: json({ values: { bytes: 1 } }) },
      "the report of a flow has no durationNanos",
    ],
    [{ kind: Kind.streamInfo, name: "f", payload: json({ tinit: "1" }) }, "server is left out, expected a boolean"],
    [{ kind: Kind.nodeInfo, payload: json({ platform: "p" }) }, "hostname is left out, expected a text"],
    [{ kind: Kind.nodeInfo, payload: json({ ...info, clock: { offsetNs: 1 } }) }, "clock.errorNs is left out"],
    [{ kind: Kind.nodeInfo, payload: json(info) }, "versions is left out, expected an object"],
    [{ kind: Kind.activity, payload: json({ running: [], more: -1 }) }, "more is -1, expected an integer from 0 on"],
  ];
  for (const [part, text] of cases) {
    const message = { kind: Kind.log, origin: nodeId, name: "", payload: new Uint8Array(), ...part };
    const error = assertThrows(() => decodeItem(message), TineError);
    assertEquals(error.code, "bad-item");
    assertStringIncludes(error.message, text);
  }
});

Deno.test("decodeItem() keeps names such as __proto__ as plain names", () => {
  const payload = encoder.encode('{"values":{"__proto__":"x","constructor":"y"}}');
  const item = decodeItem({ kind: Kind.feedback, origin: nodeId, name: "", payload });
  assert(item.type === "feedback");
  assertEquals(Object.entries(item.values), [["__proto__", "x"], ["constructor", "y"]]);
  assertEquals(Object.getPrototypeOf(item.values), null);
});

Deno.test("decodeItem() takes 100,000 mutated payloads or throws a bad-item", () => {
  const random = new Random(6);
  const messages = ITEMS.map(encodeItem);
  for (let i = 0; i < 100_000; i++) {
    const message = random.pick(messages);
    const payload = message.payload.slice();
    for (let edits = 1 + random.below(3); edits > 0 && payload.length > 0; edits--) {
      payload[random.below(payload.length)] = random.oneIn(2)
        ? random.below(256)
        : random.pick([0x22, 0x7b, 0x30, 0x2c]);
    }
    const kind = random.oneIn(10) ? random.pick(messages).kind : message.kind;
    try {
      decodeItem({ ...message, kind, payload: random.oneIn(10) ? payload.subarray(0, random.below(20)) : payload });
    } catch (error) {
      assert(error instanceof TineError && error.code === "bad-item", String(error));
    }
  }
});

Deno.test("decodeItem() replaces what is not valid UTF-8 in a log entry, and keeps a byte order mark", () => {
  const log = (text: Uint8Array) => decodeItem(messageOf(Kind.log, new Uint8Array([3 << 3 | 2, text.length, ...text])));
  const entry = { type: "log", nodeId, time: 0n, tag: "" };
  assertEquals<unknown>(log(new Uint8Array([0x61, 0xff])), { ...entry, text: "a\ufffd" });
  assertEquals<unknown>(log(encoder.encode("\ufeffa")), { ...entry, text: "\ufeffa" });
});
