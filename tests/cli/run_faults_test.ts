import { existsSync } from "node:fs";
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type ErrorSummary, listRuns, openResults, readRecords, testsOf } from "../../src/result/mod.ts";
import type { TineError } from "../../src/base/errors.ts";
import { buildTine } from "../support/built_tine.ts";
import { busyPlan, untilBusy } from "../support/busy_plan.ts";
import { fakeNode } from "../support/modules/fake_node.ts";
import { eventually } from "../support/eventually.ts";
import { objectsOf } from "../result/export/odd_table.ts";
import { tableNamed } from "../../src/result/tables/mod.ts";
import { PlanPlace, type StartOptions } from "../support/plan_place.ts";
import type { TineEnd } from "../support/running_tine.ts";
import { TINE } from "../support/tine.ts";
import { whyNoNamespaces } from "../support/namespaces.ts";
import { unless, whyNoRoot, whyNotInstalled } from "../support/unless.ts";

const ROOT = Deno.uid() === 0;
/** An ordinary user, where the tests run as root. */
const NOBODY = 65534;
/** Why there can be no {@linkcode busyPlan}: as root, runs of it are made in both ways. */
const noBusyPlan = whyNoNamespaces({ rootless: true }) ??
  (ROOT ? whyNoNamespaces({ rootless: false }) : undefined) ?? whyNotInstalled("setsid");
const LEFT = { id: "left", launcher: { local: {} } };
const SAY = { system: { command: "echo hello", stdout: "said.txt" } };

/** A node that something happens to. */
interface Fault {
  readonly node: "-" | "a" | "b" | "c";
  readonly signal: "SIGKILL" | "SIGSTOP";
}

/** What the message says of it, and where it arises. */
const HOW = {
  SIGKILL: { code: "node-ended", says: (id: string) => `node ${id} ended unexpectedly: it was killed by SIGKILL` },
  SIGSTOP: { code: "node-silent", says: (id: string) => `node ${id} gave no sign of life for 10 s` },
};
const PARENT = { a: "-", b: "a", c: "b" };
const BELOW = { a: ["a", "b", "c"], b: ["b", "c"], c: ["c"] };

/** Runs a plan whose nodes are busy, lets the fault happen, and looks at what it leaves. */
async function survive(place: PlanPlace, { node, signal }: Fault, options: StartOptions = {}): Promise<void> {
  const running = await place.start(busyPlan(place), options);
  await untilBusy(place);
  const pid = node === "-" ? running.pid : place.nodeProcess(node);
  Deno.kill(pid, signal);
  const end = await running.end();
  await place.nothingLeft();
  if (node === "-") {
    assertEquals(end.signal, "SIGKILL");
  } else {
    const { code, says } = HOW[signal];
    const [error, ...more] = end.test.errors;
    assertEquals([end.code, end.test.status, more], [1, "failed", []], JSON.stringify(end.test));
    assertEquals(error, { nodeId: PARENT[node], tag: "child", code, message: error.message });
    assert(error.message.startsWith(says(node)), error.message);
    assertEquals(end.test.missing.map(({ nodeId }: { nodeId: string }) => nodeId), BELOW[node]);
  }
  await checkResults(end);
}

/** What was measured until then can be read. */
async function checkResults({ folder }: TineEnd): Promise<void> {
  const results = await openResults(folder);
  assert(results.kind === "run");
  for await (const test of testsOf(results)) {
    for (const id of ["a", "b", "c"]) {
      assertEquals(await Deno.readTextFile(`${test.path}/files/${id}.txt`), `${id} was here\n`);
    }
    const origins = new Set((await Array.fromAsync(readRecords(test.path))).map(({ origin }) => origin));
    assertEquals(origins.isSupersetOf(new Set(["-", "a", "b", "c"])), true);
  }
}

/** Waits for all, and throws the first error. */
async function allOf(works: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(works)) if (result.status === "rejected") throw result.reason;
}

const KILLS: readonly Fault[] = (["-", "a", "b", "c"] as const).map((node) => ({ node, signal: "SIGKILL" }));

Deno.test({
  ...unless(noBusyPlan, "tine run leaves nothing when a node is killed or stopped"),
  async fn() {
    const scenarios: [Fault, StartOptions][] = [
      ...KILLS.map((fault): [Fault, StartOptions] => [fault, { args: ["--rootless"] }]),
      [{ node: "b", signal: "SIGSTOP" }, { args: ["--rootless"] }],
    ];
    if (ROOT) {
      scenarios.push(...KILLS.map((fault): [Fault, StartOptions] => [fault, {}]));
      scenarios.push([{ node: "a", signal: "SIGSTOP" }, {}]);
    }
    await allOf([
      ...scenarios.map(([fault, options]) => PlanPlace.use((place) => survive(place, fault, options))),
    ]);
  },
});

