import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { Handler, Output } from "../../src/udf/handler.ts";
import { type RunningUdf, startInProcess } from "../../src/udf/running_udf.ts";
import { Point } from "../../src/udf/point.ts";
import { ReplayLog } from "../../src/udf/supervise/restart_state.ts";
import { Supervisor, type SupervisorOptions } from "../../src/udf/supervise/supervisor.ts";
import { TineError } from "../../src/base/errors.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);
const point = (i: number) => new Point({ name: "cpu", time: BigInt(i) });
const begin = { name: "cpu", group: "", tags: new Map<string, string>(), size: 0n, byName: false };
const end = { ...begin, tmax: 9n };

/** A UDF that counts points, answers each with the count, and may be told to behave oddly. */
function counter(agent: Output, odd: Partial<Handler> = {}): Handler {
  let count = 0;
  return {
    info: () => ({ wants: "stream", provides: "stream" }),
    init() {},
    point: (point) =>
      agent.point({ name: point.name, time: point.time, fieldsInt: new Map([["count", BigInt(++count)]]) }),
    snapshot: () => bytes(String(count)),
    restore(state) {
      count = Number(text(state));
    },
    ...odd,
  };
}

type Version = (agent: Output) => Handler;

/** Supervises in-process UDFs; the first start makes the first version, and so on; the last one stays. */
function supervise(versions: Version[], options: SupervisorOptions = {}) {
  const peers: (RunningUdf & { closed: boolean })[] = [];
  const points: Point[] = [];
  const log: string[] = [];
  const supervisor = new Supervisor(
    () => {
      const inner = startInProcess("udf", versions[Math.min(peers.length, versions.length - 1)]);
      const peer = {
        ...inner,
        closed: false,
        close() {
          peer.closed = true;
          return inner.close();
        },
      };
      peers.push(peer);
      return Promise.resolve(peer);
    },
    { point: (point) => void points.push(point), batch: (batch) => void points.push(...batch.points) },
    { backoff: { firstDelayMs: 1, longestDelayMs: 5, limit: 5 }, log: (line) => log.push(line), ...options },
  );
  supervisor.start();
  const counts = () => points.map((point) => Number(point.field("count")));
  const left = () => peers.filter(({ closed }) => !closed).length;
  return { supervisor, peers, points, counts, log, left };
}

/** A batch UDF that answers with the number of points in each batch. */
function batchCounter(agent: Output): Handler {
  let count = 0;
  return {
    info: () => ({ wants: "batch", provides: "batch" }),
    init() {},
    beginBatch() {
      count = 0;
    },
    point() {
      count++;
    },
    async endBatch({ tmax }) {
      await agent.beginBatch({ name: "count" });
      await agent.point({ name: "count", time: tmax, fieldsInt: new Map([["count", BigInt(count)]]) });
      await agent.endBatch({ tmax });
    },
  };
}

Deno.test("a reload in the middle of a batch waits for its end", async () => {
  const { supervisor, peers, counts, left } = supervise([batchCounter]);
  await supervisor.init([]);
  await supervisor.begin(begin);
  await supervisor.point(point(1));
  const reloading = supervisor.reload();
  await supervisor.point(point(2));
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(peers.length, 1);
  await supervisor.end(end);
  await reloading;
  await supervisor.batch({ begin, points: [point(3)], end });
  await supervisor.stop(5000);
  assertEquals([peers.length, left()], [2, 0]);
  assertEquals(counts(), [2, 1]);
});

Deno.test("a reload that waits for the end of a batch does not outlive the supervisor", async () => {
  const { supervisor, peers } = supervise([batchCounter]);
  await supervisor.init([]);
  await supervisor.begin(begin);
  const reloading = supervisor.reload();
  await supervisor.stop(5000).catch(() => {});
  await reloading;
  assertEquals(peers.length, 1);
});

