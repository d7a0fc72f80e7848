import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { CheckResult } from "../../../src/udf/check/check.ts";
import { type CheckOptions, CHECKS, checkUdf } from "../../../src/udf/check/runner.ts";
import { loadBundledHandler } from "../../../src/udf/handlers/mod.ts";
import { startInProcess } from "../../../src/udf/running_udf.ts";
import type { EdgeType } from "../../../src/udf/messages.ts";
import { CASES, TIMEOUT_MS } from "./faults.ts";
import { Point } from "../../../src/udf/point.ts";
import { type Fault, type Reply, startFaulty, type State } from "./faulty_udf.ts";

async function results(options: CheckOptions): Promise<CheckResult[]> {
  return await Array.fromAsync(checkUdf(options));
}

for (const { mistake, check, status, reason, fault, settings } of CASES) {
  Deno.test(`check ${check} says ${status} for a UDF that ${mistake}`, async () => {
    const connect = (log: (line: string) => void) => Promise.resolve(startFaulty(fault(), log));
    const all = await results({ connect, settings, only: [check], timeoutMs: TIMEOUT_MS });
    const result = all.find(({ id }) => id === check)!;
    assertEquals([result.id, result.status], [check, status], JSON.stringify(result));
    assertStringIncludes(result.reason ?? "", reason);
    if (status === "skip") return;
    for (const part of ["sent", "came", "expected"] as const) assert(result.evidence?.[part], `nothing ${part}`);
  });
}

Deno.test("every check has a UDF that fails it or is warned", () => {
  const caught = new Set(CASES.filter(({ status }) => status !== "skip").map(({ check }) => check));
  assertEquals(CHECKS.map(({ id }) => id).filter((id) => !caught.has(id)), []);
});

for (const edge of ["stream", "batch"] satisfies EdgeType[]) {
  Deno.test(`every check passes, or is skipped, for a UDF that mirrors a ${edge} without a fault`, async () => {
    const connect = (log: (line: string) => void) =>
      Promise.resolve(startFaulty({ edge, options: { x: ["int", "string"] }, onSignal: () => "well" }, log));
    const bad = (await results({ connect, jobs: 4 })).filter(({ status }) => status === "fail" || status === "warn");
    assertEquals(bad, []);
  });
}

Deno.test("every check passes, or is skipped, for a UDF that adds points by a clock of its own", async () => {
  const now = () => BigInt(Date.now()) * 1_000_000n;
  const ways: Fault[] = [
    { add: () => [{ kind: "point", point: new Point({ name: "heartbeat", time: now() }) }] },
    // The latest point again, with another time.
    withLatest((latest) => {
      const point = latest.copy();
      point.time = now();
      return point;
    }),
    // And as it was.
    withLatest((latest) => latest.copy()),
  ];
  for (const way of ways) {
    const connect = (log: (line: string) => void) => Promise.resolve(startFaulty(way, log));
    const bad = (await results({ connect, jobs: 4 })).filter(({ status }) => status === "fail" || status === "warn");
    assertEquals(bad, []);
  }
});

function withLatest(repeat: (latest: Point) => Point): Fault {
  const latest = new WeakMap<State, Point>();
  return {
    respond(request, state) {
      if (request.kind === "point") latest.set(state, request.point.copy());
    },
    add(state) {
      const point = latest.get(state);
      return point === undefined ? [] : [{ kind: "point", point: repeat(point) }];
    },
  };
}

Deno.test("check keepalive-idle passes for a UDF that sends keepalives unasked and answers later", async () => {
  let asked = false;
  const connect = (log: (line: string) => void) =>
    Promise.resolve(startFaulty({
      async respond(request) {
        if (request.kind !== "keepalive") return;
        asked = true;
        await new Promise((resolve) => setTimeout(resolve, 400));
        return [request];
      },
      add() {
        if (!asked) return [];
        asked = false;
        return [{ kind: "keepalive", time: 0n }];
      },
    }, log));
  assertEquals((await results({ connect, only: ["keepalive-idle"] })).map(({ status }) => status), ["pass"]);
});

