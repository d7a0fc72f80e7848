import { splitCommand } from "../../../base/shell_words.ts";
import type { SysInfoData } from "../../item.ts";
import type { Runner } from "../../runner.ts";
import type { RunnerConfigs } from "../../runner_schemas.ts";
import { describeCommands, describeFiles, describeSettings, describeVariables, maskText } from "./chosen.ts";
import { capture, forEachAtOnce, readValue, type Section, Survey } from "./survey.ts";
import { TineError } from "../../../base/errors.ts";

/** Describes the node's system. */
export const sysInfo: Runner<RunnerConfigs["sysInfo"]> = {
  needs: ({ commands = [] }) => ({ programs: commands.flatMap((command) => splitCommand(command)?.slice(0, 1) ?? []) }),
  async run(config, context) {
    const survey = new Survey(context);
    const network = describeInterfaces(survey);
    const sections: Record<string, Promise<Section>> = {
      os: describeOs(),
      kernel: describeKernel(),
      cpu: describeCpu(),
      memory: describeMemory(),
      load: describeLoad(),
      clock: describeClock(),
      tcp: describeTcp(),
      interfaces: network.then(({ interfaces }) => interfaces),
      offloads: network.then(({ offloads }) => offloads),
      qdiscs: describeQdiscs(survey),
      commands: describeCommands(config.commands ?? [], survey),
      files: describeFiles(config.files ?? [], survey),
      env: describeVariables(config.env ?? [], survey),
      sysctl: describeSettings(config.sysctl ?? [], survey),
    };
    // The run waits for all sections, also when it is canceled.
    const settled = await Promise.allSettled(Object.values(sections));
    const values = settled.map((result) => {
      if (result.status === "rejected") throw result.reason;
      return known(result.value);
    });
    const named = Object.keys(sections).map((title, i) => [title, values[i]] as const);
    const notes = ["notes", known(Object.fromEntries(survey.notes))] as const;
    const withContent = [...named, notes].filter((entry): entry is [string, Content] => entry[1] !== undefined);
    await context.send({ type: "sysInfo", sections: Object.fromEntries(withContent) });
  },
};

type Content = SysInfoData["sections"][string];

/** Returns a section without what is not known; undefined if nothing is known. */
function known(section: Section): Content | undefined {
  if (typeof section !== "object") return section === "" ? undefined : section;
  const entries = Object.entries(section).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}

/** Returns name and version of the distribution. */
export async function describeOs(): Promise<Section> {
  const release = await readValue("/etc/os-release") ?? await readValue("/usr/lib/os-release");
  if (release === undefined) return { name: Deno.build.os };
  const value = (name: string) => release.match(new RegExp(`^${name}=(["']?)(.*)\\1$`, "m"))?.[2];
  return { name: value("PRETTY_NAME") ?? value("NAME"), id: value("ID"), version: value("VERSION_ID") };
}

/** Returns the version and the command line of the kernel. */
export async function describeKernel(): Promise<Section> {
  const commandLine = await readValue("/proc/cmdline");
  return {
    release: Deno.osRelease(),
    version: await readValue("/proc/version"),
    architecture: Deno.build.arch,
    hostname: Deno.hostname(),
    bootId: await readValue("/proc/sys/kernel/random/boot_id"),
    commandLine: commandLine && maskText(commandLine),
  };
}

/** Returns the model and number of processors, and what governs their frequency. */
export async function describeCpu(): Promise<Section> {
  const info = await readValue("/proc/cpuinfo") ?? "";
  const value = (name: string) => info.match(new RegExp(`^${name}\\s*: *(.*)$`, "m"))?.[1];
  const cpus = info.match(/^processor\s*:/gm)?.length;
  const governors = await Promise.all(
    Array.from({ length: cpus ?? 0 }, (_, i) => readValue(`/sys/devices/system/cpu/cpu${i}/cpufreq/scaling_governor`)),
  );
  const flags = value("flags");
  return {
    model: value("model name") ?? value("Model") ?? value("Hardware") ?? value("CPU part"),
    cpus: cpus?.toString(),
    usable: navigator.hardwareConcurrency.toString(),
    megahertz: value("cpu MHz"),
    governor: [...new Set(governors.filter((governor) => governor !== undefined))].join(", ") || undefined,
    virtual: flags && (/\bhypervisor\b/.test(flags) ? "yes" : "no"),
  };
}

/** Returns sizes of memory, as the kernel prints them. */
export async function describeMemory(): Promise<Section> {
  const info = await readValue("/proc/meminfo");
  if (info === undefined) return { total: `${Deno.systemMemoryInfo().total} B` };
  const value = (name: string) => info.match(new RegExp(`^${name}: *(.*)$`, "m"))?.[1];
  return {
    total: value("MemTotal"),
    available: value("MemAvailable"),
    swapTotal: value("SwapTotal"),
    swapFree: value("SwapFree"),
  };
}

/** Returns load averages and the uptime. */
export function describeLoad(): Promise<Section> {
  // An exception becomes a rejection, so that the run still waits for the other sections.
  return Promise.try(() => {
    const [one, five, fifteen] = Deno.loadavg().map((load) => load.toFixed(2));
    const uptimeSeconds = Math.floor(Deno.osUptime()).toString();
    return { "1min": one, "5min": five, "15min": fifteen, uptimeSeconds };
  });
}

/** Returns the clock sources of the kernel. */
export async function describeClock(): Promise<Section> {
  const folder = "/sys/devices/system/clocksource/clocksource0";
  return {
    source: await readValue(`${folder}/current_clocksource`),
    available: await readValue(`${folder}/available_clocksource`),
  };
}

/** Returns the kernel settings that tests of TCP depend on. */
export async function describeTcp(): Promise<Section> {
  const names = [
    "net.ipv4.tcp_congestion_control",
    "net.ipv4.tcp_available_congestion_control",
    "net.ipv4.tcp_allowed_congestion_control",
    "net.ipv4.tcp_ecn",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
    "net.ipv4.tcp_notsent_lowat",
    "net.core.rmem_max",
    "net.core.wmem_max",
    "net.core.default_qdisc",
  ];
  const values = names.map(async (name) => [name, await readValue(`/proc/sys/${name.replaceAll(".", "/")}`)] as const);
  return Object.fromEntries(await Promise.all(values));
}

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
