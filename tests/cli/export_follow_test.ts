import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { toText } from "@std/streams";
import { inFolder, log, startRun, testNamed } from "../result/fixtures.ts";
import { node } from "../result/recorded_flows.ts";
import { availability } from "../../src/sys/libc.ts";
import { unless } from "../support/unless.ts";
import { outputOf, startTine, TextReader, TINE, tine } from "../support/tine.ts";

const PLAN = `
tests:
  - id: { name: echoes }
    timeout: 60s
    serial:
      - packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: udp }
      - packetClient:
          addrKey: udp
          flow: voip
          sender: [{ unresponsive: { wait: [20ms], length: [100B], duration: 1s, echo: true } }]
`;

const follow = (path: string, table: string, ...more: string[]) =>
  startTine("export", path, `--table=${table}`, "--format=jsonl", "--follow", ...more);

/** A run under way, of this process, with one entry in its log. */
async function withRun(out: string, use: (test: Awaited<ReturnType<typeof start>>) => Promise<void>): Promise<void> {
  await using run = await startRun(out);
  await use(await start(run));
}

async function start(run: Awaited<ReturnType<typeof startRun>>) {
  const test = await run.startTest(testNamed("a"));
  await test.add(node("left", "b"));
  await test.add(log("left", 1n, "first"));
  return { run, test };
}

Deno.test("tine export --follow waits for a run, and writes its rows as another process records them", () =>
  inFolder(async (out) => {
    await Deno.writeTextFile(`${out}/plan.yaml`, PLAN);
    const tables = ["round_trips", "flows"];
    const followers = tables.map((table) => follow(`${out}/results`, table));
    const waiting = followers.map(({ stderr }) => new TextReader(stderr));
    for (const stderr of waiting) await stderr.until(/no run is under way in .*results: waiting for one\n/);
    const texts = followers.map(({ stdout }) => toText(stdout));
    const run = await tine(["run", `${out}/plan.yaml`, "--out", `${out}/results`]);
    assertEquals(run.code, 0, run.stderr);
    for (const [i, table] of tables.entries()) {
      await waiting[i].rest();
      const { code } = await followers[i].status;
      const after = await tine(["export", `${out}/results`, `--table=${table}`, "--format=jsonl"]);
      const sorted = (text: string) => text.split("\n").sort();
      assertEquals([code, sorted(await texts[i])], [0, sorted(after.stdout)]);
      assertStringIncludes(after.stdout, '"flow":"voip"');
      await followers[i].stdin.close();
      await waiting[i][Symbol.asyncDispose]();
    }
  }));

Deno.test("tine export --follow ends with 130 when it is interrupted, and 141 when nobody reads any more", () =>
  inFolder((out) =>
    withRun(out, async ({ test, run }) => {
      const interrupted = follow(run.path, "logs");
      const read = new TextReader(interrupted.stdout);
      await read.until(/"text":"first"/);
      interrupted.kill("SIGINT");
      await read.rest();
      assertEquals((await interrupted.status).code, 130);
      await read[Symbol.asyncDispose]();

      const closed = follow(out, "logs");
      const some = new TextReader(closed.stdout);
      await some.until(/"text":"first"/);
      await some[Symbol.asyncDispose]();
      await test.add(log("left", 2n, "second"));
      assertEquals((await closed.status).code, 141);
      for (const child of [interrupted, closed]) {
        assertEquals(await toText(child.stderr), "");
        await child.stdin.close();
      }
    })
  ));

const ffi = availability();

Deno.test({
  ...unless(
    ffi.available ? undefined : ffi.reason,
    "tine export --follow ends with 141 when its reader goes, also where no row follows",
  ),
  fn: () =>
    inFolder((out) =>
      withRun(out, async ({ run }) => {
        const child = follow(run.path, "logs");
        const some = new TextReader(child.stdout);
        await some.until(/"text":"first"/);
        await some[Symbol.asyncDispose]();
        assertEquals((await child.status).code, 141);
        assertEquals(await toText(child.stderr), "");
        await child.stdin.close();
      })
    ),
});

