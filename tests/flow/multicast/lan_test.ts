/** Flows to groups over a switch, held against captures, the kernel's tables of memberships and counters of nftables. */
import { assert, assertEquals } from "@std/assert";
import { whyNoNamespaces } from "../../support/namespaces.ts";
import { TINE } from "../../support/tine.ts";
import { unless, whyNotInstalled } from "../../support/unless.ts";
import { rawSockets } from "../packet/packet_makers.ts";

/** A sender and three receivers on a switch; the second loses each fifth packet of the flows. */
const SCRIPT = `
mount -t tmpfs tmpfs /run
mkdir /run/netns
ip netns add switch
ip -n switch link add name bridge type bridge mcast_snooping 0
ip -n switch link set bridge up
i=0
for node in sender one two three; do
  i=$((i + 1))
  ip netns add $node
  ip -n switch link add name $node type veth peer name eth0 netns $node
  ip -n switch link set $node master bridge
  ip -n switch link set $node up
  ip -n $node link set lo up
  ip -n $node addr add 10.0.0.$i/24 dev eth0
  ip -n $node addr add fd00::$i/64 dev eth0 nodad
  ip -n $node link set eth0 up
done
ip netns exec two nft -f - <<'END'
table inet lossy {
  chain in {
    type filter hook prerouting priority -300;
    udp dport 7001 udp length 908 numgen inc mod 5 == 3 counter drop
  }
}
END

ip netns exec one tcpdump -i eth0 -Z root --immediate-mode -U --time-stamp-precision=nano -w one.pcap 2>tcpdump.txt &
until grep -q 'listening on' tcpdump.txt; do sleep 0.05; done
capture=$!

serve() {
  node=$1
  shift
  ip netns exec $node "$@" --json >$node.json 2>$node.txt &
}
serve one $TINE udp server --join 239.1.2.3%eth0 --join '[ff15::7%eth0]:7001'
serve two $TINE udp server --join 239.1.2.3%eth0 --join '[ff15::7%eth0]:7001'
# What another address sends to the group is not for this one.
serve three $TINE udp server --join 10.0.0.1@239.1.2.3%eth0 --join fd00::9@ff15::7%eth0
for node in one two three; do
  until [ "$(grep -c listening $node.txt)" = 2 ]; do sleep 0.05; done
done
ip netns exec one cat /proc/net/igmp >igmp.txt
ip netns exec three cat /proc/net/mcfilter /proc/net/mcfilter6 >sources.txt

send() {
  ip netns exec sender $TINE udp client "$@" --interface eth0 --ttl 4 --packets 100 --wait 4ms --length 900 --json
}
send 239.1.2.3:7001 >ipv4.json
send '[ff15::7]:7001' >ipv6.json
ip netns exec two nft list table inet lossy >lossy.txt
for node in one two; do until [ "$(grep -c '"flow"' $node.json)" = 2 ]; do sleep 0.05; done; done
until grep -q '"flow"' three.json; do sleep 0.05; done
kill -INT $(ip netns pids one) $(ip netns pids two) $(ip netns pids three)
wait
`;

// deno-lint-ignore no-explicit-any -- what a program prints
type Printed = any;

const why = (rawSockets ? undefined : "there are no raw sockets") ?? whyNoNamespaces({ rootless: false }) ??
  whyNotInstalled("bash", "nft", "tcpdump");

