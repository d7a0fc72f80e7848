import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { CLOSE, ECHO, REPLY, REVERSE } from "../../src/flow/packet/header.ts";
import { counted, PacketProxy } from "../flow/packet/packet_proxy.ts";
import { outputOf, startTine, tine } from "../support/tine.ts";
import { needsProcessors } from "../support/quiet.ts";
import { withServer } from "./traffic_server.ts";

const LOOPBACK = ["--listen", "127.0.0.1:0"];
const objects = (text: string) => text.trimEnd().split("\n").map((line) => JSON.parse(line));

Deno.test("tine udp client prints round trips, delays, loss and order", async () => {
  const server = await withServer("udp", LOOPBACK, async (address) => {
    const { code, stdout, stderr } = await tine(["udp", "client", address, "--duration=500ms", "--interval=200ms"]);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(
      stdout,
      /^flow +seconds +sent +received +sending +receiving +RTT min +median +max ms\nup +0\.00-0\.20 +\d/,
    );
    assertStringIncludes(stdout, `\n\nUDP, server ${address}\n\nup: 25 packets, sent at `);
    for (
      const row of [
        "RTT",
        "at the server",
        "one-way to server",
        "one-way from server",
        "IPDV to server",
        "IPDV from server",
        "lateness of sends",
      ]
    ) {
      assertMatch(stdout, new RegExp(`\n${row}(?: +\\d+\\.\\d{1,3}){6}\n`), row);
    }
    assertMatch(stdout, /\nto server +25 +25 +0 +0% +0 +0 +0\nfrom server +25 +25 +0 +0% /);
  });
  assertEquals(server.code, 0);
  assertMatch(server.stdout, /^127\.0\.0\.1:\d+ up\.\w{8}: received 25 packets, sent 25 in \d\.\d\d s\n$/);
});

Deno.test("tine udp client --json has keys with units, over IPv6", async () => {
  await withServer("udp", ["--listen", "[::1]:0"], async (address) => {
    const args = [
      "udp",
      "client",
      address,
      "--duration=300ms",
      "--wait=10ms",
      "--length=200",
      "--json",
      "--parallel=2",
    ];
    const { code, stdout, stderr } = await tine(args);
    assertEquals([code, stderr], [0, ""]);
    const [summary] = objects(stdout);
    assertEquals([summary.type, summary.protocol, summary.complete], ["summary", "udp", true]);
    assertEquals(summary.flows.map(({ flow }: { flow: string }) => flow), ["up1", "up2"]);
    for (const flow of summary.flows) {
      const { rttMinMicros, rttMedianMicros, rttP99Micros, rttP999Micros, rttMaxMicros, latenessP99Micros } = flow;
      assert(0 < rttMinMicros && rttMinMicros <= rttMedianMicros && rttMedianMicros <= rttP99Micros);
      assert(rttP99Micros <= rttP999Micros && rttP999Micros <= rttMaxMicros && latenessP99Micros >= 0);
      assertEquals([flow.toServer.sent, flow.toServer.lost, flow.fromServer.lost], [30, 0, 0]);
      // On one machine both ends have one clock.
      assertEquals([flow.toServer.oneWayDelayBoundMicros, flow.fromServer.oneWayDelayBoundMicros], [0, 0]);
      assert(flow.toServer.oneWayDelayMedianMicros > 0 && flow.toServer.ipdvMedianMicros >= 0);
      assert(flow.sendBitsPerSecond > 100_000 && flow.sendBitsPerSecond < 250_000);
    }
  });
});

