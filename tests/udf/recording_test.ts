import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { openRecordings } from "../../src/cli/udf/recordings.ts";
import { Agent } from "../../src/udf/agent.ts";
import { createHandler as mirror } from "../../src/udf/handlers/mirror.ts";
import { Host } from "../../src/udf/host.ts";
import { startInProcess } from "../../src/udf/running_udf.ts";
import { Point } from "../../src/udf/point.ts";
import { messageText } from "../../src/udf/recording/message_text.ts";
import { openRecorder, recordConnection, type RecorderOptions, recordUdf } from "../../src/udf/recording/recorder.ts";
import { openRecording, type RecordedEvent } from "../../src/udf/recording/recording.ts";
import { TineError } from "../../src/base/errors.ts";
import { pipe } from "../../src/wire/pipe.ts";
import { frame, requestBytes } from "../support/bytes.ts";

const options: RecorderOptions = {
  side: "host",
  udf: "mirror",
  tine: "1.2.3",
  warn: (message) => {
    throw new Error(message);
  },
};

/** A temporary folder that goes away. */
async function temporary(): Promise<AsyncDisposable & { path(name: string): string }> {
  const dir = await Deno.makeTempDir({ prefix: "tine-recording-" });
  return { path: (name) => `${dir}/${name}`, [Symbol.asyncDispose]: () => Deno.remove(dir, { recursive: true }) };
}

async function readAll(path: string): Promise<RecordedEvent[]> {
  using recording = await openRecording(path);
  return await Array.fromAsync(recording.events());
}

/** Events on one line each, without times. */
const lines = (events: RecordedEvent[]) =>
  events.map((event) => {
    const arrow = event.direction === "request" ? ">" : "<";
    if (event.kind !== "frame") return `${arrow} (${event.kind})`;
    const { kind, json } = messageText(event.direction, event.payload);
    return kind === "keepalive" ? `${arrow} keepalive` : `${arrow} ${kind} ${json}`;
  });

const point = (time: number) => new Point({ time: BigInt(time), name: "m", fieldsInt: new Map([["v", 1n]]) });

/** Records a short run of the mirror as its host sees it. */
async function recordRun(path: string): Promise<void> {
  const host = new Host(recordUdf(startInProcess("mirror", mirror), openRecorder(path, options)), {
    point() {},
    batch() {},
  });
  host.start();
  await host.info();
  await host.init([]);
  for (let i = 1; i <= 3; i++) await host.point(point(i));
  await host.snapshot();
  await host.stop();
}

const runLines = [
  "> info {}",
  '< info {"wants":"stream","provides":"stream","options":{}}',
  '> init {"task":"","node":"","options":[]}',
  '< init {"success":true,"error":""}',
  '> point {"name":"m","time":1,"tags":{},"fields":{"v":1}}',
  '> point {"name":"m","time":2,"tags":{},"fields":{"v":1}}',
  '> point {"name":"m","time":3,"tags":{},"fields":{"v":1}}',
];

Deno.test("a host's recording holds both directions in order, with growing times and both ends", async () => {
  await using dir = await temporary();
  await recordRun(dir.path("run"));
  const events = await readAll(dir.path("run"));
  assertEquals(lines(events).slice(0, 4), runLines.slice(0, 4));
  const requests = lines(events).filter((line) => line.startsWith(">") && line !== "> keepalive");
  assertEquals(requests.slice(2), [...runLines.slice(4), "> snapshot {}", "> (end)"]);
  assertEquals(lines(events).filter((line) => line !== "< keepalive").at(-1), "< (end)");
  assertEquals(events[0].timeNs, 0);
  for (let i = 1; i < events.length; i++) assert(events[i].timeNs >= events[i - 1].timeNs);
  using recording = await openRecording(dir.path("run"));
  const { side, udf, tine } = recording.header;
  assertEquals([side, udf, tine], ["host", "mirror", "1.2.3"]);
});

Deno.test("an agent's recording takes what it reads for requests", async () => {
  await using dir = await temporary();
  const recorder = openRecorder(dir.path("run"), { ...options, side: "udf" });
  const [udf, host] = pipe();
  const running = new Agent(recordConnection(udf, recorder), mirror).run();
  const drain = (async () => {
    while (await host.read(new Uint8Array(100)) !== null);
  })();
  await host.write(frame(requestBytes({ kind: "info" })));
  await host.closeWrite();
  await Promise.all([running, drain]);
  await recorder.close();
  assertEquals(lines(await readAll(dir.path("run"))), [...runLines.slice(0, 2), "> (end)", "< (end)"]);
});

Deno.test("a recording that is cut anywhere is readable up to its last whole frame", async () => {
  await using dir = await temporary();
  await recordRun(dir.path("run"));
  const bytes = await Deno.readFile(dir.path("run"));
  const whole = lines(await readAll(dir.path("run")));
  const headerBytes = bytes.indexOf(10, bytes.indexOf(10) + 1) + 1;
  let most = 0;
  for (let length = 0; length < bytes.length; length++) {
    await Deno.writeFile(dir.path("cut"), bytes.subarray(0, length));
    if (length < headerBytes) {
      const error = await assertRejects(() => readAll(dir.path("cut")), TineError, "ends before anything was recorded");
      assertEquals(error.code, "bad-recording");
      continue;
    }
    const read = lines(await readAll(dir.path("cut")));
    assertEquals(read, whole.slice(0, read.length));
    assert(read.length >= most);
    most = read.length;
  }
  assertEquals(most, whole.length - 1);
});

