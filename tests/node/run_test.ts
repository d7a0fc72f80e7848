import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Canceled, type Runner } from "../../src/node/runner.ts";
import type { ErrorItem, Item } from "../../src/node/item.ts";
import type { Node, Run } from "../../src/node/plan/types.ts";
import { run, type RunOptions } from "../../src/node/run.ts";
import {
  child,
  type Connect,
  decodeItem,
  parsePlan,
  pipeConn,
  plan,
  type RunInput,
  runner,
  runners,
  serial,
  serve,
  sleep,
  system,
  test,
  TineError,
} from "../../src/node/mod.ts";
import { availability } from "../../src/sys/libc.ts";
import { openResults, testsOf } from "../../src/result/mod.ts";
import { runPlan } from "../../src/experiment/run_plan.ts";
import { ESCAPES, fakeNode } from "../support/modules/fake_node.ts";
import { PlanPlace } from "../support/plan_place.ts";
import { whyNoNamespaces } from "../support/namespaces.ts";
import { unless } from "../support/unless.ts";

const LEFT: Node = { id: "left", launcher: { local: {} } };
const echo = (text: string, stdout?: string): Run => ({ system: { command: `echo ${text}`, stdout } });

/** Sets a feedback key to what it is configured with, behind what it was before. */
const set: Runner<{ key: string; value: string }> = {
  schema: ({ z }) => z.strictObject({ key: z.string(), value: z.string() }),
  run: ({ key, value }, { feedback }) => Promise.resolve(new Map([[key, `${feedback.get("base") ?? ""}${value}`]])),
};
const withSet = { ...runners, set } as Readonly<Record<string, Runner>>;
const setting = (key: string, value: string) => ({ set: { key, value } }) as unknown as Run;

function errorsOf(items: readonly Item[]): [string, string, string][] {
  return items.filter((item): item is ErrorItem => item.type === "error")
    .map(({ nodeId, code, message }) => [nodeId, code, message]);
}

Deno.test("run() hands feedback from run to run, and yields what it ends with", async () => {
  await PlanPlace.use(async (place) => {
    // What a child has set comes back; it gets what was set before.
    const tree = { serial: [setting("base", "b"), { child: { node: LEFT, sleep: 0 } }, setting("more", "m")] };
    const { items, error } = await place.run(tree, { runners: withSet });
    assertEquals([error, items.at(-1)], [undefined, {
      type: "feedback",
      nodeId: "-",
      values: { base: "b", more: "bm" },
    }]);
  });
});

Deno.test("run() fails where a feedback key is set twice", async () => {
  for (const kind of ["serial", "parallel"]) {
    await PlanPlace.use(async (place) => {
      const { items, error } = await place.run({ [kind]: [setting("a", "1"), setting("a", "2")] }, {
        runners: withSet,
      });
      const message = "the feedback key a is set twice: 1, then 2";
      assertEquals(errorsOf(items), [["-", "feedback-conflict", message]]);
      assert(error instanceof Canceled);
      assertEquals([error.code, error.message], ["feedback-conflict", `run: ${message}`]);
    });
  }
});

Deno.test("run() yields held results after all others", async () => {
  await PlanPlace.use(async (place) => {
    const streaming: Run = { resultStream: { include: { log: true } } };
    const { items, error } = await place.run({
      child: { node: LEFT, serial: [streaming, echo("held", "held.txt"), echo("sent", "stream")] },
    });
    const order = items.filter(({ type }) => type === "log" || type === "fileData")
      .filter(({ nodeId }) => nodeId === "left").map(({ type }) => type);
    assertEquals([error, order], [undefined, ["log", "fileData"]]);
  });
});

Deno.test("run() ends all when nobody takes the results any more", async () => {
  await PlanPlace.use(async (place) => {
    const enough = new Error("enough");
    const tree: Run = { child: { node: LEFT, parallel: [{ system: { command: "yes", stdout: "stream" } }] } };
    await assertRejects(
      () =>
        place.run(tree, {}, ({ type, nodeId }) => {
          if (type === "log" && nodeId === "left") throw enough;
        }),
      Error,
      "enough",
    );
  });
});

Deno.test("run() is canceled by a signal, and killed by another", async () => {
  const started = (stop: AbortController) => (item: Item) => {
    if (item.type === "log" && item.nodeId === "left") stop.abort(new Canceled("interrupted", "that will do"));
  };
  const tree: Run = { child: { node: LEFT, serial: [echo("on", "stream"), { system: { command: "sleep 1006" } }] } };
  for (const name of ["signal", "killSignal"]) {
    await PlanPlace.use(async (place) => {
      const stop = new AbortController();
      const { items, error } = await place.run(tree, { [name]: stop.signal }, started(stop));
      assertEquals([error?.code, error?.message, errorsOf(items)], ["interrupted", "that will do", []]);
    });
  }
  await assertRejects(() => run(tree, { signal: AbortSignal.abort(new Canceled()) }).next(), Canceled);
});