Deno.test("tine udp client --rate sends without echo, both ways with --bidir", async () => {
  await withServer("udp", LOOPBACK, async (address) => {
    const args = [
      "udp",
      "client",
      address,
      "--rate=1000pps",
      "--bidir",
      "--duration=300ms",
      "--json",
      "--interval=100ms",
    ];
    const { code, stdout, stderr } = await tine(args);
    assertEquals([code, stderr], [0, ""]);
    const lines = objects(stdout);
    const { flows: [up, down] } = lines.pop();
    assertEquals([up.direction, down.direction], ["upload", "download"]);
    assertEquals([up.toServer.sent, up.fromServer, down.toServer], [300, undefined, undefined]);
    assertEquals(up.toServer.received + up.toServer.lost + up.toServer.socketDrops, 300);
    assert(down.fromServer.received >= 290);
    assertEquals(up.rttMedianMicros, undefined);
    // The server tells the client what it saw of arrivals, and its packets when they were due and sent.
    const { ipdvMinMicros, ipdvMeanMicros, ipdvMaxMicros, ipdvMedianMicros, oneWayDelayMeanMicros } = up.toServer;
    assert(0 <= ipdvMinMicros && ipdvMinMicros <= ipdvMeanMicros && ipdvMeanMicros <= ipdvMaxMicros);
    assert(up.toServer.jitterMicros > 0 && oneWayDelayMeanMicros > 0);
    assertEquals([ipdvMedianMicros, up.toServer.oneWayDelayBoundMicros], [undefined, 0]);
    assert(down.fromServer.oneWayDelayMedianMicros > 0 && down.fromServer.ipdvMedianMicros >= 0);
    assert(down.latenessMedianMicros > 0 && down.sendBitsPerSecond > 300_000 && down.sendBitsPerSecond < 600_000);
    assert(lines.length >= 6);
    for (const { type, direction, startSeconds, endSeconds } of lines) {
      assertEquals([type, ["upload", "download"].includes(direction)], ["interval", true]);
      assert(startSeconds < endSeconds);
    }
  });
});

Deno.test("tine udp client fails where the server's end of a flow is lost, and does not know what was sent", async () => {
  await withServer("udp", LOOPBACK, async (address) => {
    // Each has a proxy of its own: that has one client.
    const run = async (...more: string[]) => {
      await using proxy = new PacketProxy(address);
      // The way back is cut for good.
      proxy.down = counted(
        (flags) => flags === REVERSE || (flags & CLOSE) !== 0,
        (packet, n, pass) => n < 20 && pass(packet),
      );
      return await tine(["udp", "client", proxy.address, "--reverse", "--duration=600ms", "--interval=0", ...more]);
    };
    const [text, json] = await Promise.all([run(), run("--json")]);
    assertEquals([text.code, json.code], [1, 1]);
    assertMatch(
      text.stderr,
      /^tine udp client: flow down\.\w+: the server at \S+ did not report its counts at the end\n$/,
    );
    assertMatch(text.stdout, /\nfrom server +- +\d+ +- +0 +0 +0\nthe server has not reported its counts/);
    const { complete, error, flows: [{ fromServer }], totals } = JSON.parse(json.stdout);
    assertEquals([complete, error.code], [false, "incomplete-flow"]);
    for (const path of [fromServer, totals[0].fromServer]) assertEquals([path.sent, path.lost], [undefined, undefined]);
  });
});

Deno.test("tine udp client --json says why it failed, also before anything was measured", async () => {
  for (const protocol of ["udp", "tcp"]) {
    const { code, stdout } = await tine([protocol, "client", "127.0.0.1:1", "--json"]);
    const { type, complete, error } = JSON.parse(stdout);
    assertEquals([code, type, complete, error.code], [1, "summary", false, "connection-refused"]);
    assertStringIncludes(error.message, "127.0.0.1:1");
  }
});

Deno.test(needsProcessors("tine udp client adds up the flows of a direction", async () => {
  await withServer("udp", LOOPBACK, async (address) => {
    const args = ["udp", "client", address, "--rate=1000pps", "--bidir", "--parallel=2", "--duration=300ms"];
    const { code, stdout } = await tine([...args, "--interval=100ms"]);
    assertEquals(code, 0);
    assertMatch(stdout, /\nsum up +0\.00-0\.10 +\d+ +- .*\nsum down +0\.00-0\.10 +- +\d+ /);
    assertMatch(stdout, /\n\nsum up: 600 packets, sent at 8\d\d kbit\/s, received at .*\n\npackets.*\nto server +600 /);
    assertMatch(stdout, /\n\nsum down: 600 packets, .*\n\npackets.*\nfrom server +600 /);
    const { totals, flows } = JSON.parse((await tine([...args, "--interval=0", "--json"])).stdout);
    assertEquals(totals.map(({ direction, flows }: Record<string, unknown>) => [direction, flows]), [
      ["upload", 2],
      ["download", 2],
    ]);
    assertEquals([totals[0].toServer.sent, totals[1].fromServer.sent, totals[0].fromServer], [600, 600, undefined]);
    for (const { durationSeconds, bad, serverBad } of flows) {
      assert(durationSeconds > 0.25 && durationSeconds < 1);
      assertEquals([bad, serverBad], [0, 0]);
    }
  });
}));

