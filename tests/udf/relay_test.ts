import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import type { EdgeType, Response } from "../../src/udf/messages.ts";
import { startProcess } from "../../src/udf/udf_process.ts";
import { createRelay, type RelayOptions } from "../../src/udf/supervise/relay.ts";
import { ScriptedUdf } from "../support/scripted_udf.ts";
import {
  AgentDriver,
  beginRequest,
  endRequest,
  INFO,
  INIT,
  kinds,
  OK,
  pointRequest,
  values,
} from "../support/udf_driver.ts";

const AGENT = [Deno.execPath(), "run", "-A", new URL("../../main.ts", import.meta.url).pathname, "agent"];

/** A relay in memory to scripted UDFs, one for each start, and what it said. */
function relay(options: RelayOptions = {}) {
  const udfs: ScriptedUdf[] = [];
  const log: string[] = [];
  const started: PromiseWithResolvers<ScriptedUdf>[] = [];
  const nth = (i: number) => started[i] ??= Promise.withResolvers();
  const reach = () => {
    const udf = new ScriptedUdf();
    nth(udfs.push(udf) - 1).resolve(udf);
    return Promise.resolve(udf.running);
  };
  const host = new AgentDriver(
    createRelay(reach, {
      timeoutMs: 0,
      backoff: { firstDelayMs: 1, longestDelayMs: 1 },
      log: (line) => log.push(line),
      ...options,
    }),
    { handlerTimeoutMs: 0 },
  );
  return { host, log, udfs, udf: (i: number) => nth(i).promise };
}

const info = (wants: EdgeType, provides: EdgeType): Response => ({
  kind: "info",
  info: { wants, provides, options: new Map() },
});

/** Answers info and init. */
async function begin(udf: ScriptedUdf, provides: EdgeType): Promise<void> {
  await udf.nextOf("info");
  await udf.send(info("stream", provides));
  await udf.nextOf("init");
  await udf.send({ kind: "init", outcome: OK });
}

/** Kinds of responses, without answers to keepalives: a relay passes on those to its own, which come by the clock. */
const answers = (responses: readonly Response[]) => kinds(responses).filter((kind) => kind !== "keepalive");

Deno.test("a relay hands on what Kapacitor hands on: points and batches on any edge, a second beginning, another name", async () => {
  for (const provides of ["stream", "batch"] as const) {
    const { host, log, udf } = relay();
    host.send(INFO, INIT, pointRequest(0));
    const child = await udf(0);
    await begin(child, provides);
    await child.nextOf("point");
    const end = { name: "other", group: "", tags: new Map([["dc", "b"]]), tmax: 7n, byName: false };
    await child.send(pointRequest(1), beginRequest(9n), pointRequest(2), beginRequest(5n), pointRequest(3), {
      kind: "end",
      end,
    }, pointRequest(4));
    host.end();
    await child.leave();
    const responses = await host.rest();
    assertEquals(answers(responses), ["info", "init", "point", "begin", "point", "end", "point"]);
    assertEquals(values(responses), [1, 3, 4]);
    const sent = responses.flatMap((response) => response.kind === "begin" ? [response.begin.size] : []);
    assertEquals(sent, [1n], "the size that goes out is the real one");
    // Kapacitor takes name and tags of a batch from its end.
    assertEquals(responses[5], { kind: "end", end });
    assertEquals(await host.ended, undefined);
    assertEquals(log.length, 3, log.join("\n"));
    assertStringIncludes(log[1], 'began the batch "cpu" before it had ended "cpu"');
    assertStringIncludes(log[2], "announced 5 points");
  }
});

Deno.test("what crashes Kapacitor does not go through a relay", async () => {
  for (const crash of [endRequest(), beginRequest(-1n)]) {
    const { host, udf } = relay({ backoff: { limit: 0 } });
    host.send(INFO, INIT);
    const child = await udf(0);
    await begin(child, "batch");
    await child.send(crash);
    host.end();
    const left = child.leave();
    const responses = await host.rest();
    assertStringIncludes((await host.ended)!.message, "Kapacitor would crash on it");
    assertEquals(answers(responses), ["info", "init", "error"]);
    await left;
  }
});

Deno.test("a UDF that has handled all of its input and ends badly is not started again by a relay", async () => {
  const { host, log, udf, udfs } = relay();
  host.send(INFO, INIT, pointRequest(1), pointRequest(2)).end();
  const child = await udf(0);
  await begin(child, "stream");
  for (let request; (request = await child.next()) !== undefined;) {
    if (request.kind === "point" || request.kind === "keepalive") await child.send(request);
  }
  await child.send(pointRequest(3)); // as a UDF does in its stop()
  await child.endOutput();
  child.exit("exited with status 3");
  assertEquals(values(await host.rest()), [1, 2, 3]);
  assertEquals(await host.ended, undefined);
  assertEquals(udfs.length, 1);
  assertEquals(log, ["the UDF exited with status 3; it had handled all of its input"]);
});

