import { assert, assertEquals, assertGreater, assertRejects, assertStringIncludes } from "@std/assert";
import type { Request, Response } from "../../src/udf/messages.ts";
import { Point } from "../../src/udf/point.ts";
import { type ByteSource, writeAll } from "../../src/wire/connection.ts";
import { WireError } from "../../src/base/errors.ts";
import { FrameReader } from "../../src/wire/frame_reader.ts";
import { concat, frame, payloads, requestBytes, responseIn } from "../support/bytes.ts";
import { describe } from "../support/describe.ts";
import { Generator } from "../support/generate.ts";
import { named, run } from "../support/peers.ts";
import { hasPythonAgent, preparePythonAgent, type PythonAgent, pythonAgentPeers } from "../support/python_agent.ts";
import { Random } from "../support/random.ts";

function test(name: string, fn: (agent: PythonAgent) => Promise<void>): void {
  Deno.test({
    name: named(name, ...pythonAgentPeers),
    ignore: !hasPythonAgent,
    async fn() {
      await using agent = await preparePythonAgent();
      await fn(agent);
    },
  });
}

const frames = (...requests: Request[]) => concat(requests.map((request) => frame(requestBytes(request))));
const point = (value: number, group = "g"): Request => ({
  kind: "point",
  point: new Point({ time: BigInt(value), name: "cpu", group, fieldsDouble: new Map([["v", value]]) }),
});
const init = (options: Record<string, string | bigint> = {}): Request => ({
  kind: "init",
  init: {
    taskId: "t",
    nodeId: "n",
    options: Object.entries(options).map(([name, value]) => ({
      name,
      values: [typeof value === "string" ? { type: "string", value } : { type: "int", value }],
    })),
  },
});

/** Runs the agent on these requests to the end of its input. */
async function drive(
  [program, ...args]: [string, ...string[]],
  ...requests: Request[]
): Promise<{ responses: Response[]; stderr: string; code: number }> {
  const { stdout, stderr, code } = await run(program, args, frames(...requests));
  return { responses: (await payloads(stdout)).map((payload) => responseIn(payload)), stderr, code };
}

/** The next response of a source. */
async function next(input: FrameReader): Promise<Response> {
  while (!input.next()) if (!await input.fill()) throw new Error("no further response");
  return responseIn(input.bytes.slice(input.start, input.end));
}

/** A child's output as a source of frames. */
function sourceOfStream(stream: ReadableStream<Uint8Array>): ByteSource & AsyncDisposable {
  const reader = stream.getReader({ mode: "byob" });
  return {
    async read(buffer) {
      const { value, done } = await reader.read(new Uint8Array(buffer.length));
      if (done || value === undefined) return null;
      buffer.set(value);
      return value.length;
    },
    [Symbol.asyncDispose]: () => reader.cancel(),
  };
}

test("the Python mirror answers every request, and sends points back unchanged", async (agent) => {
  const generator = new Generator(new Random(501));
  const points = Array.from({ length: 200 }, () => generator.request("point"));
  const { responses, code } = await drive(
    agent.command("mirror"),
    { kind: "info" },
    init(),
    { kind: "keepalive", time: -5n },
    ...points,
    { kind: "snapshot" },
    { kind: "restore", snapshot: new Uint8Array([1]) },
    { kind: "empty" },
  );
  assertEquals(code, 0);
  assertEquals(responses.slice(0, 3), [
    { kind: "info", info: { wants: "stream", provides: "stream", options: new Map() } },
    { kind: "init", outcome: { success: true, error: "" } },
    { kind: "keepalive", time: -5n },
  ]);
  assertEquals(responses.slice(3, -2).map(describe), points.map(describe));
  assertEquals(responses.slice(-2), [
    { kind: "snapshot", snapshot: new Uint8Array() },
    { kind: "restore", outcome: { success: true, error: "" } },
  ]);
});

test("the Python mirror refuses a batch with an ErrorResponse and status 1", async (agent) => {
  const begin = { name: "cpu", group: "", tags: new Map(), size: 0n, byName: false };
  const { responses, code } = await drive(agent.command("mirror"), { kind: "begin", begin });
  assertEquals(responses, [{ kind: "error", error: "batches are not wanted" }]);
  assertEquals(code, 1);
});