Deno.test("tine udp client reports packets that are not signed with its key", async () => {
  const keyFile = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(keyFile, "k".repeat(32));
    await Deno.chmod(keyFile, 0o600);
    await withServer("udp", [...LOOPBACK, `--key-file=${keyFile}`], async (address) => {
      await using proxy = new PacketProxy(address);
      const forge = (packet: Uint8Array<ArrayBuffer>, n: number, pass: (packet: Uint8Array<ArrayBuffer>) => void) => {
        pass(packet);
        if (n >= 3) return;
        const forged = packet.slice();
        forged[60] ^= 1; // of the signature
        pass(forged);
      };
      proxy.up = counted((flags) => flags === ECHO, forge);
      proxy.down = counted((flags) => flags === (ECHO | REPLY), forge);
      const { code, stdout } = await tine([
        "udp",
        "client",
        proxy.address,
        `--key-file=${keyFile}`,
        "--duration=300ms",
      ]);
      assertEquals(code, 0);
      for (const way of ["from", "to"]) {
        assertStringIncludes(
          stdout,
          `\n3 packets that came ${way} the server did not count: not of this flow, or not `,
        );
      }
    });
  } finally {
    await Deno.remove(keyFile);
  }
});

Deno.test("tine udp client --under-load measures each phase, over TCP at the same address", async () => {
  await withServer("udp", LOOPBACK, async (address) => {
    const args = ["udp", "client", address, "--under-load", "--duration=300ms", "--parallel=1", "--json"];
    const { code, stdout, stderr } = await tine(args);
    assertEquals([code, stderr], [0, ""]);
    const lines = objects(stdout);
    const summary = lines.pop();
    assertEquals(lines.map(({ type, phase }) => [type, phase]), [
      ["phase", "idle"],
      ["phase", "upload"],
      ["phase", "download"],
      ["phase", "both"],
    ]);
    for (const { phase, rttMedianMicros, roundTripsPerMinute, ...more } of lines) {
      assert(rttMedianMicros > 0 && roundTripsPerMinute > 0);
      assertEquals(more.uploadGoodputBitsPerSecond > 0, phase === "upload" || phase === "both");
      assertEquals(more.downloadGoodputBitsPerSecond > 0, phase === "download" || phase === "both");
    }
    assertEquals([summary.type, summary.complete, summary.phases], ["summary", true, lines]);
    assert(summary.roundTripsPerMinute > 0 && Number.isFinite(summary.addedRttMedianMicros));
  });
});

Deno.test("tine udp client says in one sentence what is wrong", async () => {
  const wrong = async (code: number, message: RegExp, ...args: string[]) => {
    const output = await tine(["udp", "client", ...args]);
    assertEquals([output.code, output.stdout], [code, ""]);
    assertMatch(output.stderr, message);
  };
  await wrong(2, /--wait and --rate exclude each other/, "127.0.0.1:1", "--wait=1ms", "--rate=max");
  await wrong(2, /--echo and --reverse exclude each other/, "127.0.0.1:1", "--echo", "--reverse");
  await wrong(2, /--gso means nothing without --rate/, "127.0.0.1:1", "--gso");
  await wrong(2, /--under-load and --rate exclude each other/, "127.0.0.1:1", "--under-load", "--rate=max");
  const group = "239.1.2.3:7001";
  await wrong(2, /--echo needs a server: 239\.1\.2\.3 is a group, whose receivers answer nothing\n/, group, "--echo");
  await wrong(2, /--under-load needs a server/, group, "--under-load");
  await wrong(2, /--rr needs a server/, group, "--rr=64B");
  await wrong(2, /--ttl is for groups of multicast, and 127\.0\.0\.1 is none\n/, "127.0.0.1:1", "--ttl=4");
  await wrong(2, /--interface is for groups .*; for a server, --bind %lo\n/, "127.0.0.1:1", "--interface=lo");
  await wrong(1, /there is no network interface "nosuch0"\n/, group, "--interface=nosuch0");
  await wrong(2, /--length SIZE: expected a size .* from 44/, "127.0.0.1:1", "--length=20");
  const keyFile = await Deno.makeTempFile();
  await Deno.writeTextFile(keyFile, "0".repeat(64));
  const short = ["127.0.0.1:1", `--key-file=${keyFile}`, "--length=71"];
  const least = /--length SIZE: expected at least 72 with a key, for the header alone, not 71\n/;
  await wrong(2, least, ...short);
  await wrong(2, least, ...short, "--under-load");
  await Deno.remove(keyFile);
  await wrong(2, /--cca means nothing without --under-load/, "127.0.0.1:1", "--cca=bbr");
  await wrong(1, /^tine udp client: no server listens .* 127\.0\.0\.1:1 /, "127.0.0.1:1");
  await wrong(1, /^tine udp client: no server listens .* 127\.0\.0\.1:1 /, "127.0.0.1:1", "--under-load");
});

