import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import type { EdgeType } from "../../src/udf/messages.ts";
import { TineError } from "../../src/base/errors.ts";
import { describe, describePoint } from "../support/describe.ts";
import { scripted } from "../support/scripted_udf.ts";
import { beginRequest, endRequest, OK, pointRequest } from "../support/udf_driver.ts";

const INFO_RESPONSE = {
  kind: "info",
  info: { wants: "stream", provides: "stream", options: new Map() },
} as const;

Deno.test("Host asks for info, init, restore and snapshot, and returns the answers", async () => {
  const { udf, probe: { host } } = scripted({ taskId: "task", nodeId: "node" });
  const info = host.info();
  assertEquals(await udf.next(), { kind: "info" });
  await udf.send(INFO_RESPONSE);
  assertEquals(await info, INFO_RESPONSE.info);
  const options = [{ name: "field", values: [{ type: "string" as const, value: "v" }] }];
  const init = host.init(options);
  assertEquals(await udf.next(), { kind: "init", init: { options, taskId: "task", nodeId: "node" } });
  await udf.send({ kind: "init", outcome: OK });
  await init;
  const restore = host.restore(new Uint8Array([1]));
  assertEquals(await udf.next(), { kind: "restore", snapshot: new Uint8Array([1]) });
  await udf.send({ kind: "restore", outcome: OK });
  await restore;
  const snapshot = host.snapshot();
  assertEquals(await udf.next(), { kind: "snapshot" });
  await udf.send({ kind: "snapshot", snapshot: new Uint8Array([2]) });
  assertEquals(await snapshot, new Uint8Array([2]));
  const left = udf.leave();
  await host.stop();
  await left;
});

Deno.test("a failed init or restore is an error with the UDF's reason, and the UDF goes on", async () => {
  const { udf, probe: { host } } = scripted();
  const init = host.init([]);
  await udf.nextOf("init");
  await udf.send({ kind: "init", outcome: { success: false, error: "missing option: field" } });
  const failed = await assertRejects(() => init, TineError, "the UDF refused its options: missing option: field");
  assertEquals(failed.code, "init-failed");
  const restore = host.restore(new Uint8Array());
  await udf.nextOf("restore");
  await udf.send({ kind: "restore", outcome: { success: false, error: "" } });
  const refused = await assertRejects(() => restore, TineError, "the UDF refused the snapshot: it gave no reason");
  assertEquals(refused.code, "restore-failed");
  assertEquals(host.failure, undefined);
  const left = udf.leave();
  await host.stop();
  await left;
});

Deno.test("points go to the UDF and come back, in order, with data between question and answer", async () => {
  const { udf, probe } = scripted();
  const { host, points } = probe;
  const sent = Array.from({ length: 100 }, (_, i) => pointRequest(i));
  for (const { point } of sent) await host.point(point);
  const snapshot = host.snapshot();
  for (const request of sent) {
    const received = await udf.nextOf("point");
    assertEquals(describe(received), describe(request));
    await udf.send(received);
  }
  await udf.send({ kind: "snapshot", snapshot: new Uint8Array([9]) });
  assertEquals(await snapshot, new Uint8Array([9]));
  const left = udf.leave();
  await host.stop();
  await left;
  assertEquals(points.map(describePoint), sent.map(({ point }) => describePoint(point)));
  const { pointsIn, pointsOut } = host.counts;
  assertEquals([pointsIn, pointsOut], [100, 100]);
});

Deno.test("a batch goes out whole, and one that comes back is handed on whole", async () => {
  const { udf, probe } = scripted();
  const { begin } = beginRequest(2n);
  const { end } = endRequest();
  const points = [pointRequest(1).point, pointRequest(2).point];
  const sending = probe.host.batch({ begin, points, end });
  for (const kind of ["begin", "point", "point", "end"] as const) await udf.send(await udf.nextOf(kind));
  await sending;
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.batches.length, 1);
  assertEquals(probe.batches[0].begin, begin);
  assertEquals(probe.batches[0].end, end);
  assertEquals(probe.batches[0].points.map(describePoint), points.map(describePoint));
  assertEquals(probe.points, []);
});

