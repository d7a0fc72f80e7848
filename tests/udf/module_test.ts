import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Host } from "../../src/udf/host.ts";
import { ModuleAgent, ModuleRunner, type ModuleRunnerOptions } from "../../src/udf/module/module_runner.ts";
import type { Option } from "../../src/udf/messages.ts";
import { Point } from "../../src/udf/point.ts";
import { TineError } from "../../src/base/errors.ts";
import { moduleOptions } from "../../src/cli/module_flags.ts";
import { availability } from "../../src/sys/libc.ts";
import { SCHED_IDLE } from "../../src/sys/scheduling.ts";
import { eventually } from "../support/eventually.ts";
import { unless } from "../support/unless.ts";
import { pipe } from "../../src/wire/pipe.ts";
import { INIT, kinds, pointRequest, UdfDriver } from "../support/udf_driver.ts";

const MODULES = new URL("../support/modules/", import.meta.url).pathname;

/** Runs a module behind a host; the host ends by itself at the end of the test. */
async function withModule(
  module: string,
  options: ModuleRunnerOptions & { timeoutMs?: number },
  fn: (host: Host, points: Point[]) => Promise<void>,
): Promise<void> {
  await using runner = await ModuleRunner.open(module.includes("/") ? module : MODULES + module, options);
  const points: Point[] = [];
  const host = new Host(runner.connect(), { point: (point) => void points.push(point), batch() {} }, {
    timeoutMs: options.timeoutMs ?? 10_000,
  });
  host.start();
  try {
    await fn(host, points);
  } finally {
    await host.stop(5000).catch(() => {});
  }
}

const point = (time: bigint) => new Point({ name: "cpu", group: "host=a", time, fieldsInt: new Map([["v", time]]) });
const text = (name: string, ...values: string[]): Option => ({
  name,
  values: values.map((value) => ({ type: "string", value })),
});

/** A module that is written for one test. */
async function withSource(source: string, fn: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/my udf#1.ts`;
    await Deno.writeTextFile(path, source);
    await fn(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a module answers points, and its state goes in and out", async () => {
  await withModule("counter.ts", {}, async (host, points) => {
    await host.init([]);
    await host.restore(new TextEncoder().encode("40"));
    await host.point(point(1n));
    await host.point(point(2n));
    assertEquals(new TextDecoder().decode(await host.snapshot()), "42");
    await host.stop(5000);
    assertEquals(points.map((point) => point.field("count")), [41n, 42n]);
  });
});

Deno.test("a promise that never settles is ended like an endless loop", async () => {
  await withModule("stuck.ts", { handlerTimeoutMs: 400, timeoutMs: 2000 }, async (host) => {
    await host.init([text("stuck", "point", "never")]);
    await host.point(point(1n));
    await host.point(point(2n));
    await assertRejects(() => host.snapshot(), TineError, "point() of the handler");
  });
});

Deno.test("a call of three times the keepalive timeout does not get the UDF killed", async () => {
  await withModule("stuck.ts", { timeoutMs: 400 }, async (host, points) => {
    await host.init([text("stuck", "point", "slow")]);
    const started = performance.now();
    for (let i = 1n; i <= 5n; i++) await host.point(point(i));
    await host.stop(5000);
    assertGreater(performance.now() - started, 1100);
    assertEquals(points.length, 5);
  });
});

Deno.test("a module may do nothing by default", async () => {
  await withModule("nosy.ts", {}, async (host, points) => {
    await host.init([]);
    await host.point(point(1n));
    await host.stop(5000);
    const fields = Object.fromEntries(points[0].fields());
    const refused = ["readSelf", "read", "write", "env", "otherEnv", "net", "run", "ffi", "sys"];
    assertEquals(Object.fromEntries(refused.map((name) => [name, fields[name]])), {
      readSelf: "NotCapable",
      read: "NotCapable",
      write: "NotCapable",
      env: "NotCapable",
      otherEnv: "NotCapable",
      net: "NotCapable",
      run: "NotCapable",
      ffi: "NotCapable",
      sys: "NotCapable",
    });
    assertEquals(fields.stdin, "null");
  });
});