Deno.test("tine udp server warns where other machines may reach it, and says what it refuses", async () => {
  const server = await withServer("udp", ["--listen", "0.0.0.0:0"], async (address) => {
    const port = address.split(":").at(-1);
    const { code, stderr } = await tine(["udp", "client", `127.0.0.1:${port}`, "--length=2000", "--duration=100ms"]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "packets of 2000 bytes are too long for this server");
  });
  assertMatch(server.stderr, /^tine udp server: warning: 0\.0\.0\.0 may be reached by other machines/);
  const large = await withServer("udp", [...LOOPBACK, "--max-packet-size=9000"], async (address) => {
    assertEquals((await tine(["udp", "client", address, "--length=9000", "--duration=100ms"])).code, 0);
  });
  assertEquals(large.code, 0);
});

Deno.test("tine udp client --warmup leaves the warm-up out of its figures, and marks its lines", async () => {
  await withServer("udp", LOOPBACK, async (address) => {
    const args = ["udp", "client", address, "--duration=900ms", "--warmup=500ms", "--interval=300ms"];
    const { code, stdout, stderr } = await tine(args);
    assertEquals([code, stderr], [0, ""]);
    assertMatch(stdout, /^warming up for 500ms: lines with a w are in no figure of the summary\nflow /);
    assertMatch(stdout, /\nup +0\.00-0\.30 w +\d/);
    assertMatch(stdout, /\nup +0\.60-0\.[89]\d +\d/);
    assertStringIncludes(stdout, `\n\nUDP, server ${address}, after a warm-up of 500ms\n\nup: 20 packets, sent at `);
    assertMatch(stdout, /\nto server +20 +20 +0 +0% +0 +0 +0\nfrom server +20 +20 +0 +0% /);
    const json = await tine([
      "udp",
      "client",
      address,
      "--duration=300ms",
      "--warmup=200ms",
      "--rate=100pps",
      "--json",
    ]);
    const [{ warmupSeconds, flows: [{ toServer }] }] = objects(json.stdout);
    // Without echoes, the server's counts say what arrived.
    assertEquals([warmupSeconds, toServer.sent, toServer.received, toServer.lost], [0.2, 10, 10, 0]);
  });
  for (
    const [more, message] of [
      [["--warmup=10s"], "--warmup DURATION: expected less than the duration of 10s, not 10s"],
      [["--warmup=1s", "--under-load"], "--under-load and --warmup exclude each other"],
    ] as const
  ) {
    const { code, stderr } = await tine(["udp", "client", "127.0.0.1:1", ...more]);
    assertEquals(code, 2);
    assertStringIncludes(stderr, message);
  }
});

Deno.test("tine udp client sends a number of packets each way, at a rate for each", async () => {
  await withServer("udp", ["--listen", "127.0.0.1:0"], async (address) => {
    const args = ["--bidir", "--rate=400kbps,100kbps", "--length=100", "--packets=40", "--json"];
    const { code, stdout, stderr } = await tine(["udp", "client", address, ...args]);
    assertEquals([code, stderr], [0, ""]);
    const { complete, flows: [up, down] } = JSON.parse(stdout);
    assertEquals([complete, up.toServer.sent, down.fromServer.sent], [true, 40, 40]);
    // 40 packets at the slower rate take four times as long, on the machine that sends them late too.
    assert(down.fromServer.sendBitsPerSecond === undefined || up.sendBitsPerSecond > down.sendBitsPerSecond);
  });
});

Deno.test("tine udp client --under-load that is interrupted before its server answers says so", async () => {
  const silent = Deno.listenDatagram({ transport: "udp", hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${(silent.addr as Deno.NetAddr).port}`;
  const child = startTine("udp", "client", address, "--under-load");
  await silent.receive();
  child.kill("SIGINT");
  const { code, stdout, stderr } = await outputOf(child);
  silent.close();
  const said = `tine udp client: it was interrupted before the server at ${address} had taken a flow\n`;
  assertEquals([code, stdout, stderr], [130, "", said]);
});