Deno.test("a batch whose size the UDF announced wrongly is handed on, and that is told once", async () => {
  const { udf, probe } = scripted();
  for (let i = 0; i < 2; i++) await udf.send(beginRequest(5n), pointRequest(1), endRequest());
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.batches.map(({ points }) => points.length), [1, 1]);
  assertEquals(probe.log, ['the UDF announced 5 points for the batch "cpu" and sent 1']);
});

Deno.test("stop() sends what was written before, ends the input, and reads all that the UDF still says", async () => {
  const { udf, probe } = scripted();
  for (let i = 0; i < 50; i++) void probe.host.point(pointRequest(i).point);
  const stopped = probe.host.stop();
  const requests = await udf.drain();
  assertEquals(requests.filter(({ kind }) => kind === "point").length, 50);
  for (let i = 0; i < 70; i++) await udf.send(pointRequest(i));
  await udf.endOutput();
  udf.exit();
  await stopped;
  assertEquals(probe.points.length, 70);
  assertThrows(() => probe.host.point(pointRequest(1).point), TineError, "the host has stopped the UDF");
  await assertRejects(() => probe.host.snapshot(), TineError, "the host has stopped the UDF");
  await probe.host.stop();
});

Deno.test("a response without a question is logged and counted, and goes no further", async () => {
  const { udf, probe } = scripted();
  await udf.send({ kind: "snapshot", snapshot: new Uint8Array() }, { kind: "init", outcome: OK });
  await udf.send({ kind: "empty" }, { kind: "keepalive", time: 1n }, pointRequest(1));
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.log, [
    "the UDF answered snapshot, which was not asked",
    "the UDF answered init, which was not asked",
    "the UDF sent an empty or unknown response; Kapacitor would crash on it",
  ]);
  assertEquals(probe.host.counts.unasked, 3);
  assertEquals(probe.points.length, 1);
});

Deno.test("an ErrorResponse ends the connection with its text, and what comes after it is dropped", async () => {
  const { udf, probe } = scripted();
  const question = probe.host.snapshot();
  await udf.nextOf("snapshot");
  await udf.send(pointRequest(1), { kind: "error", error: "division by zero" }, pointRequest(2));
  const error = await assertRejects(() => question, TineError, "the UDF reported an error: division by zero");
  assertEquals(error.code, "udf-error");
  const left = udf.leave();
  assertEquals(await probe.failure(), error);
  await left;
  assertEquals(probe.points.length, 1);
  assertEquals(probe.aborts, [error]);
  assertThrows(() => probe.host.point(pointRequest(3).point), TineError, "division by zero");
  await assertRejects(() => probe.host.info(), TineError, "division by zero");
});

const wrongBatches: [string, Parameters<ReturnType<typeof scripted>["udf"]["send"]>, string][] = [
  ["an end without a beginning", [endRequest()], 'the end of a batch "cpu" that has not begun'],
  ["a negative size", [beginRequest(-1n)], "of the negative size -1"],
];
for (const [name, responses, message] of wrongBatches) {
  Deno.test(`${name} from the UDF is an error`, async () => {
    const { udf, probe } = scripted();
    await udf.send(...responses);
    const left = udf.leave();
    const error = await probe.failure();
    await left;
    assertStringIncludes(error.message, "the UDF sent ");
    assertStringIncludes(error.message, message);
  });
}

Deno.test("a second beginning of a batch replaces the first, as in Kapacitor, with one warning", async () => {
  const { udf, probe } = scripted();
  for (let i = 0; i < 2; i++) {
    await udf.send(beginRequest(0n, "cpu"), pointRequest(1), beginRequest(0n, "mem"), pointRequest(2), endRequest());
  }
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.batches.map(({ begin, points }) => [begin.name, points.map((p) => p.field("value"))]), [
    ["mem", [2]],
    ["mem", [2]],
  ]);
  assertEquals(probe.host.counts.pointsOut, 2);
  assertEquals(probe.log, [
    'the UDF began the batch "mem" before it had ended "cpu": the first one is dropped with its 1 point, as Kapacitor drops it',
  ]);
});