Deno.test("tine export --follow ends with a message where the run was killed", () =>
  inFolder(async (out) => {
    await withRun(out, async () => {});
    const name = (await Array.fromAsync(Deno.readDir(out)))[0].name;
    const { code, stdout, stderr } = await outputOf(follow(`${out}/${name}`, "logs"));
    assertEquals(code, 1);
    assertStringIncludes(stdout, '"text":"first"');
    assertMatch(stderr, /^tine export: .*\.work was killed, or ended by an error: its results end here\n$/);
  }));

Deno.test("tine export --follow writes files, and refuses what is whole only at its end", () =>
  inFolder(async (out) => {
    await withRun(`${out}/results`, async ({ test, run }) => {
      await test.finish({ status: "ok" });
      await run.finish();
    });
    const run = `${out}/results/2026-11-21T02-55-00Z`;
    const files = await tine([
      ...["export", run, "--table=logs,errors", "--format=csv", "--follow", "-o", `${out}/data/`],
    ]);
    assertEquals([files.code, files.stdout], [0, ""]);
    assertEquals((await Deno.readTextFile(`${out}/data/errors.csv`)).trim(), "time,run,name,node,tag,code,text");
    assertMatch(await Deno.readTextFile(`${out}/data/logs.csv`), /,first\r?\n$/);
    const wrong = async (...args: string[]) => {
      const { code, stdout, stderr } = await tine(["export", run, "--table=logs", ...args]);
      return [code, stdout, stderr.split("\n")[0]];
    };
    assertEquals(await wrong("--format=parquet", "--follow"), [
      2,
      "",
      "tine export: --follow takes --format csv, jsonl or line: a Parquet file is whole only at its end",
    ]);
    await Deno.writeTextFile(`${out}/file`, "mine");
    assertEquals(await wrong("--format=csv", "--follow", "-o", `${out}/file/x.csv`), [
      1,
      "",
      `tine export: cannot write ${out}/file/x.csv: what stands above it is no folder`,
    ]);
    assertEquals(await wrong("--format=csv", "--to=http://localhost:1/write?db=x"), [
      2,
      "",
      "tine export: --to takes --format line, not csv",
    ]);
    const [code, , message] = await wrong("--format=line", "--to=http://me:secret@localhost:1/write?db=x");
    assertEquals(code, 2);
    assertEquals(`${message}`.includes("secret"), false);
    assertStringIncludes(`${message}`, "put it into INFLUX_TOKEN");
  }));

Deno.test("tine export --to writes lines to a server, with the token of the environment", () =>
  inFolder((out) =>
    withRun(out, async ({ test, run }) => {
      const first = Promise.withResolvers<void>();
      const bodies: string[] = [];
      await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
        const body = await new Response(request.body!.pipeThrough(new DecompressionStream("gzip"))).text();
        bodies.push(`${request.headers.get("authorization")} ${body}`);
        first.resolve();
        return new Response(null, { status: 204 });
      });
      const url = `http://127.0.0.1:${server.addr.port}/write?db=tine`;
      const [program, ...args] = TINE;
      const child = new Deno.Command(program, {
        args: [...args, "export", run.path, "--table=logs", "--format=line", "--follow", `--to=${url}`],
        env: { INFLUX_TOKEN: "me:secret", NO_COLOR: "1" },
        stdin: "null",
        stdout: "piped",
        stderr: "piped",
      }).spawn();
      await first.promise;
      await test.add(log("left", 2n, "second"));
      await test.finish({ status: "ok" });
      await run.finish();
      const [{ code }, stdout, stderr] = await Promise.all([child.status, toText(child.stdout), toText(child.stderr)]);
      assertEquals([code, stdout], [0, ""], stderr);
      assertMatch(stderr, /^http:\/\/127\.0\.0\.1:\d+\/write: 2 lines in 2 requests\n$/);
      const tags = "logs,run=2026-11-21T02-55-00Z,name=hello".replace("hello", "a");
      assertEquals(bodies, [
        `Token me:secret ${tags},node=left,tag=system text="first" 1\n`,
        `Token me:secret ${tags},node=left,tag=system text="second" 2\n`,
      ]);
    })
  ));
