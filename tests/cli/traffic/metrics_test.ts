import { assert, assertEquals, assertRejects } from "@std/assert";
import { formatHostPort, type HostPort } from "../../../src/base/address.ts";
import { MetricsServer, metricsText } from "../../../src/cli/traffic/metrics.ts";
import { statsJson, statsLine } from "../../../src/cli/traffic/served_report.ts";
import { createFlows } from "../../../src/flow/create_flows.ts";
import { ServerAccount } from "../../../src/flow/server_account.ts";
import { TineError } from "../../../src/base/errors.ts";
import { eventually } from "../../support/eventually.ts";
import { RecordedEvents } from "../../flow/stream/recorded_events.ts";

const build = { version: '1"\\\n', engine: "ffi" };

function sourceOf(account: ServerAccount) {
  return { build, totals: () => account.totals };
}

/**
 * Reads the text format of Prometheus, by its grammar alone.
 *
 * Source: https://prometheus.io/docs/instrumenting/exposition_formats/, text-based format
 */
function parse(text: string): Map<string, { type: string; samples: Map<string, number> }> {
  const families = new Map<string, { type: string; samples: Map<string, number> }>();
  assert(text.endsWith("\n"));
  let name = "", type = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const help = /^# HELP ([a-zA-Z_:][\w:]*) (.+)$/.exec(line);
    const kind = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge)$/.exec(line);
    if (help !== null) {
      assert(!families.has(help[1]), `${help[1]} is there twice`);
      name = help[1];
    } else if (kind !== null) {
      assertEquals(kind[1], name);
      type = kind[2];
      // Names of counters, and only they, end like this.
      assertEquals(name.endsWith("_total"), type === "counter", name);
      families.set(name, { type, samples: new Map() });
    } else {
      const label = String.raw`[a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*"`;
      const sample = new RegExp(`^([a-zA-Z_:][\\w:]*)(\\{${label}(?:,${label})*\\})? (\\S+)$`).exec(line);
      assert(sample !== null, `${line} is no sample`);
      assertEquals(sample[1], name);
      const value = Number(sample[3]);
      assert(Number.isFinite(value) && value >= 0, line);
      const { samples } = families.get(name)!;
      assert(!samples.has(sample[2] ?? ""), `${line} is there twice`);
      samples.set(sample[2] ?? "", value);
    }
  }
  return families;
}

Deno.test("metricsText() is text of Prometheus, and has all that a server counts", () => {
  const account = new ServerAccount();
  account.begin();
  account.begin();
  account.end(false);
  account.add({ bytesIn: 2 ** 45, bytesOut: 5, packetsIn: 3, packetsOut: 2, packetsOverRate: 9 });
  account.refuse("max-flows");
  const families = parse(metricsText(sourceOf(account)));
  const value = (name: string, labels = "") => families.get(name)!.samples.get(labels);
  assertEquals(value("tine_build_info", '{version="1\\"\\\\\\n",engine="ffi"}'), 1);
  assertEquals([value("tine_flows_active"), value("tine_flows_total"), value("tine_flows_incomplete_total")], [
    1,
    2,
    1,
  ]);
  assertEquals(["in", "out"].map((way) => value("tine_bytes_total", `{direction="${way}"}`)), [2 ** 45, 5]);
  assertEquals(["in", "out"].map((way) => value("tine_packets_total", `{direction="${way}"}`)), [3, 2]);
  assertEquals(value("tine_packets_dropped_total", '{reason="max-rate"}'), 9);
  assertEquals(value("tine_refusals_total", '{reason="max-flows"}'), 1);
  assertEquals(value("tine_refusals_total", '{reason="key"}'), 0);
});

Deno.test("metrics have the bytes of flows that run, grow only, and have all at the end", async () => {
  const account = new ServerAccount(), events = new RecordedEvents(), { signal } = new AbortController();
  await using flows = createFlows();
  const options = { events, signal, account };
  await using tcp = await flows.streamServer({ listenAddr: "127.0.0.1:0" }, options);
  await using udp = await flows.packetServer({ listenAddr: "127.0.0.1:0" }, options);
  await using server = await MetricsServer.start({ hostname: "127.0.0.1", port: 0 }, sourceOf(account));
  const finish = new AbortController();
  const client = { events: new RecordedEvents(), signal, finish: finish.signal };
  const upload = flows.streamClient(tcp.address, { upload: { flow: "up", duration: 0 } }, client);
  const sender = [{ unresponsive: { duration: 0, wait: [5], length: [100], echo: true } }];
  const packets = flows.packetClient(udp.address, { flow: "voip", sender }, client);
  let before = new Map<string, number>();
  const look = async () => {
    const now = new Map<string, number>();
    const response = await fetch(server.url);
    for (const [name, { type, samples }] of parse(await response.text())) {
      for (const [labels, value] of samples) if (type === "counter") now.set(name + labels, value);
    }
    for (const [name, value] of before) {
      assert(now.get(name)! >= value, `${name} went from ${value} to ${now.get(name)}`);
    }
    before = now;
    return (name: string) => now.get(name)!;
  };
  let value = await look();
  const both = () => value('tine_bytes_total{direction="in"}') > 0 && value('tine_packets_total{direction="out"}') > 0;
  while (!both()) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    value = await look();
  }
  assertEquals([account.totals.flowsActive, value("tine_flows_total")], [2, 2]);
  finish.abort();
  const [{ bytes }, { senders: [{ sent, received }], bytesSent }] = await Promise.all([upload, packets]);
  await eventually("both flows are over", () => account.totals.flowsActive === 0);
  value = await look();
  assertEquals(value('tine_bytes_total{direction="in"}'), bytes + bytesSent);
  assertEquals(["in", "out"].map((way) => value(`tine_packets_total{direction="${way}"}`)), [sent, received]);
  assertEquals(value("tine_flows_incomplete_total"), 0);
});

