import { assert, assertEquals, assertGreater, assertLess, assertMatch, assertStringIncludes } from "@std/assert";
import { streamConnection } from "../../src/wire/connection.ts";
import { INIT, pointRequest, UdfDriver } from "../support/udf_driver.ts";
import { outputOf, startTine, TextReader, TINE, tine } from "../support/tine.ts";
import { needsProcessors } from "../support/quiet.ts";

const COUNTER = new URL("../support/modules/counter.ts", import.meta.url).pathname;
const delay = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Lines of line protocol. */
function lines(from: number, to: number): string {
  return Array.from({ length: to - from }, (_, i) => `cpu,host=h${i % 7} v=${from + i} ${from + i}\n`).join("");
}

/** The processes below a process whose command line ends like this. */
async function below(pid: number, end: string): Promise<number[]> {
  const parents = new Map<number, number>();
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = await Deno.readTextFile(`/proc/${name}/stat`);
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(")") + 4).split(" ")[0]));
    } catch {
      // It has ended.
    }
  }
  const found: number[] = [];
  for (const process of parents.keys()) {
    let ancestor = parents.get(process);
    while (ancestor !== undefined && ancestor !== pid && ancestor > 1) ancestor = parents.get(ancestor);
    if (ancestor !== pid) continue;
    const command = await Deno.readTextFile(`/proc/${process}/cmdline`).catch(() => "");
    if (command.replaceAll("\0", " ").trim().endsWith(end)) found.push(process);
  }
  return found;
}

/** Waits until a process is gone; a zombie is. */
async function gone(pid: number): Promise<void> {
  for (const started = performance.now(); performance.now() - started < 5000; await delay(20)) {
    const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => ") Z");
    if (stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z")) return;
  }
  throw new Error(`the process ${pid} is still there`);
}

Deno.test("a host notices nothing of the deaths of a UDF behind tine agent --restart", async () => {
  const relay = ["agent", "--restart", "--replay-buffer", "64KiB", "--", ...TINE, "agent", "moving-avg"];
  const child = startTine("host", "--timeout", "2s", "--set", "field=v", "--set", "size=50", "--", ...TINE, ...relay);
  const writer = child.stdin.getWriter();
  const output = outputOf(child);
  const rounds = 4;
  for (let round = 0; round < rounds; round++) {
    await writer.write(new TextEncoder().encode(lines(round * 3000, round * 3000 + 3000)));
    let udfs: number[] = [];
    while (udfs.length === 0) {
      udfs = (await below(child.pid, "agent moving-avg")).slice(-1);
      // The relay's own command line ends like this, too.
      const command = udfs.length > 0 ? await Deno.readTextFile(`/proc/${udfs[0]}/cmdline`).catch(() => "") : "";
      if (command === "" || command.includes("--restart")) udfs = [];
    }
    if (round + 1 < rounds) Deno.kill(udfs[0], "SIGKILL");
    await gone(round + 1 < rounds ? udfs[0] : -1);
  }
  await writer.close();
  const { code, stdout, stderr } = await output;
  const times = stdout.trimEnd().split("\n").map((line) => Number(line.split(" ").at(-1)));
  const [, restarts, repeated, lost] = /restarted (\d+) times: .* (\d+) outputs may repeat, (\d+) points lost/.exec(
    stderr,
  )!;
  assertEquals([code, restarts, lost], [0, "3", "0"]);
  assertEquals(new Set(times).size, rounds * 3000);
  assertEquals(times.length, rounds * 3000 + Number(repeated));
});

Deno.test(
  needsProcessors("a relay answers keepalives while its UDF takes longer to start than they allow", async () => {
    const slow = ["sh", "-c", `sleep 1.5; exec ${TINE.join(" ")} agent mirror`];
    const { code, stdout, stderr } = await tine(
      ["host", "--timeout", "600ms", "--", ...TINE, "agent", "--restart", "--timeout", "5s", "--", ...slow],
      lines(0, 3),
    );
    assertEquals([code, stdout], [0, lines(0, 3)], stderr);
  }),
);

