import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { HostOptions } from "../../src/udf/host.ts";
import { Point } from "../../src/udf/point.ts";
import { startProcess } from "../../src/udf/udf_process.ts";
import { TineError } from "../../src/base/errors.ts";
import { frame, responseBytes } from "../support/bytes.ts";
import { HostProbe } from "../support/scripted_udf.ts";
import { OK, pointRequest } from "../support/udf_driver.ts";
import { unless, whyNotInstalled } from "../support/unless.ts";

/** Starts a shell script as a UDF. Processes that it starts in its group are found by its pid. */
function shell(script: string, options?: HostOptions) {
  const lines: string[] = [];
  const peer = startProcess(["sh", "-c", script], (line) => lines.push(line));
  return { probe: new HostProbe(peer, options), lines };
}

/** Waits for the end of a process; a zombie counts as ended. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      if (/^State:\s+Z/m.test(await Deno.readTextFile(`/proc/${pid}/status`))) return;
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Bytes as a printf of sh prints them. */
const printf = (...responses: Parameters<typeof responseBytes>[0][]) =>
  "printf '" +
  responses.map((r) => Array.from(frame(responseBytes(r)), (byte) => `\\${byte.toString(8).padStart(3, "0")}`).join(""))
    .join("") +
  "'";

async function code(promise: Promise<unknown>, expected: string): Promise<string> {
  const error = await assertRejects(() => promise, TineError);
  assertEquals(error.code, expected, error.message);
  return error.message;
}

