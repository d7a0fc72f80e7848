import { assertEquals, assertThrows } from "@std/assert";
import { EventFd } from "../../../src/sys/event_fd.ts";
import { READABLE } from "../../../src/sys/poller.ts";
import { LoopScope, MessageBuffer, WorkerEngine } from "../../../src/flow/engine/worker_engine.ts";
import { PollLoop } from "../../../src/flow/engine/poll_loop.ts";
import { needsProcessors } from "../../support/quiet.ts";
import type { FromWorker } from "../../../src/flow/engine/messages.ts";

const ignore = Deno.build.os !== "linux";

Deno.test({
  ...needsProcessors("PollLoop calls timers at their times and in their order, and files between them", () => {
    using file = EventFd.open();
    const loop = new PollLoop();
    const start = loop.now();
    const seen: string[] = [];
    loop.watch(file.fd, READABLE, () => {
      file.clear();
      seen.push("file");
    });
    const late = (after: number) => loop.now() - start >= after;
    loop.timer(() => {
      seen.push(`second ${late(2e6)}`);
      loop.stop();
    }).set(start + 2e6);
    loop.timer(() => {
      seen.push(`first ${late(1e6)}`);
      file.signal();
    }, { precise: true }).set(start + 1e6);
    loop.run();
    assertEquals(seen, ["first true", "file", "second true"]);
  }),
  ignore,
});

Deno.test({
  name: "PollLoop lets files have their turn beside a timer that is always due",
  ignore,
  fn() {
    using file = EventFd.open();
    const loop = new PollLoop();
    let calls = 0;
    const timer = loop.timer(() => {
      timer.set(0);
      if (++calls === 3) file.signal();
    });
    timer.set(0);
    loop.watch(file.fd, READABLE, () => loop.stop());
    loop.run();
    assertEquals(calls < 6, true);
  },
});

Deno.test({
  name: "LoopScope hands over what its own handlers throw, and not what those of a scope in it do",
  ignore,
  fn() {
    const loop = new PollLoop();
    const seen: string[] = [];
    const outer = new LoopScope(loop, (error) => seen.push(`outer ${error}`));
    const inner = outer.scope((error) => seen.push(`inner ${error}`));
    outer.timer(() => {
      throw "a";
    }).set(1);
    inner.timer(() => {
      throw "b";
    }).set(2);
    loop.timer(() => loop.stop()).set(loop.now() + 1);
    loop.run();
    assertEquals(seen, ["outer a", "inner b"]);
  },
});

Deno.test({
  name: "LoopScope.close() ends timers, watches and scopes in it, also from within a handler",
  ignore,
  fn() {
    using file = EventFd.open();
    file.signal();
    const loop = new PollLoop();
    const seen: string[] = [];
    const scope = new LoopScope(loop, () => {});
    const inner = scope.scope(() => {});
    const timer = inner.timer(() => seen.push("timer"));
    timer.set(2);
    scope.watch(file.fd, READABLE, () => {
      seen.push("file");
      scope.close();
      timer.set(3);
    });
    loop.timer(() => loop.stop()).set(loop.now() + 1e6);
    loop.run();
    assertEquals(seen, ["file"]);
    assertThrows(() => scope.timer(() => {}), Error, "has ended");
    assertThrows(() => inner.watch(file.fd, READABLE, () => {}), Error, "has ended");
  },
});

Deno.test("MessageBuffer posts what was added in one message, and sooner when it becomes too much", () => {
  const posted: [number, number][] = [];
  const buffer = new MessageBuffer((messages: FromWorker, transfer) => posted.push([messages.length, transfer.length]));
  buffer.flush();
  assertEquals([posted, buffer.empty], [[], true]);
  buffer.add({ type: "log", id: 1, text: "a" });
  buffer.add({ type: "records", id: 1, flow: "f", chunk: new Uint8Array(100_000) });
  assertEquals([posted, buffer.empty], [[], false]);
  buffer.flush();
  for (let i = 0; i < 4; i++) buffer.add({ type: "records", id: 1, flow: "f", chunk: new Uint8Array(100_000) });
  buffer.flush();
  assertEquals(posted, [[2, 1], [3, 3], [1, 1]]);
});

Deno.test("WorkerEngine hands over a sample 50 ms after it was taken, and 100 ms where there are many flows", () => {
  let now = 0;
  const due: { at: number; handler: () => void }[] = [];
  const loop = {
    now: () => now,
    watch: () => {
      throw new Error("no file is watched");
    },
    timer: (handler: () => void) => {
      const timer = { at: Infinity, handler };
      due.push(timer);
      return { set: (at: number) => void (timer.at = at), clear: () => void (timer.at = Infinity) };
    },
  };
  const handedOver: number[] = [];
  const engine = new WorkerEngine(loop, {}, (messages) => {
    if (messages.some(({ type }) => type === "records")) handedOver.push(now);
  });
  const sample = () => {
    engine.start(due.length + handedOver.length, (host) => ({
      start() {
        const writer = host.samples("streamIO", "f")!.writer();
        const i = writer.next();
        writer.columns.t[i] = writer.columns.sent[i] = writer.columns.total[i] = 0;
      },
      close() {},
    }), { kind: "sampled", addresses: [], config: {} });
    const timer = due.reduce((a, b) => b.at < a.at ? b : a);
    now = timer.at;
    timer.at = Infinity;
    timer.handler();
  };
  for (let i = 0; i < 18; i++) sample();
  assertEquals(handedOver.map((at, i) => (at - (handedOver[i - 1] ?? 0)) / 1e6), [...Array(16).fill(50), 100, 100]);
});

Deno.test("RunningFlow.samples() has no sink where nothing takes samples", () => {
  const watch = () => {
    throw new Error("no file is watched");
  };
  const engine = new WorkerEngine({ now: () => 0, watch, timer: () => ({ set() {}, clear() {} }) }, {}, () => {});
  const sinks: boolean[] = [];
  for (const recorded of [undefined, true, false]) {
    engine.start(sinks.length, (host) => ({
      start: () => void sinks.push(host.samples("packetIO", "f") !== undefined),
      close() {},
    }), { kind: "sampled", addresses: [], config: {}, recorded });
  }
  assertEquals(sinks, [true, true, false]);
});
