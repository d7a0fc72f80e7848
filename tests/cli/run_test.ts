import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { type ErrorSummary, openResults, readLogs, type TestResults, testsOf } from "../../src/result/mod.ts";
import { tableNamed } from "../../src/result/tables/mod.ts";
import { valueAt } from "../../src/result/tables/table.ts";
import { PlanPlace } from "../support/plan_place.ts";
import { tine } from "../support/tine.ts";

const ROOT = new URL("../../", import.meta.url);
const node = (id: string) => ({ id, launcher: { local: {} } });
const echo = (text: string, stdout?: string) => ({ system: { command: `echo ${text}`, stdout } });
/** A plan of one test. */
const planOf = (run: unknown) => ({ tests: [{ id: { name: "x" }, timeout: "60s", ...run as object }] });

Deno.test("tine run stores files and logs of nodes three deep, and reports them", async () => {
  await PlanPlace.use(async (place) => {
    const leaf = { child: { node: node("c"), serial: [echo("deep", "sub/deep.txt"), echo("logged", "stream")] } };
    const running = await place.start(planOf({
      child: { node: node("a"), child: { node: node("b"), serial: [leaf, echo("after", "after.txt")] } },
    }));
    const { code, stderr, events, test, folder } = await running.end();
    assertEquals([code, stderr, test.status, test.errors, test.missing], [0, "", "ok", [], []]);
    assertEquals(events.filter(({ type }) => type === "node").map(({ nodeId }) => nodeId), ["-", "a", "b", "c"]);
    assertEquals(await Deno.readTextFile(`${test.folder}/files/sub/deep.txt`), "deep\n");
    assertEquals(await Deno.readTextFile(`${test.folder}/files/after.txt`), "after\n");
    const logged = (await Array.fromAsync(readLogs(test.folder, { nodes: ["c"] }))).map(({ tag, text }) => [tag, text]);
    assertEquals(logged, [["echo", "logged"]]);
    assertEquals(await Deno.realPath(`${place.out}/latest`), await Deno.realPath(folder));
  });
});

Deno.test("tine run uses a node of several runs once, and keeps what runs in it until all is over", async () => {
  await PlanPlace.use(async (place) => {
    const sign = `${place.folder}/sign`;
    const script = `touch ${sign}; trap 'rm ${sign}; exit' INT; while :; do sleep 0.02; done`;
    const { code, events, test } = await (await place.start(planOf({
      serial: [
        { child: { node: node("a"), system: { command: "sh -c", args: [script], background: true } } },
        {
          child: {
            node: node("a"),
            parallel: [echo("1", "1.txt"), { child: { node: node("b"), ...echo("2", "2.txt") } }],
          },
        },
        { child: { node: node("a"), ...echo("3", "3.txt") } },
        { system: { command: `sh -c "until test -e ${sign}; do sleep 0.02; done"` } },
      ],
    }))).end();
    assertEquals([code, test.errors], [0, []]);
    assertEquals(events.filter(({ type }) => type === "node").map(({ nodeId }) => nodeId), ["-", "a", "b"]);
    for (const i of [1, 2, 3]) assertEquals(await Deno.readTextFile(`${test.folder}/files/${i}.txt`), `${i}\n`);
    await assertRejects(() => Deno.stat(sign), Deno.errors.NotFound);
  });
});

Deno.test("tine run keeps the origin of an error, the results of a test that failed, and goes on", async () => {
  await PlanPlace.use(async (place) => {
    const bad = {
      child: {
        node: node("c"),
        serial: [echo("kept", "kept.txt"), { system: { command: "sh -c 'echo no luck >&2; exit 3'" } }],
      },
    };
    const deep = { child: { node: node("a"), child: { node: node("b"), parallel: [bad, { sleep: "50s" }] } } };
    const plan = { tests: [{ id: { name: "bad" }, ...deep }, { id: { name: "good" }, sleep: "1ms" }] };
    const { code, events, folder } = await (await place.start(plan)).end();
    assertEquals(code, 1);
    const error = {
      nodeId: "c",
      tag: "system",
      code: "command-failed",
      message: "sh -c 'echo no luck >&2; exit 3': exited with status 3: no luck",
    };
    const tests = events.filter(({ type }) => type === "test-end");
    assertEquals(tests.map(({ status, errors }) => [status, errors]), [["failed", [error]], ["ok", []]]);
    const results = await openResults(folder);
    assert(results.kind === "run" && results.complete);
    const [failed] = await Array.fromAsync(testsOf(results));
    assertEquals(failed.summary.errors.map(({ time: _, ...rest }: ErrorSummary) => rest), [error]);
    assertEquals(await Deno.readTextFile(`${failed.path}/files/kept.txt`), "kept\n");
  });
});