test("the Python batch mirror sends a batch back once it has ended, and takes one over from a snapshot", async (agent) => {
  const begin = { name: "cpu", group: "g", tags: new Map([["host", "a"]]), size: 0n, byName: true };
  const end = { name: "cpu", group: "g", tmax: 9n, tags: new Map([["host", "a"]]), byName: true };
  const first = await drive(agent.command("batch-mirror"), { kind: "info" }, { kind: "begin", begin }, point(1), {
    kind: "snapshot",
  });
  assertEquals(first.responses.map((response) => response.kind), ["info", "snapshot"]);
  const saved = first.responses[1];
  assert(saved.kind === "snapshot");
  const { responses } = await drive(
    agent.command("batch-mirror"),
    { kind: "restore", snapshot: saved.snapshot },
    point(2),
    {
      kind: "end",
      end,
    },
  );
  assertEquals(responses.map(describe), [
    { kind: "restore", success: true, error: "" },
    describe({ kind: "begin", begin: { ...begin, size: 2n } }),
    describe(point(1)),
    describe(point(2)),
    describe({ kind: "end", end }),
  ]);
});

test("the Python moving sum sums per group, and goes on from a snapshot", async (agent) => {
  const sums = (responses: Response[]) =>
    responses.flatMap((response) => response.kind === "point" ? [response.point.field("total")] : []);
  const options = init({ field: "v", size: 2n, as: "total" });
  const first = await drive(
    agent.command("moving-sum"),
    options,
    point(1),
    point(10, "h"),
    point(2),
    point(3),
    { kind: "snapshot" },
  );
  assertEquals(sums(first.responses), [1, 10, 3, 5]);
  const saved = first.responses.at(-1)!;
  assert(saved.kind === "snapshot");
  assertEquals(JSON.parse(new TextDecoder().decode(saved.snapshot)), { g: [2, 3], h: [10] });
  const second = await drive(
    agent.command("moving-sum"),
    options,
    { kind: "restore", snapshot: saved.snapshot },
    point(4),
    point(1, "h"),
  );
  assertEquals(sums(second.responses), [7, 11]);
});

test("the Python moving sum says what is wrong with its options and snapshots", async (agent) => {
  const { responses, code } = await drive(
    agent.command("moving-sum"),
    init(),
    init({ field: "v", size: 0n }),
    init({ field: "v", speed: 1n }),
    { kind: "restore", snapshot: new TextEncoder().encode("no JSON") },
  );
  assertEquals(code, 0);
  assertEquals(responses.map((response) => "outcome" in response && response.outcome.error.split(":")[0]), [
    "option field is missing",
    "option size is 0, expected at least 1",
    "unknown option speed",
    "bad snapshot",
  ]);
});

test("the Python agent with --buffered holds points back until a keepalive, 8 KiB, or the end", async (agent) => {
  const [program, ...args] = agent.command("mirror", "--buffered");
  await using child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
  await using source = sourceOfStream(child.stdout);
  const input = new FrameReader(source);
  const writer = child.stdin.getWriter();
  const keepalive: Request = { kind: "keepalive", time: 1n };
  await writer.write(frames(point(1), point(2)));
  // Nothing can be read now. That nothing was sent cannot be seen without waiting; that all comes at once can:
  await writer.write(frames(keepalive));
  await input.fill();
  const kinds: string[] = [];
  while (input.next()) kinds.push(responseIn(input.bytes.slice(input.start, input.end)).kind);
  assertEquals(kinds, ["point", "point", "keepalive"]);
  const many = Array.from({ length: 400 }, (_, i) => point(i));
  await writer.write(frames(...many));
  await input.fill();
  let count = 0;
  while (input.next()) count++;
  assert(count > 0 && count < 400, `${count} of 400 points before the end`);
  await writer.close();
  while (await input.fill()) while (input.next()) count++;
  assertEquals(count, 400);
  assertEquals((await child.status).code, 0);
});

