import { assert, assertEquals, assertRejects } from "@std/assert";
import type { StreamClientConfig, StreamServerConfig, TransferConfig } from "../../../src/flow/config.ts";
import { ServerAccount } from "../../../src/flow/server_account.ts";
import { TineError } from "../../../src/base/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { RawClient } from "./raw_client.ts";
import { RecordedEvents } from "./recorded_events.ts";
import { makers } from "./stream_makers.ts";

/** Of payload: 500,000 bytes a second. */
const RATE = 4e6;
const BYTES_PER_SECOND = RATE / 8;
/** A fifth of a second at that rate. */
const RESPONSE = 100_000;
/** What the kernels of both ends keep, and what is sent before the limit is known. */
const BUFFERS = 8e6;

/** Runs a test with a server that has limits. */
async function withServer(
  make: typeof makers[string],
  limits: Partial<StreamServerConfig>,
  test: (context: {
    readonly address: string;
    readonly account: ServerAccount;
    /** Of the server. */
    readonly events: RecordedEvents;
    /** Runs a client, and returns what it logs and fails with. */
    run(config: Omit<StreamClientConfig, "addr">): Promise<{ events: RecordedEvents; error: unknown }>;
  }) => Promise<void>,
): Promise<void> {
  const account = new ServerAccount(), events = new RecordedEvents(), { signal } = new AbortController();
  await using flows = make();
  await using server = await flows.streamServer({ listenAddr: "127.0.0.1:0", ...limits }, { events, signal, account });
  const { address } = server;
  await test({
    address,
    account,
    events,
    async run(config) {
      const events = new RecordedEvents();
      const options = { events, signal };
      const ended: Promise<unknown> = config.requestResponse === undefined
        ? flows.streamClient(address, config, options)
        : flows.streamTransactions(address, config, options);
      const error = await ended.then(() => undefined, (error) => error);
      return { events, error };
    },
  });
}

/** The last report of an end. */
function lastReport(events: RecordedEvents, kind: string) {
  return events.reports.findLast(({ report }) => report.kind === kind)?.report as unknown as Record<string, number>;
}

function request(direction: "upload" | "download", durationMs: number | undefined = undefined) {
  return { flow: "raw", direction, sampleIOIntervalMs: 100, bufLenBytes: 131_072, lengthBytes: 2 ** 40, durationMs };
}

/** Sends zeros for as long as they are taken; returns how many were. */
async function flood({ conn }: RawClient, untilMs: number): Promise<number> {
  const zeros = new Uint8Array(65_536);
  let sent = 0;
  try {
    while (performance.now() < untilMs) sent += await conn.write(zeros);
  } catch {
    // The server has ended it.
  }
  return sent;
}

const bulk: TransferConfig = { flow: "bulk", duration: 600 };

