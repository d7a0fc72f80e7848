import { assert, assertAlmostEquals, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { outputOf, startTine, TextReader, tine } from "../support/tine.ts";
import { needsProcessors } from "../support/quiet.ts";
import { withServer } from "./traffic_server.ts";

const LOOPBACK = ["--listen", "127.0.0.1:0"];
const objects = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test(
  needsProcessors(
    "tine tcp client uploads and prints intervals and a summary; the server prints the flow",
    async () => {
      const server = await withServer("tcp", LOOPBACK, async (address) => {
        const { code, stdout, stderr } = await tine(["tcp", "client", address, "--duration=500ms", "--interval=200ms"]);
        assertEquals([code, stderr], [0, ""]);
        assertMatch(stdout, /^flow +seconds +received +goodput +resent +RTT ms +cwnd\n/);
        assertMatch(stdout, /\nup +0\.00-0\.20 +[\d.]+ [kMG]B +[\d.]+ [MG]bit\/s +\d/);
        assertMatch(stdout, /\nup +0\.20-0\.40 /);
        assertStringIncludes(stdout, `\n\nTCP, server ${address}, `);
        assertMatch(stdout, /\nup +\d\.\d\d\d +[\d.]+ [MG]B +[\d.]+ [MG]bit\/s/);
      });
      assertEquals(server.code, 0);
      assertMatch(
        server.stdout,
        /^127\.0\.0\.1:\d+ upload up\.\w{8}: [\d.]+ [MG]B in \d\.\d\d\d s, [\d.]+ [MG]bit\/s\n$/,
      );
    },
  ),
);

Deno.test("tine tcp client --json has the exact bytes of each flow, both ways, over IPv6", async () => {
  const server = await withServer("tcp", ["--listen", "[::1]:0", "--json"], async (address) => {
    const args = ["tcp", "client", address, "--length=1000001", "--bidir", "--parallel=2", "--json"];
    const { code, stdout, stderr } = await tine(args);
    assertEquals([code, stderr], [0, ""]);
    const [summary, ...more] = objects(stdout);
    assertEquals(more, []);
    const { type, protocol, complete, flows, goodputBitsPerSecond } = summary;
    assertEquals([type, protocol, summary.server, complete], ["summary", "tcp", address, true]);
    assertEquals(
      flows.map(({ flow, direction, bytes, receiverCounted }: Record<string, unknown>) => [
        flow,
        direction,
        bytes,
        receiverCounted,
      ]),
      [
        ["up1", "upload", 1_000_001, true],
        ["up2", "upload", 1_000_001, true],
        ["down1", "download", 1_000_001, true],
        ["down2", "download", 1_000_001, true],
      ],
    );
    // All bytes in the time that all took, which is no less than that of the longest.
    const longest = Math.max(...flows.map(({ durationSeconds }: Record<string, number>) => durationSeconds));
    const both = [summary.uploadGoodputBitsPerSecond, summary.downloadGoodputBitsPerSecond];
    assert(goodputBitsPerSecond <= 4 * 8_000_008 / longest * (1 + 1e-6));
    for (const goodput of both) assert(goodput > 0);
    assert(goodputBitsPerSecond <= both[0] + both[1] + 1);
    for (
      const { goodputBitsPerSecond, durationSeconds, completionSeconds, rttLastMicros, cwndLastBytes } of flows
    ) {
      assertAlmostEquals(goodputBitsPerSecond * durationSeconds, 8_000_008, 1);
      assert(completionSeconds > durationSeconds);
      assert(rttLastMicros > 0 && cwndLastBytes > 0);
    }
  });
  const [listening, ...served] = objects(server.stdout);
  assertEquals(listening.type, "listening");
  assertEquals(served.length, 4);
  for (const { type, protocol, bytes } of served) assertEquals([type, protocol, bytes], ["flow", "tcp", 1_000_001]);
});

Deno.test("tine tcp client --length reports completion times, and of a download what the end reports as that", () =>
  withServer("tcp", LOOPBACK, async (address) => {
    const { code, stdout } = await tine(["tcp", "client", address, "--length=1000", "--bidir", "--interval=0"]);
    assertEquals(code, 0);
    assertMatch(stdout, /\nflow +done s +received +goodput +resent +min RTT +RTT ms +p99 ms +cwnd\n/);
    // Short times have digits.
    assertMatch(stdout, /\nup +0\.0*[1-9]\d\d? +1\.00 kB /);
    assertMatch(stdout, /\ndown .* \d+\.\d+\+ +- +[\d.]+ [kM]B\+\n/);
    assertStringIncludes(stdout, "\n+ at the end: the only sample, and so no median\n");
  }).then(({ code }) => assertEquals(code, 0)));

Deno.test(
  needsProcessors(
    "tine tcp client --json --interval prints an object a line while it runs",
    () =>
      withServer("tcp", LOOPBACK, async (address) => {
        const args = ["tcp", "client", address, "--duration=450ms", "--interval=100ms", "--json", "--reverse"];
        const { code, stdout } = await tine(args);
        assertEquals(code, 0);
        const lines = objects(stdout);
        const summary = lines.pop();
        assert(lines.length >= 4);
        for (const [k, { type, flow, direction, startSeconds, goodputBitsPerSecond }] of lines.entries()) {
          assertEquals([type, flow, direction, startSeconds], ["interval", "down", "download", k * 100 / 1000]);
          assert(goodputBitsPerSecond > 0);
        }
        // Nothing is counted twice or lost between intervals; a short rest at the end may not have a line.
        const bytes = lines.reduce((sum, { bytes }) => sum + bytes, 0);
        assert(bytes <= summary.flows[0].bytes + lines.length && bytes > summary.flows[0].bytes * 0.8);
      }).then(({ code }) => assertEquals(code, 0)),
  ),
);

Deno.test("tine tcp client that is interrupted before its server answers says so, with exit code 130", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${(silent.addr as Deno.NetAddr).port}`;
  const child = startTine("tcp", "client", address);
  using _connection = await silent.accept();
  child.kill("SIGINT");
  const { code, stdout, stderr } = await outputOf(child);
  const said = `tine tcp client: it was interrupted before the server at ${address} had taken a flow\n`;
  assertEquals([code, stdout, stderr], [130, "", said]);
});

Deno.test("tine tcp client that is interrupted reports what it has, with exit code 130", async () => {
  await withServer("tcp", LOOPBACK, async (address) => {
    const child = startTine("tcp", "client", address, "--interval=50ms", "--json");
    const [first, second] = child.stdout.tee();
    const output = outputOf({ status: child.status, stdout: second, stderr: child.stderr } as Deno.ChildProcess);
    {
      await using reader = new TextReader(first);
      await reader.until(/"interval"[^\n]*\n.*"interval"/);
      child.kill("SIGINT");
    }
    await child.stdin.close();
    const { code, stdout, stderr } = await output;
    assertEquals([code, stderr], [130, ""]);
    const summary = objects(stdout).at(-1);
    assertEquals([summary.type, summary.complete], ["summary", false]);
    assertEquals(summary.error, { code: "interrupted", message: "it was interrupted" });
    assert(summary.flows[0].bytes > 0);
  });
});

Deno.test(
  needsProcessors("tine tcp client --rate is kept, from the first second on, and ends with its time", async () => {
    await withServer("tcp", LOOPBACK, async (address) => {
      const { stdout } = await tine(["tcp", "client", address, "--duration=1s", "--rate=1Mbps", "--json"]);
      const [{ goodputBitsPerSecond, flows: [{ durationSeconds }] }] = objects(stdout);
      assertAlmostEquals(goodputBitsPerSecond, 1e6, 0.1e6);
      assertAlmostEquals(durationSeconds, 1, 0.2);
    });
  }),
);

Deno.test("tine tcp client with a key is served, another one refused", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [key, wrong, short] = ["key", "wrong", "short"].map((name) => `${folder}/${name}`);
    const mode = 0o600;
    await Deno.writeTextFile(key, "k".repeat(32) + "\n", { mode });
    await Deno.writeTextFile(wrong, "w".repeat(32), { mode });
    await Deno.writeTextFile(short, "k".repeat(31) + "\n", { mode });
    const server = await withServer("tcp", [...LOOPBACK, "--key-file", key], async (address) => {
      const client = (...args: string[]) => tine(["tcp", "client", address, "--length=1kB", "--json", ...args]);
      assertEquals((await client("--key-file", key)).code, 0);
      const refused = await client("--key-file", wrong);
      assertEquals(refused.code, 1);
      // Nothing was measured.
      const { error, goodputBitsPerSecond, flows: [flow] } = JSON.parse(refused.stdout);
      assertEquals([error.code, goodputBitsPerSecond, flow.bytes, flow.complete], [
        "wrong-key",
        undefined,
        undefined,
        false,
      ]);
      assertMatch(refused.stderr, /^tine tcp client: .*key/);
      assertEquals((await client()).code, 1);
      const { code, stderr } = await client("--key-file", short);
      assertEquals(code, 2);
      assertStringIncludes(stderr, "expected a key of 32 characters or more, not of 31");
      assertEquals((await client("--key-file", `${folder}/none`)).code, 2);
    });
    assertStringIncludes(server.stderr, "for clients with the key");
    assertEquals(server.stdout.split("\n").length, 2);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("tine tcp client says in one sentence what is wrong", async () => {
  const wrong = async (code: number, message: RegExp, ...args: string[]) => {
    const output = await tine(["tcp", "client", ...args]);
    assertEquals([output.code, output.stdout], [code, ""]);
    assertMatch(output.stderr, message);
  };
  await wrong(2, /^tine tcp client: HOST:PORT is missing\n/);
  await wrong(2, /expected e.g. 127.0.0.1:9000/, "nowhere");
  await wrong(2, /port 0 cannot be dialled/, "127.0.0.1:0");
  await wrong(2, /239\.1\.2\.3 is a group of multicast, to which only tine udp client sends/, "239.1.2.3:7000");
  await wrong(2, /--reverse and --bidir exclude each other/, "127.0.0.1:1", "--reverse", "--bidir");
  await wrong(2, /--rate RATE\[,DOWN\]: expected a rate such as 10Mbps, not "10pps"/, "127.0.0.1:1", "--rate=10pps");
  await wrong(2, /not "10M"; the unit is missing: 10Mbps\?\n/, "127.0.0.1:1", "--rate=10M");
  await wrong(2, /the kernel paces at/, "127.0.0.1:1", "--rate=100Gbps");
  await wrong(
    1,
    /^tine tcp client: no server listens for TCP flows at 127\.0\.0\.1:1 \(ECONNREFUSED\)\n$/,
    "127.0.0.1:1",
  );
});

Deno.test("tine tcp server serves many clients at once", async () => {
  const server = await withServer("tcp", [...LOOPBACK, "--json"], async (address) => {
    const outputs = await Promise.all(
      Array.from({ length: 4 }, () => tine(["tcp", "client", address, "--duration=300ms", "--parallel=8", "--json"])),
    );
    for (const { code, stdout } of outputs) {
      assertEquals(code, 0);
      assertEquals(objects(stdout).at(-1).flows.length, 8);
    }
  });
  assertEquals(objects(server.stdout).filter(({ type }) => type === "flow").length, 32);
});

Deno.test("tine tcp server reports a flow that it ends itself, as a line and as an object", async () => {
  for (const json of [[], ["--json"]]) {
    let child: Deno.ChildProcess | undefined;
    const server = await withServer("tcp", [...LOOPBACK, ...json], async (address) => {
      child = startTine("tcp", "client", address, "--interval=50ms");
      const [first, second] = child.stdout.tee();
      await using reader = new TextReader(first);
      await reader.until(/\nup /);
      void second.cancel();
    });
    await Promise.all([child!.status, child!.stdin.close(), child!.stderr.cancel()]);
    const { stdout } = server;
    if (json.length === 0) assertMatch(stdout, /: [\d.]+ [MG]B in [\d.]+ s, .*bit\/s, did not come to its end\n$/);
    else {
      const [, { complete, bytes, goodputBitsPerSecond }] = objects(stdout);
      assertEquals(complete, false);
      assert(bytes > 0 && goodputBitsPerSecond > 0);
    }
  }
});

Deno.test("tine tcp server says where it cannot listen", async () => {
  await withServer("tcp", LOOPBACK, async (address) => {
    const { code, stderr } = await tine(["tcp", "server", "--listen", address]);
    assertEquals(code, 1);
    assertMatch(stderr, /^tine tcp server: .*in use/);
  });
});

Deno.test("tine tcp client --warmup leaves the warm-up out of its figures, and marks its lines", async () => {
  await withServer("tcp", LOOPBACK, async (address) => {
    const args = ["--duration=900ms", "--warmup=500ms", "--reverse"];
    const { code, stdout, stderr } = await tine(["tcp", "client", address, ...args, "--interval=300ms"]);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^warming up for 500ms: lines with a w are in no figure of the summary\nflow /);
    assertMatch(stdout, /\ndown +0\.00-0\.30 w +\d/);
    assertStringIncludes(stdout, ", after a warm-up of 500ms\n\n");
    const json = await tine(["tcp", "client", address, ...args, "--json"]);
    const [{ warmupSeconds, flows: [{ durationSeconds, completionSeconds, bytes, goodputBitsPerSecond }] }] = objects(
      json.stdout,
    );
    assertEquals(warmupSeconds, 0.5);
    assert(durationSeconds < completionSeconds - 0.45);
    assertAlmostEquals(goodputBitsPerSecond, bytes * 8 / durationSeconds, goodputBitsPerSecond / 1e6);
    const short = await tine(["tcp", "client", address, "--length=1kB", "--warmup=10s"]);
    assertEquals(short.code, 0);
    assertStringIncludes(short.stdout, "up ended before its warm-up was over: it has no figures");
  });
  const { code, stderr } = await tine(["tcp", "client", "127.0.0.1:1", "--warmup=10s"]);
  assertEquals(code, 2);
  assertStringIncludes(stderr, "--warmup DURATION: expected less than the duration of 10s, not 10s");
});

Deno.test({
  name: "tine tcp client binds its flows to the ports that follow, and dials one family of a name",
  ignore: Deno.build.os !== "linux",
  async fn() {
    // One server at both loopbacks.
    const port = freePort();
    const listen = ["--listen", `127.0.0.1:${port}`, "--listen", `[::1]:${port}`, "--json"];
    const { stdout, stderr } = await withServer("tcp", listen, async () => {
      const client = ["tcp", "client", "--length=1kB"];
      const ipv4 = `127.0.0.1:${port}`, ipv6 = `[::1]:${port}`;
      const first = freePair();
      for (const args of [[ipv4, "-4", "--parallel=2", "--bind", `:${first}`], [ipv6, "-6"], [ipv6, "--bind", "::1"]]) {
        const { code, stderr } = await tine([...client, ...args]);
        assertEquals([code, stderr], [0, ""]);
      }
      const both = await tine([...client, ipv4, "-4", "-6"]);
      assertEquals(both.code, 2);
      assertStringIncludes(both.stderr, "tine tcp client: -4 and -6 exclude each other: give one of them\n");
      const bound = await tine([...client, ipv6, "-6", "--bind=127.0.0.1"]);
      assertStringIncludes(bound.stderr, '"127.0.0.1" has an IPv4 address, but protocol is tcp6');
      const other = await tine([...client, ipv4, "-6"]);
      assertEquals([other.code, other.stderr], [1, "tine tcp client: 127.0.0.1 is not an IPv6 address\n"]);
    });
    const [one, two, ...served] = objects(stdout);
    assertEquals([one.address, two.address], [`127.0.0.1:${port}`, `[::1]:${port}`]);
    assertStringIncludes(stderr, `listening on [::1]:${port}`);
    const clients = served.map(({ client }: { client: string }) => client);
    const ports = clients.slice(0, 2).map((client: string) => Number(client.split(":")[1])).sort();
    assertEquals(ports[1], ports[0] + 1);
    assert(clients.slice(0, 2).every((client: string) => client.startsWith("127.0.0.1:")));
    assert(clients.slice(2).every((client: string) => client.startsWith("[::1]:")) && clients.length === 4);
  },
});

Deno.test("tine tcp client --duration 0 goes on until an interrupt, which is its proper end", async () => {
  const server = await withServer("tcp", [...LOOPBACK, "--json"], async (address) => {
    const child = startTine("tcp", "client", address, "--duration=0", "--bidir", "--interval=100ms", "--json");
    const [first, second] = child.stdout.tee();
    const output = outputOf({ status: child.status, stdout: second, stderr: child.stderr } as Deno.ChildProcess);
    {
      await using reader = new TextReader(first);
      // Both directions have carried something.
      await reader.until(/"flow":"up"[^\n]*"bytes":[1-9]/);
      child.kill("SIGINT");
    }
    await child.stdin.close();
    const { code, stdout, stderr } = await output;
    assertEquals([code, stderr], [0, ""]);
    const { complete, error, flows } = objects(stdout).at(-1);
    assertEquals([complete, error, flows.length], [true, undefined, 2]);
    for (const { complete, receiverCounted } of flows) assertEquals([complete, receiverCounted], [true, true]);
  });
  assert(objects(server.stdout).filter(({ type }) => type === "flow").every(({ complete }) => complete));
});

Deno.test("tine tcp client takes a rate for each direction, and the same end by two names", async () => {
  const usage = async (...args: string[]) =>
    (await tine(["tcp", "client", "127.0.0.1:1", ...args])).stderr.split("\n")[0];
  assertMatch(await usage("--rate=1Mbps,2Mbps"), /--rate RATE,DOWN means nothing without --bidir: give one rate$/);
  assertMatch(await usage("--rate=1Mbps,max", "--bidir"), /expected a rate such as 10Mbps, not "1Mbps,max"$/);
  assertMatch(await usage("--rate=1Mbps,1Mbps,1Mbps"), /expected a rate such as 10Mbps, not "1Mbps,1Mbps,1Mbps"$/);
  assertMatch(await usage("--length=5", "--bytes=5"), /--length and --bytes are the same: give one of them$/);
});

/** Returns a port that is free like the one after it, below those that the kernel gives to other tests. */
function freePair(): number {
  const first = 20_000 + Math.floor(Math.random() * 10_000);
  try {
    for (const port of [first, first + 1]) Deno.listen({ hostname: "0.0.0.0", port }).close();
    return first;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return freePair();
    throw error;
  }
}

/** Returns a port that is free. */
function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
