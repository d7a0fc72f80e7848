import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { HostOptions } from "../../src/udf/host.ts";
import type { RunningUdf } from "../../src/udf/running_udf.ts";
import { startProcess } from "../../src/udf/udf_process.ts";
import { connectSocket } from "../../src/udf/udf_socket.ts";
import { TineError } from "../../src/base/errors.ts";
import { describePoint } from "../support/describe.ts";
import { Generator } from "../support/generate.ts";
import { named } from "../support/peers.ts";
import { hasPythonAgent, preparePythonAgent, type PythonAgent, pythonAgentPeers } from "../support/python_agent.ts";
import { Random } from "../support/random.ts";
import { HostProbe } from "../support/scripted_udf.ts";
import { beginRequest, endRequest, pointRequest } from "../support/udf_driver.ts";
import { Point } from "../../src/udf/point.ts";

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

function start(command: string[], options?: HostOptions): HostProbe {
  return new HostProbe(startProcess(command, () => {}), options);
}

/** Sends generated points through a mirror, and expects them back. */
async function mirrors(peer: RunningUdf): Promise<void> {
  const generator = new Generator(new Random(71));
  const points = Array.from({ length: 500 }, () => new Point(generator.point()));
  const probe = new HostProbe(peer, { timeoutMs: 10_000 });
  assertEquals(await probe.host.info(), { wants: "stream", provides: "stream", options: new Map() });
  await probe.host.init([]);
  for (const point of points) await probe.host.point(point);
  assertEquals(await probe.host.snapshot(), new Uint8Array());
  await probe.host.restore(new Uint8Array([1]));
  await probe.host.stop();
  assertEquals(probe.points.map(describePoint), points.map(describePoint));
  assertEquals(probe.log, []);
}

test("a Python UDF as a process sends back every point unchanged", async (agent) => {
  await mirrors(startProcess(agent.command("mirror"), () => {}));
});

for (const transport of ["unix", "tcp"]) {
  test(`a Python UDF behind a ${transport} socket is waited for, and serves one connection after the other`, async (agent) => {
    const dir = await Deno.makeTempDir({ prefix: "tine-python-" });
    const place = transport === "unix" ? `${dir}/s` : "127.0.0.1:0";
    const [program, ...args] = agent.command("mirror", `--${transport}`, place);
    await using child = new Deno.Command(program, { args, stderr: "piped" }).spawn();
    try {
      let address: Parameters<typeof connectSocket>[0] = { path: `${dir}/s` };
      if (transport === "tcp") {
        const reader = child.stderr.getReader();
        const { value } = await reader.read();
        reader.releaseLock();
        address = { hostname: "127.0.0.1", port: Number(/:(\d+)/.exec(new TextDecoder().decode(value))![1]) };
      }
      for (let i = 0; i < 2; i++) await mirrors(await connectSocket(address, 10_000));
    } finally {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(dir, { recursive: true });
    }
  });
}

test("a Python UDF gets batches, and a snapshot inside of one is taken over by the next process", async (agent) => {
  const { begin } = beginRequest(2n);
  const { end } = endRequest();
  const points = [pointRequest(1, "").point, pointRequest(2, "").point];
  const first = start(agent.command("batch-mirror"));
  assertEquals((await first.host.info()).wants, "batch");
  await first.host.init([]);
  await first.host.batch({ begin, points, end });
  const saved = await first.host.snapshot();
  await first.host.stop();
  assertEquals(first.batches.map(({ begin, end, points }) => [begin, end, points.length]), [[begin, end, 2]]);
  const second = start(agent.command("batch-mirror"));
  await second.host.restore(saved);
  await second.host.stop();
});

test("a Python UDF that buffers gives its points when the host asks for a sign of life, and is told so", async (agent) => {
  let came = Promise.withResolvers<void>();
  const peer = startProcess(agent.command("mirror", "--buffered"), () => {});
  const probe = new HostProbe(peer, { timeoutMs: 10_000 }, () => came.resolve());
  await probe.host.init([]);
  let sent = 0;
  // On a busy machine an answer may take too long to count.
  for (let round = 0; round < 20 && probe.log.length === 0; round++) {
    came = Promise.withResolvers<void>();
    const started = performance.now();
    for (const i of [1, 2, 3]) await probe.host.point(pointRequest(i).point);
    sent += 3;
    await came.promise;
    assert(performance.now() - started < 4000, "long before half of the timeout");
  }
  await probe.host.stop();
  assertEquals(probe.points.length, sent);
  assertEquals(probe.log.length, 1);
  assertStringIncludes(probe.log[0], "run it with python -u");
});

test("a Python UDF that prints, dies, hangs or floods gets a clear error, and nothing whole is lost", async (agent) => {
  const garbage = start(agent.command("mirror", "--print-garbage"), { timeoutMs: 10_000 });
  await assertRejects(() => garbage.host.info(), TineError, '"starting up, please wait ...\\n"');
  await garbage.failure();

  const dies = start(agent.command("mirror", "--die-after", "5"));
  await dies.host.init([]);
  const died = await assertRejects(async () => {
    for (;;) {
      await dies.host.point(pointRequest(1).point);
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }, TineError);
  assertEquals(
    died.message,
    "the UDF exited with status 3; its last line on stderr: ZeroDivisionError: division by zero",
  );
  assertEquals(await dies.failure(), died);
  assertEquals(dies.points.length, 5);

  const hangs = start(agent.command("mirror", "--hang-after", "3"), { timeoutMs: 1000 });
  await hangs.host.init([]);
  const hung = await assertRejects(async () => {
    for (;;) {
      await hangs.host.point(pointRequest(1).point);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }, TineError);
  assertEquals(hung.code, "keepalive-timeout");
  await hangs.failure();
  assertEquals(hangs.points.length, 3);

  const floods = start(agent.command("mirror", "--flood"), { timeoutMs: 1000 });
  await floods.host.init([]);
  const flooded = await floods.failure(300);
  assertStringIncludes(flooded.message, "did not end within 0.3 s");
  assert(floods.points.length > 100);
  assertEquals(floods.points.map(({ time }) => Number(time)), floods.points.map((_, i) => i + 1));
});