Deno.test("a UDF that ends before it has handled all of its input is started again by a relay", async () => {
  const { host, udf, udfs } = relay();
  host.send(INFO, INIT, pointRequest(1), pointRequest(2)).end();
  const first = await udf(0);
  await begin(first, "stream");
  await first.nextOf("point");
  await first.drain();
  await first.endOutput();
  first.exit("exited with status 3");
  const second = await udf(1);
  await second.nextOf("init");
  await second.send({ kind: "init", outcome: OK });
  for (let request; (request = await second.next()) !== undefined;) {
    if (request.kind === "point" || request.kind === "keepalive") await second.send(request);
    if (request.kind === "snapshot") await second.send({ kind: "snapshot", snapshot: new Uint8Array() });
  }
  await second.endOutput();
  second.exit();
  assertEquals(values(await host.rest()), [1, 2]);
  assertEquals(await host.ended, undefined);
  assertEquals(udfs.length, 2);
});

Deno.test("a process that answers all and exits with status 3 gives each output once through a relay", async () => {
  const log: string[] = [];
  const command = ["sh", "-c", '"$@"; exit 3', "sh", ...AGENT, "mirror"];
  const host = new AgentDriver(
    createRelay(() => Promise.resolve(startProcess(command, () => {})), { log: (line) => log.push(line) }),
    { handlerTimeoutMs: 0 },
  );
  host.send(INFO, INIT, ...Array.from({ length: 100 }, (_, i) => pointRequest(i))).end();
  assertEquals(values(await host.rest()), Array.from({ length: 100 }, (_, i) => i));
  assertEquals(await host.ended, undefined);
  assertEquals(log, ["the UDF exited with status 3; it had handled all of its input"]);
});

Deno.test("a relay whose UDF is stuck at the end of its input ends it by force, and is over", async () => {
  const { host, udf, udfs } = relay({ endTimeoutMs: 100, timeoutMs: 60_000 });
  host.send(INFO, INIT).end();
  const child = await udf(0);
  await begin(child, "stream");
  const began = performance.now();
  assertEquals(answers(await host.rest()), ["info", "init", "error"]);
  assertStringIncludes((await host.ended)!.message, "the UDF sent nothing for 0.1 s after the end of its input");
  assertEquals([udfs.length, udfs[0].kills > 0], [1, true]);
  assertLess(performance.now() - began, 10_000); // the timeout and what came after it took minutes
});

Deno.test("a UDF that goes on sending after the end of its input may take as long as it needs", async () => {
  const { host, udf } = relay({ endTimeoutMs: 400 });
  host.send(INFO, INIT).end();
  const child = await udf(0);
  await begin(child, "stream");
  const began = performance.now();
  let sent = 0;
  while (performance.now() - began < 800) {
    await child.send(pointRequest(++sent));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await child.leave();
  assertEquals(values(await host.rest()).length, sent);
  assert(await host.ended === undefined);
});

Deno.test("a UDF that goes on sending after the end of its input is ended at the limit of the drain", async () => {
  // The end of the input may stand behind what the UDF has not taken yet.
  for (const inputEnd of [undefined, () => Promise.resolve()]) {
    const { host, udf, udfs } = relay({ drainTimeoutMs: 200, endTimeoutMs: 60_000, timeoutMs: 60_000, inputEnd });
    host.send(INFO, INIT);
    const child = await udf(0);
    await begin(child, "stream");
    const waiting = inputEnd === undefined ? 0 : 200;
    host.send(...Array.from({ length: waiting }, (_, i) => pointRequest(i, "x".repeat(10_000)))).end();
    let over = false;
    const rest = host.rest().finally(() => over = true);
    for (let i = 0; !over; i++) {
      await Promise.race([child.send(pointRequest(i)).catch(() => {}), rest]);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    const responses = await rest;
    assertEquals([answers(responses).slice(0, 3), responses.at(-1)!.kind], [["info", "init", "point"], "error"]);
    assertStringIncludes((await host.ended)!.message, "the UDF did not end within 0.2 s after the end of its input");
    assertEquals([udfs.length, udfs[0].kills > 0], [1, true]);
  }
});

Deno.test("a relay whose UDF takes no input is over too once its host has ended the input, which stands behind", async () => {
  const inputEnd = Promise.withResolvers<void>();
  const { host, udf, udfs } = relay({ endTimeoutMs: 100, timeoutMs: 60_000, inputEnd: () => inputEnd.promise });
  host.send(INFO, INIT);
  const child = await udf(0);
  await begin(child, "stream");
  // More than what may wait to be written, so that the relay does not read to the end.
  host.send(...Array.from({ length: 200 }, (_, i) => pointRequest(i, "x".repeat(10_000)))).end();
  inputEnd.resolve();
  assertEquals(answers(await host.rest()), ["info", "init", "error"]);
  assertStringIncludes((await host.ended)!.message, "the UDF sent nothing for 0.1 s after the end of its input");
  assertEquals([udfs.length, udfs[0].kills > 0], [1, true]);
});

Deno.test("a UDF that hangs is not started again once its host has ended the input", async () => {
  const { host, udf, udfs } = relay({ endTimeoutMs: 60_000, timeoutMs: 100, inputEnd: () => Promise.resolve() });
  host.send(INFO, INIT);
  const child = await udf(0);
  await begin(child, "stream");
  // It has not handled its input, and then says nothing.
  host.send(...Array.from({ length: 200 }, (_, i) => pointRequest(i, "x".repeat(10_000)))).end();
  assertEquals(answers(await host.rest()), ["info", "init", "error"]);
  assertStringIncludes((await host.ended)!.message, "the UDF has given no sign of life for 0.1 s");
  assertEquals(udfs.length, 1);
});
