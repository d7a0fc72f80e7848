import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Canceled } from "../../src/node/runner.ts";
import { type Feedback, NO_FEEDBACK } from "../../src/node/feedback.ts";
import type { Node, Run } from "../../src/node/plan/types.ts";
import { checkNode, checkRunTree, childNodes, runTree, type RunTreeActions } from "../../src/node/run_tree.ts";
import { runners } from "../../src/node/runners.ts";
import { messageOf, TineError } from "../../src/base/errors.ts";

type Work = (name: string, feedback: Feedback) => Promise<Feedback | void>;

/** Runs a tree whose leaves are named by their config; a leaf that fails cancels, as a node does. */
function run(tree: Run, work: Work, control = new AbortController(), noted: string[] = []): Promise<Feedback> {
  const actions: RunTreeActions = {
    signal: control.signal,
    start(path, kind) {
      noted.push(`${path} ${kind} starts`);
      return (failure) =>
        void noted.push(`${path} ${kind} ${failure === undefined ? "ends" : `fails: ${messageOf(failure.error)}`}`);
    },
    async runLeaf(_, config, feedback) {
      try {
        return await work((config as { command: string }).command, feedback) ?? NO_FEEDBACK;
      } catch (error) {
        control.abort(new Canceled());
        throw error;
      }
    },
    runChild: (node, run, feedback, path) => work(node.id, feedback).then(() => runTree(run, feedback, actions, path)),
  };
  return runTree(tree, NO_FEEDBACK, actions, "tests[0]");
}

const leaf = (name: string): Run => ({ system: { command: name } });

Deno.test("runTree() runs a series in order, and each run sees what those before have set", async () => {
  const seen: string[] = [];
  const output = await run({ serial: [leaf("a"), { serial: [leaf("b")] }, leaf("c")] }, (name, feedback) => {
    seen.push(`${name}:${[...feedback.keys()]}`);
    return Promise.resolve(new Map([[name, "1"]]));
  });
  assertEquals(seen, ["a:", "b:a", "c:a,b"]);
  assertEquals([...output.keys()], ["a", "b", "c"]);
});

Deno.test("runTree() stops a series at the first failure", async () => {
  const seen: string[] = [];
  const work: Work = (name) => {
    seen.push(name);
    return name === "bad" ? Promise.reject(new Error("broken")) : Promise.resolve();
  };
  await assertRejects(() => run({ serial: [leaf("a"), leaf("bad"), leaf("c")] }, work), Error, "broken");
  assertEquals(seen, ["a", "bad"]);
});

Deno.test("runTree() gives parallel runs their common input only, and waits for all", async () => {
  const seen: string[] = [];
  const first = Promise.withResolvers<void>();
  const output = await run(
    { serial: [leaf("before"), { parallel: [leaf("a"), leaf("b")] }] },
    async (name, feedback) => {
      if (name === "a") await first.promise;
      if (name === "b") first.resolve();
      seen.push(`${name}:${[...feedback.keys()]}`);
      return new Map([[name, "1"]]);
    },
  );
  assertEquals(seen, ["before:", "b:before", "a:before"]);
  assertEquals([...output.keys()], ["before", "a", "b"]);
});

Deno.test("runTree() fails where two parallel runs set the same key", async () => {
  const work: Work = (name) => Promise.resolve(new Map([["key", name]]));
  await assertRejects(
    () => run({ parallel: [leaf("a"), leaf("b")] }, work),
    TineError,
    "the feedback key key is set twice: a, then b",
  );
});

Deno.test("runTree() starts the runs of a schedule without waiting for their ends", async () => {
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const allStarted = Promise.withResolvers<void>();
  const done = run({ schedule: { wait: [1], run: [leaf("a"), leaf("b"), leaf("c")] } }, async (name) => {
    const end = Promise.withResolvers<void>();
    ends.set(name, end);
    if (ends.size === 3) allStarted.resolve();
    await end.promise;
  });
  await allStarted.promise;
  assertEquals([...ends.keys()], ["a", "b", "c"]);
  for (const { resolve } of ends.values()) resolve();
  await done;
});

Deno.test("runTree() waits before the first run of a schedule when configured to", async () => {
  const start = performance.now();
  let started = 0;
  await run({ schedule: { wait: [20], waitFirst: true, run: [leaf("a")] } }, () => {
    started = performance.now();
    return Promise.resolve();
  });
  assert(started - start >= 20);
});

Deno.test("runTree() runs a sequential schedule one after another", async () => {
  let active = 0;
  let most = 0;
  const runs = ["a", "b", "c"].map(leaf);
  await run({ schedule: { wait: [1], sequential: true, random: true, run: runs } }, async () => {
    most = Math.max(most, ++active);
    await Promise.resolve();
    active--;
  });
  assertEquals(most, 1);
});

Deno.test("runTree() starts nothing more of a schedule after a failure", async () => {
  const seen: string[] = [];
  const work: Work = (name) => {
    seen.push(name);
    return name === "bad" ? Promise.reject(new Error("broken")) : Promise.resolve();
  };
  const schedule = { wait: [5], run: [leaf("a"), leaf("bad"), leaf("c"), leaf("d")] };
  await assertRejects(() => run({ schedule }, work), Error, "broken");
  assertEquals(seen, ["a", "bad"]);
});