Deno.test("what a module prints goes to the log, in order, however much it is", async () => {
  const source = `export const createHandler = () => ({
    info: () => ({ wants: "stream", provides: "stream" }),
    init() { for (let i = 0; i < 5000; i++) console.log("line", i); },
    point() {},
  });
  console.log("loaded");`;
  await withSource(source, async (path) => {
    const lines: string[] = [];
    await withModule(path, { log: (line) => lines.push(line) }, async (host) => {
      await host.init([]);
      await host.stop(5000);
    });
    assertEquals(lines.slice(0, 2).concat(lines.slice(-1)), ["loaded", "line 0", "line 4999"]);
    assertEquals(lines.length, 5001);
  });
});

Deno.test("a module may do what single permissions allow, and no more", async () => {
  const permissions = { read: ["/etc/hostname"], env: ["HOME"], net: ["127.0.0.1:9"] };
  await withModule("nosy.ts", { permissions }, async (host, points) => {
    await host.init([]);
    await host.point(point(1n));
    await host.stop(5000);
    const { read, readSelf, env, otherEnv, net, write } = Object.fromEntries(points[0].fields());
    assertEquals({ read, readSelf, env, otherEnv, net, write }, {
      read: "done",
      readSelf: "NotCapable",
      env: "done",
      otherEnv: "NotCapable",
      net: "ConnectionRefused",
      write: "NotCapable",
    });
  });
});

for (
  const [fault, reason] of [
    ["throw", /thrown on purpose \(counter\.ts:\d+:\d+\)/],
    ["reject", /rejected on purpose \(counter\.ts:\d+:\d+\)/],
    ["late", /thrown later \(counter\.ts:\d+:\d+\)/],
    ["exit", /called exit\(3\)/],
  ] as const
) {
  Deno.test(`a module that does "${fault}" ends with an error that says so`, async () => {
    await withModule("counter.ts", {}, async (host) => {
      await host.init([text("fault", fault)]);
      const drive = async () => {
        await host.point(point(1n));
        await host.snapshot();
        await host.stop(5000);
      };
      const error = await assertRejects(drive, TineError);
      assert(reason.test(error.message), error.message);
    });
  });
}

Deno.test("a module that writes after stop is told, and the UDF fails", async () => {
  await withModule("counter.ts", {}, async (host) => {
    await host.init([text("fault", "after")]);
    await host.stop(5000).catch((error) => assertStringIncludes(String(error), "nothing can be written any more"));
  });
});

const TOO_LONG = "loading the module has not ended";

for (
  const [what, source, reason] of [
    ["throws when it is loaded", `throw new Error("not today");`, "not today"],
    ["exports nothing", `const createHandler = 1;`, "write: export function createHandler(agent)"],
    ["exports another thing", `export const handler = {};`, "only handler"],
    ["exports an object", `export const createHandler = {};`, "no function createHandler: createHandler is an object;"],
    ["imports a bare name", `import "lodash";`, /^[^\n]*: Import "lodash" [^\n]* \([^/\s]+:1:8\)$/],
    [
      "throws no error",
      `export const createHandler = () => { throw undefined; };`,
      "threw undefined, which is no Error",
    ],
    ["returns no handler", `export const createHandler = () => 5;`, "must return a handler, got number"],
    [
      "lacks init",
      `export const createHandler = () => ({ info: () => ({}) });`,
      "has no method init(); write: init(request)",
    ],
    [
      "lacks what its edge needs",
      `export const createHandler = () => ({ info: () => ({ wants: "stream", provides: "stream" }), init() {} });`,
      "has no method point(); write: point(point)",
    ],
    [
      "describes itself wrongly",
      `export const createHandler = () => ({ info: () => ({ wants: "points" }), init() {}, point() {} });`,
      'info().wants must be "stream" or "batch", got "points"',
    ],
    ["never finishes loading", `await new Promise(() => {});`, TOO_LONG],
  ] as const
) {
  Deno.test(`a module that ${what} is explained`, async () => {
    await withSource(source, async (path) => {
      await withModule(path, { loadTimeoutMs: reason === TOO_LONG ? 500 : 60_000 }, async (host) => {
        const { message } = await assertRejects(() => host.info(), TineError);
        if (reason instanceof RegExp) assertMatch(message, reason);
        else assertStringIncludes(message, reason);
      });
    });
  });
}

