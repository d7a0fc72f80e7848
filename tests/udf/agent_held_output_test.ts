import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Output } from "../../src/udf/handler.ts";
import type { Request } from "../../src/udf/messages.ts";
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
} from "../support/udf_driver.ts";

const RESTORE: Request = { kind: "restore", snapshot: new Uint8Array([1]) };

Deno.test("what a handler writes on a connection without init is dropped and counted", async () => {
  const create = streamHandler((agent) => {
    agent.point({ name: "created" });
    return {
      info() {
        agent.point({ name: "asked" });
        return { wants: "stream", provides: "stream" };
      },
      stop: () => agent.point({ name: "stopped" }),
    };
  });
  for (const [requests, dropped] of [[[], 2], [[INFO], 3]] as const) {
    const driver = new AgentDriver(create).send(...requests).end();
    assertEquals(kinds(await driver.rest()), requests.map(({ kind }) => kind));
    assertEquals(await driver.ended, undefined);
    assertEquals([driver.agent.counts.pointsOut, driver.agent.counts.pointsDropped], [0, dropped]);
  }
});

Deno.test("a batch that is begun on a connection without init need not be ended", async () => {
  const driver = new AgentDriver(batchHandler((agent) => {
    agent.beginBatch({ name: "created" });
    return {};
  }));
  assertEquals(kinds(await driver.send(INFO).end().rest()), ["info"]);
  assertEquals(await driver.ended, undefined);
});

Deno.test("what a handler writes before init and restore are answered goes out after both, in order", async () => {
  let output!: Output;
  const called = Promise.withResolvers<void>();
  const restoring = Promise.withResolvers<void>();
  const driver = new AgentDriver(streamHandler((agent) => {
    output = agent;
    agent.point({ name: "created" });
    return {
      init: () => void agent.point({ name: "init" }),
      async restore() {
        agent.point({ name: "restore" });
        called.resolve();
        await restoring.promise;
      },
    };
  }));
  await driver.send(INIT).next();
  output.point({ name: "between" });
  driver.send(RESTORE);
  await called.promise;
  output.point({ name: "meanwhile" });
  restoring.resolve();
  const restored = await driver.next();
  assertEquals(restored?.kind, "restore");
  const responses = await driver.end().rest();
  const names = responses.map((response) => response.kind === "point" && response.point.name);
  assertEquals(names, ["created", "init", "between", "restore", "meanwhile"]);
  assertEquals(await driver.ended, undefined);
  assertEquals(driver.agent.counts.pointsDropped, 0);
});

for (
  const [what, request, expected] of [
    ["the first point", pointRequest(1), ["init", "point", "point"]],
    ["a snapshot", SNAPSHOT, ["init", "point", "snapshot"]],
    ["the end of the input", undefined, ["init", "point"]],
  ] as const
) {
  Deno.test(`what a handler writes in init goes out with ${what}`, async () => {
    const driver = new AgentDriver(streamHandler((agent) => ({
      init: () => void agent.point({ name: "init" }),
      point: (point) => agent.point(point),
    })));
    driver.send(INIT);
    if (request !== undefined) driver.send(request);
    assertEquals(kinds(await driver.end().rest()), [...expected]);
  });
}

Deno.test("what a handler writes in init goes out with the first batch", async () => {
  const driver = new AgentDriver(batchHandler((agent) => ({
    async init() {
      await agent.beginBatch({ name: "init" });
      await agent.endBatch({ tmax: 0n });
    },
  })));
  driver.send(INIT, beginRequest());
  assertEquals([(await driver.next())?.kind, (await driver.next())?.kind], ["init", "begin"]);
  driver.send(endRequest()).end();
  await driver.rest();
});

Deno.test("a handler that gets no data still sends, once no restore follows", async () => {
  const driver = new AgentDriver(streamHandler((agent) => ({ init: () => void agent.point({ name: "source" }) })));
  driver.send(INIT);
  assertEquals([(await driver.next())?.kind, (await driver.next())?.kind], ["init", "point"]);
  await driver.end().rest();
});

Deno.test("what a handler writes in an init that fails is dropped, unless another one succeeds", async () => {
  let success = false;
  const create = streamHandler((agent) => ({
    init() {
      agent.point({ name: "init" });
      return { success, error: "" };
    },
  }));
  assertEquals(kinds(await new AgentDriver(create).send(INIT).end().rest()), ["init"]);
  const again = new AgentDriver(create).send(INIT);
  await again.next();
  success = true;
  assertEquals(kinds(await again.send(INIT).end().rest()), ["init", "point", "point"]);
});

Deno.test("an error before init is answered reaches the host, and what was written does not", async () => {
  const driver = new AgentDriver(streamHandler((agent) => ({
    init() {
      agent.point({ name: "init" });
      throw new Error("no luck");
    },
  })));
  const responses = await driver.send(INIT).rest();
  assertEquals(kinds(responses), ["error"]);
  assertEquals(lastError(responses), "no luck");
  await driver.end().ended;
});

Deno.test("a handler that writes for ever before the host takes data gets an error", async () => {
  const padding = "x".repeat(32 * 1024 * 1024);
  const driver = new AgentDriver(streamHandler((agent) => ({
    async init() {
      for (;;) await agent.point({ name: padding });
    },
  })));
  const responses = await driver.send(INIT).end().rest();
  assertStringIncludes(lastError(responses), "before the host takes any");
  assertEquals(responses.length, 1);
});

Deno.test("a point that cannot be encoded is an error before init, too, and the rest is sent", async () => {
  const driver = new AgentDriver(streamHandler((agent) => ({
    init() {
      agent.point({ name: "first" });
      try {
        agent.point({ name: "bad", fields: { count: 2n ** 70n } });
      } catch (error) {
        return { success: true, error: String(error) };
      }
    },
  })));
  const responses = await driver.send(INIT).end().rest();
  assertEquals(kinds(responses), ["init", "point"]);
  assertStringIncludes(responses[0].kind === "init" ? responses[0].outcome.error : "", "cannot be sent");
});
