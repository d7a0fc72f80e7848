import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Point } from "../../src/udf/point.ts";
import { concat, payloads, responseIn } from "../support/bytes.ts";
import { INFO, INIT, kinds, pointRequest, requestFrames, UdfDriver, values } from "../support/udf_driver.ts";
import { outputOf, startTine, TextReader, tine } from "../support/tine.ts";
import { streamConnection } from "../../src/wire/connection.ts";

/** Runs tine agent on stdio with these bytes as its input. */
async function runAgent(handler: string, input: Uint8Array) {
  const child = startTine("agent", handler);
  const writer = child.stdin.getWriter();
  writer.write(input).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const responses = (await payloads(stdout)).map((payload) => responseIn(payload));
  return { code, responses, stderr: new TextDecoder().decode(stderr) };
}

/** Starts tine agent on stdio, to talk to it. */
function talk(handler: string) {
  const child = startTine("agent", handler);
  const driver = new UdfDriver(streamConnection(child.stdout, child.stdin));
  return { child, driver, stderr: new TextReader(child.stderr) };
}

Deno.test("tine agent answers on stdio and ends with status 0 at the end of its input", async () => {
  const points = Array.from({ length: 1000 }, (_, i) => pointRequest(i));
  const { code, responses, stderr } = await runAgent("mirror", requestFrames(INFO, INIT, ...points));
  assertEquals([code, stderr], [0, ""]);
  assertEquals(kinds(responses).slice(0, 3), ["info", "init", "point"]);
  assertEquals(values(responses), points.map((_, i) => i));
  assertEquals((await runAgent("outliers", new Uint8Array())).code, 0);
});

Deno.test("tine agent ends with status 1 and an ErrorResponse for input that is no protocol", async () => {
  const bytes = concat([requestFrames(pointRequest(1)), new Uint8Array(11).fill(0xff)]);
  const { code, responses, stderr } = await runAgent("mirror", bytes);
  assertEquals(code, 1);
  assertEquals(kinds(responses), ["point", "error"]);
  assertStringIncludes(stderr, "tine agent: a frame starts with a varint longer than 10 bytes");
  assertEquals(stderr.split("\n").length, 2);
});

Deno.test("tine agent reports on stderr what its handler dropped, and strings that were not UTF-8", async () => {
  const init = {
    kind: "init" as const,
    init: {
      taskId: "",
      nodeId: "",
      options: [
        { name: "field", values: [{ type: "string" as const, value: "other" }] },
        { name: "size", values: [{ type: "int" as const, value: 1n }] },
      ],
    },
  };
  const { code, stderr } = await runAgent("moving-avg", requestFrames(init, pointRequest(1)));
  assertEquals(code, 0);
  assertEquals(
    stderr,
    'moving-avg: a point of "cpu" has no field "other", only "value"; such points are dropped\n' +
      "moving-avg: dropped 1 point without a number in the field other\n",
  );
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`tine agent on ${signal} flushes and ends with status 0`, async () => {
    const { child, driver, stderr } = talk("mirror");
    driver.send(INIT, pointRequest(1));
    assertEquals((await driver.answer())?.kind, "init");
    assertEquals((await driver.answer())?.kind, "point");
    child.kill(signal);
    assertEquals(await driver.rest(), []);
    assertEquals((await child.status).code, 0);
    assertEquals(await stderr.rest(), "");
    driver.connection.close();
  });
}

/** A child that is in the middle of writing more than its output pipe takes. */
async function full() {
  const child = startTine("agent", "mirror");
  const connection = streamConnection(child.stdout, child.stdin);
  const driver = new UdfDriver(connection);
  driver.send(INIT, pointRequest(1, "x".repeat(5_000_000)));
  // Once something of the point has come, all of it is on its way.
  for (let read = 0; read < 1000;) read += (await connection.read(new Uint8Array(65536)))!;
  return { child, driver, stderr: new TextReader(child.stderr) };
}

Deno.test("tine agent on SIGTERM while its output pipe is full ends within some 5 s with status 0", async () => {
  const { child, driver, stderr } = await full();
  const started = performance.now();
  child.kill("SIGTERM");
  assertEquals((await child.status).code, 0);
  const took = performance.now() - started;
  // Without an end of its own, it would wait for ever.
  assert(took > 4000 && took < 30_000, `${took} ms`);
  await stderr.rest();
  driver.connection.close();
});

