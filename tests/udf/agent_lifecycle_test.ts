import { assert, assertEquals, assertGreater, assertLess, assertStringIncludes, assertThrows } from "@std/assert";
import type { Output } from "../../src/udf/handler.ts";
import { createHandler as mirror } from "../../src/udf/handlers/mirror.ts";
import { Agent } from "../../src/udf/agent.ts";
import { pipe } from "../../src/wire/pipe.ts";
import {
  AgentDriver,
  batchHandler,
  beginRequest,
  endRequest,
  INFO,
  INIT,
  kinds,
  lastError,
  pointRequest,
  SNAPSHOT,
  streamHandler,
  values,
} from "../support/udf_driver.ts";

Deno.test("end of input ends the agent, before any request too, once stop() of the handler is done", async () => {
  const order: string[] = [];
  const create = streamHandler(() => ({
    async stop() {
      await Promise.resolve();
      order.push("stopped");
    },
  }));
  for (const requests of [[], [INFO], [INIT, pointRequest(1)]]) {
    const driver = new AgentDriver(create).send(...requests).end();
    const reading = driver.rest();
    assertEquals(await driver.ended, undefined);
    order.push("ended");
    await reading;
  }
  assertEquals(order, ["stopped", "ended", "stopped", "ended", "stopped", "ended"]);
});

Deno.test("all requests before the end of input are processed", async () => {
  const points = Array.from({ length: 5000 }, (_, i) => pointRequest(i));
  const responses = await new AgentDriver(mirror).send(INIT, ...points).end().rest();
  assertEquals(values(responses), points.map((_, i) => i));
});

Deno.test("methods are never called concurrently, and answers keep the order of requests", async () => {
  let running = 0;
  let most = 0;
  const busy = async () => {
    most = Math.max(most, ++running);
    for (let i = 0; i < 5; i++) await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    running--;
  };
  const create = batchHandler((agent) => ({
    info: () => busy().then(() => ({ wants: "batch", provides: "batch" })),
    init: busy,
    beginBatch: (begin) => busy().then(() => agent.beginBatch(begin)),
    point: (point) => busy().then(() => agent.point(point)),
    endBatch: (end) => busy().then(() => agent.endBatch(end)),
    snapshot: () => busy().then(() => new Uint8Array()),
    restore: busy,
    stop: busy,
  }));
  const restore = { kind: "restore", snapshot: new Uint8Array() } as const;
  const keepalive = { kind: "keepalive", time: 1n } as const;
  const requests = [
    INFO,
    INIT,
    restore,
    keepalive,
    beginRequest(),
    pointRequest(1),
    SNAPSHOT,
    pointRequest(2),
    endRequest(),
  ];
  const responses = await new AgentDriver(create).send(...requests).end().rest();
  assertEquals(kinds(responses), requests.map(({ kind }) => kind));
  assertEquals(most, 1);
});

Deno.test("a thenable that is no Promise is waited for, and one that throws is an error", async () => {
  const thenable = { then: (resolve: (value: unknown) => void) => queueMicrotask(() => resolve(undefined)) };
  const fine = new AgentDriver(streamHandler(() => ({ init: () => thenable as Promise<void> })));
  assertEquals(kinds(await fine.send(INIT).end().rest()), ["init"]);
  const broken = {
    then() {
      throw new Error("no promise");
    },
  };
  const driver = new AgentDriver(streamHandler(() => ({ init: () => broken as unknown as Promise<void> })));
  assertEquals(lastError(await driver.send(INIT).end().rest()), "no promise");
  await driver.ended;
});

Deno.test("a snapshot reflects the data before its request, and is answered after it", async () => {
  let sum = 0;
  const create = streamHandler((agent) => ({
    async point(point) {
      sum += Number(point.field("value"));
      await agent.point(point);
    },
    snapshot: () => new Uint8Array([sum]),
  }));
  const requests = [pointRequest(1), pointRequest(2), SNAPSHOT, pointRequest(4), SNAPSHOT];
  const responses = await new AgentDriver(create).send(...requests).end().rest();
  assertEquals(responses.flatMap((r) => r.kind === "snapshot" ? [...r.snapshot] : []), [3, 7]);
  assertEquals(kinds(responses), ["point", "point", "snapshot", "point", "snapshot"]);
});

Deno.test("points may be written outside of calls, and after the end of input until stop() is done", async () => {
  let output!: Output;
  const stop = Promise.withResolvers<void>();
  const driver = new AgentDriver(streamHandler((agent) => {
    output = agent;
    return { stop: () => stop.promise };
  }));
  await driver.send(INIT).next();
  await output.point({ name: "unasked" });
  const first = await driver.next();
  assertEquals(first?.kind === "point" && first.point.name, "unasked");
  await driver.end().written;
  await output.point({ name: "late" });
  const second = await driver.next();
  assertEquals(second?.kind === "point" && second.point.name, "late");
  stop.resolve();
  assertEquals(await driver.rest(), []);
  assertEquals(await driver.ended, undefined);
  assertThrows(() => output.point({ name: "too late" }), Error, "the agent has stopped");
});