Deno.test("reloads that come together replace the UDF once, one that comes meanwhile replaces it again", async () => {
  const { supervisor, peers, counts, left, log } = supervise([counter]);
  await supervisor.init([]);
  await supervisor.point(point(1));
  const first = [supervisor.reload(), supervisor.reload(), supervisor.reload()];
  await new Promise((resolve) => setTimeout(resolve, 0));
  const second = supervisor.reload();
  await supervisor.point(point(2));
  await Promise.all([...first, second]);
  await supervisor.point(point(3));
  await supervisor.stop(5000);
  assertEquals([peers.length, left()], [3, 0]);
  assertEquals(counts(), [1, 2, 3]);
  assertEquals(log, ["the new version has taken over", "the new version has taken over"]);
});

Deno.test("a reload while a snapshot is being taken loses no input", async () => {
  const { supervisor, counts } = supervise([counter]);
  await supervisor.init([]);
  for (let i = 0; i < 10; i++) {
    await supervisor.point(point(i));
    const saving = supervisor.snapshot();
    const reloads = [supervisor.reload(), supervisor.reload()];
    await supervisor.point(point(i));
    await Promise.all([saving, ...reloads]);
  }
  await supervisor.stop(5000);
  assertEquals(counts(), Array.from({ length: 20 }, (_, i) => i + 1));
});

Deno.test("a UDF that dies while it is being replaced is replaced all the same, and nothing is left behind", async () => {
  const { supervisor, peers, counts, left } = supervise([
    counter,
    (agent) =>
      counter(agent, {
        info() {
          peers[0].kill();
          return new Promise((resolve) => setTimeout(() => resolve({ wants: "stream", provides: "stream" }), 50));
        },
      }),
    counter,
  ]);
  await supervisor.init([]);
  await supervisor.point(point(1));
  await supervisor.reload();
  await supervisor.point(point(2));
  assertEquals(text(await supervisor.snapshot()), "2");
  await supervisor.stop(5000);
  assertEquals(left(), 0);
  assertEquals(counts(), [1, 2]);
});

Deno.test("a new version that dies as it takes over is started again with its state", async () => {
  let first = true;
  const { supervisor, counts, left } = supervise([
    counter,
    (agent) => {
      const normal = counter(agent);
      const dies = first;
      first = false;
      return dies
        ? {
          ...normal,
          point() {
            throw new Error("not yet");
          },
        }
        : normal;
    },
  ]);
  await supervisor.init([]);
  await supervisor.point(point(1));
  const reloading = supervisor.reload();
  await supervisor.point(point(2));
  await reloading;
  await supervisor.point(point(3));
  assertEquals(text(await supervisor.snapshot()), "3");
  await supervisor.stop(5000);
  assertEquals(left(), 0);
  assertEquals(counts(), [1, 2, 3]);
});

for (const how of ["throws in", "refuses in"]) {
  Deno.test(`a new version that ${how} restore() starts empty and says so`, async () => {
    const restore = () => {
      if (how === "throws in") throw new Error("another format");
      return { success: false, error: "another format" };
    };
    const { supervisor, counts, log, left } = supervise([counter, (agent) => counter(agent, { restore })], {
      backoff: { limit: 0 },
    });
    await supervisor.init([]);
    await supervisor.point(point(1));
    await supervisor.point(point(2));
    await supervisor.reload();
    await supervisor.point(point(3));
    await supervisor.stop(5000);
    assertEquals(counts(), [1, 2, 1]);
    assertStringIncludes(log[0], "the new version starts empty:");
    assertStringIncludes(log[0], "another format");
    assertEquals(left(), 0);
  });
}

Deno.test("what is given up while a UDF is being started leaves none behind", async () => {
  const { supervisor, peers, left } = supervise([
    (agent) => counter(agent, { info: () => new Promise(() => {}) }),
  ]);
  const asking = supervisor.info();
  await new Promise((resolve) => setTimeout(resolve, 5));
  supervisor.abort(new TineError("enough", "that is enough"));
  await assertRejects(() => asking, TineError, "that is enough");
  for (const peer of peers) peer.kill();
  await assertRejects(() => supervisor.stop(100), TineError, "that is enough");
  assertEquals(left(), 0);
});

Deno.test("a pause before the next start ends when the supervisor gives up", async () => {
  const { supervisor, peers } = supervise([counter], { backoff: { firstDelayMs: 60_000, longestDelayMs: 60_000 } });
  await supervisor.init([]);
  peers[0].kill();
  const asking = supervisor.snapshot();
  await new Promise((resolve) => setTimeout(resolve, 20));
  supervisor.abort(new TineError("enough", "that is enough"));
  await assertRejects(() => asking, TineError, "that is enough");
  await assertRejects(() => supervisor.stop(100), TineError, "that is enough");
});

