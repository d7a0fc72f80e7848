// 1,200 short flows, as pages of the web are: how long each takes, beside a bulk flow that fills the queue of the link.
//
//   tine run examples/short_flows.ts
//   tine results results/latest/name=short
//
// An argument sets how many: `tine run examples/short_flows.ts -- 100`. It needs iproute2, but not root.

import {
  child,
  parallel,
  plan,
  printPlan,
  schedule,
  serial,
  streamClient,
  streamServer,
  system,
  test,
} from "@tine/tine/node";

const [count = "1200"] = Deno.args;
const local = { launcher: { local: { root: true } }, netns: { create: true } };
const client = { id: "client", ...local };
const server = { id: "server", ...local };
// The link is a node too, a router: a queue at the sender's own interface would slow its TCP down before it is full.
const link = { id: "link", ...local };

const shell = (script: string) => system("sh -ec", { args: [script] });

/** One end of the link. */
const end = (net: number) =>
  shell(`
    ip addr add 10.0.${net}.1/24 dev to-link
    ip link set to-link up
    ip route add default via 10.0.${net}.2`);

/** Most are small, some are large. */
const LENGTHS = ["2kB", "4kB", "8kB", "8kB", "16kB", "16kB", "32kB", "128kB"];
/** Waits between the starts of flows in milliseconds, drawn at random: such arrivals are bursty. */
const WAITS = [1, 3, 5, 27];
const WAIT_MEAN = WAITS.reduce((sum, wait) => sum + wait) / WAITS.length;

const pages = Array.from({ length: Number(count) }, (_, i) =>
  streamClient({
    addrKey: "server",
    download: { flow: `page.${i + 1}`, length: LENGTHS[i % LENGTHS.length], cca: "cubic" },
  }));

await printPlan(plan(
  test(
    { name: "short" },
    serial(
      child(
        link,
        shell(`
          ip link add to-client type veth peer name to-link netns client
          ip link add to-server type veth peer name to-link netns server
          ip addr add 10.0.1.2/24 dev to-client
          ip addr add 10.0.2.2/24 dev to-server
          ip link set to-client up
          ip link set to-server up
          echo 1 >/proc/sys/net/ipv4/ip_forward
          tc qdisc add dev to-client root tbf rate 100mbit burst 32kb latency 40ms ||
            echo "there is no tbf here: the link is not shaped"`),
      ),
      child(client, end(1)),
      child(server, serial(end(2), streamServer("10.0.2.1:0", { listenAddrKey: "server" }))),
      child(
        client,
        parallel(
          streamClient({
            addrKey: "server",
            download: { flow: "bulk", duration: `${Math.ceil(Number(count) * WAIT_MEAN)}ms`, cca: "cubic" },
          }),
          // No flow waits for the end of another.
          schedule({ wait: WAITS.map((wait) => `${wait}ms`), random: true }, ...pages),
        ),
      ),
    ),
    { timeout: "2m" },
  ),
));