Deno.test("stop() lets the current call finish, handles nothing more, and sends what was written", async () => {
  const called = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  let calls = 0;
  const driver = new AgentDriver(streamHandler((agent) => ({
    async point(point) {
      calls++;
      called.resolve();
      await finish.promise;
      await agent.point(point);
    },
    stop: () => agent.point({ name: "goodbye" }),
  })));
  driver.send(pointRequest(1), pointRequest(2), pointRequest(3));
  await called.promise;
  driver.agent.stop();
  driver.agent.stop();
  finish.resolve();
  const names = (await driver.rest()).map((response) => response.kind === "point" && response.point.name);
  assertEquals(names, ["cpu", "goodbye"]);
  assertEquals(await driver.ended, undefined);
  assertEquals(calls, 1);
});

Deno.test("stop() ends an idle agent, one that is being created, and one that has not been run", async () => {
  const idle = new AgentDriver(mirror);
  idle.agent.stop();
  assertEquals(await idle.ended, undefined);
  const create = Promise.withResolvers<void>();
  const creating = new AgentDriver(async (agent) => {
    await create.promise;
    return await mirror(agent);
  });
  creating.agent.stop();
  create.resolve();
  assertEquals(await creating.ended, undefined);
  const [udf] = pipe();
  const early = new Agent(udf, mirror);
  early.stop();
  await early.run();
});

Deno.test("while a call goes on the host gets keepalives that it did not ask for", async () => {
  const finish = Promise.withResolvers<void>();
  const driver = new AgentDriver(streamHandler(() => ({ point: () => finish.promise })));
  const before = BigInt(Date.now()) * 1_000_000n;
  driver.send(pointRequest(1));
  const response = await driver.next();
  assert(response?.kind === "keepalive");
  assertGreater(response.time, before);
  finish.resolve();
  await driver.end().rest();
  assertEquals(await driver.ended, undefined);
});

Deno.test("a call that takes longer than the handler timeout is an error that names it; stop() is not called during it", async () => {
  let stopped = 0;
  const create = streamHandler(() => ({ point: () => new Promise<void>(() => {}), stop: () => void stopped++ }));
  const driver = new AgentDriver(create, { handlerTimeoutMs: 20 });
  const responses = await driver.send(pointRequest(7)).rest();
  assertStringIncludes(lastError(responses), "point() of the handler has not ended after ");
  assertStringIncludes(lastError(responses), 'for the point "cpu" at 7');
  driver.end();
  assertStringIncludes((await driver.ended)!.message, "has not ended");
  assertEquals(stopped, 0);
});

Deno.test("stop() and createHandler() that never end are errors after the handler timeout", async () => {
  const never = () => new Promise<never>(() => {});
  const stop = new AgentDriver(streamHandler(() => ({ stop: never })), { handlerTimeoutMs: 20 }).end();
  assertStringIncludes(lastError(await stop.rest()), "stop() of the handler has not ended");
  const create = new AgentDriver(never, { handlerTimeoutMs: 20 }).end();
  assertStringIncludes(lastError(await create.rest()), "createHandler() of the handler has not ended");
  assert(await stop.ended);
  assert(await create.ended);
});

Deno.test("a slow reader holds up the handler, and memory is bounded", async () => {
  const padding = "x".repeat(10_000);
  let written = 0;
  const held = Promise.withResolvers<void>();
  const driver = new AgentDriver(streamHandler((agent) => ({
    async point() {
      for (let i = 0; i < 1000; i++) {
        written++;
        const full = agent.point({ name: padding });
        if (full !== undefined) {
          held.resolve();
          await full;
        }
      }
    },
  })));
  driver.send(pointRequest(1));
  await held.promise;
  assertLess(written, 100, "256 KiB wait at most, then the handler does");
  assertEquals(kinds(await driver.end().rest()).filter((kind) => kind === "point").length, 1000);
  assertEquals(await driver.ended, undefined);
});

Deno.test("a slow reader holds up the reading of requests, where the handler does not wait", async () => {
  let seen = 0;
  const driver = new AgentDriver(streamHandler((agent) => ({
    point(point) {
      seen++;
      void agent.point(point);
    },
  })));
  const big = pointRequest(1, "x".repeat(10_000));
  for (let i = 0; i < 500; i++) driver.send(big);
  driver.end();
  for (let i = 0; i < 5000; i++) await Promise.resolve();
  assertLess(seen, 200);
  assertEquals((await driver.rest()).length, 500);
  assertEquals(await driver.ended, undefined);
});

Deno.test("a handler that writes for ever without waiting gets an error", async () => {
  const padding = "x".repeat(32 * 1024 * 1024);
  const driver = new AgentDriver(streamHandler((agent) => ({
    point() {
      for (;;) void agent.point({ name: padding });
    },
  })));
  driver.send(pointRequest(1)).end();
  const responses = await driver.rest();
  assertStringIncludes(lastError(responses), "wait for the promise that point() returns");
  assertLess(responses.length, 12);
  assert(await driver.ended);
});

Deno.test("a host that goes away ends the agent, whether the handler waits for its promise or not", async () => {
  for (const wait of [true, false]) {
    const padding = "x".repeat(300_000);
    const driver = new AgentDriver(streamHandler((agent) => ({
      async init() {
        for (let i = 0; i < 20; i++) {
          const full = agent.point({ name: padding });
          if (wait) await full;
          await Promise.resolve();
        }
      },
    })));
    driver.send(INIT, INIT, { kind: "keepalive", time: 1n });
    await driver.next();
    driver.connection.close();
    assert(await driver.ended);
  }
});