Deno.test("runTree() ends a waiting schedule when it is canceled", async () => {
  const control = new AbortController();
  const started = Promise.withResolvers<void>();
  const done = run({ schedule: { wait: [3_600_000], run: [leaf("a"), leaf("b")] } }, () => {
    started.resolve();
    return Promise.resolve();
  }, control);
  await started.promise;
  control.abort(new Canceled("timeout", "too long"));
  await assertRejects(() => done, Canceled, "too long");
});

Deno.test("runTree() does nothing for an empty run, and hands children their node and tree", async () => {
  const seen: string[] = [];
  const child = { node: { id: "left", launcher: { local: {} } }, serial: [leaf("x")] };
  await run({ serial: [{}, { child }] }, (name) => {
    seen.push(name);
    return Promise.resolve();
  });
  assertEquals(seen, ["left", "x"]);
});

Deno.test("runTree() takes note of the start and the end of each run, with its place in the plan", async () => {
  const child = { node: { id: "left", launcher: { local: {} } }, serial: [leaf("x")] };
  const tree: Run = { serial: [leaf("a"), {}, { parallel: [{ child }] }, { schedule: { run: [leaf("b")] } }] };
  const noted: string[] = [];
  await run(tree, () => Promise.resolve(), new AbortController(), noted);
  const at = "tests[0]";
  assertEquals(noted, [
    `${at} serial starts`,
    `${at}.serial[0] system starts`,
    `${at}.serial[0] system ends`,
    `${at}.serial[2] parallel starts`,
    `${at}.serial[2].parallel[0] child starts`,
    `${at}.serial[2].parallel[0].child serial starts`,
    `${at}.serial[2].parallel[0].child.serial[0] system starts`,
    `${at}.serial[2].parallel[0].child.serial[0] system ends`,
    `${at}.serial[2].parallel[0].child serial ends`,
    `${at}.serial[2].parallel[0] child ends`,
    `${at}.serial[2] parallel ends`,
    `${at}.serial[3] schedule starts`,
    `${at}.serial[3].schedule.run[0] system starts`,
    `${at}.serial[3].schedule.run[0] system ends`,
    `${at}.serial[3] schedule ends`,
    `${at} serial ends`,
  ]);
});

Deno.test("runTree() notes what a run failed with, also at the runs around it", async () => {
  const noted: string[] = [];
  const work: Work = (name) => name === "bad" ? Promise.reject(new Error("broken")) : Promise.resolve();
  await assertRejects(() => run({ serial: [leaf("bad"), leaf("c")] }, work, new AbortController(), noted));
  assertEquals(noted, [
    "tests[0] serial starts",
    "tests[0].serial[0] system starts",
    "tests[0].serial[0] system fails: broken",
    "tests[0] serial fails: broken",
  ]);
});

const node = (id: string): Node => ({ id, launcher: { local: {} } });

Deno.test("childNodes() finds the nodes wherever they are in a tree, in its order", () => {
  const trees = childNodes({
    serial: [
      { parallel: [{ child: { node: node("a") } }, { schedule: { run: [{ child: { node: node("b") } }] } }] },
      { child: { node: node("c"), sleep: 1 } },
    ],
  });
  assertEquals(trees.map(({ node }) => node.id), ["a", "b", "c"]);
});

Deno.test("childNodes() joins what equal nodes launch in different runs", () => {
  const trees = childNodes({
    serial: [
      { child: { node: node("mid"), serial: [{ child: { node: node("left") } }] } },
      { child: { node: { launcher: { local: {} }, id: "mid" }, child: { node: node("right") } } },
      { child: { node: node("mid"), child: { node: node("left"), sleep: 5 } } },
    ],
  });
  const leaf = (id: string) => ({ node: node(id), children: [] });
  assertEquals(trees, [{ node: node("mid"), children: [leaf("left"), leaf("right")] }]);
});

Deno.test("childNodes() leaves nodes behind a child to that child", () => {
  const trees = childNodes({ child: { node: node("a"), child: { node: node("b"), child: { node: node("c") } } } });
  assertEquals(trees.length, 1);
  assertEquals(trees[0].children[0].children[0].node.id, "c");
});

Deno.test("checkRunTree() takes the trees that plans are decoded to", () => {
  const node = { id: "left", launcher: { local: {} } };
  const run = {
    id: { name: "x" },
    timeout: 5,
    serial: [
      {},
      { parallel: [{ sleep: 5 }, { system: { command: "true" } }] },
      { schedule: { wait: [1, 2], run: [{ sleep: 1 }] } },
      { child: { node, child: { node: { ...node, id: "b" }, sleep: 1 } } },
    ],
  };
  assertEquals(checkRunTree(run, runners), run);
});

Deno.test("checkRunTree() refuses what is no tree of known runs", () => {
  const values: unknown[] = [
    null,
    [],
    5,
    { serial: 5 },
    { serial: [null] },
    { teleport: {} },
    { constructor: {} },
    { schedule: { wait: ["1s"], run: [] } },
    { schedule: { wait: [-1], run: [] } },
    { schedule: {} },
    { child: { sleep: 1 } },
    { child: { node: { id: "-bad", launcher: {} } } },
  ];
  for (const value of values) {
    assertThrows(() => checkRunTree(value, runners), TineError, "the parent sent something else");
  }
});

Deno.test("checkNode() refuses ids that could be options or paths", () => {
  for (const id of ["", "-x", "a/b", "..", "a b", "x".repeat(64), 5, undefined]) {
    assertThrows(() => checkNode({ id, launcher: {} }), TineError);
  }
});
