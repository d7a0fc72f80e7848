import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { gzipSync } from "node:zlib";
import { startTine, TextReader } from "../support/tine.ts";

const encoder = new TextEncoder();

/** A running tine host, to talk to. */
function start(...args: string[]) {
  const child = startTine("host", ...args);
  const stdin = child.stdin.getWriter();
  return {
    child,
    stdin,
    write: (text: string) => stdin.write(encoder.encode(text)),
    stdout: new TextReader(child.stdout),
    stderr: new TextReader(child.stderr),
  };
}

/** A UDF as a process: the mirror of this very program. */
const MIRROR = ["--", Deno.execPath(), "run", "-A", "--no-check", new URL("../../main.ts", import.meta.url).pathname]
  .concat(["agent", "mirror"]);

for (const [name, udf] of [["in this process", ["--handler", "mirror"]], ["as a process", MIRROR]] as const) {
  Deno.test(`tine host prints each point before its input ends, with a UDF ${name}`, async () => {
    const host = start("--format", "line", ...udf);
    for (let i = 1; i <= 3; i++) {
      await host.write(`cpu v=${i} ${i}\n`);
      await host.stdout.until(new RegExp(`cpu v=${i} ${i}\n`));
    }
    await host.stdin.close();
    assertEquals(await host.stdout.rest(), "cpu v=1 1\ncpu v=2 2\ncpu v=3 3\n");
    assertEquals((await host.child.status).code, 0);
    assertStringIncludes(await host.stderr.rest(), "3 points in, 3 points out");
  });

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.test(`tine host on ${signal} drains, prints the summary and ends with status 130, with a UDF ${name}`, async () => {
      const host = start("--format", "line", ...udf);
      await host.write("cpu v=1 1\n");
      await host.stdout.until(/\n/);
      host.child.kill(signal);
      assertEquals((await host.child.status).code, 130);
      assertEquals(await host.stdout.rest(), "cpu v=1 1\n");
      assertStringIncludes(await host.stderr.rest(), "1 point in, 1 point out");
      await host.stdin.close().catch(() => {});
    });
  }
}

Deno.test("tine host on SIGINT while it waits for a UDF to listen ends with status 130", async () => {
  const host = start("--socket", "/tmp/tine-none/s", "--timeout", "1h");
  // Its signals are handled before it connects; until then the signal itself would end it, with another status.
  const pid = host.child.pid;
  while (!/SigCgt:\s*\w*[2367abef]\b/.test(await Deno.readTextFile(`/proc/${pid}/status`))) await turn();
  host.child.kill("SIGINT");
  assertEquals((await host.child.status).code, 130);
  assertEquals(await host.stdout.rest(), "");
  await host.stderr.rest();
  await host.stdin.close().catch(() => {});
});

/** A module that never answers some questions, though the agent answers keepalives for it. */
const stuckIn = (method: string) => `
export const createHandler = () => ({
  info: () => ({ wants: "stream", provides: "stream" }), init() {}, point() {}, ${method}: () => new Promise(() => {}),
});`;