Deno.test("tine run copes with 10,000 runs, on a child and sent to it, in series and side by side", async () => {
  await PlanPlace.use(async (place) => {
    const runs = (run: unknown) => Array<unknown>(10_000).fill(run);
    const sleep = { sleep: "0s" };
    const sent = { child: { node: node("a"), ...sleep } };
    const { code, test } = await (await place.start(planOf({
      serial: [
        { child: { node: node("a"), serial: [{ parallel: runs(sleep) }, ...runs(sleep)] } },
        { parallel: runs(sent) },
        ...runs(sent),
        { child: { node: node("a"), ...echo("through", "through.txt") } },
      ],
    }))).end();
    assertEquals([code, test.errors], [0, []]);
    assertEquals(await Deno.readTextFile(`${test.folder}/files/through.txt`), "through\n");
    const results = await openResults(test.folder);
    assert(results.kind === "test");
    // Parallel and serial runs of sleep, and a child with its sleep twice; then the runs around them, and the last two.
    assertEquals(await endedRuns(results), 6 * 10_000 + 7);
  });
});

/** Counts the rows of the table `runs` that have an end. */
async function endedRuns(test: TestResults): Promise<number> {
  const table = tableNamed("runs")({ test, idKeys: [] });
  const end = table.columns.findIndex(({ name }) => name === "end_time");
  let ended = 0;
  for await (const { count, columns } of table.rows()) {
    for (let i = 0; i < count; i++) if (valueAt(columns[end], i) !== undefined) ended++;
  }
  return ended;
}

Deno.test("tine run stores what a command writes without end, through a node in between", async () => {
  await PlanPlace.use(async (place) => {
    const bytes = 64 * 2 ** 20;
    const { code, test } = await (await place.start(planOf({
      child: {
        node: node("a"),
        child: { node: node("b"), system: { command: `head -c ${bytes} /dev/zero`, stdout: "zeros" } },
      },
    }))).end();
    assertEquals([code, test.errors], [0, []]);
    assertEquals((await Deno.stat(`${test.folder}/files/zeros`)).size, bytes);
  });
});

Deno.test("tine run launches a tree 32 wide and 3 deep", async () => {
  await PlanPlace.use(async (place) => {
    const wide = Array.from({ length: 32 }, (_, i) => ({
      child: {
        node: node(`n${i}`),
        serial: [
          echo(`${i}`, `${i}.txt`),
          ...(i === 7
            ? [{ child: { node: node("deep"), child: { node: node("deeper"), ...echo("d", "d.txt") } } }]
            : []),
        ],
      },
    }));
    const { code, test } = await (await place.start(planOf({ parallel: wide }))).end();
    assertEquals([code, test.errors], [0, []]);
    for (let i = 0; i < 32; i++) assertEquals(await Deno.readTextFile(`${test.folder}/files/${i}.txt`), `${i}\n`);
    assertEquals(await Deno.readTextFile(`${test.folder}/files/d.txt`), "d\n");
  });
});