Deno.test({
  ...unless(whyNoNamespaces({ rootless: true }), "run() is canceled also while it makes a place for namespaces"),
  async fn() {
    const tree: Run = { child: { node: { ...LEFT, netns: { create: true } }, sleep: 3_600_000 } };
    for (const name of ["signal", "killSignal"]) {
      await PlanPlace.use(async (place) => {
        const stop = new AbortController();
        const running = place.run(tree, { rootless: true, timeoutMs: 20_000, [name]: stop.signal });
        stop.abort(new Canceled("interrupted", "that will do"));
        const { items, error } = await running;
        assertEquals([error?.code, errorsOf(items)], ["interrupted", []]);
      });
    }
  },
});

Deno.test("run() ends what takes longer than its timeout", async () => {
  await PlanPlace.use(async (place) => {
    const { items, error } = await place.run({ child: { node: LEFT, sleep: 3_600_000 } }, { timeoutMs: 500 });
    assertEquals([error?.code, errorsOf(items)], ["timeout", []]);
  });
});

Deno.test("run() has time where its timeout is longer than a timer of the runtime", async () => {
  await PlanPlace.use(async (place) => {
    const { items, error } = await place.run({ sleep: 20 }, { timeoutMs: 2 ** 31 });
    assertEquals([error, errorsOf(items)], [undefined, []]);
  });
});

Deno.test({
  ...unless(whyNoNamespaces({ rootless: false }), "run() does not take over a namespace that was made meanwhile"),
  async fn() {
    await PlanPlace.use(async (place) => {
      const name = place.namespace("mine");
      const ip = (...args: string[]) => new Deno.Command("ip", { args }).outputSync();
      assert(ip("netns", "add", name).success);
      try {
        const { items } = await place.run({ child: { node: { ...LEFT, netns: { create: true, name } }, sleep: 0 } });
        const [[nodeId, code, message]] = errorsOf(items);
        assertEquals([nodeId, code], ["-", "namespace-exists"]);
        assert(message.startsWith(`cannot launch the node left: `) && message.includes(name), message);
        Deno.statSync(`/run/netns/${name}`);
      } finally {
        ip("netns", "delete", name);
      }
    });
  },
});

for (
  const [how, command, message] of [
    ["speaks otherwise", fakeNode("banner"), /^node left broke the protocol: /],
    ["exits", fakeNode("quit"), /^node left ended unexpectedly: it exited with status 3: the license has expired$/],
    ["ends within a frame", fakeNode("cut"), /^node left ended unexpectedly: it exited with status 4$/],
    ["closes", ["sh", "-c", "exec sleep 1007 >&-"], /^node left ended unexpectedly: it was killed by SIGKILL$/],
  ] as const
) {
  Deno.test(`run() names a node that is none, and what is wrong with it (it ${how})`, async () => {
    await PlanPlace.use(async (place) => {
      const { items, error } = await place.run({ child: { node: LEFT, sleep: 0 } }, { command });
      const [[nodeId, said, text], ...more] = errorsOf(items);
      assertEquals([nodeId, more], ["-", []]);
      assertMatch(text, message);
      assertEquals([error?.code, error?.message.endsWith(text)], [said, true]);
    });
  });
}

Deno.test("a node cannot write out of the folder of results", async () => {
  await PlanPlace.use(async (place) => {
    const options: RunOptions = { command: fakeNode("escape") };
    const test = { id: { name: "x" }, timeout: 60_000, child: { node: LEFT, sleep: 0 } };
    const nothing = () => {};
    const observer = { planStarts: nothing, testStarts: nothing, message: nothing, testEnds: nothing };
    const outcome = await runPlan({ tests: [test] }, {
      ...options,
      out: place.out,
      planName: "x",
      tine: "1",
      observer,
    });
    assertEquals([outcome.ok, outcome.failed], [0, 1]);
    const results = await openResults(outcome.folder);
    assert(results.kind === "run");
    const [{ summary, path }] = await Array.fromAsync(testsOf(results));
    assertEquals(summary.errors.length, ESCAPES.length);
    for (const { code, message } of summary.errors) {
      assertEquals(code, "bad-file-name");
      assertMatch(message, /\bleft\b/);
    }
    assertEquals(summary.files, []);
    const found = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
    assertEquals(found.filter((name) => !/^(logs|test\.json|records\.tine|errors?\.jsonl)$/.test(name)), []);
  });
});

