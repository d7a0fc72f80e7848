import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { Host } from "../../src/udf/host.ts";
import { startInProcess } from "../../src/udf/running_udf.ts";
import { createHandler as mirror } from "../../src/udf/handlers/mirror.ts";
import { TineError } from "../../src/base/errors.ts";
import { scripted } from "../support/scripted_udf.ts";
import { pointRequest, streamHandler } from "../support/udf_driver.ts";

const text = new TextEncoder();

Deno.test("a keepalive goes out at half the timeout, again and again, and any response is a sign of life", async () => {
  const started = performance.now();
  const { udf, probe } = scripted({ timeoutMs: 300 });
  for (let i = 0; i < 4; i++) {
    const { time } = await udf.nextOf("keepalive");
    assert(time > 1_600_000_000_000_000_000n);
    // Answered by another response than the one that was asked for.
    await udf.send(i % 2 === 0 ? pointRequest(i) : { kind: "keepalive", time });
  }
  assert(performance.now() - started >= 4 * 150 - 10);
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.aborts, []);
});

Deno.test("a UDF that is silent for the timeout is aborted, and killed after twice the timeout", async () => {
  const started = performance.now();
  const { udf, probe } = scripted({ timeoutMs: 60 });
  const error = await assertRejects(() => probe.host.info(), TineError, "the UDF has given no sign of life for 0.06 s");
  assertEquals(error.code, "keepalive-timeout");
  assertMatch(error.message, /, the last one at 20\d\d-\d\d-\d\dT[\d:.]+Z$/);
  assert(performance.now() - started >= 60);
  assertEquals(udf.kills, 0);
  assertEquals(await probe.failure(), error);
  assert(performance.now() - started >= 60 + 118);
  assertEquals(udf.kills, 1);
});

Deno.test("an aborted UDF that ends by itself is not killed", async () => {
  const { udf, probe } = scripted({ timeoutMs: 40 });
  await assertRejects(() => probe.host.info(), TineError);
  await udf.leave();
  await probe.failure();
  assertEquals(udf.kills, 0);
});

Deno.test("onKill() is called in place of the kill, and stop() does not wait for ever for its effect", async () => {
  let asked = 0;
  const { udf, probe } = scripted({ timeoutMs: 20, onKill: () => void asked++ });
  await assertRejects(() => probe.host.info(), TineError);
  await probe.failure();
  assertEquals([asked, udf.kills], [1, 0]);
});

Deno.test("a UDF that reads nothing more does not hold up who writes: the timeout ends the wait", async () => {
  const { udf, probe } = scripted({ timeoutMs: 50, onKill: () => {} });
  const { point } = pointRequest(1, "x".repeat(100_000));
  await assertRejects(
    async () => {
      for (;;) await probe.host.point(point);
    },
    TineError,
    "no sign of life",
  );
  await probe.failure();
  udf.close();
});

Deno.test("without a timeout there are no keepalives but the one that makes a UDF flush", async () => {
  const { udf, probe } = scripted({ timeoutMs: 0 });
  await probe.host.point(pointRequest(1).point);
  await udf.nextOf("point");
  const { time } = await udf.nextOf("keepalive");
  await udf.send({ kind: "keepalive", time });
  const left = udf.leave();
  await probe.host.stop();
  assertEquals(await left, []);
});

/** Answers the next early keepalive together with points, in one write. */
async function flushOnKeepalive({ udf, probe }: ReturnType<typeof scripted>, pauseMs = 0, points = 2) {
  for (let i = 0; i < points; i++) await probe.host.point(pointRequest(i).point);
  const { time } = await udf.nextOf("keepalive");
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  const answers = Array.from({ length: points }, (_, i) => pointRequest(i));
  await udf.send(...answers, { kind: "keepalive", time });
}

Deno.test("a UDF that flushes only for keepalives, again and again, is said to hold back its output, once", async () => {
  const pair = scripted({ timeoutMs: 0 });
  const { udf, probe } = pair;
  await flushOnKeepalive(pair);
  await flushOnKeepalive(pair, 0, 1);
  assertEquals(probe.log, []);
  // On a busy machine an answer may take too long to count.
  for (let round = 0; round < 20 && probe.log.length === 0; round++) await flushOnKeepalive(pair);
  await flushOnKeepalive(pair);
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.log.length, 1);
  assertStringIncludes(probe.log[0], "scripted holds back its output until a keepalive makes it flush");
});

Deno.test("a UDF that is busy when a keepalive comes is not said to hold back its output", async () => {
  const pair = scripted({ timeoutMs: 0 });
  const { udf, probe } = pair;
  for (let round = 0; round < 4; round++) await flushOnKeepalive(pair, 150, 24);
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.log, []);
});

Deno.test("a UDF that takes long to start is not said to hold back its output", async () => {
  const { udf, probe } = scripted({ timeoutMs: 0 });
  const asked = probe.host.init([]);
  const { time } = await udf.nextOf("keepalive");
  await udf.send({ kind: "init", outcome: { success: true, error: "" } }, { kind: "keepalive", time });
  await asked;
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.log, []);
});