Deno.test("a UDF that dies behind a relay without --restart is an error at once, also while nothing is sent", async () => {
  const child = startTine("agent", "--", "sh", "-c", "echo out of luck >&2; sleep 0.5; exit 3");
  const started = performance.now();
  const { code, stderr } = await outputOf(child);
  assertEquals(code, 1);
  assertLess(performance.now() - started, 8000);
  assertMatch(stderr, /tine agent: the UDF exited with status 3; its last line on stderr: out of luck\n$/);
  await child.stdin.close().catch(() => {});
});

Deno.test("an error that a UDF reports reaches the host of a relay as one", async () => {
  const { code, stderr } = await tine(
    ["host", "--set", "fault=throw", "--", ...TINE, "agent", "--", ...TINE, "agent", COUNTER],
    lines(0, 1),
  );
  assertEquals(code, 1);
  assertStringIncludes(stderr, "tine host: the UDF reported an error: the UDF reported an error: thrown on purpose");
});

Deno.test("a relay hands snapshots and restores on", async () => {
  const file = await Deno.makeTempFile();
  try {
    const relay = [...TINE, "agent", "--restart", "--", ...TINE, "agent", COUNTER];
    assertEquals((await tine(["host", "--snapshot", file, "--", ...relay], lines(0, 5))).code, 0);
    assertEquals(await Deno.readTextFile(file), "5");
    const { stdout } = await tine(["host", "--restore", file, "--", ...relay], lines(5, 6));
    assertEquals(stdout, "cpu count=6i 5\n");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("batches go through a relay whole", async () => {
  const args = ["--set", "field=v", "--batch-size", "5"];
  const points = Array.from({ length: 20 }, (_, i) => `cpu v=${i % 5 === 4 ? 99 : 1} ${i}\n`).join("");
  const direct = await tine(["host", ...args, "--handler", "outliers"], points);
  const relayed = await tine(
    ["host", ...args, "--", ...TINE, "agent", "--restart", "--", ...TINE, "agent", "outliers"],
    points,
  );
  assertGreater(direct.stdout.length, 0);
  assertEquals([relayed.code, relayed.stdout], [0, direct.stdout], relayed.stderr);
});

Deno.test("a UDF that hangs is started again, and a limit ends that", async () => {
  const child = startTine(
    "agent",
    "--restart",
    "--timeout",
    "200ms",
    "--restart-limit",
    "2",
    "--",
    "sh",
    "-c",
    "cat > /dev/null; sleep 60",
  );
  const driver = new UdfDriver(streamConnection(child.stdout, child.stdin));
  const stderr = new TextReader(child.stderr);
  driver.send(INIT);
  const text = await stderr.rest();
  assertEquals((await child.status).code, 1);
  assertEquals(text.match(/starting it again/g)?.length, 2);
  assertMatch(text, /started again 2 times in a row and died each time: the UDF has given no sign of life for 0.2 s/);
  driver.connection.close();
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`a relay on ${signal} drains its UDF, ends with status 0 and leaves no process behind`, async () => {
    const child = startTine("agent", "--restart", "--", ...TINE, "agent", "mirror");
    const driver = new UdfDriver(streamConnection(child.stdout, child.stdin));
    const stderr = new TextReader(child.stderr);
    driver.send(INIT, pointRequest(1));
    assertEquals((await driver.answer())?.kind, "init");
    assertEquals((await driver.answer())?.kind, "point");
    const udfs = await below(child.pid, "agent mirror");
    assertGreater(udfs.length, 0);
    child.kill(signal);
    assertEquals(await driver.answer(), undefined);
    assertEquals((await child.status).code, 0);
    for (const pid of udfs) await gone(pid);
    assertEquals(await stderr.rest(), "");
    driver.connection.close();
  });
}

Deno.test("a relay that is killed leaves neither a UDF that hangs nor what that has started", async () => {
  const child = startTine("agent", "--restart", "--", "sh", "-c", "sleep 61 & sleep 62");
  let sleeping: number[] = [];
  while (sleeping.length < 2) {
    sleeping = [...await below(child.pid, "sleep 61"), ...await below(child.pid, "sleep 62")];
  }
  child.kill("SIGKILL");
  await child.status;
  for (const pid of sleeping) await gone(pid);
  assert(true);
  await Promise.all([child.stdin.close().catch(() => {}), child.stdout.cancel(), child.stderr.cancel()]);
});

async function relaysAndReconnects(listening: (folder: string) => readonly [flag: string, place: string]) {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/relay.sock`;
  const [flag, place] = listening(folder);
  const server = startTine("agent", "mirror", flag, place);
  const serverLog = new TextReader(server.stderr);
  const [, address] = await serverLog.until(/listening on (\S+)/);
  const relay = startTine("agent", "--restart", "--connect", address, "--socket", path);
  const relayLog = new TextReader(relay.stderr);
  try {
    await relayLog.until(/listening on/);
    const host = startTine("host", "--socket", path);
    const writer = host.stdin.getWriter();
    const stdout = new TextReader(host.stdout);
    await writer.write(new TextEncoder().encode(lines(0, 1)));
    await stdout.until(/ 0\n/);
    server.kill("SIGKILL");
    await server.status;
    const again = startTine("agent", "mirror", flag, address);
    await writer.write(new TextEncoder().encode(lines(1, 2)));
    await stdout.until(/ 1\n/);
    await writer.close();
    assertEquals((await host.status).code, 0);
    await host.stderr.cancel();
    again.kill("SIGTERM");
    await Promise.all([again.status, again.stdin.close(), again.stdout.cancel(), again.stderr.cancel()]);
    relay.kill("SIGTERM");
    assertEquals((await relay.status).code, 0);
  } finally {
    for (const child of [server, relay]) {
      await Promise.all([child.stdin.close().catch(() => {}), child.stdout.cancel()]);
    }
    await serverLog.rest();
    await relayLog.rest();
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a UDF on TCP is reached through a Unix socket, and again after its restart", async () => {
  await relaysAndReconnects(() => ["--listen", "127.0.0.1:0"]);
});

Deno.test("a UDF on a Unix socket is reached through another one, and again after its restart", async () => {
  await relaysAndReconnects((folder) => ["--socket", `${folder}/udf.sock`]);
});

Deno.test("a relay says at its start what is wrong with the place of its UDF", async () => {
  const folder = await Deno.makeTempDir();
  const path = (name: string) => `${folder}/${name}`;
  try {
    await Deno.writeTextFile(path("file"), "");
    const gone = Deno.listen({ transport: "unix", path: path("made.sock") });
    await Deno.rename(path("made.sock"), path("stale.sock")); // closing would remove it
    gone.close();
    const cases: [args: string[], code: number, message: string][] = [
      [["--connect", path("file")], 2, "file: expected a Unix socket that a UDF listens on, not another kind of file"],
      [["--connect", path("x.sock"), "--socket", path("./x.sock")], 2, "are one place"],
      [["--connect", "localhost"], 2, "--connect HOST:PORT: expected e.g. 127.0.0.1:9000"],
      [["--connect", "none.invalid:9000", "--socket", path("a")], 1, "cannot connect to none.invalid:9000: failed to"],
      [["--connect", "none.invalid:9000", "--timeout", "9s"], 1, "cannot connect to none.invalid:9000: failed to"],
      [["mirror", "--drain-timeout", "1s"], 2, "--drain-timeout is for a relay"],
      [["mirror", "--timeout", "1s"], 2, "--timeout is for a relay"],
    ];
    for (const [args, code, message] of cases) {
      const result = await tine(["agent", ...args]);
      assertEquals(result.code, code, result.stderr);
      assertStringIncludes(result.stderr, message);
      assertEquals(Array.from(Deno.readDirSync(folder), ({ name }) => name).includes("a"), false);
    }
    // What may come is waited for, and said at once.
    const port = freePort();
    const waiting: [connect: string, message: RegExp][] = [
      [path("late.sock"), /late\.sock: there is no such socket; is the UDF running\?; each connection waits for it/],
      [path("stale.sock"), /stale\.sock: connection refused; is the UDF running\?; each connection waits for it/],
      [`127.0.0.1:${port}`, /:\d+: connection refused; is the UDF running\?; each connection waits for it/],
    ];
    for (const [connect, message] of waiting) {
      const early = startTine("agent", "--connect", connect, "--socket", path("relay.sock"));
      const log = new TextReader(early.stderr);
      await log.until(message);
      await log.until(/listening on/);
      early.kill("SIGTERM");
      assertEquals((await early.status).code, 0);
      await Promise.all([early.stdin.close(), early.stdout.cancel(), log.rest()]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("a relay waits for a Unix socket that vanished, and goes on where it was once it is back", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/udf.sock`;
  const serve = async () => {
    const child = startTine("agent", "moving-avg", "--socket", path);
    const log = new TextReader(child.stderr);
    await log.until(/listening on/);
    return {
      async end() {
        child.kill("SIGTERM");
        await Promise.all([child.status, child.stdin.close(), child.stdout.cancel(), log.rest()]);
      },
    };
  };
  try {
    const first = await serve();
    const relay = ["agent", "--restart", "--timeout", "1s", "--restart-limit", "100", "--connect", path];
    const options = ["--set", "field=v", "--set", "size=100", "--timeout", "60s", "--format", "line"];
    const host = startTine("host", ...options, "--", ...TINE, ...relay);
    const [stdout, stderr] = [new TextReader(host.stdout), new TextReader(host.stderr)];
    const writer = host.stdin.getWriter();
    await writer.write(new TextEncoder().encode("cpu v=1 1\n"));
    await stdout.until(/ 1\n/);
    await first.end();
    // The socket is gone for longer than one attempt to connect takes.
    await writer.write(new TextEncoder().encode("cpu v=3 2\n"));
    await stderr.until(/there is no such socket; is the UDF running\?; trying for 1 s/);
    await stderr.until(/cannot connect to .*udf\.sock within 1 s: there is no such socket/);
    const second = await serve();
    await stdout.until(/cpu avg=2 2\n/);
    await writer.close();
    assertEquals((await host.status).code, 0, stderr.text);
    await Promise.all([stdout.rest(), stderr.rest()]);
    await second.end();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a point at which a UDF dies is left out and written to a file, which tine host reads back", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(
      `${folder}/bad.ts`,
      `export const createHandler = (agent) => {
        let count = 0;
        return {
          info: () => ({ wants: "stream", provides: "stream" }),
          init() {},
          point(point) {
            if (point.fieldsDouble.get("v") === 3) throw new Error("no 3");
            count++;
            agent.point(point);
          },
          snapshot: () => Uint8Array.of(count),
          restore: ([saved]) => { count = saved; },
        };
      };`,
    );
    const poison = `${folder}/poison.jsonl`;
    const flags = ["--restart", "--dedupe", "--on-poison", "skip", "--poison-file", poison];
    const host = await tine(["host", "--handler", `${folder}/bad.ts`, ...flags], lines(0, 8));
    assertEquals(host.code, 0, host.stderr);
    const times = host.stdout.trim().split("\n").map((line) => line.split(" ").at(-1));
    assertEquals(times, ["0", "1", "2", "4", "5", "6", "7"]);
    assertStringIncludes(host.stderr, "1 point left out, at which it dies");
    const again = await tine(["host", "--handler", "mirror", "--input", poison]);
    assertEquals([again.code, again.stdout], [0, "cpu,host=h3 v=3 3\n"]);
    const stopped = await tine([
      "host",
      "--handler",
      `${folder}/bad.ts`,
      "--restart",
      "--on-poison",
      "stop",
      ...flags.slice(4),
    ], lines(0, 8));
    assertEquals(stopped.code, 1);
    assertStringIncludes(stopped.stderr, "the UDF dies at a point of cpu at 3 each time: ");
    for (const flag of [["--on-poison", "skip"], ["--dedupe"]]) {
      const alone = await tine(["host", "--handler", "mirror", ...flag], "");
      assertEquals(alone.code, 2, alone.stderr);
      assertStringIncludes(alone.stderr, "--restart");
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