for (
  const [name, settings] of [
    ["mirror", []],
    ["moving-avg", ["field=value", "size=3"]],
    ["moving-avg", []],
    ["ewma", ["field=value", "alpha=0.125", "deviation=deviation"]],
    ["ewma", ["field=value", "halfLife=10s"]],
    ["quantile", ["field=value", "p=0.9", "size=5"]],
    ["quantile", ["field=value", "p=0.9", "window=10s"]],
    ["rate", ["field=value"]],
    ["anomaly", ["field=value", "size=10"]],
    ["anomaly", ["field=value", "window=20s"]],
    ["outliers", ["field=value"]],
    ["join", ["left=value", "right=load", "tolerance=1s"]],
  ] as const
) {
  Deno.test(`the bundled handler ${name} ${settings.join(" ")} passes every check without a warning`, async () => {
    const createHandler = (await loadBundledHandler(name))!;
    const connect = () => Promise.resolve(startInProcess(name, createHandler));
    const all = await results({ connect, settings, jobs: 2 });
    assertEquals(all.map(({ id }) => id), CHECKS.map(({ id }) => id));
    assertEquals(all.filter(({ status }) => status === "fail" || status === "warn"), []);
    assert(all.filter(({ status }) => status === "pass").length >= 30);
  });
}

Deno.test("checkUdf() skips all checks when the UDF does not answer info", async () => {
  const connect = (log: (line: string) => void) => Promise.resolve(startFaulty({ respond: () => [] }, log));
  const started = performance.now();
  const [first, ...others] = await results({ connect, timeoutMs: TIMEOUT_MS });
  assertEquals([first.id, first.status], ["info-alone", "fail"]);
  assert(others.every(({ status, unusable }) => status === "skip" && unusable));
  assertEquals(others.length, CHECKS.length - 1);
  // They are not tried: each of them would take its timeout.
  assert(performance.now() - started < others.length / 2 * TIMEOUT_MS);
});

Deno.test("checkUdf() skips what needs data when the UDF refuses its options", async () => {
  const connect = (log: (line: string) => void) =>
    Promise.resolve(startFaulty({
      respond: (request) =>
        request.kind === "init" ? [{ kind: "init", outcome: { success: false, error: "no luck" } }] : undefined,
    }, log));
  const all = await results({ connect });
  const statusOf = (id: string) => all.find((result) => result.id === id)?.status;
  assertEquals([statusOf("init"), statusOf("info-alone"), statusOf("unicode")], ["warn", "pass", "skip"]);
  assertEquals(all.filter(({ status }) => status === "fail"), []);
});

Deno.test("checkUdf() leaves out an option that has allowed values", async () => {
  const refuse = (error: string): Reply[] => [{ kind: "init", outcome: { success: false, error } }];
  const connect = (log: (line: string) => void) =>
    Promise.resolve(startFaulty({
      options: { field: ["string"], mode: ["string"] },
      respond(request) {
        if (request.kind !== "init") return;
        const has = (name: string) => request.init.options.some((option) => option.name === name);
        if (!has("field")) return refuse("field is missing");
        if (has("mode")) return refuse('mode must be "fast" or "exact", got "value"');
      },
    }, log));
  const all = await results({ connect, only: ["init", "int64"] });
  assertEquals(all.map(({ id, status }) => `${id} ${status}`), ["init pass", "int64 pass"]);
});

Deno.test("checkUdf() stops when its signal is aborted, and leaves nothing behind", async () => {
  const ending = new AbortController();
  const connect = (log: (line: string) => void) =>
    Promise.resolve(startFaulty({
      async respond(request, state) {
        if (request.kind !== "snapshot") return;
        ending.abort(new Error("enough"));
        await state.killed;
      },
    }, log));
  let message = "";
  try {
    await results({ connect, signal: ending.signal, jobs: 3, only: ["info-again", "snapshot", "snapshot-load"] });
  } catch (error) {
    message = (error as Error).message;
  }
  assertEquals(message, "enough");
});

