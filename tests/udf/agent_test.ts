import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import type { Handler } from "../../src/udf/handler.ts";
import type { Request, ValueType } from "../../src/udf/messages.ts";
import { createHandler as mirror } from "../../src/udf/handlers/mirror.ts";
import { createHandler as movingAvg } from "../../src/udf/handlers/moving_avg.ts";
import { describe } from "../support/describe.ts";
import {
  AgentDriver,
  INFO,
  INIT,
  kinds,
  lastError,
  OK,
  pointRequest,
  requestFrames,
  SNAPSHOT,
  streamHandler,
  values,
} from "../support/udf_driver.ts";
import { cutInto, field, frame, textField, varint } from "../support/bytes.ts";
import { Random } from "../support/random.ts";

Deno.test("Agent answers info, init, snapshot and restore by what the handler returns", async () => {
  const calls: unknown[] = [];
  const driver = new AgentDriver(streamHandler(() => ({
    info: () => ({ wants: "stream", provides: "batch", options: { field: ["string"], range: ["int", "duration"] } }),
    init: ({ taskId, nodeId }) => void calls.push([taskId, nodeId]),
    snapshot: () => new Uint8Array([1, 2, 3]),
    restore: (snapshot) => void calls.push([...snapshot]),
  })));
  driver.send(INFO, INIT, SNAPSHOT, { kind: "restore", snapshot: new Uint8Array([4, 5]) }).end();
  assertEquals(await driver.rest(), [
    {
      kind: "info",
      info: {
        wants: "stream",
        provides: "batch",
        options: new Map<string, ValueType[]>([["field", ["string"]], ["range", ["int", "duration"]]]),
      },
    },
    { kind: "init", outcome: OK },
    { kind: "snapshot", snapshot: new Uint8Array([1, 2, 3]) },
    { kind: "restore", outcome: OK },
  ]);
  assertEquals(calls, [["task", "node"], [4, 5]]);
  assertEquals(await driver.ended, undefined);
});

Deno.test("Agent answers an empty snapshot and refuses to restore where the handler has no state", async () => {
  const driver = new AgentDriver(streamHandler());
  driver.send(INIT, SNAPSHOT, { kind: "restore", snapshot: new Uint8Array([1]) }).end();
  assertEquals((await driver.rest()).slice(1), [
    { kind: "snapshot", snapshot: new Uint8Array() },
    { kind: "restore", outcome: { success: false, error: "this UDF has no state to restore" } },
  ]);
});

Deno.test("a failed outcome of init or restore reaches the host and does not end the agent", async () => {
  const driver = new AgentDriver(streamHandler((agent) => ({
    init: () => ({ success: false, error: "no such field" }),
    restore: () => Promise.resolve({ success: false, error: "from another version" }),
    point: (point) => agent.point(point),
  })));
  driver.send(INIT, { kind: "restore", snapshot: new Uint8Array() }, INIT, pointRequest(1)).end();
  const refused = { success: false, error: "no such field" };
  assertEquals((await driver.rest()).map((r) => r.kind === "point" ? "point" : r), [
    { kind: "init", outcome: refused },
    { kind: "restore", outcome: { success: false, error: "from another version" } },
    { kind: "init", outcome: refused },
    "point",
  ]);
  assertEquals(await driver.ended, undefined);
});

const throwing: [keyof Handler, Request][] = [
  ["info", INFO],
  ["init", INIT],
  ["snapshot", SNAPSHOT],
  ["restore", { kind: "restore", snapshot: new Uint8Array() }],
  ["point", pointRequest(1)],
];
for (const [method, request] of throwing) {
  for (const how of ["throws", "rejects"]) {
    Deno.test(`Agent sends an ErrorResponse and ends when ${method}() ${how}`, async () => {
      let stopped = 0;
      const fail = () => {
        if (how === "throws") throw new Error(`${method} is broken`);
        return Promise.reject(new Error(`${method} is broken`));
      };
      const driver = new AgentDriver(streamHandler(() => ({ [method]: fail, stop: () => void stopped++ })));
      driver.send(request, pointRequest(2)).end();
      assertEquals(await driver.rest(), [{ kind: "error", error: `${method} is broken` }]);
      assertEquals((await driver.ended)?.message, `${method} is broken`);
      assertEquals(stopped, 1);
    });
  }
}

Deno.test("Agent ends with the error of stop(), and of createHandler()", async () => {
  const stop = new AgentDriver(streamHandler(() => ({ stop: () => Promise.reject(new Error("cannot stop")) })));
  assertEquals(await stop.end().rest(), [{ kind: "error", error: "cannot stop" }]);
  assertEquals((await stop.ended)?.message, "cannot stop");
  const create = new AgentDriver(() => {
    throw new Error("no licence");
  });
  assertEquals(await create.end().rest(), [{ kind: "error", error: "no licence" }]);
  assertEquals((await create.ended)?.message, "no licence");
});

Deno.test("whatever is thrown becomes an ErrorResponse", async () => {
  const odd = [undefined, null, "text", 7, Symbol("s"), Object.create(null), { toString: () => null }, new Error("")];
  for (const error of odd) {
    const driver = new AgentDriver(streamHandler(() => ({
      point() {
        throw error;
      },
    })));
    driver.send(pointRequest(1)).end();
    assertEquals(kinds(await driver.rest()), ["error"]);
    await driver.ended;
  }
});

