import { assertEquals, assertGreater } from "@std/assert";
import type { Handler, Output } from "../../src/udf/handler.ts";
import { Point } from "../../src/udf/point.ts";
import { type RunningUdf, startInProcess } from "../../src/udf/running_udf.ts";
import { Supervisor, type SupervisorOptions } from "../../src/udf/supervise/supervisor.ts";
import { startProcess } from "../../src/udf/udf_process.ts";
import { eventually } from "../support/eventually.ts";
import { named } from "../support/peers.ts";
import { hasPythonAgent, preparePythonAgent, pythonAgentPeers } from "../support/python_agent.ts";
import { ScriptedUdf } from "../support/scripted_udf.ts";
import { streamHandler } from "../support/udf_driver.ts";

const point = (i: number) => new Point({ name: "cpu", time: BigInt(i), fieldsDouble: new Map([["v", 1]]) });

const SENTENCE = "it is not asked again, and its state is lost when it dies";

/** Supervises a UDF that is asked for a snapshot as often as possible. */
function supervise(reach: () => Promise<RunningUdf>, options: SupervisorOptions = {}) {
  const points: Point[] = [];
  const log: string[] = [];
  const supervisor = new Supervisor(reach, { point: (point) => void points.push(point), batch() {} }, {
    backoff: { firstDelayMs: 1, longestDelayMs: 2, limit: 5 },
    snapshotIntervalMs: 1,
    log: (message) => log.push(message),
    ...options,
  });
  supervisor.start();
  return { supervisor, points, log };
}

/** A UDF that sends points back; `snapshot` is called each time that it is asked. */
function mirror(snapshot: Handler["snapshot"], onPoint = (point: Point, agent: Output) => agent.point(point)) {
  return () =>
    Promise.resolve(startInProcess(
      "mirror",
      streamHandler((agent) => ({ point: (point) => onPoint(point as Point, agent), snapshot, restore() {} })),
    ));
}

Deno.test("a UDF that dies when it is asked for a snapshot is asked once, and not again", async () => {
  let asked = 0;
  const { supervisor, points, log } = supervise(mirror(() => {
    asked++;
    throw new Error("snapshots are not supported");
  }));
  await supervisor.init([]);
  await supervisor.point(point(0));
  await eventually("it was started again", () => supervisor.supervision.restarts === 1);
  for (let i = 1; i < 20; i++) {
    await supervisor.point(point(i));
    await eventually(`point ${i} is back`, () => points.at(-1)?.time === BigInt(i));
  }
  // What a host wants is answered for it.
  assertEquals(await supervisor.snapshot(), new Uint8Array());
  await supervisor.stop();
  assertEquals([asked, supervisor.supervision.restarts], [1, 1]);
  assertEquals(log.filter((line) => line.endsWith(SENTENCE)).length, 1);
  assertEquals(new Set(points.map(({ time }) => time)).size, 20);
});

Deno.test("a UDF that dies when a host wants its snapshot is asked once more at most", async () => {
  let asked = 0;
  const { supervisor } = supervise(
    mirror(() => {
      asked++;
      throw new Error("no");
    }),
    { snapshotIntervalMs: 1_000_000 },
  );
  await supervisor.init([]);
  for (let i = 0; i < 5; i++) {
    await supervisor.point(point(i));
    assertEquals((await supervisor.snapshot()).length, 0);
  }
  await supervisor.stop();
  assertEquals(asked, 2);
});

Deno.test("a UDF that never answers when it is asked for a snapshot goes on, and is not asked again", async () => {
  const udf = new ScriptedUdf();
  let asked = 0, taken = 0;
  const script = (async () => {
    for (let request; (request = await udf.next()) !== undefined;) {
      if (request.kind === "init") await udf.send({ kind: "init", outcome: { success: true, error: "" } });
      else if (request.kind === "keepalive") await udf.send({ kind: "keepalive", time: request.time });
      else if (request.kind === "snapshot") asked++;
      else if (request.kind === "point") taken++;
    }
    udf.exit(undefined);
    await udf.endOutput();
  })();
  // Much more than the room for input, which it has to make room for.
  const { supervisor, log } = supervise(() => Promise.resolve(udf.running), {
    timeoutMs: 100,
    replayBufferBytes: 2000,
  });
  await supervisor.init([]);
  for (let i = 0; i < 1000; i++) await supervisor.point(point(i));
  await supervisor.stop();
  await script;
  assertEquals([asked, taken], [1, 1000]);
  assertEquals(log.filter((line) => line.endsWith(SENTENCE)).length, 1);
});