Deno.test("MetricsServer answers GET and HEAD of /metrics, and nothing else", async () => {
  await using server = await MetricsServer.start({ hostname: "127.0.0.1", port: 0 }, sourceOf(new ServerAccount()));
  const { port } = new URL(server.url);
  const ask = async (path: string, method: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method });
    return [response.status, (await response.text()).length > 0, response.headers.get("content-type")];
  };
  const type = "text/plain; version=0.0.4; charset=utf-8", plain = "text/plain; charset=utf-8";
  assertEquals(await ask("/metrics", "GET"), [200, true, type]);
  assertEquals(await ask("/metrics?x=1", "HEAD"), [200, false, type]);
  assertEquals(await ask("/metrics", "POST"), [405, true, plain]);
  for (const path of ["/", "/metrics/", "/metrics/..", "/favicon.ico"]) assertEquals((await ask(path, "GET"))[0], 404);
});

Deno.test("MetricsServer goes on beside clients that send nothing, garbage or too much", async () => {
  await using server = await MetricsServer.start({ hostname: "127.0.0.1", port: 0 }, sourceOf(new ServerAccount()));
  const port = Number(new URL(server.url).port);
  const conns = await Promise.all(Array.from({ length: 8 }, () => Deno.connect({ hostname: "127.0.0.1", port })));
  try {
    const texts = [
      "",
      "GET /metrics HTTP/1.1\r\nHost",
      "\0\0\0\0",
      `GET / HTTP/1.1\r\nX: ${"x".repeat(100_000)}\r\n\r\n`,
    ];
    for (const [i, text] of texts.entries()) {
      await conns[i].write(new TextEncoder().encode(text)).catch(() => {}); // It may have been refused already.
    }
    assertEquals((await (await fetch(server.url)).text()).includes("tine_flows_active 0"), true);
  } finally {
    for (const conn of conns) conn.close();
  }
});

Deno.test("MetricsServer drops the oldest connections where there are too many, and answers others", async () => {
  await using server = await MetricsServer.start({ hostname: "127.0.0.1", port: 0 }, sourceOf(new ServerAccount()));
  const port = Number(new URL(server.url).port);
  const conns: Deno.Conn[] = [];
  try {
    for (let i = 0; i < 40; i++) {
      conns.push(await Deno.connect({ hostname: "127.0.0.1", port }));
      await conns[i].write(new TextEncoder().encode(i % 2 === 0 ? "GET /metrics HT" : "\n")).catch(() => {});
    }
    const response = await fetch(server.url, { signal: AbortSignal.timeout(10_000) });
    assertEquals((await response.text()).includes("tine_flows_active 0"), true);
    // The first ones were dropped.
    assertEquals(await conns[0].read(new Uint8Array(1)).catch(() => null), null);
  } finally {
    for (const conn of conns) conn.close();
  }
});

Deno.test("MetricsServer ends connections that ask for nothing", async () => {
  const source = sourceOf(new ServerAccount());
  await using server = await MetricsServer.start({ hostname: "127.0.0.1", port: 0 }, source, { requestMs: 50 });
  const port = Number(new URL(server.url).port);
  for (const text of ["", "GET /metrics HTTP/1.1\r\nHost: x\r\n"]) {
    using conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode(text));
    const buffer = new Uint8Array(10_000);
    let count: number | null = 1;
    while (count !== null) count = await conn.read(buffer).catch(() => null);
  }
});

Deno.test("MetricsServer says where it cannot listen", async () => {
  const source = sourceOf(new ServerAccount());
  await using server = await MetricsServer.start({ hostname: "127.0.0.1", port: 0 }, source);
  const port = Number(new URL(server.url).port);
  const failure = async (address: HostPort) => {
    const { code, message } = await assertRejects(() => MetricsServer.start(address, source), TineError);
    assertEquals(code, "cannot-listen");
    return message;
  };
  assertEquals(
    await failure({ hostname: "127.0.0.1", port }),
    `cannot listen on 127.0.0.1:${port} for metrics: the address is in use`,
  );
  for (const hostname of ["192.0.2.1", "2001:db8::1"]) {
    assertEquals(
      await failure({ hostname, port: 0 }),
      `cannot listen on ${formatHostPort({ hostname, port: 0 })} for metrics: this machine does not have that address`,
    );
  }
});

Deno.test("statsLine() and statsJson() have what a server has served until now", () => {
  const account = new ServerAccount();
  assertEquals(statsLine(account.totals), "0 flows now, 0 in total, received 0 B, sent 0 B, refused 0");
  account.begin();
  account.begin();
  account.end(false);
  account.add({ bytesIn: 1_500_000, bytesOut: 100, packetsIn: 1000, packetsOverRate: 2 });
  for (const reason of ["max-rate", "key", "max-rate"] as const) account.refuse(reason);
  assertEquals(
    statsLine(account.totals),
    "1 flow now, 2 in total, 1 without an end, received 1.50 MB in 1,000 packets, sent 100 B, 2 over the rate, " +
      "refused 3 (max-rate 2, key 1)",
  );
  const { refusals, bytesReceived, at } = statsJson(account.totals, new Date(0)) as Record<string, unknown>;
  assertEquals([bytesReceived, at], [1_500_000, "1970-01-01T00:00:00.000Z"]);
  assertEquals((refusals as Record<string, number>)["max-rate"], 2);
});
