import { TineError } from "../../../base/errors.ts";
import { capture, forEachAtOnce, readValue, type Section, type Survey } from "./survey.ts";

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** The most interfaces whose offloads are described: each takes a process. */
const MAX_OFFLOADS = 64;
const AT_ONCE = 4;

/** Returns one line for each interface, and the offloads that each has switched on. */
export async function describeInterfaces(survey: Survey): Promise<{ interfaces: Section; offloads: Section }> {
  const text = await outputOf("ip", ["-j", "-d", "addr", "show"], survey);
  const interfaces = (text === undefined ? undefined : parseInterfaces(text)) ?? await withoutIp();
  const offloads: Record<string, string> = {};
  const names = Object.keys(interfaces).filter((name) => name !== "lo").slice(0, MAX_OFFLOADS);
  let hasEthtool = true;
  await forEachAtOnce(names, AT_ONCE, async (name) => {
    const features = hasEthtool ? await outputOf("ethtool", ["-k", name], survey) : undefined;
    if (features === undefined) hasEthtool = false;
    else offloads[name] = Array.from(features.matchAll(/^([\w-]+): on\b/gm), ([, feature]) => feature).join(", ");
  });
  return { interfaces, offloads: Object.keys(offloads).length > 0 ? offloads : undefined };
}

/** Returns queueing disciplines, as tc prints them. */
export function describeQdiscs(survey: Survey): Promise<Section> {
  return outputOf("tc", ["qdisc", "show"], survey);
}

/** Returns what a tool prints; undefined if it is missing or fails, which is noted. */
async function outputOf(program: string, args: string[], survey: Survey): Promise<string | undefined> {
  try {
    const { text, end, lastError } = await capture(program, args, MAX_OUTPUT_BYTES, survey.context);
    if (end.success) return text;
    survey.note([program, ...args].join(" "), end.how + (lastError === undefined ? "" : `: ${lastError}`));
  } catch (error) {
    survey.context.signal.throwIfAborted();
    if (!(error instanceof TineError)) throw error;
    survey.note(program, error.message);
  }
  return undefined;
}

/**
 * Reads what `ip -j -d addr` prints.
 *
 * @returns a line for each interface; undefined if it is something else
 */
export function parseInterfaces(json: string): Record<string, string> | undefined {
  let list: unknown;
  try {
    list = JSON.parse(json);
  } catch {
    return undefined; // an ip that knows no -j
  }
  if (!Array.isArray(list)) return undefined;
  return Object.fromEntries(
    list.filter((entry) => typeof entry?.ifname === "string").map((entry) => {
      const { ifname, operstate, mtu, address, addr_info, linkinfo, link, qdisc, txqlen } = entry;
      const { gso_max_size, gro_max_size, num_tx_queues, num_rx_queues } = entry;
      const addresses = Array.isArray(addr_info)
        ? addr_info.map(({ local, prefixlen }) => `${local}/${prefixlen}`)
        : [];
      const named: [string, unknown][] = [
        ["state", operstate],
        ["kind", linkinfo?.info_kind],
        ["link", link],
        ["mtu", mtu],
        ["mac", address],
        ["addresses", addresses.join(" ") || undefined],
        ["qdisc", qdisc],
        ["txqlen", txqlen],
        ["gso_max_size", gso_max_size],
        ["gro_max_size", gro_max_size],
        ["tx_queues", num_tx_queues],
        ["rx_queues", num_rx_queues],
      ];
      const known = named.filter(([, value]) => value !== undefined && value !== null);
      return [ifname, known.map(([name, value]) => `${name} ${value}`).join(", ")];
    }),
  );
}

/** Returns what is known about interfaces without iproute2. */
async function withoutIp(): Promise<Record<string, string>> {
  const names = Array.from((await readValue("/proc/net/dev") ?? "").matchAll(/^\s*([^\s:|]+):/gm), ([, name]) => name);
  const all = Map.groupBy(Deno.networkInterfaces(), ({ name }) => name);
  for (const name of names) if (!all.has(name)) all.set(name, []);
  return Object.fromEntries([...all].map(([name, entries]) => {
    const mac = entries[0] === undefined ? [] : [`mac ${entries[0].mac}`];
    const addresses = entries.map(({ cidr }) => cidr).join(" ");
    return [name, [...mac, ...addresses === "" ? [] : [`addresses ${addresses}`]].join(", ")];
  }));
}