Deno.test("a snapshot reflects what was sent while an earlier one was being taken", async () => {
  const { supervisor } = supervise([counter]);
  await supervisor.init([]);
  const early = supervisor.snapshot();
  await supervisor.point(point(1));
  await supervisor.point(point(2));
  const late = supervisor.snapshot();
  assertEquals([text(await early), text(await late)], ["0", "2"]);
  await supervisor.stop(5000);
});

Deno.test("a snapshot during which the UDF dies is taken from the next one", async () => {
  let first = true;
  const { supervisor } = supervise([
    (agent) => {
      const dies = first;
      first = false;
      const normal = counter(agent);
      return {
        ...normal,
        snapshot() {
          if (dies) throw new Error("not now");
          return normal.snapshot!();
        },
      };
    },
  ]);
  await supervisor.init([]);
  await supervisor.point(point(1));
  assertEquals(text(await supervisor.snapshot()), "1");
  assertEquals(supervisor.supervision.restarts, 1);
  await supervisor.stop(5000);
});

Deno.test("an empty snapshot is handed on as such", async () => {
  let empty = false;
  const { supervisor } = supervise([(agent) => {
    const normal = counter(agent);
    return { ...normal, snapshot: () => empty ? undefined : normal.snapshot!() };
  }]);
  await supervisor.init([]);
  await supervisor.point(point(1));
  assertEquals(text(await supervisor.snapshot()), "1");
  empty = true;
  assertEquals(text(await supervisor.snapshot()), "");
  await supervisor.stop(5000);
});

Deno.test("a state that is restored after points replaces their effect, also after a restart", async () => {
  const { supervisor, peers, counts } = supervise([counter]);
  await supervisor.init([]);
  await supervisor.point(point(1));
  await supervisor.point(point(2));
  await supervisor.restore(bytes("40"));
  peers[0].kill();
  await supervisor.point(point(3));
  assertEquals(text(await supervisor.snapshot()), "41");
  await supervisor.stop(5000);
  assertEquals(counts().at(-1), 41);
});

Deno.test("outputs that follow a snapshot at once are counted among those that may repeat", async () => {
  const { supervisor, peers, points } = supervise([counter]);
  await supervisor.init([]);
  for (let i = 0; i < 100; i++) {
    await supervisor.point(point(i));
    if (i === 49) void supervisor.snapshot();
  }
  // The answers to all of them have come.
  while (points.length < 100) await new Promise((resolve) => setTimeout(resolve, 1));
  peers[0].kill();
  await supervisor.snapshot();
  await supervisor.point(point(100));
  await supervisor.stop(5000);
  const { repeatedOutputs, resentPoints } = supervisor.supervision;
  assertEquals(points.length, 101 + repeatedOutputs);
  assertEquals(resentPoints, 50);
});

Deno.test("ReplayLog.dropBefore() takes marks in any order", () => {
  const log = new ReplayLog();
  const add = () => log.add({ kind: "point", point: point(1) });
  add();
  const one = log.mark();
  add();
  const two = log.mark();
  add();
  assertEquals(log.dropBefore(two), 2);
  assertEquals(log.dropBefore(one), 0);
  assertEquals(log.dropBefore(two), 0);
  assertEquals([...log.segments(two)].length, 1);
  assertEquals(log.points, 1);
});

Deno.test("a UDF that dies right after a snapshot has lost no point", async () => {
  const { supervisor, peers, points } = supervise([counter], { replayBufferBytes: 400, backoff: { firstDelayMs: 1 } });
  await supervisor.init([]);
  const total = 200;
  for (let i = 0; i < total; i++) {
    await supervisor.point(point(i));
    if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 2));
    if (i % 37 === 36) peers.at(-1)!.kill();
  }
  assertEquals(text(await supervisor.snapshot()), String(total));
  await supervisor.stop(5000);
  assertEquals(points.length, total + supervisor.supervision.repeatedOutputs);
});
