import { assert, assertEquals, assertStringIncludes } from "@std/assert";

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