Deno.test("checkUdf() skips what needs data when the UDF gets stuck on ordinary data, and says so", async () => {
  const connect = (log: (line: string) => void) =>
    Promise.resolve(startFaulty({
      async respond(request, state) {
        if (request.kind === "point") await state.killed;
      },
    }, log));
  const only = ["info-alone", "keepalive-idle", "order", "int64"];
  const all = await results({ connect, only, timeoutMs: 100 });
  assertEquals(all.map(({ id, status }) => `${id} ${status}`), [
    "data fail",
    "info-alone pass",
    "keepalive-idle pass",
    "int64 skip",
    "order skip",
  ]);
});

Deno.test("checkUdf() reports once that the UDF never ends, and makes all checks nevertheless", async () => {
  const connect = (log: (line: string) => void) =>
    Promise.resolve(startFaulty({ atEnd: (state) => state.killed.then(() => {}) }, log));
  const only = ["info-alone", "end-before-init", "data", "init-unknown", "int64", "snapshot-restore"];
  const all = await results({ connect, only, timeoutMs: 200 });
  assertEquals(all.map(({ id, status, reason }) => `${id} ${status}: ${reason}`), [
    "info-alone fail: it did not end within 0.2 s",
    "end-before-init skip: follows from info-alone: it does not end",
    "init-unknown pass: accepted; but it does not end, see info-alone",
    "data pass: 60 answers; but it does not end, see info-alone",
    "int64 pass: handed on unchanged; but it does not end, see info-alone",
    "snapshot-restore pass: without state; but it does not end, see info-alone",
  ]);
});

Deno.test("checkUdf() reports once that the UDF ends badly after data, and what else is wrong", async () => {
  const connect = (log: (line: string) => void) =>
    Promise.resolve(startFaulty({
      atEnd: (state) => {
        if (state.points > 0) throw new Error("at the end");
      },
      respond(request) {
        if (request.kind === "point") request.point.fieldsInt.delete("tine_int4");
      },
    }, log));
  const all = await results({ connect });
  const failed = all.filter(({ status }) => status === "fail");
  assertEquals(failed.map(({ id, reason }) => `${id}: ${reason}`), [
    "data: it exited with status 1",
    'int64: it loses the field "tine_int4" = 0i',
  ]);
  assertEquals(
    all.find(({ id }) => id === "doubles")?.reason,
    "handed on unchanged; but it exited with status 1, see data",
  );
  // Alone, a check has nothing to refer to.
  const [alone] = await results({ connect, only: ["doubles"] });
  assertEquals([alone.status, alone.reason], ["fail", "it exited with status 1"]);
});

Deno.test("checkUdf() marks failures that have the cause of an earlier one", async () => {
  const connect = (log: (line: string) => void) =>
    Promise.resolve(startFaulty({
      respond: (request) => request.kind === "snapshot" ? [{ kind: "error", error: "no bytes" }] : undefined,
    }, log));
  const all = await results({ connect, only: ["snapshot", "snapshot-load", "int64"] });
  assertEquals(all.map(({ id, status, reason, follows }) => [id, status, reason, follows]), [
    ["int64", "pass", "handed on unchanged", undefined],
    ["snapshot", "fail", "it reported an error: no bytes", undefined],
    ["snapshot-load", "fail", "it reported an error: no bytes", "snapshot"],
  ]);
});

for (const jobs of [1, 3]) {
  Deno.test(`checkUdf() names the check since which a server is silent, with ${jobs} at a time`, async () => {
    let stuck = false;
    const connect = (log: (line: string) => void) =>
      Promise.resolve(startFaulty({
        async respond(request, state) {
          stuck ||= request.kind === "snapshot";
          if (stuck) await state.killed;
        },
      }, log));
    const only = ["int64", "snapshot", "snapshot-load", "restore-foreign", "end-drains"];
    const all = await results({ connect, only, jobs, timeoutMs: 200 });
    const failed = all.filter(({ status }) => status === "fail");
    assertEquals(failed.length, 1, JSON.stringify(all));
    const silent = all.filter(({ status }) => status === "skip");
    assert(silent.length >= 3);
    for (const { reason } of silent) {
      assertEquals(reason, `it answers nothing any more, not even info, since ${failed[0].id}`);
    }
  });
}