const edges: [EdgeType, string][] = [
  ["batch", "the UDF provides batches and sends single points; Kapacitor hands them on"],
  ["stream", "the UDF provides single points and sends batches; Kapacitor hands them on"],
];
for (const [provides, warning] of edges) {
  Deno.test(`a UDF that provides "${provides}" may send points and batches, with one warning`, async () => {
    const { udf, probe } = scripted();
    const info = probe.host.info();
    await udf.nextOf("info");
    await udf.send({ kind: "info", info: { wants: "stream", provides, options: new Map() } });
    await info;
    for (let i = 0; i < 2; i++) await udf.send(pointRequest(i), beginRequest(1n), pointRequest(7), endRequest());
    const left = udf.leave();
    await probe.host.stop();
    await left;
    assertEquals(probe.points.map((point) => point.field("value")), [0, 1]);
    assertEquals(probe.batches.map(({ points }) => points.length), [1, 1]);
    assertEquals(probe.log, [warning]);
  });
}

Deno.test("a batch that the UDF does not end is dropped at the end of its input, with a warning", async () => {
  const { udf, probe } = scripted();
  await udf.send(beginRequest(), pointRequest(1));
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals([probe.batches, probe.points], [[], []]);
  assertEquals(probe.log, [
    'the UDF did not end the batch "cpu": it is dropped with its 1 point, as Kapacitor drops it',
  ]);
});

Deno.test("answers of two kinds may come in another order than they were asked for", async () => {
  const { udf, probe } = scripted();
  const snapshot = probe.host.snapshot();
  const info = probe.host.info();
  await udf.nextOf("info");
  await udf.send(
    { kind: "info", info: { wants: "stream", provides: "stream", options: new Map() } },
    { kind: "snapshot", snapshot: new Uint8Array([1]) },
  );
  assertEquals([(await info).wants, await snapshot], ["stream", new Uint8Array([1])]);
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.log, []);
});

Deno.test("abort() calls back once, keeps the first error, and drops what is in flight", async () => {
  const { udf, probe } = scripted();
  const question = assertRejects(() => probe.host.info(), Error, "first");
  probe.host.abort(new Error("first"));
  probe.host.abort(new Error("second"));
  await udf.send(pointRequest(1));
  const left = udf.leave();
  assertEquals((await probe.failure()).message, "first");
  await Promise.all([left, question]);
  assertEquals(probe.aborts.map(({ message }) => message), ["first"]);
  assertEquals(probe.points, []);
  assertEquals(udf.kills, 0);
});

Deno.test("a receiver that throws ends the UDF with that error", async () => {
  const { udf, probe } = scripted({}, () => {
    throw new TineError("stdout-closed", "standard output was closed");
  });
  await udf.send(pointRequest(1));
  const left = udf.leave();
  assertEquals((await probe.failure()).message, "standard output was closed");
  await left;
});

Deno.test("a receiver that is slow holds up reading, and loses nothing", async () => {
  const gate = Promise.withResolvers<void>();
  const { udf, probe } = scripted({}, () => gate.promise);
  const writing = (async () => {
    for (let i = 0; i < 3000; i++) await udf.send(pointRequest(i, "x".repeat(1000)));
  })();
  for (let i = 0; i < 2000; i++) await Promise.resolve();
  assertEquals(probe.points.length, 1);
  gate.resolve();
  await writing;
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.points.length, 3000);
});

Deno.test("text that is not UTF-8 from the UDF is counted", async () => {
  const { udf, probe } = scripted();
  const bytes = new Uint8Array([6, 0x8a, 0x01, 3, 0x12, 1, 0xff]);
  await udf.sendBytes(bytes);
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.points[0].name, "\ufffd");
  assertEquals(probe.host.counts.invalidStrings, 1);
});

Deno.test("Host does not wait for the answer to what it could not ask", async () => {
  const { udf, probe: { host } } = scripted();
  const init = host.init([]);
  await udf.nextOf("init");
  await udf.send({ kind: "init", outcome: OK });
  await init;
  const left = udf.leave();
  await host.stop();
  await left;
  const error = await assertRejects(() => host.snapshot(), TineError);
  assertEquals(error.code, "stopped");
  // It would reject a promise that nobody has.
  host.abort(new TineError("test", "enough"));
  await new Promise((resolve) => setTimeout(resolve));
});