for (const handler of ["mirror", new URL("../support/modules/counter.ts", import.meta.url).pathname]) {
  Deno.test(`tine agent ${handler.split("/").pop()} ends with status 0 where nobody takes its output after the end of its input`, async () => {
    const { child, driver, stderr } = talk(handler);
    // Kapacitor, too, is in the middle of a write when it stops to read: the agent has to take that before it sees the end.
    driver.send(INIT);
    assertEquals((await driver.answer())?.kind, "init");
    const points = Array.from({ length: 20 }, (_, i) => pointRequest(i, "x".repeat(100_000)));
    driver.send(...points, ...points).end();
    assertEquals((await child.status).code, 0);
    assertStringIncludes(await stderr.rest(), "the input has ended, and for 5 s no output has been taken");
    await driver.rest().catch(() => {});
    driver.connection.close();
  });
}

Deno.test("tine agent ends at once on a second signal, with status 0", async () => {
  const { child, driver, stderr } = await full();
  const started = performance.now();
  child.kill("SIGTERM");
  const again = setInterval(() => child.kill("SIGTERM"), 200);
  assertEquals((await child.status).code, 0);
  clearInterval(again);
  assert(performance.now() - started < 4000, "before the time that the first one gives");
  await stderr.rest();
  driver.connection.close();
});

Deno.test("tine agent --socket removes its socket also at a SIGTERM that comes the moment it is there", async () => {
  const dir = await Deno.makeTempDir({ prefix: "tine-cli-" });
  for (let round = 0; round < 5; round++) {
    const path = `${dir}/${round}`;
    const child = startTine("agent", "mirror", "--socket", path);
    const deadline = performance.now() + 10_000;
    // Nothing else happens here meanwhile: a turn of the event loop would be too late.
    while (!existsSync(path)) assert(performance.now() < deadline, "there is no socket");
    child.kill("SIGTERM");
    assertEquals((await outputOf(child)).code, 0);
  }
  assertEquals([...Deno.readDirSync(dir)], []);
  await Deno.remove(dir);
});