for (const [kind, make] of Object.entries(makers)) {
  Deno.test(`streamServer() sends no faster than a flow may have, ${kind}`, () =>
    withServer(make, { maxRate: { bitsPerSecond: RATE } }, async ({ address, account }) => {
      using client = await RawClient.connect(address);
      const startedAt = performance.now();
      await client.request(request("download", 1000));
      assertEquals(await client.answer(), { ok: true, limits: { bitsPerSecond: RATE } });
      // The test itself counts what arrives, and until when.
      const room = new Uint8Array(65_536);
      let bytes = 0, latest = startedAt;
      while (bytes < BYTES_PER_SECOND / 2) {
        const count = await client.conn.read(room);
        if (count === null) break;
        bytes += count;
        latest = performance.now();
        const most = (latest - startedAt) / 1000 * BYTES_PER_SECOND + 0.26 * BYTES_PER_SECOND + 65_536;
        assert(bytes <= most, `${bytes} bytes after ${latest - startedAt} ms`);
      }
      assert(bytes > 0);
      await eventually("what was sent is counted", () => account.totals.bytesOut >= bytes);
      assertEquals(account.totals.bytesIn, 0);
    }));

  Deno.test(`streamServer() reads no faster than a flow may have from a client that does not care, ${kind}`, () =>
    withServer(make, { maxRate: { bitsPerSecond: RATE } }, async ({ address, account }) => {
      using client = await RawClient.connect(address);
      const startedAt = performance.now();
      await client.request(request("upload"));
      await client.answer();
      const sent = flood(client, startedAt + 30_000);
      // As often as the account is brought up to date, for some time.
      let before = 0;
      for (let rounds = 0; rounds < 4;) {
        const { bytesIn } = account.totals, elapsed = (performance.now() - startedAt) / 1000;
        assert(bytesIn <= BYTES_PER_SECOND * (elapsed + 0.12) + 65_536, `${bytesIn} bytes after ${elapsed} s`);
        if (bytesIn > before) rounds++;
        before = bytesIn;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      client.conn.close();
      const bytes = await sent;
      assert(bytes <= before + BUFFERS, `${bytes} bytes were sent, and ${before} taken`);
    }).catch((error) => {
      // The client is disposed of once more at the end.
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }));

  Deno.test(`streamServer() informs its clients of the rate, and these keep to it, ${kind}`, () =>
    withServer(make, { maxRate: { bitsPerSecond: RATE } }, async ({ run, events: served }) => {
      // Of what is sent before the limit is known, not so much that it is cut off after its time.
      const { events, error } = await run({ upload: { flow: "bulk", length: 900_000 } });
      assertEquals(error, undefined);
      assertEquals(events.logs, ["flow bulk: the server lets it have 4Mbps at most (max-rate)"]);
      await eventually("the server reports", () => lastReport(served, "servedStream") !== undefined);
      const { bytes, durationNanos } = lastReport(served, "servedStream");
      // What is sent before the limit is known, is sent at any rate.
      assert(bytes <= BYTES_PER_SECOND * (durationNanos / 1e9 + 0.12) + 65_536, `${bytes} in ${durationNanos}`);
      assertEquals(events.infos.map(({ values }) => values.maxBitsPerSecond), [RATE]);
    }));

  Deno.test(`streamServer() refuses a flow that is to last longer than it may, ${kind}`, () =>
    withServer(make, { maxDuration: 500 }, async ({ run, events, account }) => {
      const why = "it is to last 600ms, and the server lets a flow last 500ms at most (max-duration)";
      for (const config of [{ upload: bulk }, { download: bulk }]) {
        const { error } = await run(config);
        assert(error instanceof TineError && error.code === "over-max-duration", String(error));
        assert(error.message.endsWith(`refused: ${why}`), error.message);
      }
      assertEquals(account.totals.refusals["max-duration"], 2);
      const refused = () => events.logs.filter((line) => line.endsWith(`was refused: ${why}`));
      await eventually("the server says so", () => refused().length === 2);
      assertEquals((await run({ upload: { ...bulk, duration: 500 } })).error, undefined);
    }));

  Deno.test(`streamServer() ends flows without an end in order, and both ends say why, ${kind}`, () =>
    withServer(make, { maxDuration: 500 }, async ({ run, events: served, address, account }) => {
      const why = "the server lets a flow last 500ms at most (max-duration)";
      const rr = { flow: "bulk", duration: 60_000 };
      for (
        const config of [
          { upload: { ...bulk, duration: 0 } },
          { download: { ...bulk, duration: 0 } },
          { download: { flow: "bulk", length: 2 ** 40 } },
          { requestResponse: rr },
          { requestResponse: { ...rr, connect: true } },
        ]
      ) {
        served.logs.length = 0;
        const { error, events } = await run(config);
        assert(error instanceof TineError && error.code === "server-limit", String(error));
        assertEquals(error.message, `flow bulk was ended at ${address}: ${why}`);
        // What was measured is whole at both ends.
        const [kind, there] = config.requestResponse === undefined
          ? ["stream", "servedStream"]
          : ["transactions", "servedTransactions"];
        const mine = lastReport(events, kind);
        await eventually("the server reports", () => lastReport(served, there)?.complete as unknown === true);
        const theirs = lastReport(served, there);
        assertEquals([theirs.bytes, theirs.transactions], [mine.bytes, mine.serverTransactions]);
        assert(served.logs.length === 1 && served.logs[0].endsWith(`is to end now: ${why}`), served.logs.join());
        served.reports.length = 0;
      }
      assertEquals([account.totals.flowsActive, account.totals.flowsIncomplete], [0, 0]);
    }));

  Deno.test(`streamServer() ends a client that goes on beyond its time, ${kind}`, () =>
    withServer(make, { maxDuration: 100 }, async ({ address, account, events }) => {
      using client = await RawClient.connect(address);
      await client.request(request("upload"));
      await client.answer();
      await flood(client, performance.now() + 30_000);
      await eventually("the flow is over", () => account.totals.flowsActive === 0);
      assertEquals(account.totals.flowsIncomplete, 1);
      const why = "goes on although the server lets a flow last 100ms at most (max-duration)";
      await eventually("the server says so", () => events.logs.some((line) => line.includes(why)));
    }));

  Deno.test(`streamServer() serves as many flows as it may, which those that ask for nothing do not keep, ${kind}`, () =>
    withServer(make, { maxFlows: 1 }, async ({ address, account, run, events }) => {
      using silent = new DisposableStack();
      for (let i = 0; i < 40; i++) silent.use(await RawClient.connect(address));
      const client = await RawClient.connect(address);
      await client.request(request("download"));
      assertEquals((await client.answer()).ok, true);
      const { error } = await run({ upload: bulk });
      const why = "the server serves 1 flow at a time, and has as many already (max-flows)";
      assert(error instanceof TineError && error.message.endsWith(why), String(error));
      await eventually("the server says so", () => events.logs.some((line) => line.endsWith(`was refused: ${why}`)));
      client.conn.close();
      await eventually("the flow is over", () => account.totals.flowsActive === 0);
      assertEquals((await run({ upload: { flow: "next", length: 1000 } })).error, undefined);
      assertEquals(account.totals.flows, 2);
    }));

  Deno.test(`streamServer() holds requests and responses to the rate, and informs the client, ${kind}`, () =>
    withServer(make, { maxRate: { bitsPerSecond: RATE } }, async ({ run, account, address }) => {
      for (const connect of [false, true]) {
        const before = account.totals, requestResponse = { flow: "rr", response: RESPONSE, transactions: 5, connect };
        const { error, events } = await run({ requestResponse });
        assertEquals(error, undefined);
        const { elapsedNanos } = lastReport(events, "transactions");
        const least = (4 * RESPONSE - 0.1 * BYTES_PER_SECOND) / BYTES_PER_SECOND;
        assert(elapsedNanos / 1e9 >= least, `${elapsedNanos} ns for ${5 * RESPONSE} bytes`);
        assertEquals(events.logs, [`flow rr: ${address} held its answers back: 4Mbps at most (max-rate)`]);
        const { bytesIn, bytesOut } = account.totals;
        assertEquals([bytesIn - before.bytesIn, bytesOut - before.bytesOut], [5, 5 * RESPONSE]);
      }
    }));
}

Deno.test("streamServer() counts the flows of servers that share an account as one", async () => {
  const account = new ServerAccount(), events = new RecordedEvents(), { signal } = new AbortController();
  await using flows = Object.values(makers)[0]();
  const options = { events, signal, account };
  await using one = await flows.streamServer({ listenAddr: "127.0.0.1:0", maxFlows: 1 }, options);
  await using other = await flows.streamServer({ listenAddr: "127.0.0.1:0", maxFlows: 1 }, options);
  using client = await RawClient.connect(one.address);
  await client.request(request("download"));
  await client.answer();
  await assertRejects(
    () => flows.streamClient(other.address, { upload: bulk }, { events: new RecordedEvents(), signal }),
    TineError,
    "the server serves 1 flow at a time",
  );
});
