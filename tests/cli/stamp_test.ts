import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startTine, TextReader, tine } from "../support/tine.ts";
import { toText } from "@std/streams";
import { withServer } from "./traffic_server.ts";

const LOOPBACK = ["--stamp", "--listen", "127.0.0.1:0"];

Deno.test("tine udp client --stamp prints what other UDP flows print, and what the reflector is", async () => {
  const server = await withServer("udp", LOOPBACK, async (address) => {
    const args = ["udp", "client", "--stamp", address, "--packets=20", "--wait=5ms", "--interval=0", "--length=100"];
    const { code, stdout, stderr } = await tine(args);
    assertEquals([code, stderr], [0, ""]);
    assertStringIncludes(stdout, `UDP, server ${address}\n\nstamp: 20 packets, sent at `);
    assertMatch(stdout, /\nto server +20 +20 +0 +0% +0 +0 +0\nfrom server +20 +20 +0 +0% /);
    assertMatch(stdout, /\none-way delays are estimates, off by [\d.]+ ms at most: the clocks are not shared\n/);
    assertMatch(stdout, /\nthe reflector counts packets and has a clock that /);
  });
  assertEquals(server.code, 0);
  // Two packets open the session.
  assertMatch(server.stdout, /^127\.0\.0\.1:\d+ stamp\.1: received 2[2-9] packets, sent 2\d in \d\.\d\d s\n$/);
});

Deno.test("tine udp server --stamp prints a line for each session, whatever address it came to", async () => {
  const child = startTine("udp", "server", ...LOOPBACK, "--listen", "127.0.0.1:0");
  const stdout = toText(child.stdout);
  try {
    await using reader = new TextReader(child.stderr);
    const [, ...addresses] = await reader.until(/listening on (\S+)[^]*listening on (\S+)/);
    await Promise.all(
      addresses.map((address) => tine(["udp", "client", "--stamp", address, "--packets=5", "--wait=5ms"])),
    );
  } finally {
    child.kill("SIGINT");
    await child.stdin.close();
    await child.status;
  }
  assertEquals((await stdout).match(/ stamp\.1: received /g)?.length, 2);
});

Deno.test("tine udp client --stamp --json knows that nothing is lost where a stateless reflector answers all, and has the options", async () => {
  await withServer("udp", [...LOOPBACK, "--stateless"], async (address) => {
    const args = ["udp", "client", "--stamp", address, "--packets=10", "--wait=5ms", "--ssid=9", "--ptp", "--json"];
    const { code, stdout, stderr } = await tine(args);
    assertEquals([code, stderr], [0, ""]);
    const { complete, flows: [flow] } = JSON.parse(stdout);
    const { toServer, fromServer, unanswered, options } = flow;
    assertEquals([complete, toServer.sent, toServer.lostPercent, fromServer.lostPercent, unanswered], [
      true,
      10,
      0,
      0,
      0,
    ]);
    const { protocol, ssid, timestamps, reflectorCounts, reflectorTimestamps } = options;
    assertEquals([protocol, ssid, timestamps, reflectorCounts, reflectorTimestamps], ["stamp", 9, "ptp", false, "ptp"]);
    assert(flow.rttMedianMicros > 0 && flow.server === address, stdout);
  });
});

Deno.test("tine udp refuses what STAMP does not have, and what only STAMP has", async () => {
  const refused = [
    [["udp", "client", "--stamp", "127.0.0.1", "--bidir"], "--stamp and --bidir exclude each other: give one of them"],
    [["udp", "client", "--stamp", "127.0.0.1", "--rr=64"], "--stamp and --rr exclude each other: give one of them"],
    [["udp", "client", "127.0.0.1:9", "--ssid=1"], "--ssid means nothing without --stamp"],
    [
      ["udp", "client", "127.0.0.1:9", "--length=50"],
      "--length SIZE: expected at least 56, for the header alone, not 50",
    ],
    [["udp", "client", "--stamp", "127.0.0.1", "--length=40"], "--length SIZE: expected a size"],
    [["udp", "client", "--stamp", "239.1.2.3"], "--stamp needs a server: 239.1.2.3 is a group"],
    [["udp", "server", "--stamp", "--workers=2"], "--stamp and --workers exclude each other"],
    [["udp", "server", "--stateless"], "--stateless means nothing without --stamp"],
  ] as const;
  await Promise.all(refused.map(async ([args, message]) => {
    const { code, stderr } = await tine([...args]);
    assertEquals(code, 2, stderr);
    assertStringIncludes(stderr, message);
  }));
});