Deno.test("a module that does not parse is explained in one line, with the place", async () => {
  await withSource("export const a = 1;\nexport const x: = ;\n", async (path) => {
    await withModule(path, {}, async (host) => {
      const error = await assertRejects(() => host.info(), TineError, "SyntaxError");
      assertMatch(error.message, /SyntaxError: .* \([^/\s]+:2:17\)$/);
      assert(!error.message.includes("\n"), error.message);
    });
  });
});

Deno.test("a module that is not there, or a folder, is refused", async () => {
  await assertRejects(() => ModuleRunner.open("/nowhere/udf.ts"), TineError, "there is no such file");
  await assertRejects(() => ModuleRunner.open(MODULES), TineError, "it is no file");
});

Deno.test("a server of modules does not grow with the connections it has served: 2,500 short ones", async () => {
  await using runner = await ModuleRunner.open(MODULES + "counter.ts");
  const connect = async () => {
    const [near, far] = pipe();
    const driver = new UdfDriver(far).send(INIT, pointRequest(1)).end();
    const [responses] = await Promise.all([driver.rest(), new ModuleAgent(near, runner.connect()).run()]);
    assertEquals(kinds(responses).filter((kind) => kind !== "keepalive"), ["init", "point"]);
  };
  const serve = async (count: number) => {
    // Some at a time: on a busy machine a turn of two threads takes long.
    for (let i = 0; i < count; i += 20) await Promise.all(Array.from({ length: 20 }, connect));
    return Deno.memoryUsage().rss;
  };
  const before = await serve(500);
  const after = await serve(2_000);
  // Memory that nothing used again would be 300 kB for each: 600 MB.
  assertLess(after - before, 200e6);
});

Deno.test("one worker serves a hundred connections, each with its own handler", async () => {
  await using runner = await ModuleRunner.open(MODULES + "counter.ts");
  const started = performance.now();
  await Promise.all(Array.from({ length: 100 }, async (_, n) => {
    const points: Point[] = [];
    const host = new Host(runner.connect(), { point: (point) => void points.push(point), batch() {} });
    host.start();
    await host.init([]);
    for (let i = 0; i <= n; i++) await host.point(point(BigInt(i)));
    await host.stop(10_000);
    assertEquals(points.at(-1)?.field("count"), BigInt(n + 1));
  }));
  assertLess(performance.now() - started, 20_000);
});

// Deno does not stop the thread of an endless loop, it keeps a processor busy until its process ends: such tests are last.

for (const method of ["init", "point", "snapshot", "restore", "stop"]) {
  Deno.test(`an endless loop in ${method}() is ended by an error that names it`, async () => {
    await withModule("stuck.ts", { handlerTimeoutMs: 400, timeoutMs: 2000 }, async (host) => {
      const drive = async () => {
        await host.init([text("stuck", method, "loop")]);
        await host.point(point(7n));
        await host.point(point(8n));
        await host.snapshot();
        await host.restore(new Uint8Array());
        await host.stop(5000);
      };
      const error = await assertRejects(drive, TineError, `${method}() of the handler`);
      assertStringIncludes(error.message, "has not ended after 0.");
      if (method === "point") assertStringIncludes(error.message, 'for the point "cpu" of the group "host=a" at 8');
    });
  });
}