Deno.test("tine run --resume keeps what has succeeded, and runs the rest", async () => {
  await PlanPlace.use(async (place) => {
    const flag = `${place.folder}/flag`;
    const plan = {
      tests: [
        { id: { name: "good", kind: "a" }, child: { node: node("a"), ...echo("first", "said.txt") } },
        { id: { name: "flaky", kind: "b" }, system: { command: `test -e ${flag}` } },
      ],
    };
    const first = await (await place.start(plan)).end();
    assertEquals([first.code, first.events.at(-1)], [1, { ...first.events.at(-1)!, ok: 1, failed: 1, kept: 0 }]);
    await Deno.writeTextFile(flag, "");
    const second = await (await place.start(plan, { args: ["--resume"] })).end();
    assertEquals([second.code, second.events.at(-1)], [0, { ...second.events.at(-1)!, ok: 1, failed: 0, kept: 1 }]);
    const results = await openResults(second.folder);
    assert(results.kind === "run");
    const tests = await Array.fromAsync(testsOf(results));
    assertEquals(tests.map(({ summary }) => summary.status), ["ok", "ok"]);
    assertEquals(await Deno.readTextFile(`${tests[0].path}/files/said.txt`), "first\n");

    const one = await (await place.start(plan, { args: ["--test", "kind=^b"] })).end();
    assertEquals([one.code, one.events[0].tests, one.test.id], [0, 1, { name: "flaky", kind: "b" }]);
  });
});

Deno.test("tine run --dry-run shows the tests, and runs nothing", async () => {
  const plan = JSON.stringify(planOf({ child: { node: node("left"), serial: [{ sleep: "1s" }] } }));
  const shown = await tine(["run", "-", "--dry-run"], plan);
  assertEquals([shown.code, shown.stderr], [0, ""]);
  for (const text of ["left", "sleep 1s"]) assertStringIncludes(shown.stdout, text);
  const json = await tine(["run", "-", "--dry-run", "--json"], plan);
  assertEquals([json.code, JSON.parse(json.stdout).tests[0].id], [0, { name: "x" }]);
});

Deno.test("tine run --repeat runs each test so often, in rounds, and --dry-run shows them", async () => {
  const plan = { tests: [{ id: { name: "a" }, matrix: { n: [1, 2] }, sleep: "${n}ms" }, { id: { name: "b" } }] };
  const dry = await tine(["run", "-", "--dry-run", "--json", "--repeat", "2"], JSON.stringify(plan));
  const tests = JSON.parse(dry.stdout).tests as { id: Record<string, string> }[];
  const ids = tests.map(({ id: { name, n, repeat } }) => [name, n, repeat].join(""));
  assertEquals(ids, ["a11", "a21", "b1", "a12", "a22", "b2"]);
  assertEquals(Object.keys(JSON.parse(dry.stdout)), ["tests"]);
  await PlanPlace.use(async (place) => {
    const { code, events } = await (await place.start(plan as never, { args: ["--repeat", "2"] })).end();
    assertEquals([code, events[0].tests], [0, 6]);
  });
  const none = await tine(["run", "-", "--repeat", "0"], JSON.stringify(plan));
  assertEquals([none.code, none.stderr.split("\n")[0]], [
    2,
    'tine run: --repeat N: expected a whole number from 1 to 10000, not "0"',
  ]);
});

Deno.test("tine run --until repeats until a figure is exact enough, or says that it is not", async () => {
  const flow = { upload: { flow: "bulk", length: "10kB" }, addrKey: "server" };
  const serial = [{ streamServer: { listenAddr: "127.0.0.1:0", listenAddrKey: "server" } }, { streamClient: flow }];
  const plan = planOf({ serial });
  await PlanPlace.use(async (place) => {
    const args = ["--until", "bulk bytes within 1%"];
    const { code, events } = await (await place.start(plan, { args })).end();
    const ended = (events: readonly Record<string, unknown>[]) => events.find(({ type }) => type === "summary")!;
    assertEquals([code, ended(events).ok, ended(events).notNeeded], [0, 6, 24]);
    const less = await (await place.start(plan, { args: [...args, "--max-repeat", "2"] })).end();
    assertEquals([less.code, ended(less.events).ok, ended(less.events).notNeeded], [3, 2, 0]);
    assertStringIncludes(JSON.stringify(less.events), "an interval takes more than 2 repeats");
  });
  const cases = [
    [["--until", "bulk within 1%"], '--until: "bulk within 1%" is no goal'],
    [["--until", "bulk bytes within 1%", "--repeat", "3"], "--repeat and --until cannot be given together"],
  ] as const;
  for (const [args, message] of cases) {
    const { code, stderr } = await tine(["run", "-", ...args], JSON.stringify(plan));
    assertEquals(code, 2);
    assertStringIncludes(stderr, message);
  }
});