Deno.test("a UDF that is not started again is not asked for snapshots that are wanted by no host", async () => {
  let asked = 0;
  const snapshot = () => {
    asked++;
    return new Uint8Array([1]);
  };
  const { supervisor, points } = supervise(mirror(snapshot), { backoff: { limit: 0 }, replayBufferBytes: 2000 });
  await supervisor.init([]);
  for (let i = 0; i < 500; i++) await supervisor.point(point(i));
  await eventually("all are back", () => points.length === 500);
  assertEquals(asked, 0);
  assertEquals(await supervisor.snapshot(), new Uint8Array([1]));
  await supervisor.stop();
  assertEquals(asked, 1);
});

Deno.test("a UDF that answers with nothing is asked on, since it may have a state later", async () => {
  let state = new Uint8Array();
  let asked = 0;
  const snapshot = () => {
    asked++;
    return state;
  };
  const { supervisor, log } = supervise(mirror(snapshot));
  await supervisor.init([]);
  await supervisor.point(point(0));
  await eventually("it was asked", () => asked > 0);
  state = new Uint8Array([1]);
  const before = asked;
  await eventually("it was asked again", () => asked > before);
  await supervisor.stop();
  assertEquals(log, []);
});

Deno.test("a UDF that dies at a point, and not of the question, is asked again", async () => {
  let asked = 0;
  const kept: unknown[] = [];
  const { supervisor, points, log } = supervise(
    mirror(() => new Uint8Array([++asked % 200 + 1]), (point, agent) => {
      if (point.time === 3n) throw new Error("no three");
      return agent.point(point);
    }),
    { poison: { action: "skip", keep: (requests) => void kept.push(...requests) } },
  );
  await supervisor.init([]);
  for (let i = 0; i < 10; i++) await supervisor.point(point(i));
  await eventually("the others are back", () => points.at(-1)?.time === 9n);
  const before = asked;
  await eventually("it is asked on", () => asked > before + 1);
  await supervisor.stop();
  assertEquals(kept.length, 1);
  assertGreater(asked, 1);
  assertEquals(log.filter((line) => line.endsWith(SENTENCE)), []);
});

Deno.test({
  name: named("a UDF in Python whose snapshot() fails is started again once", ...pythonAgentPeers),
  ignore: !hasPythonAgent,
  async fn() {
    await using agent = await preparePythonAgent();
    const command = agent.command("moving-sum", "--no-snapshot");
    const { supervisor, points, log } = supervise(() => Promise.resolve(startProcess(command, () => {})), {
      snapshotIntervalMs: 20,
    });
    await supervisor.info();
    await supervisor.init([{ name: "field", values: [{ type: "string", value: "v" }] }]);
    await supervisor.point(point(0));
    await eventually("it was started again", () => supervisor.supervision.restarts === 1);
    for (let i = 1; i < 20; i++) {
      await supervisor.point(point(i));
      await eventually(`point ${i} is back`, () => points.at(-1)?.time === BigInt(i));
    }
    await supervisor.stop();
    assertEquals(supervisor.supervision.restarts, 1);
    assertEquals(log.filter((line) => line.endsWith(SENTENCE)).length, 1);
  },
});

Deno.test("a UDF that is killed from outside while it is asked for a snapshot is asked again", async () => {
  let started = 0;
  const restored: Uint8Array[] = [];
  const reach = () => {
    const udf = new ScriptedUdf();
    const isKilled = started++ < 3;
    void (async () => {
      for (let request; (request = await udf.next()) !== undefined;) {
        if (request.kind === "init") await udf.send({ kind: "init", outcome: { success: true, error: "" } });
        else if (request.kind === "keepalive") await udf.send({ kind: "keepalive", time: request.time });
        else if (request.kind === "restore") restored.push(request.snapshot);
        else if (request.kind === "snapshot") {
          if (isKilled) break;
          await udf.send({ kind: "snapshot", snapshot: new Uint8Array([started]) });
        }
      }
      udf.exit(isKilled ? "was ended by SIGKILL" : undefined);
      await udf.endOutput();
    })();
    return Promise.resolve(udf.running);
  };
  const { supervisor, log } = supervise(reach);
  await supervisor.init([]);
  await supervisor.point(point(0));
  await eventually("it was killed three times", () => supervisor.supervision.restarts === 3);
  assertEquals(await supervisor.snapshot(), new Uint8Array([4]));
  await supervisor.stop();
  assertEquals(log.filter((line) => line.endsWith(SENTENCE)), []);
  assertEquals(restored, []);
});