Deno.test({
  ...unless(why, "each receiver has the loss and delay that captures and counters have seen"),
  async fn() {
    const dir = await Deno.makeTempDir({ prefix: "tine-multicast-" });
    try {
      const { success, stderr } = await new Deno.Command("unshare", {
        // Whatever fails, no process is left.
        args: [
          ...["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"],
          ...["timeout", "120", "bash", "-ec", SCRIPT],
        ],
        cwd: dir,
        env: { TINE: TINE.join(" "), TINE_KEY: "k".repeat(32) },
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const text = (name: string) => Deno.readTextFileSync(`${dir}/${name}`);
      const objects = (name: string): Printed[] => text(name).trimEnd().split("\n").map((line) => JSON.parse(line));
      const flows = (name: string) => objects(name).filter(({ type }) => type === "flow");

      // 239.1.2.3 and ff15::7, each once; of the third, what one source sends.
      assertEquals(text("igmp.txt").match(/030201EF/g)?.length, 1);
      assert(/0xef010203 0x0a000001 +1 +0/.test(text("sources.txt")), text("sources.txt"));
      assert(/ff1500+7 fd0+9 +1 +0/.test(text("sources.txt")), text("sources.txt"));

      const dropped = Number(/counter packets (\d+)/.exec(text("lossy.txt"))![1]);
      assertEquals(dropped, 40);
      const [one, two, three] = ["one.json", "two.json", "three.json"].map(flows);
      const lost = (served: Printed[]) =>
        served.map(({ complete, toServer: { sent, lost } }) => [complete, sent, lost]);
      assertEquals(lost(one), [[true, 100, 0], [true, 100, 0]]);
      assertEquals(lost(two), [[true, 100, 20], [true, 100, 20]]);
      assertEquals(lost(three), [[true, 100, 0]]);

      // The sender knows the same of each.
      for (const [family, count] of [["ipv4", 3], ["ipv6", 2]] as const) {
        const [{ complete, flows: [{ receivers }] }] = objects(`${family}.json`);
        assertEquals([complete, receivers.length], [true, count]);
        for (const { address, lost, complete } of receivers) {
          assertEquals([complete, lost], [true, /^(?:10\.0\.0\.3|\[fd00::3\]):/.test(address) ? 20 : 0], address);
        }
      }

      const { packets, joined } = capture(Deno.readFileSync(`${dir}/one.pcap`));
      assert(joined > 0, "no membership report of IGMP was captured");
      assertEquals(packets.map(({ ttl }) => ttl), Array(200).fill(4));
      for (const [i, { toServer }] of one.entries()) {
        // The capture has the same time stamps of the kernel.
        const delays = packets.slice(100 * i, 100 * (i + 1)).map(({ delayMicros }) => delayMicros);
        const mean = delays.reduce((sum, delay) => sum + delay, 0) / delays.length;
        const seen = [Math.min(...delays), mean, Math.max(...delays)];
        const { oneWayDelayMinMicros: min, oneWayDelayMeanMicros, oneWayDelayMaxMicros: max } = toServer;
        for (const [k, measured] of [min, oneWayDelayMeanMicros, max].entries()) {
          assert(Math.abs(measured - seen[k]) < 0.2, `${measured} us, captured: ${seen[k]} us`);
        }
      }
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  },
});

interface Captured {
  readonly ttl: number;
  /** From the time of sending that is in the packet to that of the capture. */
  readonly delayMicros: number;
}

/** Reads a capture of Ethernet: packets of flows in their order, and how many reports of memberships there were. */
function capture(file: Uint8Array<ArrayBuffer>): { readonly packets: Captured[]; readonly joined: number } {
  const view = new DataView(file.buffer);
  assertEquals(view.getUint32(0, true), 0xa1b23c4d, "a capture with nanoseconds");
  const packets: Captured[] = [];
  let joined = 0;
  for (let at = 24; at < file.length; at += 16 + view.getUint32(at + 8, true)) {
    const captured = BigInt(view.getUint32(at, true)) * 1_000_000_000n + BigInt(view.getUint32(at + 4, true));
    const ip = at + 16 + 14, type = view.getUint16(ip - 2);
    const [protocol, ttl, header] = type === 0x0800
      ? [file[ip + 9], file[ip + 8], (file[ip] & 15) * 4]
      : [type === 0x86dd ? file[ip + 6] : 0, file[ip + 7], 40];
    if (type === 0x0800 && protocol === 2) joined++;
    const payload = ip + header + 8;
    // UDP, the mark of packets of flows, and no flag but that of signed ones.
    if (protocol !== 17 || view.getUint32(payload) !== 0x74696e65 || (file[payload + 4] & 0x7f) !== 0) continue;
    packets.push({ ttl, delayMicros: Number(captured - view.getBigUint64(payload + 16)) / 1000 });
  }
  return { packets, joined };
}

Deno.test({
  ...unless(why, "a sender names the interface that is down, or has no address"),
  async fn() {
    const script = `
ip link add name cable type veth peer name other
for group in 239.1.2.3 '[ff15::1]'; do
  $TINE udp client $group:7001 --interface cable --packets=1 --interval=0 || test $? = 1
done
`;
    const { stderr, stdout, success } = await new Deno.Command("unshare", {
      args: ["--net", "timeout", "60", "bash", "-ec", script],
      env: { TINE: TINE.join(" ") },
    }).output();
    const text = new TextDecoder().decode(stderr);
    assert(success, text);
    assertEquals(stdout.length, 0);
    const why = 'the interface "cable" is down, or has no address of its family';
    assertEquals(text.split("\n"), [
      `tine udp client: nothing can be sent to the group 239.1.2.3: ${why} (ENETUNREACH)`,
      `tine udp client: nothing can be sent to the group ff15::1: ${why} (EADDRNOTAVAIL)`,
      "",
    ]);
  },
});
