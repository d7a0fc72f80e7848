import { assertEquals, assertThrows } from "@std/assert";
import { EventLoop, PortableThread, refuseSettings, systemError } from "../../../src/flow/portable/portable_host.ts";
import type { EngineFlow, FlowHost } from "../../../src/flow/engine/engine_flow.ts";
import type { FlowMessage } from "../../../src/flow/engine/messages.ts";
import { SystemError } from "../../../src/sys/errno.ts";
import { READABLE, WRITABLE } from "../../../src/sys/poller.ts";
import { TineError } from "../../../src/base/errors.ts";

Deno.test("EventLoop.watch() calls a handler as long as it leaves something to do", async () => {
  const loop = new EventLoop();
  const file = loop.open();
  let left = 3, calls = 0;
  const watch = loop.watch(file.fd, READABLE, (ready) => {
    assertEquals(ready, READABLE);
    calls++;
    if (--left === 0) file.ready &= ~READABLE;
  });
  file.ready = READABLE | WRITABLE;
  assertEquals(calls, 0, "a handler is not called within the call that makes its file ready");
  await Promise.resolve();
  for (let i = 0; i < 10; i++) await Promise.resolve();
  assertEquals(calls, 3);
  watch.close();
  file.close();
});

Deno.test("EventLoop.watch() reports to a new watch what is ready already, and nothing to a paused or closed one", async () => {
  const loop = new EventLoop();
  const file = loop.open();
  file.ready = READABLE;
  const seen: string[] = [];
  const first = loop.watch(file.fd, READABLE, () => {
    seen.push("first");
    first.interest = 0;
  });
  for (let i = 0; i < 5; i++) await Promise.resolve();
  assertEquals(seen, ["first"]);
  first.interest = READABLE;
  first.close();
  const second = loop.watch(file.fd, READABLE, () => {
    seen.push("second");
    second.close();
  });
  for (let i = 0; i < 5; i++) await Promise.resolve();
  assertEquals(seen, ["first", "second"]);
  file.close();
  assertThrows(() => loop.watch(file.fd, READABLE, () => {}), Error, "no port");
});

Deno.test("EventLoop.timer() calls back not before its time, once, and not after clear()", async () => {
  const loop = new EventLoop();
  const start = loop.now();
  const called = Promise.withResolvers<number>();
  const timer = loop.timer(() => called.resolve(loop.now()));
  const cleared = loop.timer(() => called.reject(new Error("it was cleared")));
  cleared.set(start + 1e6);
  cleared.clear();
  timer.set(start + 3e6);
  assertEquals(await called.promise >= start + 3e6, true);
});

Deno.test("PortableThread runs the kinds of flows that it was given, and refuses others", async () => {
  const messages: FlowMessage[] = [];
  const factory = (host: FlowHost): EngineFlow => ({
    start: () => host.log("started"),
    close: () => host.log("closed"),
  });
  const thread = new PortableThread(() => ({ known: factory }), (message) => messages.push(message));
  const request = { addresses: [], config: {} };
  thread.send({ type: "start", id: 1, request: { ...request, kind: "known" } });
  thread.send({ type: "start", id: 2, request: { ...request, kind: "toString" } });
  thread.send({ type: "cancel", id: 1 });
  await thread.stop();
  const summary = messages.map((message) => [message.id, message.type === "log" ? message.text : message.type]);
  assertEquals(summary, [[1, "started"], [2, "failed"], [1, "closed"], [1, "canceled"]]);
});

Deno.test("systemError() has the number that Deno names, and keeps the text of other errors", () => {
  const refused = systemError(Object.assign(new Error("no"), { code: "ECONNREFUSED" }), "connect", "to 10.0.0.1:9");
  assertEquals(refused.message, "connect to 10.0.0.1:9: connection refused (ECONNREFUSED)");
  assertEquals(refused instanceof SystemError && refused.errno, 111);
  const other = systemError(new Error("strange"), "accept");
  assertEquals([other.code, other.message], ["network-failed", "accept: strange"]);
});

Deno.test("refuseSettings() names all settings, and takes none", () => {
  refuseSettings([]);
  const { code, message } = assertThrows(() => refuseSettings(["cca", "dscp"]), TineError);
  assertEquals([code, message.startsWith("cca and dscp cannot be set")], ["ffi-unavailable", true]);
});
