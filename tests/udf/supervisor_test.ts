import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import { BatchGuard } from "../../src/udf/batch_guard.ts";
import { type RunningUdf, startInProcess } from "../../src/udf/running_udf.ts";
import type { Option } from "../../src/udf/messages.ts";
import { startModule } from "../../src/udf/module/module_runner.ts";
import { Point } from "../../src/udf/point.ts";
import { startProcess } from "../../src/udf/udf_process.ts";
import { Backoff } from "../../src/base/backoff.ts";
import { ReplayLog } from "../../src/udf/supervise/restart_state.ts";
import { Supervisor, type SupervisorOptions } from "../../src/udf/supervise/supervisor.ts";
import { TineError } from "../../src/base/errors.ts";
import { streamHandler } from "../support/udf_driver.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const COUNTER = new URL("../support/modules/counter.ts", import.meta.url).pathname;
const AGENT = [Deno.execPath(), "run", "-A", MAIN, "agent"];

const MOVING_AVG: Option[] = [
  { name: "field", values: [{ type: "string", value: "v" }] },
  { name: "size", values: [{ type: "int", value: 50n }] },
];

function point(i: number): Point {
  const fieldsDouble = new Map([["v", Math.sin(i) * i]]);
  return new Point({ name: "cpu", group: `host=${i % 7}`, time: BigInt(i), fieldsDouble });
}

/** What a UDF sent, and a supervisor of it that takes its pauses fast. */
function supervise(reach: () => Promise<RunningUdf>, options: SupervisorOptions = {}) {
  const points: Point[] = [];
  const log: string[] = [];
  const supervisor = new Supervisor(reach, {
    point: (point) => void points.push(point),
    batch: (batch) => void points.push(...batch.points),
  }, {
    backoff: { firstDelayMs: 1, longestDelayMs: 5, limit: 5 },
    log: (message) => log.push(message),
    ...options,
  });
  supervisor.start();
  return { supervisor, points, log };
}

/** Starts `tine agent` processes, and remembers their process ids. */
function processes(...args: string[]) {
  const alive: RunningUdf[] = [];
  return {
    reach: () => {
      const peer = startProcess([...AGENT, ...args], () => {});
      alive.push(peer);
      return Promise.resolve(peer);
    },
    started: () => alive.length,
    /** kill -9 of the last one. */
    kill: () => alive.at(-1)?.kill(),
  };
}

Deno.test("a UDF that is killed forty times under load ends in the state of an undisturbed one", async () => {
  const kills = 40, total = kills * 400;
  const udf = processes("moving-avg");
  const { supervisor, points } = supervise(udf.reach, {
    replayBufferBytes: 64 * 1024,
    backoff: { firstDelayMs: 1, longestDelayMs: 1, limit: 200 },
  });
  await supervisor.init(MOVING_AVG);
  for (let i = 0; i < total; i++) {
    const full = supervisor.point(point(i));
    if (full !== undefined) await full;
    if (i % 400 === 200) {
      const killed = udf.started();
      udf.kill();
      // Its death is noticed while points go on; the next kill is for the next process.
      while (udf.started() === killed && i + 1 < total) {
        const more = supervisor.point(point(++i));
        if (more !== undefined) await more;
        await new Promise((resolve) => setTimeout(resolve, 0));
        if (i % 400 === 399) break;
      }
    }
  }
  const state = await supervisor.snapshot();
  await supervisor.stop(10_000);
  const { restarts, resentPoints, repeatedOutputs, lostPoints } = supervisor.supervision;

  const calm = supervise(() => Promise.resolve(startProcess([...AGENT, "moving-avg"], () => {})));
  await calm.supervisor.init(MOVING_AVG);
  for (let i = 0; i < total; i++) await calm.supervisor.point(point(i));
  const calmState = await calm.supervisor.snapshot();
  await calm.supervisor.stop(10_000);

  assertGreater(restarts, 0.9 * kills);
  assert(new TextDecoder().decode(state) === new TextDecoder().decode(calmState), "the states differ");
  assertEquals(lostPoints, 0);
  assertGreater(resentPoints, 0);
  assertEquals(supervisor.counts.pointsIn, total);
  assertEquals(points.length, total + repeatedOutputs, "each output comes once, plus those that were said to repeat");
  const last = new Map(points.map((point) => [point.time, point.field("avg")]));
  const wrong = calm.points.filter((point) => last.get(point.time) !== point.field("avg"));
  assertEquals(wrong.length, 0);
});

Deno.test("a UDF that dies in a batch gets the whole batch again", async () => {
  const udf = processes("outliers");
  const { supervisor, points } = supervise(udf.reach);
  await supervisor.init([{ name: "field", values: [{ type: "string", value: "v" }] }]);
  const tags = new Map<string, string>();
  await supervisor.begin({ name: "cpu", group: "", tags, size: 0n, byName: false });
  for (let i = 0; i < 50; i++) {
    await supervisor.point(new Point({ time: BigInt(i), fieldsDouble: new Map([["v", 1]]) }));
  }
  udf.kill();
  await supervisor.point(new Point({ time: 50n, fieldsDouble: new Map([["v", 99]]) }));
  await supervisor.end({ name: "cpu", group: "", tags, tmax: 50n, byName: false });
  await supervisor.stop(10_000);
  assertEquals(points.map((point) => point.time), [50n]);
  assertEquals(supervisor.supervision.restarts, 1);
});

