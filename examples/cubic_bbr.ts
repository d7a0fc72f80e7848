// CUBIC against BBR through a slow link: the share of each, with a short queue, with a long one, and with fq_codel, which
// gives each flow its own queue. There is a test for each queue; a program makes the plan.
//
//   tine run examples/cubic_bbr.ts --trust
//   tine results results/latest/name=cca,queue=short
//
// An argument sets how long flows last: `tine run examples/cubic_bbr.ts --trust -- 30s`. It needs iproute2, but not root. What the
// kernel does not have is left out or replaced: stderr and the names of tests and flows show it.

import { child, parallel, plan, printPlan, serial, streamClient, streamServer, system, test } from "@tine/tine/node";
import { hasQueue, tbf } from "./kernel_queues.ts";

const [duration = "4s"] = Deno.args;

/** The kernel's congestion controls; only root can load BBR as a module. */
const available = Deno.readTextFileSync("/proc/sys/net/ipv4/tcp_available_congestion_control").split(/\s+/);
const rival = available.includes("bbr") ? "bbr" : "reno";
if (rival !== "bbr") console.error("there is no BBR here (modprobe tcp_bbr): it is CUBIC against Reno");

const local = { launcher: { local: { root: true } }, netns: { create: true } };
const left = { id: "left", ...local };
const right = { id: "right", ...local };
// The link is a node too, a router: a queue at the sender's own interface would slow its TCP down before it is full.
const link = { id: "link", ...local };

const short = tbf("50mbit", "10ms");
const long = tbf("50mbit", "200ms");
/** What makes each queue. */
const queues: Record<string, string> = {
  short: `tc qdisc add dev to-right root handle 1: ${short}`,
  long: `tc qdisc add dev to-right root handle 1: ${long}`,
  fq_codel: `tc qdisc add dev to-right root handle 1: ${long}
    tc qdisc add dev to-right parent 1:1 fq_codel`,
  // The link is as fast as the machine.
  none: "",
};

/** What can be compared here. */
function possible(): string[] {
  if (!hasQueue(short)) {
    console.error("there is no tbf here: the link is not shaped, and queues are not compared");
    return ["none"];
  }
  if (hasQueue("fq_codel")) return ["short", "long", "fq_codel"];
  console.error("there is no fq_codel here: it is one queue for both flows, a short one and a long one");
  return ["short", "long"];
}

const cables = `
  ip link add to-left type veth peer name to-link netns left
  ip link add to-right type veth peer name to-link netns right
  ip addr add 10.0.1.2/24 dev to-left
  ip addr add 10.0.2.2/24 dev to-right
  ip link set to-left up
  ip link set to-right up
  echo 1 >/proc/sys/net/ipv4/ip_forward
`;

const shell = (script: string) => system("sh -ec", { args: [script] });

/** One end of the link. */
const end = (net: number) =>
  shell(`
    ip addr add 10.0.${net}.1/24 dev to-link
    ip link set to-link up
    ip route add default via 10.0.${net}.2`);

/** Both flows start at the same time, alone on the link. */
const compare = (queue: string) =>
  test(
    { name: "cca", queue },
    serial(
      child(link, shell(cables + queues[queue])),
      child(left, end(1)),
      child(right, serial(end(2), streamServer("10.0.2.1:0", { listenAddrKey: "server" }))),
      child(
        left,
        parallel(
          ...["cubic", rival].map((cca) =>
            streamClient({ addrKey: "server", upload: { flow: cca, cca, duration, tcpInfoInterval: "10ms" } })
          ),
        ),
      ),
      child(link, system("tc -s qdisc show dev to-right", { stdout: "queue.txt" })),
    ),
    { timeout: "5m" },
  );

await printPlan(plan(...possible().map(compare)));