/** A runner of one's own, which keeps what it is given. */
function keeping(): { runners: Record<string, Runner>; kept: [nodeId: string, config: unknown][] } {
  const kept: [string, unknown][] = [];
  const keep: Runner<{ pause: number; room: number }, { pause: string; room?: string }> = {
    schema: ({ z, duration, size, expects }) =>
      z.strictObject({ pause: duration, room: size.optional() }, expects("an object with a pause")) as never,
    run(config, { nodeId }) {
      kept.push([nodeId, config]);
      return Promise.resolve();
    },
  };
  return { runners: { ...runners, keep } as Record<string, Runner>, kept };
}

Deno.test("run() takes runs as builders make them, and as they are decoded", async () => {
  const { runners, kept } = keeping();
  const written = serial(runner("keep", { pause: "2s", room: "64KiB" }), sleep("1ms"));
  const decoded = { serial: [{ keep: { pause: 2000, room: 65_536 } }, { sleep: 1 }] } as Run;
  const [test_] = (await parsePlan(plan(test({ name: "x" }, written)), "plan", { runners })).tests;
  for (const tree of [written, decoded, test({ name: "x" }, written), test_]) {
    for await (const _ of run(tree, { runners })) { /* until it has ended */ }
  }
  assertEquals(kept, Array(4).fill(["-", { pause: 2000, room: 65_536 }]));
  const began = performance.now();
  for await (const _ of run(serial(sleep("120ms")))) { /* until it has ended */ }
  assert(performance.now() - began >= 119);
});

Deno.test("run() refuses what is no run, and applies the timeout of a test", async () => {
  const { runners } = keeping();
  const failure = async (tree: unknown) => {
    try {
      for await (const _ of run(tree as Run, { runners })) { /* until it has ended */ }
    } catch (error) {
      if (error instanceof TineError) return [error.code, error.message];
      throw error;
    }
  };
  const mixed = { keep: { pause: "2s", room: "65536" } };
  const room =
    'expected a size such as 4096B, 64KiB or 10MB, or a number of bytes, not "65536"; a unit is missing: "65536B"?';
  assertEquals(await failure(mixed), ["bad-plan", `run: keep.room: ${room}`]);
  assertEquals(
    (await failure({ serial: [{ slep: "1s" }] }))?.[1],
    'run: serial[0]: unknown key "slep", did you mean sleep?',
  );
  assertEquals((await failure(test({ name: "x" }, sleep("1h"), { timeout: "50ms" })))?.[0], "timeout");
});

Deno.test("run() and serve() run a tree in one process over pipeConn()", async () => {
  const { runners, kept } = keeping();
  const serving: Promise<void>[] = [];
  const connect: Connect = ({ id }) => {
    const [ours, theirs] = pipeConn();
    serving.push(serve(id, theirs, { runners, connect }));
    return ours;
  };
  const on = (id: string, inner: RunInput) => child({ id, launcher: { local: {} } }, inner);
  const said = system("echo hello");
  const items: Item[] = [];
  for await (
    const message of run(on("left", serial(runner("keep", { pause: "1s" }), on("below", said))), { runners, connect })
  ) items.push(decodeItem(message));
  await Promise.all(serving);
  assertEquals(kept, [["left", { pause: 1000 }]]);
  assertEquals(items.flatMap((item) => item.type === "nodeInfo" ? [item.nodeId] : []).toSorted(), [
    "-",
    "below",
    "left",
  ]);
  assertEquals(items.flatMap((item) => item.type === "log" ? [[item.nodeId, item.text]] : []), [["below", "hello"]]);
  const namespaced = child({ id: "left", launcher: { local: {} }, netns: { create: true } }, sleep("1ms"));
  await assertRejects(
    () => Array.fromAsync(run(namespaced, { runners, connect })),
    TineError,
    "node left has netns, which is for nodes that tine starts",
  );
});

const ffi = availability();

Deno.test({
  ...unless(ffi.available ? undefined : ffi.reason, "a node with a cpu runs all that it starts on that processor"),
  async fn() {
    await PlanPlace.use(async (place) => {
      const affinity = { system: { command: "grep Cpus_allowed_list /proc/self/status" } };
      const [, before] = /^Cpus_allowed_list:\s*(.*)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
      const cpu = before.split(/[-,]/).at(-1)!;
      const below = { child: { node: { ...LEFT, id: "below" }, ...affinity } };
      for (const run of [affinity, below]) {
        const { items, error } = await place.run({ child: { node: { ...LEFT, cpu }, ...run } });
        const lines = items.flatMap((item) => item.type === "log" ? [item.text] : []);
        const found = lines.flatMap((line) => /^Cpus_allowed_list:\s*(.*)$/.exec(line)?.[1] ?? []);
        assertEquals([error, found], [undefined, [cpu]]);
      }
      const { error } = await place.run({ child: { node: { ...LEFT, cpu: 4000 }, sleep: 0 } });
      assertMatch(error!.message, /there is no CPU 4000 to run on here, only /);
    });
  },
});