Deno.test("a UDF whose output once came by itself is never said to hold it back", async () => {
  const pair = scripted({ timeoutMs: 0 });
  const { udf, probe } = pair;
  await probe.host.point(pointRequest(1).point);
  await udf.send(pointRequest(1));
  for (let round = 0; round < 4; round++) await flushOnKeepalive(pair);
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.log, []);
});

Deno.test("after the end of its input a UDF may be silent for longer than the timeout", async () => {
  const { udf, probe } = scripted({ timeoutMs: 40 });
  const stopped = probe.host.stop();
  await udf.drain();
  await new Promise((resolve) => setTimeout(resolve, 200));
  await udf.send(pointRequest(1));
  await udf.endOutput();
  udf.exit();
  await stopped;
  assertEquals(probe.points.length, 1);
});

Deno.test("the time that the receiver takes is no silence of the UDF", async () => {
  const gate = Promise.withResolvers<void>();
  const { udf, probe } = scripted({ timeoutMs: 60 }, () => gate.promise);
  const sent = udf.send(pointRequest(1));
  const asked = (async () => {
    for (let i = 0; i < 5; i++) await udf.nextOf("keepalive");
  })();
  await Promise.all([sent, asked]);
  gate.resolve();
  const left = udf.leave();
  await probe.host.stop();
  await left;
  assertEquals(probe.aborts, []);
});

Deno.test("the time in which this process could not listen is no silence of the UDF", async () => {
  const host = new Host(startInProcess("mirror", mirror), { point() {}, batch() {} }, { timeoutMs: 80 });
  host.start();
  await host.info();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assertEquals(host.failure, undefined);
  await host.stop();
});

Deno.test("a UDF that does not end is given up after the drain timeout, then killed", async () => {
  const { udf, probe } = scripted({ timeoutMs: 30 });
  const draining = udf.drain();
  const error = await probe.failure(20);
  assertEquals(error.message, "the UDF did not end within 0.02 s after the end of its input");
  await draining;
  assertEquals(udf.kills, 1);
});

Deno.test("a UDF has time where its timeouts are longer than a timer of the runtime", async () => {
  const { udf, probe } = scripted({ timeoutMs: 2 ** 31 });
  const stopping = probe.host.stop(2 ** 31);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const left = udf.leave();
  await stopping;
  await left;
  assertEquals(udf.kills, 0);
});

Deno.test("a UDF that is given up has time to end where the timeout is longer than a timer of the runtime", async () => {
  const { udf, probe } = scripted({ timeoutMs: 2 ** 31 });
  probe.host.abort(new TineError("enough", "enough of it"));
  await new Promise((resolve) => setTimeout(resolve, 20));
  await udf.leave();
  await probe.failure();
  assertEquals(udf.kills, 0);
});

Deno.test("stop() ends although a handler in this process hangs", async () => {
  const create = streamHandler(() => ({ point: () => new Promise<void>(() => {}) }));
  const peer = startInProcess("hangs", create, { handlerTimeoutMs: 400 });
  const host = new Host(peer, { point() {}, batch() {} }, { timeoutMs: 20 });
  host.start();
  await host.init([]);
  await host.point(pointRequest(1).point);
  await assertRejects(() => host.stop(50), TineError, "the UDF did not end within 0.05 s");
  await new Promise((resolve) => setTimeout(resolve, 500)); // its handler timeout: no timer may be left
});

for (
  const words of ["hi\n", "ok", "starting up, please wait ...\n", "[2024-01-01] Grüße\r\n", "\x1b[32mready\x1b[0m\n"]
) {
  Deno.test(`a UDF that writes ${JSON.stringify(words)} to its stdout and waits is named soon, with the text`, async () => {
    const { udf, probe } = scripted({ timeoutMs: 10_000 });
    const asked = assertRejects(() => probe.host.info(), TineError);
    await udf.sendBytes(text.encode(words));
    const error = await asked;
    assertEquals(error.code, "text-on-stdout");
    assertStringIncludes(error.message, JSON.stringify(words));
    const left = udf.leave();
    await probe.failure();
    await left;
  });

  if (words.length < 3) continue; // too little to be told from a frame
  Deno.test(`a UDF that writes ${JSON.stringify(words)} among its frames is named, with the text`, async () => {
    const { udf, probe } = scripted();
    await udf.sendBytes(text.encode(words));
    await udf.send(...Array.from({ length: 10 }, (_, i) => pointRequest(i)));
    const left = udf.leave();
    const error = await probe.failure();
    await left;
    assertStringIncludes(error.message, JSON.stringify(words).slice(0, -1));
  });
}

Deno.test("an ErrorResponse that is cut off is not taken for text", async () => {
  const { udf, probe } = scripted();
  await udf.sendBytes(new Uint8Array([0x41, 0x32, 0x3f, ...text.encode("=the disk is full")]));
  await udf.endOutput();
  udf.exit("exited with status 3");
  const error = await probe.failure();
  assertEquals((error as TineError).code, "udf-ended");
  assertEquals(error.message, "the UDF exited with status 3");
});
