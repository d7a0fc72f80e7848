import { assert, assertEquals } from "@std/assert";
import { runPlan } from "../../../src/experiment/run_plan.ts";
import { counters, cpuCounters, linkCounters, softnetCounters } from "../../../src/node/runners/counters.ts";
import { parsePlan } from "../../../src/node/plan/parse.ts";
import { readTestReport } from "../../../src/report/test_report.ts";
import { exportToStream } from "../../../src/result/export/mod.ts";
import { openResults } from "../../../src/result/mod.ts";
import { decodeQdiscs, type QdiscCounters } from "../../../src/sys/qdisc_counters.ts";
import { whyNoNamespaces } from "../../support/namespaces.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";
import { TestContext } from "./test_context.ts";

Deno.test("counters reads /proc as the kernel prints it", () => {
  assertEquals(
    linkCounters(
      "Inter-|   Receive\n face |bytes\n    lo: 100 2 0 0 0 0 0 0 100 2 0 0 0 0 0 0\n" +
        "eth0:5444516516033 310724659 1 7 0 0 0 3 99 5 2 4 0 0 0 0\n",
    ).map(({ device, values }) => [device, values]),
    [
      ["lo", { rxBytes: 100, rxPackets: 2, rxDrops: 0, txBytes: 100, txPackets: 2, txDrops: 0 }],
      ["eth0", { rxBytes: 5444516516033, rxPackets: 310724659, rxDrops: 7, txBytes: 99, txPackets: 5, txDrops: 4 }],
    ],
  );
  assertEquals(
    cpuCounters("cpu  1 2 3 4\ncpu0 100 50 300 400 100 10 20 30 0 0\nintr 1\n").map((
      { device, values },
    ) => [device, values]),
    [["cpu0", { userSeconds: 1.5, systemSeconds: 3, softirqSeconds: 0.3, stealSeconds: 0.3, idleSeconds: 5 }]],
  );
  const softnet = "0a373652 00000001 00000007 0 0 0 0 0 0 0 0 0 00000003 0 0\n";
  assertEquals(softnetCounters(softnet).map(({ device, values }) => [device, values]), [
    ["cpu3", { packets: 0x0a373652, drops: 1, squeezes: 7 }],
  ]);
});

/** A message of a dump with one queueing discipline that marks; source: linux/pkt_sched.h. */
function codel(): DataView {
  const bytes = new Uint8Array(500);
  const view = new DataView(bytes.buffer);
  const attribute = (at: number, type: number, write: (at: number) => number): number => {
    const end = write(at + 4);
    view.setUint16(at, end - at, true);
    view.setUint16(at + 2, type, true);
    return (end + 3) & ~3;
  };
  view.setUint16(4, 36, true);
  view.setInt32(16 + 4, 7, true);
  view.setUint32(16 + 8, 0x8001_0000, true);
  view.setUint32(16 + 12, 0xffff_ffff, true);
  let at = attribute(36, 1, (at) => at + new TextEncoder().encodeInto("codel\0", bytes.subarray(at)).written);
  at = attribute(at, 7 | 0x8000, (at) => {
    at = attribute(at, 1, (at) => (view.setBigUint64(at, 2n ** 40n, true), view.setUint32(at + 8, 5, true), at + 12));
    at = attribute(
      at,
      3,
      (at) => ([3, 4500, 11, 12, 13].forEach((n, i) => view.setUint32(at + 4 * i, n, true)), at + 20),
    );
    return attribute(at, 4, (at) => (view.setUint32(at + 24, 21, true), view.setUint32(at + 32, 2, true), at + 36));
  });
  view.setUint32(0, at, true);
  view.setUint32(at, 20, true);
  view.setUint16(at + 4, 3, true);
  return new DataView(bytes.buffer, 0, at + 20);
}

Deno.test("decodeQdiscs() reads the counters of a queueing discipline, with marks, and survives damage", () => {
  const found: QdiscCounters[] = [];
  const view = codel();
  assert(decodeQdiscs(view, found, (index) => `eth${index}`));
  assertEquals(found, [{
    device: "eth7",
    kind: "codel",
    handle: "8001:",
    root: true,
    bytes: 2 ** 40,
    packets: 5,
    backlogPackets: 3,
    backlogBytes: 4500,
    drops: 11,
    requeues: 12,
    overlimits: 13,
    marks: 23,
  }]);
  for (let i = 0; i < view.byteLength; i++) {
    const damaged = new Uint8Array(view.buffer.slice(0, view.byteLength));
    damaged[i] ^= 0xff;
    for (const length of [view.byteLength, i]) decodeQdiscs(new DataView(damaged.buffer, 0, length), [], () => "eth0");
  }
});