function existsSync(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

Deno.test("tine agent --socket serves, removes its socket on SIGTERM, and ends with status 0", async () => {
  const dir = await Deno.makeTempDir({ prefix: "tine-cli-" });
  const path = `${dir}/udf.sock`;
  const child = startTine("agent", "mirror", "--socket", path, "--socket-mode", "0660");
  const stderr = new TextReader(child.stderr);
  await stderr.until(/listening on .*\n/);
  assertEquals((await Deno.lstat(path)).mode! & 0o777, 0o660);
  const host = await tine(["host", "--socket", path, "--format", "line"], "cpu v=1 1\ncpu v=2 2\n");
  assertEquals([host.code, host.stdout], [0, "cpu v=1 1\ncpu v=2 2\n"]);
  const taken = await tine(["agent", "mirror", "--socket", path]);
  assertEquals([taken.code, taken.stderr], [1, `tine agent: a server is already listening on ${path}\n`]);
  const idle = await Deno.connect({ transport: "unix", path });
  child.kill("SIGTERM");
  assertEquals((await child.status).code, 0);
  idle.close();
  assertEquals(await stderr.rest(), `tine agent: listening on ${path}\n`);
  assertEquals(Array.from(Deno.readDirSync(dir)), []);
  await Promise.all([child.stdout.cancel(), child.stdin.close()]);
  await Deno.remove(dir, { recursive: true });
});

Deno.test("tine agent --listen serves TCP, and warns where others can reach it", async () => {
  for (const [address, warned] of [["127.0.0.1:0", false], ["0", false], ["0.0.0.0:0", true]] as const) {
    const child = startTine("agent", "moving-avg", "--listen", address);
    const stderr = new TextReader(child.stderr);
    const [, port] = await stderr.until(/listening on [\d.]+:(\d+)\n/);
    assertEquals(stderr.text.includes("warning: 0.0.0.0 may be reached by other machines"), warned);
    if (!warned) {
      const args = [
        "host",
        "--connect",
        `127.0.0.1:${port}`,
        "--set",
        "field=v",
        "--set",
        "size=2",
        "--format",
        "line",
      ];
      const { code, stdout } = await tine(args, "cpu v=1 1\ncpu v=2 2\n");
      assertEquals([code, stdout], [0, "cpu avg=1 1\ncpu avg=1.5 2\n"]);
    }
    child.kill("SIGINT");
    assertEquals((await child.status).code, 0);
    await stderr.rest();
    await Promise.all([child.stdout.cancel(), child.stdin.close()]);
  }
});

const mistakes: [string[], number, string][] = [
  [[], 2, "HANDLER"],
  [["mirrow"], 2, 'not "mirrow"'],
  [["mirror", "--socket", "a", "--listen", "1"], 2, "--socket and --listen exclude each other"],
  [["mirror", "--socket", "a", "--socket-mode", "rw"], 2, "expected permissions in octal such as 0660"],
  [["mirror", "--listen", "localhost"], 2, "expected e.g. 127.0.0.1:9000"],
  [["mirror", "--listen", ":99999"], 2, "expected e.g. 127.0.0.1:9000"],
  [["mirror", "--socket", `/tmp/${"x".repeat(200)}`], 1, "is too long"],
  [["mirror", "--socket", "/none/udf.sock"], 1, "its folder does not exist"],
  [["mirror", "--listen", "192.0.2.1:0"], 1, "cannot listen on 192.0.2.1:0: this machine does not have that address"],
  [["mirror", "--handler-timeout", "soon"], 2, "soon"],
  [["mirror", "--max-frame", "0"], 2, "--max-frame"],
  [["mirror", "--sockets", "a"], 2, "did you mean --socket"],
  // What could never work is refused before there is a socket, and not with the first task.
  [
    ["--socket", "/tmp/front", "--connect", "back.sock"],
    2,
    'expected e.g. 127.0.0.1:9000 or [::1]:9000, not "back.sock"',
  ],
  [["--socket", "/tmp/front", "--connect", ":0"], 2, "no UDF listens on port 0"],
  [["--listen", "9000", "--connect", "localhost:9000"], 2, "the relay would connect to itself"],
  [["--listen", "0.0.0.0:9000", "--connect", "127.0.0.1:9000"], 2, "the relay would connect to itself"],
  [["--socket", "/tmp/front", "--", "tine-none"], 1, 'cannot start "tine-none": there is no such program'],
  [["--listen", "0", "--", "/etc/passwd"], 1, 'cannot start "/etc/passwd": it is not executable'],
  [["--listen", "0", "--", "/etc"], 1, 'cannot start "/etc": it is not executable'],
];
Deno.test("tine agent explains mistakes in a sentence, without a stack", async () => {
  for (const [args, code, message] of mistakes) {
    const result = await tine(["agent", ...args]);
    assertStringIncludes(result.stderr, message);
    assertEquals([result.code, result.stdout, result.stderr.includes("    at ")], [code, "", false], result.stderr);
  }
});

Deno.test("tine agent ends when its host is gone, and says nothing odd", async () => {
  const child = startTine("agent", "mirror");
  await child.stdout.cancel();
  const writer = child.stdin.getWriter();
  const points = requestFrames(
    ...Array.from({ length: 5000 }, (_, i) => ({ kind: "point" as const, point: new Point({ time: BigInt(i) }) })),
  );
  await writer.write(points).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stderr } = await outputOfErr(child);
  assert(code !== 0);
  assert(!stderr.includes("mistake in tine"), stderr);
});

async function outputOfErr(child: Deno.ChildProcess): Promise<{ code: number; stderr: string }> {
  const stderr = await new TextReader(child.stderr).rest();
  return { code: (await child.status).code, stderr };
}

for (
  const [args, message] of [
    [["mirror", "--restart"], "--restart is for modules and other UDFs"],
    [["mirror", "--restart-limit", "3"], "--restart-limit means nothing without --restart or --watch"],
    [["mirror", "--listen", "127.0.0.1:0", "--socket-mode", "0660"], "--socket-mode means nothing without --socket"],
    [["mirror", "--workers", "3"], "--workers is for modules"],
  ] as const
) {
  Deno.test(`tine agent ${args.join(" ")} is refused, since a flag would be ignored`, async () => {
    const { code, stderr } = await tine(["agent", ...args]);
    assertStringIncludes(stderr, message);
    assertEquals(code, 2);
  });
}
