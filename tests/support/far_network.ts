/** A network namespace that is reached over a link, for hosts that can be cut off. */

/** A namespace, its link to this machine, and what can be done to that. */
export interface FarNetwork extends AsyncDisposable {
  readonly name: string;
  /** The address in there. */
  readonly address: string;
  /** Lets no more than so many bits a second through, such as `50mbit`, in either direction. */
  limit(rate: string): Promise<void>;
  /** Drops every packet, in both directions. */
  cut(): Promise<void>;
}

/** Makes one. It takes root, iproute2 and the tbf qdisc. */
export async function makeFarNetwork(): Promise<FarNetwork> {
  // One of the many subnets of four addresses in 198.18.0.0/15, so that those of several tests differ.
  const subnet = crypto.getRandomValues(new Uint16Array(1))[0] << 1 & ~3;
  const address = (host: number) => `198.${18 + (subnet >> 16)}.${subnet >> 8 & 0xff}.${(subnet & 0xff) + host}`;
  const name = `far-${crypto.randomUUID().slice(0, 8)}`;
  const here = `v-${name.slice(4)}`;
  await run("ip", "netns", "add", name);
  try {
    await run("ip", "link", "add", here, "type", "veth", "peer", "name", "far", "netns", name);
    await run("ip", "addr", "add", `${address(1)}/30`, "dev", here);
    await run("ip", "link", "set", here, "up");
    for (const words of [`addr add ${address(2)}/30 dev far`, "link set far up", "link set lo up"]) {
      await run("ip", "-n", name, ...words.split(" "));
    }
  } catch (error) {
    await run("ip", "netns", "delete", name);
    throw error;
  }
  const shape = async (...words: string[]) => {
    await run("tc", "qdisc", "replace", "dev", here, "root", "tbf", ...words);
    await run("tc", "-n", name, "qdisc", "replace", "dev", "far", "root", "tbf", ...words);
  };
  return {
    name,
    address: address(2),
    limit: (rate) => shape("rate", rate, "burst", "128k", "limit", "1m"),
    // No packet is as small as that.
    cut: () => shape("rate", "1kbit", "burst", "1", "limit", "1"),
    async [Symbol.asyncDispose]() {
      // Connections that were cut keep the namespace for minutes, also without a name.
      await run("ip", "link", "delete", here);
      await run("ip", "netns", "delete", name);
    },
  };
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, stdin: "null", stdout: "null" }).output();
  if (!success) throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