/** Runs a test with a module in a temporary folder. */
async function withModule(source: string, test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/udf.ts`, source);
    await test(`${folder}/udf.ts`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("tine host on SIGINT ends where the UDF has not answered init, which it reports before", () =>
  withModule(stuckIn("init"), async (path) => {
    const host = start("--timeout", "1s", "--handler-timeout", "0", "--handler", path);
    await host.stderr.until(/tine host: the UDF has not answered init for 2 s, still waiting\n/);
    host.child.kill("SIGINT");
    assertEquals((await host.child.status).code, 130);
    await Promise.all([host.stdout.rest(), host.stderr.rest()]);
    await host.stdin.close().catch(() => {});
  }));

Deno.test("tine host waits for a snapshot no longer than for the end of the UDF", () =>
  withModule(stuckIn("snapshot"), async (path) => {
    const limits = ["--timeout", "1s", "--drain-timeout", "200ms", "--handler-timeout", "0"];
    const host = start(...limits, "--snapshot", `${path}.state`, "--handler", path);
    await host.write("m v=1 1\n");
    await host.stdin.close();
    assertEquals((await host.child.status).code, 1);
    assertStringIncludes(await host.stderr.rest(), "the UDF did not give a snapshot after its input within 0.2 s\n");
    await host.stdout.rest();
  }));

Deno.test("tine host ends at once on a second signal, with status 130, and kills the UDF", async () => {
  const host = start("--timeout", "0", "--", "sh", "-c", "echo $$ >&2; exec sleep 1000");
  const [, pid] = await host.stderr.until(/^(\d+)\n/);
  host.child.kill("SIGINT");
  await host.stderr.until(/tine host: interrupted, waiting for the UDF to end; a second time kills it\n/);
  host.child.kill("SIGINT");
  assertEquals((await host.child.status).code, 130);
  while (await isAlive(Number(pid))) await turn();
  await Promise.all([host.stdout.rest(), host.stderr.rest()]);
  await host.stdin.close().catch(() => {});
});

Deno.test("tine host ends when nobody reads its output any more, also where little is printed", async () => {
  const host = start("--format", "line", "--handler", "mirror");
  await host.write("cpu v=1 1\n");
  await host.stdout.until(/\n/);
  await host.stdout[Symbol.asyncDispose]();
  const feeding = (async () => {
    try {
      for (let i = 0;; i++) {
        await host.write(`cpu v=2 ${i}\n`);
        await turn();
      }
    } catch {
      // It has ended.
    }
  })();
  assertEquals((await host.child.status).code, 141);
  await feeding;
  const stderr = await host.stderr.rest();
  assert(!/mistake|failed/.test(stderr), stderr);
});

Deno.test("tine host | head ends soon, whatever the input", async () => {
  const script =
    `yes 'cpu v=1 1' | "$0" run -A --no-check "$1" host --handler mirror --format line 2>/dev/null | head -n 2`;
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { stdout } = await new Deno.Command("sh", { args: ["-c", script, Deno.execPath(), main] }).output();
  assertEquals(new TextDecoder().decode(stdout), "cpu v=1 1\ncpu v=1 1\n");
});

Deno.test("tine host says that its output cannot be written", async () => {
  const script = `echo 'cpu v=1 1' | "$0" run -A --no-check "$1" host --handler mirror --format line > /dev/full`;
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command("sh", { args: ["-c", script, Deno.execPath(), main] }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals(code, 1);
  assertStringIncludes(text, "tine host: cannot write to standard output: No space left on device");
  assert(!text.includes("mistake"), text);
});

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2));
}

async function isAlive(pid: number): Promise<boolean> {
  try {
    return !/^State:\s+Z/m.test(await Deno.readTextFile(`/proc/${pid}/status`));
  } catch {
    return false;
  }
}

Deno.test("whatever prints says in a sentence that standard output cannot be written", async () => {
  const script = `"$0" run -A --no-check "$1" --version > /dev/full`;
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command("sh", { args: ["-c", script, Deno.execPath(), main] }).output();
  const text = new TextDecoder().decode(stderr);
  assertEquals([code, text.includes("mistake in tine")], [1, false]);
  assertStringIncludes(text, "tine: cannot write to standard output: No space left on device");
});

Deno.test("tine host finds the format of files and of compressed standard input, and names what is in none", async () => {
  const file = (name: string) => new URL(`../udf/format/real_files/${name}`, import.meta.url).pathname;
  const host = start("--handler", "mirror", "--format", "json", "--pivot", "-i", file("influxdb/flux.csv"), "-i", "-");
  await host.stdin.write(gzipSync(Deno.readFileSync(file("telegraf/batch-s.json"))));
  await host.stdin.close();
  const points = (await host.stdout.rest()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals((await host.child.status).code, 0, await host.stderr.rest());
  assertEquals(points.map(({ name, fields }) => `${name} ${fields.usage}`), [
    ...["cpu 99.5", "cpu 98", "mem 5e-324", "cpu 98", "mem 1e+21", "cpu 97.5"],
    ...["cpu 99.5", "mem undefined", "cpu 98", "cpu 97.5"],
  ]);
  const wrong = start("--handler", "mirror");
  await wrong.write("<!DOCTYPE html>\n<p>404\n");
  await wrong.stdin.close();
  assertEquals((await wrong.child.status).code, 1);
  assertStringIncludes(await wrong.stderr.rest(), "tine host: stdin looks like a page of HTML, such as an error of a");
  await wrong.stdout.rest();
});