Deno.test("what a UDF without a snapshot loses is counted", async () => {
  const udf = processes("mirror");
  const { supervisor } = supervise(udf.reach);
  await supervisor.init([]);
  for (let i = 0; i < 10; i++) await supervisor.point(point(i));
  assertEquals((await supervisor.snapshot()).length, 0);
  udf.kill();
  await supervisor.point(point(10));
  await supervisor.snapshot();
  await supervisor.stop(10_000);
  const { restarts, lostPoints } = supervisor.supervision;
  assertEquals({ restarts, lostPoints }, { restarts: 1, lostPoints: 10 });
});

Deno.test("a command that crashes in a loop is given up with its reason", async () => {
  const { supervisor, log } = supervise(() =>
    Promise.resolve(startProcess(["sh", "-c", "echo broken >&2; exit 7"], () => {}))
  );
  const error = await assertRejects(() => supervisor.init([]), TineError, "exited with status 7");
  assertStringIncludes(error.message, "started again 5 times in a row");
  assertStringIncludes(error.message, "broken");
  assertEquals(log.length, 5);
  await supervisor.stop().catch(() => {});
});

Deno.test("a command that is not there is not started again", async () => {
  const { supervisor } = supervise(() => Promise.resolve().then(() => startProcess(["no-such-udf"], () => {})));
  await assertRejects(() => supervisor.info(), TineError, "there is no such program");
  assertEquals(supervisor.supervision.restarts, 0);
  await supervisor.stop().catch(() => {});
});

Deno.test("options that a UDF refuses are an error, not a reason to start it again", async () => {
  const udf = processes("moving-avg");
  const { supervisor } = supervise(udf.reach);
  await assertRejects(() => supervisor.init([]), TineError, "missing option: field, size");
  await supervisor.init(MOVING_AVG);
  await supervisor.stop(10_000);
  assertEquals(udf.started(), 1);
});

Deno.test("a receiver that fails ends the supervision", async () => {
  const supervisor = new Supervisor(
    () => Promise.resolve(startProcess([...AGENT, "mirror"], () => {})),
    {
      point() {
        throw new TineError("full", "the disk is full");
      },
      batch() {},
    },
  );
  supervisor.start();
  await supervisor.init([]);
  await supervisor.point(point(1));
  await assertRejects(() => supervisor.snapshot(), Error, "the disk is full");
  await assertRejects(() => supervisor.stop(5000), Error, "the disk is full");
});

Deno.test("a reload gives the state to the new version, and input goes on", async () => {
  const { supervisor, points, log } = supervise(() => startModule(COUNTER));
  await supervisor.init([]);
  for (let i = 0; i < 10; i++) await supervisor.point(point(i));
  const reloading = supervisor.reload();
  for (let i = 10; i < 20; i++) await supervisor.point(point(i));
  await reloading;
  await supervisor.stop(10_000);
  assertEquals(points.map((point) => point.field("count")), Array.from({ length: 20 }, (_, i) => BigInt(i + 1)));
  assertEquals(log, ["the new version has taken over"]);
});

Deno.test("a reload of a version that does not start keeps the old one", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/udf.ts`;
  try {
    await Deno.copyFile(COUNTER, path);
    const { supervisor, points, log } = supervise(() => startModule(path));
    await supervisor.init([]);
    await supervisor.point(point(0));
    await Deno.writeTextFile(path, "export const nothing = 1;");
    const reloading = supervisor.reload();
    await supervisor.point(point(1));
    await reloading;
    await supervisor.point(point(2));
    await supervisor.stop(10_000);
    assertEquals(points.map((point) => point.field("count")), [1n, 2n, 3n]);
    assertStringIncludes(log[0], "the new version does not start, the old one goes on");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("ReplayLog drops what came before a mark, and no more", () => {
  const log = new ReplayLog();
  for (let i = 0; i < 1000; i++) log.add({ kind: "point", point: point(i) });
  const mark = log.mark();
  const before = log.bytes;
  log.add({ kind: "point", point: point(1000) });
  const after = log.bytes - before;
  assertEquals(log.dropBefore(mark), 1000);
  assertEquals({ points: log.points, bytes: log.bytes }, { points: 1, bytes: after });
});

Deno.test("Backoff.next() grows to its longest pause, then gives up; reset() begins again", () => {
  const backoff = new Backoff({ firstDelayMs: 10, longestDelayMs: 50, limit: 4 });
  assertEquals([1, 2, 3, 4, 5].map(() => backoff.next(1)), [10, 20, 40, 50, undefined]);
  backoff.reset();
  assertEquals(backoff.next(0), 5);
});

Deno.test("BatchGuard is open between begin and end", () => {
  const guard = new BatchGuard("the test");
  guard.begin({ name: "cpu", group: "", tags: new Map(), size: 0n, byName: false });
  assert(guard.open !== undefined);
});

Deno.test("a supervisor takes no snapshot early where the interval is longer than a timer of the runtime", async () => {
  let snapshots = 0;
  const create = streamHandler(() => ({
    snapshot: () => {
      snapshots++;
      return new Uint8Array();
    },
    restore() {},
  }));
  const { supervisor } = supervise(() => Promise.resolve(startInProcess("udf", create)), {
    snapshotIntervalMs: 2 ** 31,
  });
  await supervisor.init([]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(snapshots, 0);
  await supervisor.stop();
});
