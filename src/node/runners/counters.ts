import { messageOf } from "../../base/errors.ts";
import { delay, now } from "../../base/time.ts";
import { availability } from "../../sys/libc.ts";
import { readQdiscCounters } from "../../sys/qdisc_counters.ts";
import type { Counters, CounterSample } from "../item.ts";
import type { RunContext, Runner } from "../runner.ts";
import type { RunnerConfigs } from "../runner_schemas.ts";

/** How often counters are read, in milliseconds. */
export const DEFAULT_COUNTERS_INTERVAL_MS = 100;
/** Samples are sent at least this often, in milliseconds. */
const SEND_MS = 250;
/** Samples that are sent at once. */
const MAX_SAMPLES = 500;

type CountersConfig = RunnerConfigs["counters"];

/** Reads counters of the node's system from now on, until all runs of the node are over. */
export const counters: Runner<CountersConfig> = {
  run(config, context) {
    const sampler = new CounterSampler(config, context);
    sampler.read();
    const stop = new AbortController();
    const { interval = DEFAULT_COUNTERS_INTERVAL_MS } = config;
    const reading = (async () => {
      while (!stop.signal.aborted) {
        await delay(interval, stop.signal).catch(() => {}); // then it is the last one
        sampler.read();
      }
      await sampler.send();
    })();
    context.goesOn(reading);
    context.onEnd(async () => {
      stop.abort();
      await reading;
    });
    return Promise.resolve();
  },
};

/** Reads one kind of counters at a time. */
type Read = () => CounterSample[];

class CounterSampler {
  readonly #context: RunContext;
  readonly #reads: Map<CounterSample["counter"], Read>;
  #samples: CounterSample[] = [];
  #sentAt = performance.now();

  constructor(config: CountersConfig, context: RunContext) {
    this.#context = context;
    const named = KINDS.filter((kind) => config[kind] !== undefined);
    // Without a choice, or with what is left out alone, all others are read.
    const wanted = KINDS.filter((kind) => named.some((kind) => config[kind]) ? config[kind] : config[kind] !== false);
    this.#reads = new Map(wanted.map((kind) => [kind, READS[kind]]));
    const status = availability();
    if (!this.#reads.has("qdisc") || status.available) return;
    this.#leaveOut("qdisc", status.reason);
  }

  read(): void {
    const time = now();
    for (const [kind, read] of this.#reads) {
      try {
        for (const sample of read()) this.#samples.push({ ...sample, time });
      } catch (error) {
        this.#leaveOut(kind, messageOf(error));
      }
    }
    if (this.#samples.length < MAX_SAMPLES && performance.now() - this.#sentAt < SEND_MS) return;
    void this.send()?.catch(() => {}); // the node is ending
  }

  /** Sends what was read. */
  send(): Promise<void> | undefined {
    this.#sentAt = performance.now();
    if (this.#samples.length === 0) return undefined;
    const samples = this.#samples;
    this.#samples = [];
    const item: Omit<Counters, "nodeId"> = { type: "counters", samples };
    return this.#context.send(item);
  }

  #leaveOut(kind: CounterSample["counter"], why: string): void {
    this.#reads.delete(kind);
    void this.#context.log(`counters of ${kind} are left out: ${why}`);
  }
}

const KINDS = ["qdisc", "link", "cpu", "softnet"] as const;

/** A sample without its time, which all of a reading share. */
function sampleOf(
  counter: CounterSample["counter"],
  device: string,
  values: CounterSample["values"],
  detail = "",
): CounterSample {
  return { time: 0n, counter, device, detail, values };
}

const READS: Readonly<Record<typeof KINDS[number], Read>> = {
  qdisc: () =>
    // noqueue has no queue, and counts nothing.
    readQdiscCounters().filter(({ kind }) => kind !== "noqueue").map(({ device, kind, handle, root, marks, ...of }) =>
      sampleOf("qdisc", device, {
        backlogBytes: of.backlogBytes,
        backlogPackets: of.backlogPackets,
        bytes: of.bytes,
        packets: of.packets,
        drops: of.drops,
        overlimits: of.overlimits,
        requeues: of.requeues,
        ...marks !== undefined && { marks },
      }, `${kind} ${handle}${root ? " root" : ""}`)
    ),
  link: () => linkCounters(Deno.readTextFileSync("/proc/self/net/dev")),
  cpu: () => cpuCounters(Deno.readTextFileSync("/proc/stat")),
  softnet: () => softnetCounters(Deno.readTextFileSync("/proc/self/net/softnet_stat")),
};

/** Reads what interfaces have carried. Source: proc_pid_net(5), /proc/net/dev. */
export function linkCounters(text: string): CounterSample[] {
  return text.trimEnd().split("\n").slice(2).map((line) => {
    const [device, rest] = line.split(/:(.*)/s);
    const [rxBytes, rxPackets, , rxDrops, , , , , txBytes, txPackets, , txDrops] = rest.trim().split(/\s+/).map(Number);
    return sampleOf("link", device.trim(), { rxBytes, rxPackets, rxDrops, txBytes, txPackets, txDrops });
  });
}

/** Ticks of a second in /proc/stat: USER_HZ, which is 100 on all of Linux's architectures that tine runs on. */
const TICKS = 100;

/** Reads what processors have spent their time on. Source: proc_stat(5). */
export function cpuCounters(text: string): CounterSample[] {
  return text.split("\n").filter((line) => /^cpu\d/.test(line)).map((line) => {
    const [name, ...ticks] = line.split(/\s+/);
    const [user, nice, system, idle, iowait, irq, softirq, steal] = ticks.map(Number);
    return sampleOf("cpu", name, {
      userSeconds: (user + nice) / TICKS,
      systemSeconds: system / TICKS,
      softirqSeconds: (irq + softirq) / TICKS,
      stealSeconds: steal / TICKS,
      idleSeconds: (idle + iowait) / TICKS,
    });
  });
}

/** Where the number of the processor is, since Linux 5.15. */
const CPU_AT = 12;

/**
 * Reads how processors have taken packets from network cards.
 *
 * Source: softnet_seq_show() of the kernel, /proc/net/softnet_stat: hexadecimal numbers, a line a processor.
 */
export function softnetCounters(text: string): CounterSample[] {
  return text.trimEnd().split("\n").map((line, i) => {
    const values = line.trim().split(/\s+/).map((word) => parseInt(word, 16));
    const [packets, drops, squeezes] = values;
    return sampleOf("softnet", `cpu${values[CPU_AT] ?? i}`, { packets, drops, squeezes });
  });
}