Deno.test("a program that is not there, or not executable, is an error that says so", async () => {
  const start = (...command: string[]) => () => startProcess(command, () => {});
  const failures: [string, string][] = [["/none/udf", "there is no such program"], [
    "tine-none",
    "there is no such program",
  ]];
  const file = await Deno.makeTempFile();
  failures.push([file, "it is not executable"], ["", "there is no such program"]);
  try {
    for (const [program, message] of failures) {
      const error = await assertRejects(() => Promise.resolve().then(start(program)), TineError);
      assertEquals(error.code, "cannot-start");
      assertStringIncludes(error.message, `cannot start ${JSON.stringify(program)}: ${message}`);
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a UDF that ends at once is an error with its status and its last words", async () => {
  const { probe, lines } = shell("echo 'ImportError: no module named udf' >&2; exit 3");
  const message = await code(probe.host.info(), "udf-ended");
  assertEquals(message, "the UDF exited with status 3; its last line on stderr: ImportError: no module named udf");
  assertEquals((await probe.failure()).message, message);
  assertEquals(lines, ["ImportError: no module named udf"]);
});

Deno.test("a UDF that ends well without answering is an error that says so", async () => {
  const { probe } = shell("exit 0");
  assertEquals(await code(probe.host.info(), "udf-ended"), "the UDF ended its output without answering info");
  await probe.failure();
});

Deno.test("an ErrorResponse is a better reason than an exit status, and that better than a broken pipe", async () => {
  const reported = shell(`exec <&-; sleep 0.05; ${printf({ kind: "error", error: "no licence" })}; exit 3`);
  const { point } = pointRequest(1, "x".repeat(100_000));
  const write = async (probe: HostProbe) => {
    for (;;) await probe.host.point(point);
  };
  assertStringIncludes(await code(write(reported.probe), "udf-error"), "no licence");
  await reported.probe.failure();
  const exited = shell("exec <&-; sleep 0.05; exit 3");
  assertStringIncludes(await code(write(exited.probe), "udf-ended"), "the UDF exited with status 3");
  await exited.probe.failure();
});

Deno.test("a UDF that closes its input early and goes on is an error that says so", async () => {
  const { probe } = shell("exec <&-; exec sleep 60", { timeoutMs: 100 });
  const message = await code(
    (async () => {
      for (;;) await probe.host.point(pointRequest(1, "x".repeat(10_000)).point);
    })(),
    "connection-broke",
  );
  assertEquals(message, "the UDF stopped reading before the end of its input");
  assertEquals((await probe.failure()).message, message);
});

Deno.test("a non-zero exit after the end of the input is an error", async () => {
  const { probe } = shell("cat > /dev/null; exit 7");
  assertEquals((await probe.failure()).message, "the UDF exited with status 7");
  const fine = shell("cat > /dev/null");
  await fine.probe.host.stop();
});

for (
  const [what, leaves] of [["", ""], [
    ", also where what it has started holds its output",
    "sleep 1000 2> /dev/null & ",
  ]]
) {
  Deno.test(`a UDF that ends with status 0 before it has read its input is an error${what}`, async () => {
    const { probe } = shell(`${printf({ kind: "init", outcome: OK })}; ${leaves}head -c 4 > /dev/null`); // init has 3
    await probe.host.init([]);
    await probe.host.point(new Point({ name: "m" }));
    const message = await code(probe.host.stop(), "udf-ended");
    assertEquals(message, "the UDF ended its output before the end of its input");
  });
}

Deno.test("a UDF that is killed in mid-stream: what was whole is handed on, the signal is named", async () => {
  const point = pointRequest(1);
  const { probe } = shell(`${printf(point, point)}; printf '\\100\\212'; kill -9 $$`);
  const error = await probe.failure();
  assertEquals(error.message, "the UDF was ended by SIGKILL");
  assertEquals(probe.points.length, 2);
});

for (const words of ["hi", "Loading model ..."]) {
  Deno.test(`a UDF that prints ${JSON.stringify(words)} is told that stdout carries frames`, async () => {
    for (const then of ["exit 0", "exit 3", "exec cat > /dev/null"]) {
      const { probe } = shell(`echo '${words}'; ${then}`);
      const message = await code(probe.host.info(), "text-on-stdout");
      assertStringIncludes(message, "print to stderr instead");
      assertStringIncludes(message, `${words}\\n`);
      await probe.failure();
    }
  });
}

Deno.test("a UDF that hangs is killed, with what it has started", async () => {
  const { probe, lines } = shell("sleep 1000 & echo $! $$ >&2; wait", { timeoutMs: 100 });
  await code(probe.host.info(), "keepalive-timeout");
  await probe.failure();
  const pids = lines[0].split(" ").map(Number);
  assertEquals(pids.length, 2);
  await Promise.all(pids.map(gone));
});

Deno.test("what a UDF leaves behind in its group is ended with it", async () => {
  const { probe, lines } = shell("sleep 1000 > /dev/null 2>&1 < /dev/null & echo $! >&2; cat > /dev/null");
  await probe.host.stop();
  await gone(Number(lines[0]));
});

Deno.test({
  ...unless(
    whyNotInstalled("setsid"),
    "a child of the UDF that has its own session and holds stdout and stderr open hangs nothing",
  ),
  async fn() {
    const { probe } = shell("setsid sleep 3 & cat > /dev/null");
    await probe.host.stop();
    const dead = shell("setsid sleep 3 & exit 4");
    assertStringIncludes(await code(dead.probe.host.info(), "udf-ended"), "exited with status 4");
    await dead.probe.failure();
  },
});

Deno.test("stderr comes as lines, a very long one in pieces, and does not block the UDF", async () => {
  const { probe, lines } = shell(
    "head -c 1000000 /dev/zero | tr '\\0' x >&2; printf '\\nü\\r\\nend' >&2; cat > /dev/null",
  );
  await probe.host.stop();
  assertEquals(lines.slice(-2), ["ü", "end"]);
  assertEquals(lines.slice(0, -2).join(""), "x".repeat(1_000_000));
  assert(lines.every((line) => line.length <= 64 * 1024));
});

Deno.test("a UDF that never ends after its input is killed after the drain timeout, whatever the timeout is", async () => {
  const { probe } = shell("trap '' TERM HUP; exec sleep 1000", { timeoutMs: 3_600_000 });
  assertStringIncludes((await probe.failure(30)).message, "did not end within 0.03 s");
});

Deno.test("a UDF that closes its output and goes on is an error, and is killed", async () => {
  const { probe } = shell(`${printf({ kind: "init", outcome: OK })}; exec >&-; exec sleep 1000`, { timeoutMs: 50 });
  await probe.host.init([]);
  const error = await probe.failure(20);
  assert(/ended its output before the end of its input|did not end within/.test(error.message), error.message);
});

Deno.test("a UDF that floods while it reads nothing is aborted in the end, and its points were handed on", async () => {
  const point = Array.from(frame(responseBytes(pointRequest(1))), (b) => `\\${b.toString(8).padStart(3, "0")}`).join(
    "",
  );
  const { probe } = shell(`while :; do printf '${point}'; done`, { timeoutMs: 100 });
  const message = await code(probe.host.stop(300), "drain-timeout");
  assertStringIncludes(message, "did not end within 0.3 s");
  assert(probe.points.length > 0);
});
