import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { flowWorker } from "../../../src/flow/create_flows.ts";
import { FlowPool, PoolWorker, type StartThread } from "../../../src/flow/engine/flow_pool.ts";
import { availability } from "../../../src/sys/libc.ts";
import { TineError } from "../../../src/base/errors.ts";
import { RecordedEvents } from "../stream/recorded_events.ts";

const ignore = !availability().available;
const start: StartThread = (...args) => new PoolWorker(flowWorker, ...args);
const events = new RecordedEvents();
const server = { kind: "streamServer", addresses: ["127.0.0.1:0"], config: { listenAddr: ":0" } };

Deno.test({
  name: "FlowPool.start() runs a server until it is canceled, its signal aborts, or the pool ends",
  ignore,
  async fn() {
    const pool = new FlowPool(start, 1);
    const stop = new AbortController();
    const canceled = pool.start(server, { events, signal: new AbortController().signal });
    const aborted = pool.start(server, { events, signal: stop.signal });
    const closed = pool.start(server, { events, signal: new AbortController().signal });
    assertEquals((await Promise.all([canceled.listening, aborted.listening, closed.listening])).length, 3);

    canceled.cancel();
    assertEquals(await canceled.ended, undefined);
    stop.abort(new Error("enough"));
    await assertRejects(() => aborted.ended, Error, "enough");
    assertEquals([canceled.canceled, aborted.canceled, closed.canceled], [true, true, false]);
    await pool[Symbol.asyncDispose]();
    await assertRejects(() => closed.ended, TineError, "closed");
    assertThrows(() => pool.start(server, { events, signal: new AbortController().signal }), TineError, "closed");
    await pool[Symbol.asyncDispose]();
  },
});

Deno.test({
  name: "FlowPool.start() fails for what is aborted, of no known kind, and for addresses that are none",
  ignore,
  async fn() {
    await using pool = new FlowPool(start, 1);
    const { signal } = new AbortController();
    assertThrows(() => pool.start(server, { events, signal: AbortSignal.abort(new Error("before")) }), Error, "before");
    const unknown = pool.start({ ...server, kind: "toString" }, { events, signal });
    assertEquals((await assertRejects(() => unknown.ended, TineError)).code, "unknown-flow-kind");
    const nowhere = pool.start({ ...server, addresses: ["nowhere"] }, { events, signal });
    assertEquals((await assertRejects(() => nowhere.listening, TineError)).code, "invalid-address");
  },
});

Deno.test({
  name: "FlowPool ends at once when nothing was started, and while its worker starts",
  ignore,
  async fn() {
    await new FlowPool(start, 1)[Symbol.asyncDispose]();
    const pool = new FlowPool(start, 2);
    const flow = pool.start(server, { events, signal: new AbortController().signal });
    await pool[Symbol.asyncDispose]();
    await assertRejects(() => flow.ended, TineError, "closed");
  },
});

Deno.test("FlowPool.startAlone() starts a worker for one flow, which ends with it, beyond those of the pool", async () => {
  const threads = new Map<string, string[]>();
  await using pool = new FlowPool((name, onMessage) => {
    const calls: string[] = [];
    threads.set(name, calls);
    return {
      load: 0,
      send({ type, id }) {
        calls.push(type);
        if (type === "cancel") onMessage({ type: "canceled", id });
      },
      warmUp: (name) => Promise.resolve(void calls.push(`warm-up of ${name}`)),
      hold() {},
      stop: () => Promise.resolve(void calls.push("stop")),
    };
  }, 1);
  pool.warmUp("packets");
  const options = { events, signal: new AbortController().signal };
  const alone = pool.startAlone(server, options);
  pool.start(server, options);
  alone.cancel();
  await alone.ended;
  await Promise.resolve();
  assertEquals(Object.fromEntries(threads), {
    "flows 1": ["warm-up of packets", "start"],
    "flows 2": ["warm-up of packets", "start", "cancel", "stop"],
  });
  await pool[Symbol.asyncDispose]();
  assertThrows(() => pool.startAlone(server, options), TineError, "closed");
});

Deno.test("FlowPool.start() has flows record nothing where nothing takes their samples", async () => {
  const recorded: unknown[] = [];
  const thread: StartThread = () => ({
    load: 0,
    send: (order) => recorded.push(order.type === "start" && order.request.recorded),
    warmUp: () => Promise.resolve(),
    hold() {},
    stop: () => Promise.resolve(),
  });
  await using pool = new FlowPool(thread, 1);
  const { signal } = new AbortController();
  const { info, progress, log } = new RecordedEvents();
  pool.start(server, { events, signal });
  pool.start(server, { events: { info, progress, log }, signal });
  assertEquals(recorded, [true, false]);
});