Deno.test("tine run refuses a plan without tests, and leaves the latest results", async () => {
  const out = await Deno.makeTempDir();
  try {
    const { code, stderr } = await tine(["run", "-", "--out", `${out}/results`], '{ "tests": [] }');
    assertEquals(code, 1);
    assertStringIncludes(stderr, "stdin: tests: the plan has no tests: there is nothing to run");
    await assertRejects(() => Deno.stat(`${out}/results`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(out, { recursive: true });
  }
});

Deno.test("tine run runs a plan that a program has printed", async () => {
  await PlanPlace.use(async (place) => {
    const program = `${place.folder}/my_plan.ts`;
    await Deno.writeTextFile(
      program,
      `import { child, plan, printPlan, serial, sleep, system, test } from "${ROOT}src/node/mod.ts";
       const left = { id: "left", launcher: { local: {} } };
       await printPlan(plan(
         test({ name: "hello" }, child(left, serial(system("echo hi", { stdout: "hi.txt" }), sleep("1ms")))),
       ));`,
    );
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "--no-check", "--config", new URL("deno.json", ROOT).pathname, program],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const running = await place.start(JSON.parse(new TextDecoder().decode(stdout)), { stdin: true });
    const { code, events, test } = await running.end();
    assertEquals([code, events[0].plan, test.id], [0, "stdin", { name: "hello" }]);
    assertEquals(await Deno.readTextFile(`${test.folder}/files/hi.txt`), "hi\n");
  });
});

Deno.test("tine run has figures of flows after their warm-up, and no data where there is nothing after it", async () => {
  const client = (config: object) => ({ addrKey: "tcp", ...config });
  const sender = [{ unresponsive: { wait: ["10ms"], duration: "300ms", echo: true } }];
  const plan = planOf({
    serial: [
      { streamServer: { listenAddr: "127.0.0.1:0", listenAddrKey: "tcp" } },
      { packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: "udp" } },
      {
        parallel: [
          { streamClient: client({ upload: { flow: "long", duration: "300ms", warmup: "100ms" } }) },
          { streamClient: client({ upload: { flow: "short", length: "1kB", warmup: "10s" } }) },
          { packetClient: { addrKey: "udp", flow: "voip", warmup: "100ms", sender } },
        ],
      },
    ],
  });
  await PlanPlace.use(async (place) => {
    const { test } = await (await place.start(plan)).end();
    const opened = await openResults(test.folder);
    if (opened.kind !== "test") throw new Error(opened.kind);
    const flows = tableNamed("flows")({ test: opened, idKeys: [] });
    const names = ["flow", "bytes", "warmup_us", "to_server_sent_packets", "completion_seconds"];
    const places = names.map((name) => flows.columns.findIndex((column) => column.name === name));
    const found = new Map<unknown, unknown[]>();
    for await (const { columns } of flows.rows()) {
      const [flow, ...values] = places.map((place) => valueAt(columns[place], 0));
      found.set(flow, values);
    }
    assertEquals(found.get("voip")?.slice(0, 3), [undefined, 100_000, 20]);
    assertEquals(found.get("short")?.slice(0, 2), [undefined, 10_000_000]);
    assert(typeof found.get("short")?.[3] === "number" && Number(found.get("long")?.[0]) > 0);
    const results = await tine(["results", test.folder]);
    // In the order in which flows began.
    assertMatch(results.stdout, /\nafter a warm-up of 100ms: (long, voip|voip, long)\n/);
    assertStringIncludes(results.stdout, "\nafter a warm-up of 10s: short\n");
    assertStringIncludes(results.stdout, "ended before the warm-up was over, and without figures for that: short\n");
    const gate = await tine(["gate", test.folder, "--gate", "short goodput > 1bps"]);
    assertEquals(gate.code, 3);
    assertStringIncludes(gate.stdout, "NO DATA");
  });
});
