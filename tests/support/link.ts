/** Two network namespaces without names, joined by a cable: for traffic that disturbs nobody, and its witnesses. */

import { whyNoNamespaces } from "./namespaces.ts";

/** The name of the interface, in both namespaces. */
export const DEVICE = "cable";

/** Packets and bytes, those of layer 2, that an interface has carried. */
export interface InterfaceCounts {
  readonly packets: number;
  readonly bytes: number;
}

/** What a queue has done. */
export interface QueueCounts extends InterfaceCounts {
  readonly drops: number;
}

/** Why there are none here; undefined where there are. */
export function whyNoLink(): string | undefined {
  return whyNoNamespaces({ rootless: false });
}

/** A network namespace without a name: it is there for as long as a process. */
class Namespace implements AsyncDisposable {
  readonly #holder: Deno.ChildProcess;

  private constructor(holder: Deno.ChildProcess) {
    this.#holder = holder;
  }

  /** Makes it; it ends with this process, however that ends. */
  static async start(): Promise<Namespace> {
    // It has something to say as soon as it is in there, and then waits for the end of its input.
    const args = ["--net", "sh", "-c", "echo; exec cat"];
    const holder = new Deno.Command("unshare", { args, stdin: "piped", stdout: "piped" }).spawn();
    const reader = holder.stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) throw new Error("unshare --net failed");
    return new Namespace(holder);
  }

  get pid(): number {
    return this.#holder.pid;
  }

  /** Words in front of a command that is to run in there. */
  get inside(): readonly string[] {
    return ["nsenter", `--net=/proc/${this.pid}/ns/net`];
  }

  /** Runs a command in there, such as `ip link`, and returns what it prints. */
  run(command: string): Promise<string> {
    return output([...this.inside, ...command.split(" ")]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.stdin.close();
    await this.#holder.stdout.cancel();
    await this.#holder.status;
  }
}

/** An interface, where packets wait to leave a namespace. */
export class Port {
  constructor(readonly namespace: Namespace, readonly device: string) {}

  /** Lets out no more than a token bucket does: `rate 50mbit burst 16kb limit 100kb`. */
  async shape(bucket: string): Promise<void> {
    await this.namespace.run(`tc qdisc replace dev ${this.device} root tbf ${bucket}`);
  }

  /** What its queue has done. */
  async queue(): Promise<QueueCounts> {
    const [{ packets, bytes, drops }] = JSON.parse(await this.namespace.run(`tc -s -j qdisc show dev ${this.device}`));
    return { packets, bytes, drops };
  }

  /** What came in, and what went out. */
  async traffic(): Promise<{ readonly received: InterfaceCounts; readonly sent: InterfaceCounts }> {
    const [{ stats64: { rx, tx } }] = JSON.parse(await this.namespace.run(`ip -s -j link show dev ${this.device}`));
    return { received: rx, sent: tx };
  }
}

/** One end of a {@linkcode Link}. */
export class LinkEnd extends Port {
  constructor(namespace: Namespace, readonly ipv4: string, readonly ipv6: string) {
    super(namespace, DEVICE);
  }

  /** Words in front of a command that is to run in there. */
  get inside(): readonly string[] {
    return this.namespace.inside;
  }

  /** A counter of all sockets in there: `Udp InDatagrams`, `Tcp RetransSegs`, or `Udp6InDatagrams`. */
  async counter(name: string): Promise<number> {
    const [group, member] = name.split(" ");
    const folder = `/proc/${this.namespace.pid}/net`;
    if (member === undefined) {
      const text = await Deno.readTextFile(`${folder}/snmp6`);
      return Number(new RegExp(`^${name}\\s+(\\d+)$`, "m").exec(text)![1]);
    }
    const lines = (await Deno.readTextFile(`${folder}/snmp`)).split("\n");
    const [names, values] = lines.filter((line) => line.startsWith(`${group}: `)).map((line) => line.split(" "));
    return Number(values[names.indexOf(member)]);
  }
}

/** Two namespaces, and where packets wait on their way. */
export interface Link extends AsyncDisposable {
  readonly client: LinkEnd;
  readonly server: LinkEnd;
  readonly toServer: Port;
  readonly toClient: Port;
}

