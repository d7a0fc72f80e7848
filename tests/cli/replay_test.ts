import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Kind, Lane } from "../../src/node/protocol/frame.ts";
import { frameBytes } from "../node/protocol/frames.ts";
import { concat, field, frame, varint } from "../support/bytes.ts";

const main = new URL("../../main.ts", import.meta.url).pathname;
const tine = [Deno.execPath(), "run", "-A", main];

const dir = await Deno.makeTempDir({ prefix: "tine-replay-" });
globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));

const points = Array.from({ length: 30 }, (_, i) => `m,host=h${i % 3} v=${i} ${i}\n`).join("");

/** Runs tine to its end. */
async function run(args: string[], input = ""): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = new Deno.Command(tine[0], {
    args: [...tine.slice(1), ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { NO_COLOR: "1" },
  }).spawn();
  const writer = child.stdin.getWriter();
  const writing = writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await writing;
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const average = ["--handler", "moving-avg", "--set", "field=v", "--set", "size=2", "--group-by", "host"];

async function record(name: string): Promise<string> {
  const path = `${dir}/${name}`;
  const { code, stderr } = await run(["host", ...average, "--record", path], points);
  assertEquals(code, 0, stderr);
  return path;
}

Deno.test("tine replay says same, and exits with 0, where a UDF answers as recorded", async () => {
  const path = await record("same");
  for (const udf of [["--handler", "moving-avg"], ["--", ...tine, "agent", "moving-avg"]]) {
    const { code, stdout } = await run(["replay", path, ...udf]);
    assertEquals([code, stdout], [0, "same: 32 requests, 32 responses as recorded\n"]);
  }
});

Deno.test("tine replay shows what differs, and exits with 1", async () => {
  const path = await record("differs");
  const { code, stdout } = await run(["replay", path, "--handler", "mirror"]);
  assertEquals(code, 1);
  assertStringIncludes(
    stdout,
    `point 2 of group host=h0 differs
  - m,host=h0 avg=1.5 3
  + m,host=h0 v=3 3
    avg: 1.5 -> (none)
    v: (none) -> 3
`,
  );
  assertEquals(stdout.split("\n").filter((line) => line.endsWith(" differs")).length, 20);
  assertStringIncludes(
    stdout,
    "\n... and 11 more differences\ndiffers: 32 requests, 1 response as recorded, 31 differ\n",
  );
});

Deno.test("tine replay --json prints each difference, then the verdict", async () => {
  const path = await record("json");
  const { code, stdout } = await run(["replay", path, "--json", "--handler", "mirror"]);
  assertEquals(code, 1);
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.length, 32);
  assertEquals([lines[0].what, lines[0].change], ["info", "changed"]);
  assertEquals(lines.at(-1), {
    verdict: "differs",
    same: 1,
    changed: 31,
    missing: 0,
    extra: 0,
    beyond: 0,
    requests: 32,
    cut: false,
    endedEarly: false,
  });
});

Deno.test("tine replay --show prints a recording, safe for terminals", async () => {
  const path = `${dir}/show`;
  const { code } = await run(["host", "--handler", "mirror", "--record", path], 'm\u0085\u202e s="\x1b[31m" 7\n');
  assertEquals(code, 0);
  const { stdout } = await run(["replay", path, "--show"]);
  const lines = stdout.trimEnd().split("\n");
  assert(/^recorded 20\S+Z by tine \S+ at the host's end: mirror$/.test(lines[0]), lines[0]);
  assertEquals(lines[1], "    0.000000 -> info");
  assert(/^ {4}\d\.\d{6} <- info \{"wants":"stream","provides":"stream","options":\{\}\}$/.test(lines[2]), lines[2]);
  assertStringIncludes(stdout, '-> point {"name":"m\\u0085\\u202e","time":7,"tags":{},"fields":{"s":"\\u001b[31m"}}');
  // deno-lint-ignore no-control-regex
  assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.test(stdout));
  const machine = (await run(["replay", path, "--show", "--json"])).stdout.trimEnd().split("\n");
  const parsed = machine.map((line) => JSON.parse(line));
  assertEquals(parsed[0].header.udf, "mirror");
  assertEquals([parsed[1].direction, parsed[1].kind, parsed[1].timeNs], ["request", "info", 0]);
});

