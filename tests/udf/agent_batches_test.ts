import { assertEquals, assertStringIncludes } from "@std/assert";
import type { Handler, Output } from "../../src/udf/handler.ts";
import type { Request } from "../../src/udf/messages.ts";
import { describe } from "../support/describe.ts";
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

/** Sends each batch back as it comes. */
const batchMirror = batchHandler((agent) => ({
  beginBatch: (begin) => agent.beginBatch(begin),
  point: (point) => agent.point(point),
  endBatch: (end) => agent.endBatch({ tmax: end.tmax }),
  snapshot: () => new Uint8Array([7]),
}));

/** What the agent answers to these requests, after init. */
async function answers(createHandler: typeof batchMirror, ...requests: Request[]) {
  const driver = new AgentDriver(createHandler).send(INIT, ...requests).end();
  const responses = (await driver.rest()).slice(1);
  return { responses, error: await driver.ended };
}

Deno.test("a batch goes through, and its end repeats name, group, tags and byName of its beginning", async () => {
  const batch = [beginRequest(2n), pointRequest(1, ""), pointRequest(2, ""), endRequest()];
  const { responses, error } = await answers(batchMirror, ...batch);
  assertEquals(responses.map(describe), batch.map(describe));
  assertEquals(error, undefined);
});

Deno.test("a snapshot may be asked for inside a batch", async () => {
  const { responses } = await answers(batchMirror, beginRequest(1n), SNAPSHOT, pointRequest(1), SNAPSHOT, endRequest());
  assertEquals(kinds(responses), ["begin", "snapshot", "point", "snapshot", "end"]);
});

Deno.test("the size of a batch from the host is a hint: more or fewer points are no error", async () => {
  for (const size of [0n, 1n, 3n, 2n ** 62n]) {
    let seen = 0;
    const counting = batchHandler(() => ({ point: () => void seen++ }));
    const { error } = await answers(counting, beginRequest(size), pointRequest(1), pointRequest(2), endRequest());
    assertEquals([error, seen], [undefined, 2]);
  }
});

const wrongInput: [string, Request[], string][] = [
  ["a batch inside a batch", [beginRequest(), beginRequest(0n, "mem")], 'a batch "mem" inside the batch "cpu"'],
  ["an end without a beginning", [endRequest()], 'the end of a batch "cpu" that has not begun'],
  ["a second end", [beginRequest(), endRequest(), endRequest()], "that has not begun"],
  ["a negative size", [beginRequest(-1n)], 'a batch "cpu" of the negative size -1'],
  ["a point outside of batches", [pointRequest(1)], "a point outside of a batch, on an edge of batches"],
];
for (const [name, requests, message] of wrongInput) {
  Deno.test(`${name} from the host is an error, and does not reach the handler`, async () => {
    const { responses, error } = await answers(batchHandler(), ...requests);
    assertStringIncludes(lastError(responses), `the host sent `);
    assertStringIncludes(lastError(responses), message);
    assertEquals(error?.message, lastError(responses));
  });
}

Deno.test("a batch for a handler of streams is an error, also for one that wanted no info", async () => {
  const requests = [beginRequest(1n), pointRequest(1), endRequest()];
  const told = await answers(streamHandler(), INFO, ...requests);
  assertStringIncludes(lastError(told.responses), 'the beginning of a batch "cpu", on an edge of single points');
  const { responses } = await answers(streamHandler(), ...requests);
  assertStringIncludes(lastError(responses), "on an edge of single points");
  const untold = new AgentDriver(streamHandler()).send(...requests).end();
  assertEquals(kinds(await untold.rest()), ["error"]);
  await untold.ended;
});