Deno.test("a damaged recording is read up to the damage, or said to be damaged", async () => {
  await using dir = await temporary();
  await recordRun(dir.path("run"));
  const bytes = await Deno.readFile(dir.path("run"));
  const headerBytes = bytes.indexOf(10, bytes.indexOf(10) + 1) + 1;
  for (let i = headerBytes; i < bytes.length; i++) {
    const damaged = bytes.slice();
    damaged[i] ^= 0xff;
    await Deno.writeFile(dir.path("damaged"), damaged);
    try {
      await readAll(dir.path("damaged"));
    } catch (error) {
      assert(error instanceof TineError, `byte ${i}: ${error}`);
      assertStringIncludes(error.message, "is damaged");
    }
  }
});

Deno.test("a foreign file is no recording, and one of another version says so", async () => {
  await using dir = await temporary();
  const cases: [string | Uint8Array, string][] = [
    ["cpu v=1 1\n", 'is no recording of tine: it starts with "cpu v=1 1"'],
    ["tine recordings\n{}\n", "is no recording of tine"],
    ["x".repeat(200_000), "is no recording of tine"],
    [new Uint8Array([0x7f, 0x45, 0x4c, 0x46, 0, 0, 0, 10]), "7f 45 4c 46"],
    ["tine recording 2\n", "is a recording of version 2, this tine reads version 1; use the tine that made it"],
    ['tine recording 7\n{"side":"host","tine":"9.1.0"}\n', "use tine 9.1.0, which made it"],
    ["tine recording 1\nhello\n", 'has no header in its second line: "hello"'],
    ["tine recording 1\n" + "x".repeat(200_000), "has no header"],
    ["", "ends before anything was recorded"],
  ];
  for (const [content, message] of cases) {
    await Deno.writeFile(
      dir.path("file"),
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    const error = await assertRejects(() => openRecording(dir.path("file")), TineError, message);
    assertEquals(error.code, "bad-recording");
  }
  await assertRejects(() => openRecording(dir.path("none")), TineError, "there is no such file");
});

Deno.test("bytes that are no frames end their direction, the other one goes on", async () => {
  await using dir = await temporary();
  const recorder = openRecorder(dir.path("run"), options);
  recorder.responses(new Uint8Array(11).fill(0xff));
  recorder.requests(new Uint8Array([2, 0x0a, 0]));
  recorder.responses(new Uint8Array([2, 0x0a, 0]));
  await recorder.close();
  assertEquals(lines(await readAll(dir.path("run"))), ["< (garbage)", "> info {}"]);
});

Deno.test("openRecorder() overwrites a recording, and nothing else", async () => {
  await using dir = await temporary();
  await recordRun(dir.path("run"));
  const size = (await Deno.stat(dir.path("run"))).size;
  await openRecorder(dir.path("run"), options).close();
  assertGreater(size, (await Deno.stat(dir.path("run"))).size);
  assertEquals(await readAll(dir.path("run")), []);

  await Deno.writeTextFile(dir.path("notes.txt"), "do not lose this");
  for (const path of [dir.path("notes.txt"), dir.path(""), dir.path("no/such/folder"), "/dev/null"]) {
    const error = assertThrows(() => openRecorder(path, options), TineError, `cannot record to ${path}: `);
    assertEquals(error.code, "cannot-record");
  }
  assertEquals(await Deno.readTextFile(dir.path("notes.txt")), "do not lose this");
});

Deno.test("openRecorder() passes over a file that is being recorded to", async () => {
  await using dir = await temporary();
  const first = openRecorder(dir.path("run"), options);
  const second = openRecorder(dir.path("run"), options);
  const third = openRecorder(dir.path("run"), { ...options, number: 7 });
  assertEquals([first, second, third].map(({ path }) => path), ["run", "run.2", "run.7"].map(dir.path));
  for (const recorder of [first, second, third]) await recorder.close();
});

Deno.test({
  name: "a file that cannot be written stops the recording once, and not the connection",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const warnings: string[] = [];
    const file = await Deno.open("/dev/full", { write: true });
    const { Recorder } = await import("../../src/udf/recording/recorder.ts");
    const recorder = new Recorder("run.rec", file, { ...options, warn: (message) => warnings.push(message) });
    const host = new Host(recordUdf(startInProcess("mirror", mirror), recorder), { point() {}, batch() {} });
    host.start();
    await host.init([]);
    for (let i = 0; i < 1000; i++) await host.point(point(i));
    await host.stop();
    assertEquals(host.counts.pointsOut, 1000);
    assertEquals(warnings.length, 1);
    assertStringIncludes(warnings[0], "the recording run.rec stops here, the UDF goes on: ");
  },
});

Deno.test("further connections of a server go to files with numbers", async () => {
  await using dir = await temporary();
  {
    await using recordings = await openRecordings(dir.path("run"), "udf", "mirror", options.warn);
    for (let i = 0; i < 3; i++) {
      const [udf, host] = pipe();
      const running = new Agent(recordings!.connection(udf), mirror).run();
      await host.write(frame(requestBytes({ kind: "info" })));
      await host.closeWrite();
      while (await host.read(new Uint8Array(100)) !== null);
      await running;
    }
  }
  for (const name of ["run", "run.2", "run.3"]) {
    assertEquals(lines(await readAll(dir.path(name))), [...runLines.slice(0, 2), "> (end)", "< (end)"]);
  }
});