test("the Python agent with --print-garbage prints a text where a frame should be", async (agent) => {
  const error = await assertRejects(
    () => drive(agent.command("mirror", "--print-garbage"), { kind: "info" }),
    WireError,
  );
  assertStringIncludes(error.message, "starting up");
});

test("the Python agent with --die-after answers so many points, then dies with status 3 and a traceback", async (agent) => {
  const { responses, stderr, code } = await drive(
    agent.command("mirror", "--die-after", "2"),
    point(1),
    point(2),
    point(3),
  );
  assertEquals(responses.map((response) => response.kind), ["point", "point"]);
  assertEquals(code, 3);
  assertStringIncludes(stderr, "Traceback (most recent call last):");
});

test("the Python agent with --hang-after answers so many points, then nothing more", async (agent) => {
  const [program, ...args] = agent.command("mirror", "--hang-after", "1");
  await using child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
  await using source = sourceOfStream(child.stdout);
  const input = new FrameReader(source);
  const writer = child.stdin.getWriter();
  await writer.write(frames(point(1), { kind: "keepalive", time: 1n }));
  assertEquals((await next(input)).kind, "point");
  await writer.close();
  // It does not even end at the end of its input: only a signal ends it.
  child.kill("SIGTERM");
  assertEquals((await child.status).signal, "SIGTERM");
  assertEquals(await input.fill(), false);
});

test("the Python agent with --flood writes points for ever once it is initialized, and reads no more", async (agent) => {
  const [program, ...args] = agent.command("mirror", "--flood");
  await using child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
  await using source = sourceOfStream(child.stdout);
  const input = new FrameReader(source);
  const writer = child.stdin.getWriter();
  await writer.write(frames({ kind: "info" }, init()));
  assertEquals((await next(input)).kind, "info");
  assertEquals((await next(input)).kind, "init");
  await writer.close();
  for (let time = 1n; time <= 2000n; time++) {
    const response = await next(input);
    assert(response.kind === "point");
    assertEquals(response.point.time, time);
  }
  child.kill("SIGTERM");
  await child.status;
});

/** The first line that a stream of text gives. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of stream) {
    text += decoder.decode(chunk, { stream: true });
    if (text.includes("\n")) break;
  }
  return text.split("\n")[0];
}

async function useSockets(connect: () => Promise<Deno.Conn>): Promise<void> {
  // All at once, so that each has a thread of its own.
  await Promise.all(Array.from({ length: 5 }, async (_, i) => {
    using connection = await connect();
    const input = new FrameReader(connection);
    await writeAll(connection, frames({ kind: "info" }, init({ field: "v" }), point(i), point(10)));
    assertEquals((await next(input)).kind, "info");
    assertEquals((await next(input)).kind, "init");
    for (const sum of [i, i + 10]) {
      const response = await next(input);
      assert(response.kind === "point");
      assertEquals(response.point.field("sum"), sum);
    }
    await connection.closeWrite();
    assertEquals(await input.fill(), false);
  }));
}

test("the Python agent with --unix serves many connections", async (agent) => {
  const dir = await Deno.makeTempDir({ prefix: "tine-agent-" });
  try {
    const path = `${dir}/udf.sock`;
    const [program, ...args] = agent.command("moving-sum", "--unix", path);
    await using child = new Deno.Command(program, { args, stderr: "piped" }).spawn();
    assertEquals(await firstLine(child.stderr), `listening on ${path}`);
    await useSockets(() => Deno.connect({ transport: "unix", path }));
    child.kill("SIGTERM");
    await child.status;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
});

test("the Python agent with --tcp serves many connections", async (agent) => {
  const [program, ...args] = agent.command("moving-sum", "--tcp", "127.0.0.1:0");
  await using child = new Deno.Command(program, { args, stderr: "piped" }).spawn();
  const port = Number((await firstLine(child.stderr)).split(":")[1]);
  assertGreater(port, 0);
  await useSockets(() => Deno.connect({ hostname: "127.0.0.1", port }));
  child.kill("SIGTERM");
  await child.status;
});
