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

/** One end of a {@linkcode Link}: a namespace that is there for as long as a process. */
export class LinkEnd implements AsyncDisposable {
  readonly #holder: Deno.ChildProcess;

  private constructor(holder: Deno.ChildProcess, readonly ipv4: string, readonly ipv6: string) {
    this.#holder = holder;
  }

  /** Makes the namespace; it ends with this process, however that ends. */
  static async start(ipv4: string, ipv6: string): Promise<LinkEnd> {
    // It has something to say as soon as it is in there, and then waits for the end of its input.
    const args = ["--net", "sh", "-c", "echo; exec cat"];
    const holder = new Deno.Command("unshare", { args, stdin: "piped", stdout: "piped" }).spawn();
    const reader = holder.stdout.getReader();
    const { done } = await reader.read();
    reader.releaseLock();
    if (done) throw new Error("unshare --net failed");
    return new LinkEnd(holder, ipv4, ipv6);
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

  /** Shapes what leaves it by a token bucket: `rate 50mbit burst 16kb limit 100kb`. */
  async shape(bucket: string): Promise<void> {
    await this.run(`tc qdisc replace dev ${DEVICE} root tbf ${bucket}`);
  }

  /** What its queue has done. */
  async queue(): Promise<QueueCounts> {
    const [{ packets, bytes, drops }] = JSON.parse(await this.run(`tc -s -j qdisc show dev ${DEVICE}`));
    return { packets, bytes, drops };
  }

  /** What came in, and what went out. */
  async traffic(): Promise<{ readonly received: InterfaceCounts; readonly sent: InterfaceCounts }> {
    const [{ stats64: { rx, tx } }] = JSON.parse(await this.run(`ip -s -j link show dev ${DEVICE}`));
    return { received: rx, sent: tx };
  }

  /** A counter of all sockets in there: `Udp InDatagrams`, `Tcp RetransSegs`, or `Udp6InDatagrams`. */
  async counter(name: string): Promise<number> {
    const [group, member] = name.split(" ");
    if (member === undefined) {
      const text = await Deno.readTextFile(`/proc/${this.pid}/net/snmp6`);
      return Number(new RegExp(`^${name}\\s+(\\d+)$`, "m").exec(text)![1]);
    }
    const lines = (await Deno.readTextFile(`/proc/${this.pid}/net/snmp`)).split("\n");
    const [names, values] = lines.filter((line) => line.startsWith(`${group}: `)).map((line) => line.split(" "));
    return Number(values[names.indexOf(member)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#holder.stdin.close();
    await this.#holder.stdout.cancel();
    await this.#holder.status;
  }
}

/** Both ends. */
export interface Link extends AsyncDisposable {
  readonly client: LinkEnd;
  readonly server: LinkEnd;
}

/**
 * Makes two namespaces and a cable (a veth pair) between them, which carries segments as a network card without
 * offloads would: TCP hands down one segment at a time (`gso_max_segs 1`), so that queues and counters see the packets
 * that a wire would see. It takes root and iproute2.
 *
 * @param options `segments`: how many segments TCP may hand down at once
 */
export async function makeLink({ segments = 1 }: { segments?: number } = {}): Promise<Link> {
  await using stack = new AsyncDisposableStack();
  const client = stack.use(await LinkEnd.start("198.18.0.1", "fd00:18::1"));
  const server = stack.use(await LinkEnd.start("198.18.0.2", "fd00:18::2"));
  await client.run(`ip link add ${DEVICE} type veth peer name ${DEVICE} netns ${server.pid}`);
  for (const end of [client, server]) {
    await end.run(`ip link set ${DEVICE} gso_max_segs ${segments} addrgenmode none`);
    await end.run(`ip addr add ${end.ipv4}/24 dev ${DEVICE}`);
    await end.run(`ip addr add ${end.ipv6}/64 dev ${DEVICE} nodad`);
    await end.run(`ip link set ${DEVICE} up`);
    await end.run("ip link set lo up");
  }
  const owned = stack.move();
  return { client, server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function output([program, ...args]: readonly string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, { args, stdin: "null" }).output();
  if (!success) throw new Error(`${[program, ...args].join(" ")}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}