Deno.test({
  ...unless(Deno.build.os === "linux" ? undefined : "there is no /proc", "counters goes on until its node ends"),
  async fn() {
    let context: TestContext;
    {
      await using used = new TestContext();
      context = used;
      await counters.run({ interval: 10, cpu: true, link: true }, used);
      assertEquals(context.sent, [], "it returns at once, and sends some together");
    }
    const samples = context.sent.flatMap((item) => item.type === "counters" ? item.samples : []);
    assertEquals([...new Set(samples.map(({ counter }) => counter))].sort(), ["cpu", "link"]);
    // The first and the last reading.
    const times = new Set(samples.map(({ time }) => time));
    assert(times.size >= 2, `${times.size} readings`);
  },
});

const PLAN = `
tests:
- id: { name: queue }
  child:
    node: { id: shaped, launcher: { local: {} }, netns: { create: true } }
    serial:
    - system: { command: tc qdisc add dev lo root tbf rate 20mbit burst 100kb limit 300kb }
    - counters: { interval: 20ms }
    - streamServer: { listenAddr: "127.0.0.1:0", listenAddrKey: tcp }
    - packetServer: { listenAddr: "127.0.0.1:0", listenAddrKey: udp }
    - parallel:
      - streamClient: { addrKey: tcp, upload: { flow: bulk, length: 2MB } }
      - packetClient: { addrKey: udp, flow: voip, sender: [{ unresponsive: { wait: [10ms], duration: 500ms, echo: true } }] }
    - sleep: 100ms
    - system: { command: "tc -s -j qdisc show dev lo", stdout: "bufmem:tc.json" }
    - system: { command: "ip -s -j link show dev lo", stdout: "bufmem:ip.json" }
`;

Deno.test({
  ...unless(
    whyNoNamespaces({ rootless: false }) ?? whyNotInstalled("tc"),
    "counters of a shaped queue are those of tc and ip, in a table, and under the round-trip times of a page",
  ),
  async fn() {
    const out = await Deno.makeTempDir({ prefix: "tine-counters-" });
    try {
      const quiet = { planStarts() {}, testStarts() {}, message() {}, testEnds() {} };
      const { folder, ok } = await runPlan(await parsePlan(PLAN), { out, planName: "x", tine: "0", observer: quiet });
      assertEquals(ok, 1);
      const path = `${folder}/name=queue`;
      const test = await openResults(path);
      if (test.kind !== "test") throw new Error(test.kind);
      let text = "";
      await exportToStream({ tests: [{ test }], tables: ["counters"], format: "jsonl" }, (bytes) => {
        text += new TextDecoder().decode(bytes);
        return Promise.resolve();
      });
      const rows = text.trimEnd().split("\n").map((line) => JSON.parse(line));
      assertEquals([...new Set(rows.map(({ counter }) => counter))].sort(), ["cpu", "link", "qdisc", "softnet"]);
      const queue = rows.filter(({ counter }) => counter === "qdisc");
      assertEquals([queue[0].device, queue[0].node], ["lo", "shaped"]);
      assert(/^tbf [0-9a-f]+: root$/.test(queue[0].queue), queue[0].queue);
      const file = async (name: string) => JSON.parse(await Deno.readTextFile(`${path}/files/${name}`))[0];
      const last = queue.at(-1)!, tc = await file("tc.json");
      assertEquals(
        [last.bytes, last.packets, last.drops_packets, last.overlimits, last.backlog_bytes],
        [tc.bytes, tc.packets, tc.drops, tc.overlimits, tc.backlog],
      );
      assert(Math.max(...queue.map(({ backlog_bytes }) => backlog_bytes)) > 50_000, "the queue fills");
      const link = rows.filter(({ counter, device }) => counter === "link" && device === "lo").at(-1)!;
      const { stats64: { rx, tx } } = await file("ip.json");
      assertEquals([link.rx_bytes, link.tx_packets], [rx.bytes, tx.packets]);
      const { timePlots } = await readTestReport(test, {});
      const ids = timePlots.map(({ id }) => id);
      assertEquals(ids.indexOf("queues"), ids.indexOf("rtt") + 1);
    } finally {
      await Deno.remove(out, { recursive: true });
    }
  },
});