Deno.test("tine run leaves nothing of nodes that are stopped at their start, or do not end", async () => {
  await allOf([
    PlanPlace.use(stoppedAtStart),
    PlanPlace.use((place) => unwilling(place, "stay")),
    PlanPlace.use((place) => unwilling(place, "chat")),
    PlanPlace.use(unwillingBelow),
  ]);
});

/** A node is stopped before it can say anything. */
async function stoppedAtStart(place: PlanPlace): Promise<void> {
  const running = await place.start({ tests: [{ id: { name: "mute" }, child: { node: LEFT, sleep: "100s" } }] });
  const started = performance.now();
  for (;;) {
    assert(performance.now() - started < 10_000);
    try {
      Deno.kill(place.nodeProcess("left"), "SIGSTOP");
      break;
    } catch {
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
  const { code, test } = await running.end();
  assertEquals([code, test.status], [1, "failed"]);
  assertEquals(test.errors.map(({ nodeId, code, message }: ErrorSummary) => [nodeId, code, message]), [
    ["-", "node-silent", "node left gave no sign of life for 10 s"],
  ]);
}

/** A node answers everything, but does not end, in one way or another. */
async function unwilling(place: PlanPlace, how: "stay" | "chat"): Promise<void> {
  const { items, error } = await place.run({ child: { node: LEFT, sleep: 0 } }, { command: fakeNode(how) });
  assertEquals((error as TineError).code, "node-hung");
  const errors = items.flatMap((item) => item.type === "error" ? [item.message] : []);
  assertEquals(errors, ["node left was asked to end and did not within 15 s: it was killed"]);
  assertEquals(items.flatMap((item) => item.type === "missing" ? [item.from] : []), ["left"]);
}

/** The child of a node that has nothing else to do does not end: that node still hands over what it has held. */
async function unwillingBelow(place: PlanPlace): Promise<void> {
  const below = { child: { node: { id: "below", launcher: { local: {} } }, sleep: 0 } };
  const holding = { resultStream: { include: { log: true } } };
  const left = { child: { node: LEFT, serial: [holding, SAY, below] } };
  const { items } = await place.run({ serial: [left, { sleep: 700 }] }, { command: fakeNode("above") });
  const errors = items.flatMap((item) => item.type === "error" ? [[item.nodeId, item.message]] : []);
  assertEquals(errors, [["left", "node below was asked to end and did not within 15 s: it was killed"]]);
  assertEquals(items.flatMap((item) => item.type === "missing" ? [item.from] : []), ["below"]);
  assertEquals(items.flatMap((item) => item.type === "fileData" ? [item.name] : []), ["said.txt"]);
}

Deno.test({
  ...unless(noBusyPlan ?? whyNotInstalled("gzip", "setpriv"), "the executable leaves nothing when a node is killed"),
  async fn() {
    await using built = await buildTine();
    const tine = [built.path];
    // Where the user has no cache, each run unpacks the program for itself.
    const env = { XDG_CACHE_HOME: "/dev/null/none" };
    await allOf([
      ...(ROOT ? [survive] : []).map((survive) =>
        PlanPlace.use((place) => survive(place, { node: "b", signal: "SIGKILL" }, { tine }))
      ),
      ...KILLS.filter(({ node }) => node === "-" || node === "b").map((fault) =>
        PlanPlace.use((place) => survive(place, fault, { tine, env }), ROOT ? NOBODY : undefined)
      ),
    ]);
  },
});

Deno.test("tine run ends in order when it is interrupted", async () => {
  await PlanPlace.use(async (place) => {
    const script = "trap 'echo interrupted; exit' INT; echo ready; while :; do sleep 0.02; done";
    const patient = { command: "sh -c", args: [script] };
    const running = await place.start({
      tests: [
        {
          id: { name: "cut" },
          child: {
            node: LEFT,
            serial: [
              { system: { ...patient, stdout: "background.txt", background: true } },
              { system: { ...patient, stdout: "stream" } },
            ],
          },
        },
        { id: { name: "next" }, sleep: "1s" },
      ],
    });
    await running.event("log", { text: "ready" });
    running.kill("SIGINT");
    const { code, test, events, folder } = await running.end();
    assertEquals([code, test.id, test.status, test.errors], [130, { name: "cut" }, "canceled", []]);
    assertEquals(events.at(-1), { ...events.at(-1)!, type: "summary", ok: 0, failed: 0, canceled: 1, notRun: 1 });
    assertEquals(await Deno.readTextFile(`${test.folder}/files/background.txt`), "ready\ninterrupted\n");
    assert(events.some(({ type, text }) => type === "log" && text === "interrupted"));
    assertEquals((await openResults(folder)).kind, "run");
  });
});

Deno.test({
  ...unless(noBusyPlan, "tine run ends at once when it is interrupted twice"),
  async fn() {
    await PlanPlace.use(async (place) => {
      const running = await place.start(busyPlan(place, { patient: true }), { args: ROOT ? [] : ["--rootless"] });
      await untilBusy(place);
      running.kill("SIGINT");
      await running.event("note");
      const start = performance.now();
      running.kill("SIGINT");
      const { code, test, folder } = await running.end();
      // Deaf commands alone would take 5 s on each node.
      assert(performance.now() - start < 5000, `${performance.now() - start} ms`);
      assertEquals([code, test.status, test.errors], [130, "canceled", []]);
      assertEquals((await openResults(folder)).kind, "run");
    });
  },
});

Deno.test({
  ...unless(noBusyPlan, "tine run can be interrupted while nodes are launched"),
  async fn() {
    await allOf([0, 1, 2, 3].map((part) =>
      PlanPlace.use(async (place) => {
        const running = await place.start(busyPlan(place), { args: ["--rootless"] });
        await running.event("test-start");
        await new Promise((resolve) => setTimeout(resolve, part * 120)); // somewhere on the way
        running.kill("SIGINT");
        const { code, test } = await running.end();
        assertEquals([code, test.status, test.errors], [130, "canceled", []]);
      })
    ));
  },
});

Deno.test("tine run ends a test that takes too long, and goes on with the next", async () => {
  await PlanPlace.use(async (place) => {
    const running = await place.start({
      tests: [
        { id: { name: "long" }, timeout: "1s", child: { node: LEFT, parallel: [{ sleep: "50s" }, SAY] } },
        { id: { name: "next" }, child: { node: LEFT, ...SAY } },
      ],
    });
    const { code, events } = await running.end();
    const tests = events.filter(({ type }) => type === "test-end");
    assertEquals([code, tests.map(({ status }) => status)], [1, ["timeout", "ok"]]);
    assertEquals(tests[0].errors, [
      { nodeId: "-", tag: "run", code: "timeout", message: "it took longer than its timeout of 1 s" },
    ]);
    for (const { folder } of tests) assertEquals(await Deno.readTextFile(`${folder}/files/said.txt`), "hello\n");
  });
});

Deno.test({
  ...unless(
    whyNoRoot ?? whyNotInstalled("mount", "umount"),
    "tine run keeps what fits on a full disk, and says that it is full",
  ),
  async fn() {
    await PlanPlace.use(async (place) => {
      await using _ = await mountedTmpfs(place.out, "size=3m");
      const running = await place.start({
        tests: [
          { id: { name: "small" }, child: { node: LEFT, ...SAY } },
          {
            id: { name: "large" },
            child: { node: LEFT, system: { command: "head -c 20000000 /dev/zero", stdout: "x" } },
          },
          { id: { name: "never" }, sleep: "1s" },
        ],
      });
      const { code, events } = await running.end();
      assertEquals(code, 1);
      assertEquals(events.at(-1), { ...events.at(-1)!, type: "summary", ok: 1, failed: 1, notRun: 1 });
      const tests = events.filter(({ type }) => type === "test-end");
      assertEquals(tests.map(({ status }) => status), ["ok", "failed"]);
      assertMatch(
        tests[1].errors[0].message,
        /^no space is left for the results in .*\/name=large; what was written before, \d+ bytes, is kept$/,
      );
      const { runs: [run] } = await listRuns(place.out);
      const [small, large] = await Array.fromAsync(testsOf(run));
      assertEquals(await Deno.readTextFile(`${small.path}/files/said.txt`), "hello\n");
      assertEquals(large.summary.errors.map(({ code }) => code), ["results-full"]);
      assert((await Deno.stat(`${large.path}/files/x`)).size > 0);
    });
  },
});

Deno.test({
  ...unless(
    ROOT ? whyNotInstalled("mount", "umount") : undefined,
    "tine run starts nothing when its results cannot be written",
  ),
  async fn() {
    await PlanPlace.use(async (place) => {
      await Deno.mkdir(place.out);
      await Deno.chmod(place.out, 0o555);
      await using _ = ROOT ? await mountedTmpfs(place.out, "ro") : undefined;
      const running = await place.start({ tests: [{ id: { name: "x" }, child: { node: LEFT, ...SAY } }] });
      const { code, events, stderr } = await running.end();
      assertEquals([code, events], [1, []]);
      assertMatch(stderr, /^tine run: .*\/results.*(read-only|may not|not permitted|permission).*\n$/i);
    });
  },
});

Deno.test({
  ...unless(whyNoRoot ?? whyNotInstalled("unshare", "mount"), "tine run says that ip is missing"),
  async fn() {
    const script =
      'for file in /usr/sbin/ip /sbin/ip /usr/bin/ip /bin/ip; do [ ! -f $file ] || mount --bind /dev/null $file; done; exec "$@"';
    await PlanPlace.use(async (place) => {
      const node = { ...LEFT, netns: { create: true, name: place.namespace("left") } };
      const running = await place.start({ tests: [{ id: { name: "x" }, child: { node, sleep: "1s" } }] }, {
        tine: ["unshare", "--mount", "sh", "-c", script, "sh", ...TINE],
      });
      const { code, test } = await running.end();
      assertEquals(code, 1);
      assertEquals(test.errors.map(({ message }: ErrorSummary) => message), [
        "cannot launch the node left: ip was not found in PATH: network namespaces are made by it; install iproute2",
      ]);
    });
  },
});

Deno.test({
  ...unless(
    whyNoNamespaces({ rootless: false }),
    "tine run never takes over a network namespace that exists",
  ),
  async fn() {
    await PlanPlace.use(async (place) => {
      const name = place.namespace("mine");
      const node = { ...LEFT, netns: { create: true, name } };
      const steal = { tests: [{ id: { name: "x" }, child: { node, sleep: "1s" } }] };
      const ip = (...args: string[]) => new Deno.Command("ip", { args }).outputSync();
      assert(ip("netns", "add", name).success);
      try {
        const { ino } = Deno.statSync(`/run/netns/${name}`);
        const { code, stderr } = await (await place.start(steal)).end();
        assertEquals(code, 1);
        assertMatch(stderr, new RegExp(`tests\\[0\\].*netns: creates the namespace ${name}, which exists already; `));
        assertEquals(Deno.statSync(`/run/netns/${name}`).ino, ino);
        // Existing ones are used, and survive that.
        const use = { tests: [{ id: { name: "x" }, child: { node: { ...LEFT, netns: { name } }, ...SAY } }] };
        assertEquals((await (await place.start(use)).end()).code, 0);
        assertEquals(Deno.statSync(`/run/netns/${name}`).ino, ino);
      } finally {
        ip("netns", "delete", name);
      }
    });
  },
});

/** A file system in a folder. */
async function mountedTmpfs(folder: string, options: string): Promise<AsyncDisposable> {
  await Deno.mkdir(folder, { recursive: true });
  const run = async (program: string, ...args: string[]) => {
    const { success, stderr } = await new Deno.Command(program, { args }).output();
    assert(success, new TextDecoder().decode(stderr));
  };
  await run("mount", "-t", "tmpfs", "-o", options, "tmpfs", folder);
  return { [Symbol.asyncDispose]: () => run("umount", folder) };
}

Deno.test("the table runs of a run that was killed has the runs that had started", () =>
  PlanPlace.use(async (place) => {
    const inner = [{ sleep: "1ms" }, { system: { command: "sleep 1008" } }, { sleep: "2ms" }];
    const running = await place.start({ tests: [{ id: { name: "x" }, child: { node: LEFT, serial: inner } }] });
    await eventually("the start of the command is stored", () => {
      const records = workFolders(place).map((name) => `${place.out}/${name}/name=x/records.tine`);
      return records.some((path) => existsSync(path) && Deno.readTextFileSync(path).includes("child.serial[1]"));
    });
    Deno.kill(running.pid, "SIGKILL");
    const { folder } = await running.end();
    await place.nothingLeft();
    const results = await openResults(folder);
    assert(results.kind === "run");
    const [test] = await Array.fromAsync(testsOf(results));
    const rows = await objectsOf(tableNamed("runs")({ test, idKeys: [] }));
    assertEquals(
      rows.map(({ path, node, run_name, end_time }) => [path, node, run_name, end_time !== undefined]).sort(),
      [
        ["tests[0]", "-", "child", false],
        ["tests[0].child", "left", "serial", false],
        ["tests[0].child.serial[0]", "left", "sleep", true],
        ["tests[0].child.serial[1]", "left", "sleep", false],
      ],
    );
  }));

/** The folders of runs under way. */
function workFolders({ out }: PlanPlace): string[] {
  if (!existsSync(out)) return [];
  return [...Deno.readDirSync(out)].map(({ name }) => name).filter((name) => name.endsWith(".work"));
}
