import { maskText } from "./chosen.ts";
import { readValue, type Section } from "./survey.ts";

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
