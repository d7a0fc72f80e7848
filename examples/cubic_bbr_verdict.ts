// CUBIC against BBR, each alone on a link of 50 Mbit/s: ten runs of each, in rounds, so that a verdict is possible.
//
//   tine run examples/cubic_bbr_verdict.ts --trust
//   tine compare results/latest --by cca
//
// An argument sets how long a flow lasts: `tine run examples/cubic_bbr_verdict.ts --trust --repeat 4 -- 1s` is quicker, and
// can say less. It needs iproute2, but not root. Where there is no BBR, it is CUBIC against Reno.

import { child, plan, printPlan, serial, streamClient, streamServer, system, test } from "@tine/tine/node";
import { hasQueue, tbf } from "./kernel_queues.ts";

const [duration = "4s"] = Deno.args;

/** The congestion controls that an ordinary user may choose, too. */
const allowed = Deno.readTextFileSync("/proc/sys/net/ipv4/tcp_allowed_congestion_control").split(/\s+/);
const rival = allowed.includes("bbr") ? "bbr" : "reno";
if (rival !== "bbr") {
  console.error("BBR is not allowed here (tcp_allowed_congestion_control): it is CUBIC against Reno");
}

const local = { launcher: { local: { root: true } }, netns: { create: true } };
const left = { id: "left", ...local };
const right = { id: "right", ...local };
// The link is a node too, a router: a queue at the sender's own interface would slow its TCP down before it is full.
const link = { id: "link", ...local };

const shaped = tbf("50mbit", "100ms");
const queue = hasQueue(shaped) ? `tc qdisc add dev to-right root ${shaped}` : "";
const shell = (script: string) => system("sh -ec", { args: [script] });

/** One end of the link. */
const end = (net: number) =>
  shell(`
    ip addr add 10.0.${net}.1/24 dev to-link
    ip link set to-link up
    ip route add default via 10.0.${net}.2`);

await printPlan(plan(test(
  { name: "bulk" },
  serial(
    child(
      link,
      shell(`
        ip link add to-left type veth peer name to-link netns left
        ip link add to-right type veth peer name to-link netns right
        ip addr add 10.0.1.2/24 dev to-left
        ip addr add 10.0.2.2/24 dev to-right
        ip link set to-left up
        ip link set to-right up
        echo 1 >/proc/sys/net/ipv4/ip_forward
        ${queue}`),
    ),
    child(left, end(1)),
    child(right, serial(end(2), streamServer("10.0.2.1:0", { listenAddrKey: "server" }))),
    child(
      left,
      streamClient({
        addrKey: "server",
        upload: { flow: "bulk", cca: "${cca}", duration, tcpInfoInterval: "10ms" },
      }),
    ),
  ),
  { matrix: { cca: ["cubic", rival] }, repeat: 10, timeout: "60s" },
)));