Deno.test("tine replay works with what is left after kill -9 of the host or the agent", async () => {
  const hostFile = `${dir}/killed-host`, agentFile = `${dir}/killed-agent`;
  const child = new Deno.Command(tine[0], {
    args: [...tine.slice(1), "host", "--record", hostFile, "--group-by", "host", "--set", "field=v", "--set", "size=2"]
      .concat(["--", ...tine, "agent", "moving-avg", "--record", agentFile]),
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  const output = child.stdout.getReader();
  await writer.write(new TextEncoder().encode(points));
  assert(!(await output.read()).done); // it has answered something
  child.kill("SIGKILL");
  await child.status;
  await writer.abort().catch(() => {});
  while (!(await output.read()).done);

  const { code, stdout } = await run(["replay", hostFile, "--handler", "moving-avg"]);
  assertEquals(code, 0, stdout);
  assertStringIncludes(stdout, "the recording was cut; what came beyond its end was not compared: ");
  assertStringIncludes((await run(["replay", hostFile, "--show"])).stdout, "the recording was cut here\n");
  // The agent saw the end of its input: its own recording is whole.
  assertEquals((await run(["replay", agentFile, "--handler", "moving-avg"])).code, 0);
});

Deno.test("tine replay explains what it cannot use", async () => {
  await Deno.writeTextFile(`${dir}/points.txt`, points);
  await Deno.writeTextFile(`${dir}/newer`, 'tine recording 2\n{"tine":"7.0.0","side":"host"}\n');
  const whole = await Deno.readFile(await record("whole"));
  await Deno.writeFile(`${dir}/cut`, whole.subarray(0, 30));
  const cases: [string[], number, string][] = [
    [[`${dir}/points.txt`, "--show"], 1, "is no recording of tine: it starts with "],
    [[`${dir}/newer`, "--show"], 1, "is a recording of version 2, this tine reads version 1; use tine 7.0.0"],
    [[`${dir}/cut`, "--show"], 1, "ends before anything was recorded"],
    [[`${dir}/none`, "--show"], 1, "there is no such file"],
    [[`${dir}/whole`], 2, "which UDF?"],
    [[`${dir}/whole`, "--show", "--handler", "mirror"], 2, "--show prints a recording and needs no UDF"],
    [["--", "true"], 2, "RECORDING is missing"],
    [[`${dir}/whole`, "--raw", "--handler", "mirror"], 2, "--raw is a way to print a recording: give --show with it"],
    [[`${dir}/points.txt`, "--show", "--raw"], 1, "is no recording of tine: it starts with "],
    [[`${dir}/whole`, "--tolerance", "-1", "--handler", "mirror"], 2, "--tolerance"],
    [[`${dir}/whole`, "--", "sh", "-c", "echo broken >&2; exit 4"], 1, "exited with status 4; its last line"],
  ];
  for (const [args, expected, message] of cases) {
    const { code, stderr } = await run(["replay", ...args]);
    assertEquals(code, expected, stderr);
    assertStringIncludes(stderr, message);
    assert(!stderr.includes("    at "), stderr);
  }
});

Deno.test("tine host --record refuses a file that is no recording before it starts the UDF", async () => {
  const path = `${dir}/precious`;
  await Deno.writeTextFile(path, "precious");
  const { code, stderr } = await run(["host", "--record", path, "--", "sh", "-c", "echo started >&2"], points);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `cannot record to ${path}: the file exists and is no recording`);
  assert(!stderr.includes("started"));
  assertEquals(await Deno.readTextFile(path), "precious");
});

/** Writes a recording of one message from the UDF. */
async function recordingOf(name: string, ...frames: Uint8Array[]): Promise<string> {
  const bytes = concat(frames);
  const head = new DataView(new ArrayBuffer(13));
  head.setUint8(0, 2); // responses
  head.setUint32(9, bytes.length, true);
  const header = 'tine recording 1\n{"tine":"0.1.0","side":"host","started":"2026-01-01T00:00:00Z","udf":"x"}\n';
  const path = `${dir}/${name}`;
  await Deno.writeFile(path, concat([new TextEncoder().encode(header), new Uint8Array(head.buffer), bytes]));
  return path;
}

const lines = (stdout: string) => stdout.trimEnd().split("\n");

Deno.test("tine replay --show --raw prints fields on the wire, unknown ones with number, wire type and value", async () => {
  const keepalive = field(3, varint(1 << 3), varint(-5n), varint(9 << 3), varint(2n ** 64n - 1n));
  const path = await recordingOf("raw", frame(concat([keepalive, field(1000, new TextEncoder().encode("later"))])));
  const { code, stdout } = await run(["replay", path, "--show", "--raw"]);
  assertEquals(code, 0);
  assertEquals(lines(stdout).slice(1), [
    '    0.000000 <- Response, 32 bytes: {"keepalive":{"time":-5}}',
    "                  3 keepalive, bytes",
    "                    1 time, varint: -5",
    "                    9 (unknown), varint: 18446744073709551615",
    '                  1000 (unknown), bytes: 5 bytes, "later"',
    "the recording was cut here",
  ]);
  const [, json] = lines((await run(["replay", path, "--show", "--raw", "--json"])).stdout);
  assertStringIncludes(json, '"value":18446744073709551615}');
  const { raw, direction, timeNs } = JSON.parse(json);
  assertEquals([direction, timeNs, raw.type, raw.bytes, raw.message], ["response", 0, "Response", 32, {
    keepalive: { time: -5 },
  }]);
  assertEquals(raw.fields[1], {
    number: 1000,
    wireType: "bytes",
    value: { bytes: 5, starts: '"later"' },
  });
});

Deno.test("tine replay --show --raw shows what protobufjs refuses, up to the first byte that is no protobuf", async () => {
  const path = await recordingOf("refused", frame(new Uint8Array([0x1a, 2, 8, 1, 0x32, 9, 0x0a])));
  const { stdout } = await run(["replay", path, "--show", "--raw"]);
  const [first, ...rest] = lines(stdout).slice(1);
  assertStringIncludes(first, "Response, 7 bytes: (refused by protobufjs: index out of range");
  assertEquals(rest.slice(0, 3).map((line) => line.trim()), [
    "3 keepalive, bytes",
    "1 time, varint: 1",
    "(no protobuf from here on: a protobuf message ends in the middle of a field)",
  ]);
});

Deno.test("tine replay --show --raw prints the frames that a test has recorded, and what their payloads hold", async () => {
  const path = `${dir}/records.tine`;
  const entry = concat([
    varint(1 << 3 | 1),
    new Uint8Array(8).fill(0xff),
    field(3, new TextEncoder().encode("\x1b[31m")),
  ]);
  const log = frameBytes({
    kind: Kind.log,
    lane: Lane.record,
    origin: "left",
    name: "",
    number: 3,
    more: false,
    payload: entry,
  });
  const info = frameBytes({
    kind: Kind.nodeInfo,
    lane: Lane.urgent,
    origin: "left",
    name: "",
    number: 0,
    more: false,
    payload: new TextEncoder().encode('{"ns": 9007199254740993123}'),
  });
  const cut = frame(info).subarray(0, 9);
  await Deno.writeFile(path, concat([new TextEncoder().encode("tine records 1\n"), frame(log), frame(info), cut]));
  const { code, stdout } = await run(["replay", path, "--show", "--raw"]);
  assertEquals(code, 0);
  assertEquals(lines(stdout), [
    '          16 Frame, 30 bytes: {"kind":"LOG","lane":"RECORD","origin":"left","number":3,' +
    '"payload":{"bytes":16,"starts":"09 ff ff ff ff ff ff ff ff 1a 05 1b 5b 33 31 6d"}}',
    '               1 kind, varint: "LOG"',
    '               2 lane, varint: "RECORD"',
    '               3 origin, bytes: "left"',
    "               5 number, varint: 3",
    "               7 payload, bytes: 16 bytes, 09 ff ff ff ff ff ff ff ff 1a 05 1b 5b 33 31 6d",
    '               payload, LogEntry, 16 bytes: {"time":-1,"text":"\\u001b[31m"}',
    "                 1 time, fixed64: -1",
    '                 3 text, bytes: "\\u001b[31m"',
    '          47 Frame, 37 bytes: {"kind":"NODE_INFO","origin":"left",' +
    '"payload":{"bytes":27,"starts":"\\"{\\\\\\"ns\\\\\\": 9007199254740993123}\\""}}',
    '               1 kind, varint: "NODE_INFO"',
    '               3 origin, bytes: "left"',
    '               7 payload, bytes: 27 bytes, "{\\"ns\\": 9007199254740993123}"',
    '               payload, JSON: {"ns": 9007199254740993123}',
  ]);
});

Deno.test("tine replay loads protobufjs only to print raw messages", async () => {
  const path = await recordingOf("loads", frame(new Uint8Array([0x1a, 0])));
  const loads = async (...args: string[]) => {
    const command = new Deno.Command(tine[0], {
      args: ["run", "-A", "--no-check", "--log-level=debug", main, ...args],
      env: { NO_COLOR: "1" },
    });
    const { code, stderr } = await command.output();
    assertEquals(code, 0);
    return /\/protobufjs\/[0-9]/.test(new TextDecoder().decode(stderr));
  };
  assertEquals(await loads("replay", path, "--show", "--raw"), true);
  assertEquals(await loads("replay", path, "--show"), false);
  assertEquals(await loads("replay", "--help"), false);
});