for (
  const [method, source] of [
    ["createHandler", `export const createHandler = () => { while (true); };`],
    ["info", `export const createHandler = () => ({ info() { while (true); }, init() {}, point() {} });`],
  ]
) {
  Deno.test(`an endless loop in ${method}() is ended by an error that names it`, async () => {
    await withSource(source, async (path) => {
      await withModule(path, { handlerTimeoutMs: 400 }, async (host) => {
        await assertRejects(() => host.info(), TineError, `${method}()`);
      });
    });
  });
}

for (const method of ["beginBatch", "point", "endBatch"]) {
  Deno.test(`an endless loop in ${method}() of a batch is ended by an error that names it`, async () => {
    await withModule("stuck_batch.ts", { handlerTimeoutMs: 400, timeoutMs: 2000 }, async (host) => {
      const drive = async () => {
        await host.init([text("stuck", method)]);
        const tags = new Map<string, string>();
        await host.batch({
          begin: { name: "cpu", group: "", tags, size: 1n, byName: false },
          points: [point(1n)],
          end: { name: "cpu", group: "", tags, tmax: 1n, byName: false },
        });
        await host.snapshot();
      };
      await assertRejects(drive, TineError, `${method}() of the handler`);
    });
  });
}

Deno.test("a module that loops while it is loaded is explained", async () => {
  await withSource("while (true);", async (path) => {
    await withModule(path, { loadTimeoutMs: 500 }, async (host) => {
      await assertRejects(() => host.info(), TineError, TOO_LONG);
    });
  });
});

/** How many threads of this process get only what others leave. Source: proc(5), /proc/PID/stat, field 41. */
function idleThreads(): number {
  return Array.from(Deno.readDirSync("/proc/self/task"), ({ name }) => {
    const stat = Deno.readTextFileSync(`/proc/self/task/${name}/stat`);
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[38]);
  }).filter((policy) => policy === SCHED_IDLE).length;
}

const { available } = availability();

Deno.test({
  ...unless(available ? undefined : "system calls cannot be made", "the thread of a stuck handler gives way to others"),
  async fn() {
    const flags = { trust: false, allowNet: [], allowRead: [], allowEnv: [], handlerTimeout: 400 };
    await using runner = await ModuleRunner.open(MODULES + "stuck.ts", { ...moduleOptions(flags), workers: 2 });
    const [stuck, other] = [1, 2].map(() => new Host(runner.connect(), { point() {}, batch() {} }));
    for (const host of [stuck, other]) host.start();
    await stuck.init([text("stuck", "snapshot", "loop")]);
    await other.init([]);
    const before = idleThreads();
    await assertRejects(() => stuck.snapshot(), TineError, "snapshot() of the handler");
    await eventually("its thread gives way, and no other one", () => idleThreads() === before + 1);
    await other.stop(5000);
    await stuck.stop(5000).catch(() => {});
  },
});

Deno.test("a stuck handler ends the connections of its worker, and no others", async () => {
  await using runner = await ModuleRunner.open(MODULES + "stuck.ts", { workers: 2, handlerTimeoutMs: 400 });
  const start = () => {
    const host = new Host(runner.connect(), { point() {}, batch() {} });
    host.start();
    return host;
  };
  const [stuck, other, neighbour] = [start(), start(), start()]; // the first and third share a worker
  await stuck.init([text("stuck", "snapshot", "loop")]);
  await other.init([]);
  await neighbour.init([]);
  await assertRejects(() => stuck.snapshot(), TineError, "snapshot() of the handler");
  await assertRejects(() => neighbour.stop(5000), TineError, "snapshot() of the handler");
  assertEquals(await other.snapshot(), new TextEncoder().encode("0"));
  await other.stop(5000);
  // A new connection gets a new worker.
  const again = start();
  await again.init([]);
  await again.stop(5000);
  await stuck.stop(5000).catch(() => {});
});
