// Latency under load: echoes across a slow link, idle, under an upload, under a download, and under both. With a plain
// queue, and with fq_codel, which gives each flow its own queue and keeps all of them short.
//
//   a 10.0.1.1 ---- link ------------------------------ 10.0.2.1 b
//                   30 Mbit/s each way, queues of 100 ms
//
//   tine run examples/latency_under_load.ts --trust
//   tine results results/latest/name=load,queue=plain
//   tine results results/latest/name=load,queue=fq_codel
//
// An argument sets how many seconds are measured in each phase: `tine run examples/latency_under_load.ts --trust -- 5`. What the
// kernel does not have is left out, and the names of the tests show it. By hand, tine udp client --under-load
// does the same between two machines. It needs iproute2, but not root.

import {
  child,
  packetClient,
  packetServer,
  parallel,
  plan,
  printPlan,
  serial,
  sleep,
  streamClient,
  streamServer,
  system,
  test,
} from "@tine/tine/node";
import { hasQueue, tbf } from "./kernel_queues.ts";

const [seconds = "1"] = Deno.args;
const duration = `${seconds}s`;
/** The load has as much time to fill the queue before echoes measure it. */
const loadDuration = `${2 * Number(seconds)}s`;

const local = { launcher: { local: { root: true } }, netns: { create: true } };
const a = { id: "a", ...local };
const b = { id: "b", ...local };
// The link is a node too, a router: a queue at the sender's own interface would slow its TCP down before it is full.
const link = { id: "link", ...local };

const shell = (script: string) => system("sh -ec", { args: [script] });

const bucket = tbf("30mbit", "100ms");
/** What makes each queue, on both interfaces of the link. */
const queues: Record<string, (dev: string) => string> = {
  plain: (dev) => `tc qdisc add dev ${dev} root handle 1: ${bucket}`,
  fq_codel: (dev) => `${queues.plain(dev)}; tc qdisc add dev ${dev} parent 1:1 fq_codel`,
  // The link is as fast as the machine.
  none: () => "",
};

/** What can be compared here. */
function possible(): string[] {
  if (!hasQueue(bucket)) {
    console.error("there is no tbf here: the link is not shaped, and nothing is compared");
    return ["none"];
  }
  if (hasQueue("fq_codel")) return ["plain", "fq_codel"];
  console.error("there is no fq_codel here: the plain queue is compared with nothing");
  return ["plain"];
}

const cables = `
  ip link add to-a type veth peer name to-link netns a
  ip link add to-b type veth peer name to-link netns b
  ip addr add 10.0.1.2/24 dev to-a
  ip addr add 10.0.2.2/24 dev to-b
  ip link set to-a up
  ip link set to-b up
  echo 1 >/proc/sys/net/ipv4/ip_forward
`;

/** One end of the link. */
const end = (net: number) =>
  shell(`
    ip addr add 10.0.${net}.1/24 dev to-link
    ip link set to-link up
    ip route add default via 10.0.${net}.2`);

/** Flows have other names in each phase, so that results distinguish them. */
const echoes = (flow: string) =>
  packetClient({ addrKey: "udp", flow, sender: [{ unresponsive: { wait: ["10ms"], duration, echo: true } }] });
const upload = (flow: string) =>
  streamClient({ addrKey: "tcp", upload: { flow, duration: loadDuration, cca: "cubic" } });
const download = (flow: string) =>
  streamClient({ addrKey: "tcp", download: { flow, duration: loadDuration, cca: "cubic" } });

const measure = (queue: string) =>
  test(
    { name: "load", queue },
    serial(
      child(link, shell(cables + queues[queue]("to-a") + "\n" + queues[queue]("to-b"))),
      child(a, end(1)),
      child(
        b,
        serial(
          end(2),
          streamServer("10.0.2.1:0", { listenAddrKey: "tcp" }),
          packetServer("10.0.2.1:0", { listenAddrKey: "udp" }),
        ),
      ),
      child(
        a,
        serial(
          echoes("rtt.idle"),
          parallel(upload("up"), serial(sleep(duration), echoes("rtt.up"))),
          parallel(download("down"), serial(sleep(duration), echoes("rtt.down"))),
          parallel(upload("both.up"), download("both.down"), serial(sleep(duration), echoes("rtt.both"))),
        ),
      ),
      // What the queues did, by the kernel's own count.
      child(link, system("tc -s qdisc show", { stdout: "queues.txt" })),
    ),
  );

await printPlan(plan(...possible().map(measure)));