/** How a link is. */
export interface LinkOptions {
  /**
   * There is a bridge in the middle, and queues are there: a sender does not see what they drop, whereas TCP is told of
   * the drops of its own host and never fills its queue. Default: queues are at the senders
   */
  readonly bridge?: boolean;
  /** There is a router in the middle, and the MTU of its way to the server, and of the server's own, is this. */
  readonly routedMtu?: number;
  /** How many segments TCP hands down at once, see {@linkcode makeLink}. Default: 1 */
  readonly segments?: number;
}

/**
 * Makes two namespaces and a cable (a veth pair) between them, which carries segments as a network card without
 * offloads would: TCP hands down one segment at a time (`gso_max_segs 1`), so that queues and counters see the packets
 * that a wire would see. It takes root and iproute2.
 */
export async function makeLink({ bridge = false, routedMtu, segments = 1 }: LinkOptions = {}): Promise<Link> {
  await using stack = new AsyncDisposableStack();
  const start = async () => stack.use(await Namespace.start());
  const client = new LinkEnd(await start(), "198.18.0.1", "fd00:18::1");
  const [ipv4, ipv6] = routedMtu === undefined ? ["198.18.0.2", "fd00:18::2"] : ["198.18.1.2", "fd00:18:1::2"];
  const server = new LinkEnd(await start(), ipv4, ipv6);
  const ways = routedMtu !== undefined
    ? await routeThrough(await start(), client, server)
    : bridge
    ? await plugInto(await start(), client, server)
    : await join(client, server);
  for (const end of [client, server]) {
    await end.namespace.run(`ip link set ${DEVICE} gso_max_segs ${segments} addrgenmode none`);
    await end.namespace.run(`ip addr add ${end.ipv4}/24 dev ${DEVICE}`);
    await end.namespace.run(`ip addr add ${end.ipv6}/64 dev ${DEVICE} nodad`);
    await end.namespace.run(`ip link set ${DEVICE} up`);
    await end.namespace.run("ip link set lo up");
  }
  if (routedMtu !== undefined) await setRoutes(ways.toServer, client, server, routedMtu);
  const owned = stack.move();
  return { client, server, ...ways, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function join(client: LinkEnd, server: LinkEnd) {
  await client.namespace.run(`ip link add ${DEVICE} type veth peer name ${DEVICE} netns ${server.namespace.pid}`);
  return { toServer: client, toClient: server };
}

async function plugInto(middle: Namespace, client: LinkEnd, server: LinkEnd) {
  await middle.run("ip link add bridge type bridge");
  await middle.run("ip link set bridge addrgenmode none up");
  for (const [port, end] of [["client", client], ["server", server]] as const) {
    await middle.run(`ip link add ${port} type veth peer name ${DEVICE} netns ${end.namespace.pid}`);
    await middle.run(`ip link set ${port} addrgenmode none master bridge up`);
  }
  return { toServer: new Port(middle, "server"), toClient: new Port(middle, "client") };
}

/** Joins both ends to a router. */
async function routeThrough(middle: Namespace, client: LinkEnd, server: LinkEnd) {
  for (const [port, end, net] of [["client", client, 0], ["server", server, 1]] as const) {
    await middle.run(`ip link add ${port} type veth peer name ${DEVICE} netns ${end.namespace.pid}`);
    await middle.run(`ip link set ${port} addrgenmode none`);
    await middle.run(`ip addr add 198.18.${net}.254/24 dev ${port}`);
    await middle.run(`ip addr add fd00:18:${net}::fe/64 dev ${port} nodad`);
    // It asks for neighbours from there.
    await middle.run(`ip addr add fe80::fe/64 dev ${port} nodad`);
    await middle.run(`ip link set ${port} up`);
  }
  await middle.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
  return { toServer: new Port(middle, "server"), toClient: new Port(middle, "client") };
}

/** Has both ends send through the router, with the MTU of its way to the server. */
async function setRoutes(toServer: Port, client: LinkEnd, server: LinkEnd, mtu: number): Promise<void> {
  await toServer.namespace.run(`ip link set ${toServer.device} mtu ${mtu}`);
  await server.namespace.run(`ip link set ${DEVICE} mtu ${mtu}`);
  for (const [end, net] of [[client, 0], [server, 1]] as const) {
    await end.namespace.run(`ip route add default via 198.18.${net}.254`);
    await end.namespace.run(`ip -6 route add default via fd00:18:${net}::fe`);
  }
}

async function output([program, ...args]: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  if (!success) throw new Error(`${[program, ...args].join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
