import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { CHECKS } from "../../src/udf/check/runner.ts";
import { named } from "../support/peers.ts";
import { hasPythonAgent, preparePythonAgent, pythonAgentPeers } from "../support/python_agent.ts";
import { eventually } from "../support/eventually.ts";

const MAIN = new URL("../../main.ts", import.meta.url).pathname;
const DENO = Deno.execPath();
const decoder = new TextDecoder();

/** A handler that comes with tine, as a command. */
const agent = (...args: string[]) => [DENO, "run", "-A", MAIN, "agent", ...args];

async function check(...args: string[]) {
  const command = new Deno.Command(DENO, { args: ["run", "-A", MAIN, "check", ...args], stdin: "null" });
  const { code, stdout, stderr } = await command.output();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Lines of JSON: the checks, and the summary. */
function parsed(stdout: string) {
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  return { checks: lines.slice(0, -1), summary: lines.at(-1) };
}

const bad = (checks: { status: string }[]) => checks.filter(({ status }) => status === "fail" || status === "warn");

Deno.test("tine check passes a handler as a child process, with every check that a process allows", async () => {
  const { code, stdout } = await check("--json", "--set", "field=value", "--", ...agent("outliers"));
  const { checks, summary } = parsed(stdout);
  assertEquals(bad(checks), []);
  assertEquals([code, summary.passed, summary.skipped], [0, CHECKS.length, 0]);
});

Deno.test("tine check passes a handler with state as a child process", async () => {
  const { code, stdout } = await check("--set", "field=value", "--set", "size=3", "--", ...agent("moving-avg"));
  assertEquals(stdout.split("\n").filter((line) => /^(FAIL|WARN)/.test(line)), []);
  assertStringIncludes(stdout, "PASS  sigterm              stops on SIGTERM\n");
  assertStringIncludes(stdout, ", 0 failed, 0 warnings, ");
  assert(!stdout.includes("\x1b"), "no colours where it is no terminal");
  assertEquals(code, 0);
});

Deno.test("tine check passes a bundled handler in this process", async () => {
  const { code, stdout } = await check("--json", "--handler", "mirror");
  const { checks } = parsed(stdout);
  assertEquals(bad(checks), []);
  assertEquals(code, 0);
  const { status, reason } = checks.find(({ id }) => id === "sigterm");
  assertEquals(status, "skip");
  assertStringIncludes(reason, "no child process");
});

for (const kind of ["--socket", "--connect"]) {
  Deno.test(`tine check ${kind} passes a UDF that listens, with a connection for each check`, async () => {
    const dir = await Deno.makeTempDir({ prefix: "tine-check-" });
    const path = `${dir}/udf.sock`;
    const [program, ...args] = agent(
      kind === "--socket" ? "outliers" : "moving-avg",
      ...(kind === "--socket" ? ["--socket", path] : ["--listen", "127.0.0.1:0"]),
    );
    await using server = new Deno.Command(program, { args, stderr: "piped" }).spawn();
    try {
      const reader = server.stderr.getReader();
      let said = "";
      while (!said.includes("\n")) said += decoder.decode((await reader.read()).value);
      reader.releaseLock();
      const draining = server.stderr.pipeTo(new WritableStream());
      const place = /listening on (\S+)/.exec(said)![1];
      const { code, stdout } = await check("--json", kind, place);
      assertEquals(bad(parsed(stdout).checks), []);
      assertEquals(code, 0);
      server.kill("SIGTERM");
      await draining;
    } finally {
      try {
        server.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await server.status;
      await Deno.remove(dir, { recursive: true });
    }
  });
}

Deno.test({
  name: named("tine check passes a UDF in Python, but for text that is not UTF-8", ...pythonAgentPeers),
  ignore: !hasPythonAgent,
  async fn() {
    await using python = await preparePythonAgent();
    const { code, stdout } = await check("--json", "--", ...python.command("batch-mirror"));
    const { checks, summary } = parsed(stdout);
    // Python's protobuf refuses the whole message; Kapacitor does not send such text.
    assertEquals(bad(checks).map((result) => "id" in result && result.id), ["invalid-utf8"]);
    assertEquals([code, summary.failed, summary.warnings], [0, 0, 1]);
  },
});

/** A UDF of a few lines, run by a shell-free command. */
const script = (source: string) => [DENO, "eval", source];

Deno.test("tine check shows what was sent, came, was expected and how to reproduce a failure, and exits with 1", async () => {
  const { code, stdout, stderr } = await check("--timeout", "5s", "--", ...script(`console.log("it's up")`));
  assertEquals(stderr, "");
  assertEquals(code, 1);
  const lines = stdout.split("\n");
  assert(lines[0].startsWith("FAIL  info-alone"), lines[0]);
  assertStringIncludes(lines[1], `text where only frames belong (it should print to stderr instead): "it's up\\n"`);
  assertEquals(lines[2], "      sent       info");
  assert(lines[3].startsWith("      came       "), lines[3]);
  assertEquals(lines[4], "      expected   an answer to info");
  assertStringIncludes(lines[5], "      reproduce  tine check --only info-alone --timeout 5000ms -- ");
  assertStringIncludes(lines[5], `'console.log("it'\\''s up")'`);
  assertEquals(lines[6], `SKIP  ${CHECKS.length - 1} further checks: it does not answer info`);
  assertEquals(lines.at(-2), "This UDF does not do what Kapacitor expects of it.");
});

Deno.test("tine check notices a line on stderr that is too long, and shows stderr with --verbose", async () => {
  const source = `console.error("x".repeat(70000)); console.error("hello");` +
    `Deno.args.splice(0, 9, "agent", "mirror"); const { main } = await import(${JSON.stringify(MAIN)});` +
    `Deno.exit(await main(["agent", "mirror"]))`;
  const args = ["--only", "stderr-lines", "--verbose", "--", ...script(source)];
  const { code, stdout, stderr } = await check(...args);
  assertStringIncludes(stdout, "FAIL  stderr-lines");
  assertStringIncludes(stdout, "at least 65536 bytes");
  assertStringIncludes(stderr, "\nhello\n");
  assertEquals(code, 1);
});

Deno.test("tine check --verbose shows the lines around the message of a crash with the check that met it", async () => {
  const source = 'console.error("loading the model"); console.error("\\treading weights.bin");' +
    'throw new Error("no weights");';
  const args = ["--only", "info-alone", "--timeout", "20s"];
  const plain = await check(...args, "--", ...script(source));
  assertStringIncludes(plain.stdout, "no weights");
  assert(!plain.stdout.includes("\n      stderr "), plain.stdout);
  const verbose = await check(...args, "--verbose", "--", ...script(source));
  const lines = verbose.stdout.split("\n");
  const first = lines.indexOf("      stderr     loading the model");
  assert(first > 0, verbose.stdout);
  assertEquals(lines[first + 1], "                     reading weights.bin");
  assertStringIncludes(lines[first + 2], "no weights");
  const json = await check(...args, "--verbose", "--json", "--", ...script(source));
  const { stderr } = JSON.parse(json.stdout.split("\n")[0]);
  assertEquals(stderr.slice(0, 2), ["loading the model", "\treading weights.bin"]);
  const without = await check(...args, "--json", "--", ...script(source));
  assertEquals("stderr" in JSON.parse(without.stdout.split("\n")[0]), false);
});

Deno.test("tine check --only makes some checks with data of one's own", async () => {
  const file = await Deno.makeTempFile({ suffix: ".csv" });
  try {
    await Deno.writeTextFile(file, "time,name,host,load\n1,cpu,a,1.5\n2,cpu,b,2.5\n3,cpu,a,3.5\n");
    const { code, stdout } = await check(
      ...["--only", "data,batch-begin-end", "--handler", "outliers", "--set", "field=load"],
      ...["--input", file, "--tag-columns", "host", "--group-by", "host", "--batch-size", "2"],
    );
    assertStringIncludes(stdout, "(2 answers)");
    assertStringIncludes(stdout, "\n2 passed, 0 failed, 0 warnings, 0 skipped\n");
    assertEquals(code, 0);
    await Deno.writeTextFile(file, "");
    const empty = await check("--handler", "mirror", "--input", file);
    assertStringIncludes(empty.stderr, "there are no points in");
    assertEquals(empty.code, 1);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("tine check --list names every check", async () => {
  const { code, stdout } = await check("--list");
  assertEquals(stdout.trimEnd().split("\n").map((line) => line.split(" ")[0]), CHECKS.map(({ id }) => id));
  assertEquals(code, 0);
});

Deno.test("tine check says what is wrong with its arguments, and exits with 2", async () => {
  for (
    const [args, message] of [
      [["--only", "oder", "--handler", "mirror"], "there is no check oder, did you mean order?"],
      [["--handler", "nope"], "--handler HANDLER: expected mirror"],
      [["--handler", "quantil"], 'module, not "quantil"; did you mean quantile?'],
      [
        ["--handler", "moving-avg", "--set", "feild=v"],
        "it takes field=STRING, size=INT, as=STRING; did you mean field?",
      ],
      [["--handler", "mirror", "--connect", "127.0.0.1:1"], "exclude each other"],
      [[], "which UDF?"],
      [["--handler", "moving-avg", "--set", "speed=1"], 'the UDF has no option "speed"'],
    ] as const
  ) {
    const { code, stderr } = await check(...args);
    assertStringIncludes(stderr, message);
    assertEquals(code, 2, stderr);
  }
});

Deno.test("tine check ends at once on SIGINT with status 130, and leaves no process behind", async () => {
  const marker = `tine-check-${crypto.randomUUID()}`;
  const [program, ...args] = [DENO, "run", "-A", MAIN, "check", "--timeout", "60s", "--"];
  await using child = new Deno.Command(program, {
    args: [...args, "sh", "-c", `: ${marker}; sleep 60; :`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  const running = () =>
    [...Deno.readDirSync("/proc")].some(({ name }) => {
      try {
        // Unlike the command line of tine, which has all of that at its end.
        const [, flag, script] = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0");
        return flag === "-c" && script.includes(marker);
      } catch {
        return false; // it is no process, or has just ended
      }
    });
  await eventually("the UDF runs", running);
  child.kill("SIGINT");
  assertEquals((await child.status).code, 130);
  // What was killed may take a moment to go: far less than the 60 s that it would take by itself.
  await eventually("the UDF is gone", () => !running());
});

Deno.test("tine check fails a program that sends back what it is sent, such as cat", async () => {
  const { code, stdout } = await check("--timeout", "1s", "--only", "init,data", "--", "cat");
  assertStringIncludes(stdout, "it sends back what it is sent, as cat does");
  assertEquals(code, 1);
});

Deno.test("tine check praises no UDF of which most was skipped", async () => {
  const { stdout } = await check("--only", "batch-empty,batch-small,info-alone", "--handler", "mirror");
  assertStringIncludes(stdout, "Too much was skipped to tell whether this UDF is fit for Kapacitor.");
});

Deno.test("tine check refuses an empty --only", async () => {
  const { code, stderr } = await check("--only", ",", "--handler", "mirror");
  assertStringIncludes(stderr, "--only ID: expected the names of checks; --list names them");
  assertEquals(code, 2);
});

Deno.test("tine check reads CSV whose columns are called otherwise", async () => {
  const path = await Deno.makeTempFile({ suffix: ".csv" });
  await Deno.writeTextFile(path, "at,v\n1,1\n2,3\n");
  const columns = ["--time-column", "at", "--measurement", "m", "--precision", "s"];
  const { code, stdout } = await check("--only", "data", "-i", path, ...columns, "--handler", "mirror");
  await Deno.remove(path);
  assertStringIncludes(stdout, "(2 answers)");
  assertEquals(code, 0);
});

Deno.test("tine check loads protobufjs for the check that compares decoders, and no other", async () => {
  const loads = async (...args: string[]) => {
    const command = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        "--log-level=debug",
        new URL("../../main.ts", import.meta.url).pathname,
        ...args,
      ],
      env: { NO_COLOR: "1" },
    });
    const { code, stderr } = await command.output();
    assertEquals(code, 0);
    return /\/protobufjs\/[0-9]/.test(new TextDecoder().decode(stderr));
  };
  assertEquals(await loads("check", "--handler", "mirror", "--only", "decoders-agree"), true);
  assertEquals(await loads("check", "--handler", "mirror", "--only", "info-alone"), false);
  assertEquals(await loads("check", "--list"), false);
  assertEquals(await loads("host", "--handler", "mirror", "--input", "/dev/null"), false);
});