Deno.test("a wrong result of a method is an error that says what was expected", async () => {
  const wrong: [keyof Handler, unknown, Request, string][] = [
    ["info", { wants: "points", provides: "stream" }, INFO, 'info().wants must be "stream" or "batch", got "points"'],
    ["info", null, INFO, "info() must return"],
    ["info", { wants: "stream", provides: "stream", options: { a: ["text"] } }, INFO, "info().options.a must list"],
    ["init", "yes", INIT, "init() must return { success, error } or nothing"],
    ["snapshot", "state", SNAPSHOT, "snapshot() must return a Uint8Array or nothing, got string"],
    ["restore", true, { kind: "restore", snapshot: new Uint8Array() }, "restore() must return"],
  ];
  for (const [method, result, request, message] of wrong) {
    const driver = new AgentDriver(streamHandler(() => ({ [method]: () => result })));
    assertStringIncludes(lastError(await driver.send(request).end().rest()), message);
    assertInstanceOf(await driver.ended, TypeError);
  }
});

Deno.test("a point that cannot be encoded is an error, and nothing of it is sent", async () => {
  const driver = new AgentDriver(streamHandler((agent) => ({
    point: (point) => agent.point({ ...point, name: "x", time: 2n ** 64n }),
  })));
  const responses = await driver.send(INIT, pointRequest(1)).end().rest();
  assertEquals(kinds(responses), ["init", "error"]);
  assertStringIncludes(lastError(responses), "the handler wrote a point that cannot be sent");
  await driver.ended;
});

Deno.test("Agent echoes the time of a keepalive, without the handler", async () => {
  const driver = new AgentDriver(streamHandler());
  for (const time of [0n, -1n, 2n ** 63n - 1n, 1_700_000_000_123_456_789n]) {
    driver.send({ kind: "keepalive", time });
    assertEquals(await driver.next(), { kind: "keepalive", time });
  }
  assertEquals(await driver.end().rest(), []);
  assertEquals(await driver.ended, undefined);
});

Deno.test("Agent skips empty and unknown requests", async () => {
  const driver = new AgentDriver(mirror);
  driver.send({ kind: "empty" }).sendBytes(frame(field(99, new Uint8Array([1])))).send(pointRequest(1)).end();
  assertEquals(kinds(await driver.rest()), ["point"]);
});

Deno.test("Agent answers the same however the requests are cut", async () => {
  const options = [
    { name: "field", values: [{ type: "string" as const, value: "value" }] },
    { name: "size", values: [{ type: "int" as const, value: 2n }] },
  ];
  const bytes = requestFrames(
    INFO,
    { kind: "init", init: { options, taskId: "", nodeId: "" } },
    ...[1, 2, 3].map((value) => pointRequest(value)),
    { kind: "keepalive", time: 5n },
    SNAPSHOT,
  );
  const whole = (await new AgentDriver(movingAvg).sendBytes(bytes).end().rest()).map(describe);
  assertEquals(whole.length, 7);
  for (let cut = 1; cut < bytes.length; cut++) {
    const driver = new AgentDriver(movingAvg).sendBytes(bytes.slice(0, cut)).sendBytes(bytes.slice(cut)).end();
    assertEquals((await driver.rest()).map(describe), whole);
    assertEquals(await driver.ended, undefined);
  }
  const single = new AgentDriver(movingAvg);
  for (const piece of cutInto(bytes, 1)) single.sendBytes(piece);
  assertEquals((await single.end().rest()).map(describe), whole);
});

Deno.test("input that ends inside a frame: what was whole is answered, then an error at every cut", async () => {
  const point = requestFrames(pointRequest(2));
  for (let cut = 1; cut < point.length; cut++) {
    const driver = new AgentDriver(mirror).send(pointRequest(1)).sendBytes(point.slice(0, cut)).end();
    const responses = await driver.rest();
    assertEquals(values(responses), [1]);
    assertStringIncludes(lastError(responses), "the stream ends inside a frame");
    assert(await driver.ended);
  }
});

Deno.test("an oversized frame, and a length that is no varint, are errors that name the limit and its flag", async () => {
  const large = new AgentDriver(mirror, { maxFrameBytes: 100 });
  assertStringIncludes(
    lastError(await large.sendBytes(varint(101)).end().rest()),
    "the host sent too large a message (--max-frame allows more): a frame claims 101 bytes, the limit is 100",
  );
  const long = new AgentDriver(mirror).sendBytes(new Uint8Array(11).fill(0xff)).end();
  assertStringIncludes(lastError(await long.rest()), "longer than 10 bytes");
  const huge = new AgentDriver(mirror).sendBytes(varint(2n ** 63n)).end();
  assertStringIncludes(lastError(await huge.rest()), "the limit is 67108864");
});

Deno.test("random bytes end the agent with an ErrorResponse or nothing, and never hang it", async () => {
  const random = new Random(77);
  for (let round = 0; round < 500; round++) {
    const driver = new AgentDriver(movingAvg).sendBytes(random.bytes(1 + random.below(200))).end();
    const responses = await driver.rest();
    const error = await driver.ended;
    assertEquals(error === undefined, responses.at(-1)?.kind !== "error");
  }
});

Deno.test("text that is not UTF-8 comes in as U+FFFD and is counted", async () => {
  const driver = new AgentDriver(mirror);
  const bad = frame(field(17, field(2, new Uint8Array([0x63, 0xff])), textField(5, "fine")));
  const [response] = await driver.sendBytes(bad).end().rest();
  assert(response.kind === "point");
  assertEquals(response.point.name, "c\ufffd");
  assertEquals(response.point.group, "fine");
  await driver.ended;
  assertEquals(driver.agent.counts, { pointsIn: 1, pointsOut: 1, pointsDropped: 0, invalidStrings: 1 });
});
