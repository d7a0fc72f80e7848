import { assertEquals, assertMatch, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/errors.ts";
import { operationFlags, startPairs } from "../../src/cli/traffic/listen.ts";
import { TineError } from "../../src/base/errors.ts";
import { ServerAccount } from "../../src/flow/server_account.ts";
import { serveFlows } from "../../src/cli/traffic/serve_flows.ts";
import type { FlowServer, ServerOptions } from "../../src/flow/flows.ts";
import { createFlows } from "../../src/flow/create_flows.ts";
import { RawClient } from "../flow/stream/raw_client.ts";
import { RecordedEvents } from "../flow/stream/recorded_events.ts";
import { eventually } from "../support/eventually.ts";
import { outputOf, startTine, TextReader, type TineOutput } from "../support/tine.ts";

/** Starts a server that ends by itself, and returns what it has printed by then. */
async function untilItEnds(
  protocol: "tcp" | "udp",
  use: (address: string, pid: number, printed: TextReader) => Promise<void>,
  ...args: string[]
): Promise<TineOutput> {
  const child = startTine(protocol, "server", "--listen", "127.0.0.1:0", "--one-off", ...args);
  const [first, second] = child.stderr.tee();
  const [print, stdout] = child.stdout.tee();
  const output = outputOf({ status: child.status, stdout, stderr: second } as Deno.ChildProcess);
  try {
    await using reader = new TextReader(first);
    const [, address] = await reader.until(/listening on ([^\s,]+)/);
    await using printed = new TextReader(print);
    await use(address, child.pid, printed);
    return await output;
  } finally {
    await child.stdin.close();
  }
}

Deno.test("tine udp server --one-off serves the flows of one client over UDP and TCP, and exits 0", async () => {
  let sent = 0;
  const { code, stdout, stderr } = await untilItEnds(
    "udp",
    async (address) => {
      const events = new RecordedEvents(), { signal } = new AbortController();
      await using flows = createFlows();
      const sender = [{ unresponsive: { duration: 0, wait: [5] } }], finish = new AbortController();
      const packets = ["a", "b"].map((flow) =>
        flows.packetClient(address, { flow, sender }, { events, signal, finish: finish.signal })
      );
      Promise.all(packets).catch(() => {}); // They are awaited late.
      // While the client has flows, others of it may begin.
      await eventually("both flows are open", () => events.infos.length === 2);
      await flows.streamClient(address, { upload: { flow: "c", length: 1000 } }, { events, signal });
      finish.abort();
      for (const { senders: [{ sent: ofFlow }] } of await Promise.all(packets)) sent += ofFlow;
    },
    "--json",
    "--stats",
  );
  assertEquals(code, 0);
  const lines = stdout.trimEnd().split("\n").map((line) => JSON.parse(line));
  const flows = lines.filter(({ type }) => type === "flow");
  assertEquals(flows.map(({ complete }) => complete), [true, true, true]);
  const { type, flows: total, packetsReceived, bytesReceived } = lines.at(-1);
  assertEquals([type, total, packetsReceived], ["stats", 3, sent]);
  const bytes = flows.reduce((sum, { bytesReceived, bytes }) => sum + (bytesReceived ?? bytes), 0);
  assertEquals(bytesReceived, bytes);
  assertMatch(stderr, /\ntine udp server: served one client: 3 flows, all came to their end\n$/);
});

Deno.test("tine tcp server --one-off exits 1 where the flow did not come to its end, and prints it", async () => {
  const { code, stdout, stderr } = await untilItEnds("tcp", async (address) => {
    // What asks for nothing, or for what cannot be, is no flow.
    using silent = await RawClient.connect(address);
    using wrong = await RawClient.connect(address);
    await wrong.request({ flow: "raw" });
    assertEquals((await wrong.answer()).ok, false);
    using client = await RawClient.connect(address);
    await client.request({
      flow: "raw",
      direction: "download",
      sampleIOIntervalMs: 100,
      bufLenBytes: 1000,
      lengthBytes: 2 ** 40,
    });
    assertEquals((await client.answer()).ok, true);
    assertEquals(silent.greeting.busy, false);
  });
  assertEquals(code, 1);
  assertMatch(stdout, /^127\.0\.0\.1:\d+ download raw: .*, did not come to its end\n$/);
  assertStringIncludes(stderr, "served one client: 1 flow, 1 did not come to an end\n");
});

Deno.test({
  name: "tine tcp server prints what it has served at SIGUSR2",
  ignore: Deno.build.os === "windows",
  async fn() {
    let seen = "";
    const { stdout } = await untilItEnds("tcp", async (address, pid, printed) => {
      Deno.kill(pid, "SIGUSR2");
      await printed.until(/refused 0\n/);
      const events = new RecordedEvents(), { signal } = new AbortController();
      await using flows = createFlows();
      await flows.streamClient(address, { upload: { flow: "c", length: 1000 } }, { events, signal });
      await eventually("the flow is over", () => events.reports.length > 0);
      seen = address;
    });
    assertMatch(seen, /:\d+$/);
    assertMatch(
      stdout,
      /^0 flows now, 0 in total, received 0 B, sent 0 B, refused 0\n127\.0\.0\.1:\d+ upload c: 1.00 kB/,
    );
  },
});

Deno.test("--stats takes no time that a timer cannot have", () => {
  const read = (text: string) => operationFlags.stats.read([text], "--stats");
  assertEquals(read("24h"), 86_400_000);
  assertThrows(() => read("25d"), UsageError, "--stats DURATION: expected a duration such as");
});

Deno.test("a client that was refused is not the client of a server that serves one", async () => {
  const account = new ServerAccount(), events = new RecordedEvents(), { signal } = new AbortController();
  account.serveOneClient();
  await using flows = createFlows();
  const server = { listenAddr: "127.0.0.1:0", maxPacketSize: 100, maxRate: { bitsPerSecond: 1e6 } };
  await using udp = await flows.packetServer(server, { events, signal, account });
  const send = (bind: string, length: number, { ms = 1, reverse = false } = {}) => {
    const sender = [{ unresponsive: { wait: [ms], packets: 2, length: [length], reverse } }];
    return flows.packetClient(udp.address, { flow: "a", bind, sender, maxPacketSize: 1000 }, { events, signal });
  };
  await assertRejects(() => send("127.0.0.2", 1000), TineError, "too long");
  await assertRejects(() => send("127.0.0.2", 1000, { reverse: true }), TineError, "too long");
  await assertRejects(() => send("127.0.0.2", 100, { ms: 0.001 }), TineError, "max-rate");
  assertEquals((await send("127.0.0.3", 100)).senders[0].sent, 2);
  await assertRejects(() => send("127.0.0.2", 100), TineError, "one-off");
  assertEquals(account.totals.flows, 1);
});

Deno.test("serveFlows() prints once what each of its threads says while it starts", async () => {
  const lines: string[] = [], { error } = console;
  console.error = (line: string) => lines.push(line);
  try {
    const failure = new TineError("cannot-listen", "no");
    const listen = (options: () => ServerOptions): Promise<never> => {
      for (const text of ["no priority", "no priority", "one worker", "no priority"]) options().events.log(text);
      return Promise.reject(failure);
    };
    const options = { name: "tine tcp server", hostnames: [], json: false, oneOff: false, engine: "ffi", listen };
    assertEquals(await assertRejects(() => serveFlows(options)), failure);
  } finally {
    console.error = error;
  }
  assertEquals(lines, ["tine tcp server: no priority", "tine tcp server: one worker"]);
});

Deno.test("a server of UDP takes another port of the kernel's choice where TCP has the first one in use", async () => {
  const disposed: string[] = [];
  const serverAt = (address: string): FlowServer => ({
    address,
    ended: Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(void disposed.push(address)),
  });
  const start = async (listenAddr: string, free: number) => {
    let port = 0;
    const { servers, error } = await startPairs([{ listenAddr, ipv6Only: false }], {
      packets: () => Promise.resolve([serverAt(`udp:${++port}`)]),
      streams: () => port === free ? Promise.resolve([serverAt(`tcp:${port}`)]) : Promise.reject(`${port} is in use`),
    });
    return [servers.map(({ address }) => address), error, disposed.splice(0).length];
  };
  assertEquals(await start("127.0.0.1:0", 3), [["udp:3", "tcp:3"], undefined, 2]);
  assertEquals(await start("127.0.0.1:7001", 3), [["udp:1"], "1 is in use", 0]);
  assertEquals(await start("127.0.0.1:0", 99), [["udp:8"], "8 is in use", 7]);
});