const begin = { name: "out", tags: new Map([["host", "a"]]) };
const wrongOutput: [string, (agent: Output) => void, string][] = [
  ["a batch inside a batch", (agent) => {
    agent.beginBatch(begin);
    agent.beginBatch({ name: "inner" });
  }, 'the beginning of a batch "inner" inside the batch "out"'],
  ["an end without a beginning", (agent) => agent.endBatch({ tmax: 1n }), "that has not begun"],
  ["a negative size", (agent) => agent.beginBatch({ ...begin, size: -5n }), "of the negative size -5"],
  ["too many points", (agent) => {
    agent.beginBatch({ ...begin, size: 1n });
    agent.point({ name: "m" });
    agent.point({ name: "m" });
  }, 'more points than the 1 that the batch "out" announced'],
  ["too few points", (agent) => {
    agent.beginBatch({ ...begin, size: 2n });
    agent.point({ name: "m" });
    agent.endBatch({ tmax: 1n });
  }, 'the end of the batch "out" after 1 points, it announced 2'],
  ["a point outside of batches", (agent) => agent.point({ name: "m" }), "on an edge of batches"],
];
for (const [name, write, message] of wrongOutput) {
  Deno.test(`${name} from the handler does not leave the agent`, async () => {
    const create = batchHandler((agent) => ({ point: () => write(agent) }));
    const { responses, error } = await answers(create, beginRequest(), pointRequest(1));
    assertStringIncludes(lastError(responses), "the handler sent ");
    assertStringIncludes(lastError(responses), message);
    assertEquals(error?.message, lastError(responses));
    const sent = kinds(responses).join();
    assertEquals(/begin.*begin|^end|point,point|end,error/.test(sent), false, sent);
  });
}

Deno.test("a batch from a handler that provides a stream does not leave the agent", async () => {
  const { responses } = await answers(
    streamHandler((agent) => ({ point: () => agent.beginBatch(begin) })),
    pointRequest(1),
  );
  assertEquals(kinds(responses), ["error"]);
  assertStringIncludes(
    lastError(responses),
    'the handler sent the beginning of a batch "out", on an edge of single points',
  );
});

Deno.test("a handler may want batches and provide a stream, and the other way round", async () => {
  const info = (wants: "stream" | "batch", provides: "stream" | "batch") => ({ info: () => ({ wants, provides }) });
  const flatten = batchHandler((agent) => ({ ...info("batch", "stream"), point: (point) => agent.point(point) }));
  const flat = await answers(flatten, beginRequest(), pointRequest(1), pointRequest(2), endRequest());
  assertEquals(kinds(flat.responses), ["point", "point"]);
  const collect: (agent: Output) => Partial<Handler> = (agent) => ({
    ...info("stream", "batch"),
    async point(point) {
      await agent.beginBatch({ name: point.name, size: 1n });
      await agent.point(point);
      await agent.endBatch({ tmax: point.time });
    },
  });
  const batches = await answers(streamHandler(collect), pointRequest(1), pointRequest(2));
  assertEquals(kinds(batches.responses), ["begin", "point", "end", "begin", "point", "end"]);
  assertEquals(batches.error, undefined);
});

Deno.test("a huge size goes out as unknown, since Kapacitor allocates what it is told", async () => {
  const create = batchHandler((agent) => ({ beginBatch: () => agent.beginBatch({ ...begin, size: 2n ** 40n }) }));
  const driver = new AgentDriver(create).send(INIT, beginRequest());
  await driver.next();
  const sent = await driver.next();
  assertEquals(sent?.kind === "begin" && sent.begin.size, 0n);
  await driver.end().rest();
  await driver.ended;
});

Deno.test("a batch that the handler has begun and not ended is an error at the end of the input", async () => {
  const create = batchHandler((agent) => ({ endBatch: () => agent.beginBatch(begin) }));
  const { responses, error } = await answers(create, beginRequest(), endRequest());
  assertEquals(kinds(responses), ["begin", "error"]);
  assertEquals(error?.message, 'the handler stopped without ending the batch "out"');
});

Deno.test("input that ends inside a batch ends the agent without an error", async () => {
  const { responses, error } = await answers(batchMirror, beginRequest(), pointRequest(1));
  assertEquals(kinds(responses), ["begin", "point"]);
  assertEquals(error, undefined);
});

Deno.test("stop() inside a batch ends the agent without an error", async () => {
  const driver = new AgentDriver(batchMirror).send(INIT, beginRequest(), pointRequest(1));
  await driver.next();
  await driver.next();
  await driver.next();
  driver.agent.stop();
  assertEquals(await driver.rest(), []);
  assertEquals(await driver.ended, undefined);
});

Deno.test("stop() of the handler may still end the batch", async () => {
  const create = batchHandler((agent) => ({
    beginBatch: (begin) => agent.beginBatch({ ...begin, size: 0n }),
    stop: () => agent.endBatch({ tmax: 3n }),
  }));
  const { responses, error } = await answers(create, beginRequest());
  assertEquals(kinds(responses), ["begin", "end"]);
  assertEquals(error, undefined);
});
