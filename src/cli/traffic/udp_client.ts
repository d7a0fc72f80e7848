import { MAX_TIMEOUT_MS } from "../../flow/transaction/limits.ts";
import { DEFAULT_MAX_PACKET_BYTES, MAX_PACKET_BYTES } from "../../base/limits.ts";
import type { UnresponsiveConfig } from "../../flow/config.ts";
import type { Flows } from "../../flow/flows.ts";
import { PACKET_HEADER_BYTES, SIGNED_HEADER_BYTES } from "../../flow/packet/header.ts";
import { leastPacketBytes } from "../../flow/packet_kind.ts";
import { OPEN_LAYOUT, STAMP_PORT } from "../../flow/stamp/test_packet.ts";
import { defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { choice, duration, flag, flagName, type FlagValues, integer, section, size, text } from "../flags.ts";
import {
  cca,
  checkPayload,
  checkRates,
  checkRawSockets,
  checkTransactionFlags,
  checkWarmup,
  clientFlags,
  DEFAULT_CLIENT_DURATION_MS,
  dialled,
  flowDuration,
  intervalOf,
  type MessageLengths,
  messageLengths,
  rate,
  transactionFlags,
} from "./client_flags.ts";
import { eachFlow } from "./client_flow.ts";
import { isGroup, parseHostPort } from "../../base/address.ts";
import { parseServerAddress, withPort } from "../address.ts";
import { parseBind } from "../../flow/bind.ts";

/** The default time between packets, in milliseconds: that of VoIP. */
const DEFAULT_WAIT_MS = 20;
/** Between the packets that measure under load, and how long each phase is. */
const PROBE_WAIT_MS = 10;
const PHASE_MS = 5000;
/** How long the load runs before latency is measured, in milliseconds: slow start is over by then. */
const RAMP_MS = 1500;
/** TCP flows that make the load, in each direction. */
const LOAD_FLOWS = 4;
/** The longest packet that a server accepts by default, in bytes. */

const flags = {
  duration: flowDuration({
    defaultText: "10s, without --packets and --bytes; with --under-load 5s for each phase",
    help: "stop sending after this long",
  }),
  wait: duration({ defaultText: "20ms; with --under-load 10ms", help: "send a packet this often" }),
  rate: rate({
    packets: true,
    example: "10Mbps, 1000pps or max",
    help: "send at this rate instead: 10Mbps (of UDP payload), 1000pps or max; 10Mbps,2Mbps for up and down",
  }),
  length: size({
    min: OPEN_LAYOUT.bytes,
    max: MAX_PACKET_BYTES,
    defaultText: "the header alone, 56, or 72 with a key; 44 or 112 with --stamp",
    help: "length of packets, without headers of UDP and IP",
  }),
  packets: integer({ min: 1, help: "stop after this many packets in each direction" }),
  bytes: size({ min: 1, help: "stop once this many bytes are sent in each direction" }),
  echo: flag({ help: "have packets sent back with --rate and --bidir too" }),
  gso: flag({ help: "hand packets to the kernel by the burst, with --rate: faster, but bursts share their times" }),
  underLoad: flag({ help: "latency on the idle path, and under TCP load" }),
  cca: cca({ goesWith: ["underLoad"], help: "congestion control of the load; else the system's" }),
  ecn: integer({
    min: 0,
    max: 3,
    help: "ECN of what this client sends: 1 is ECT(1), 2 ECT(0), 3 CE (default: 0, not capable)",
  }),
  ...section("Requests and responses", {
    rr: messageLengths({
      least: PACKET_HEADER_BYTES,
      most: MAX_PACKET_BYTES,
      help:
        "requests of this length, each answered by a response of the second length (or the same), one after another",
    }),
    ...transactionFlags,
    timeout: duration({
      min: 1,
      max: MAX_TIMEOUT_MS,
      goesWith: ["rr"],
      defaultText: "1s",
      help: "how long a response is waited for",
    }),
  }),
  ...section("A router as the other end", {
    stamp: flag({ help: "be a sender of STAMP, for a reflector of that or of TWAMP Light, such as a router" }),
    ssid: integer({
      min: 0,
      max: 65_535,
      goesWith: ["stamp"],
      help: "the identifier of the session, RFC 8972",
    }),
    ptp: flag({ goesWith: ["stamp"], help: "times in the format of PTP, rather than NTP" }),
  }),
  fragment: choice(["allow", "forbid", "probe"], {
    help: "packets longer than the path takes: cut, not sent (default), or sent whole to find its MTU",
  }),
  ...section("Multicast", {
    ttl: integer({
      min: 0,
      max: 255,
      help: "TTL, or hop limit of IPv6 (default: 1, which stays on the link)",
    }),
    interface: text({ value: "IF", help: "the interface that packets leave by; else the route decides" }),
    noLoop: flag({ help: "not to receivers on this machine itself" }),
  }),
  ...clientFlags,
  parallel: {
    ...clientFlags.parallel,
    help: `flows at the same time in each direction (default: 1; with --under-load ${LOAD_FLOWS})`,
  },
};

/** What was on the command line. */
type Given = FlagValues<typeof flags>;

/** `tine udp client`: UDP flows by hand. */
export const command = defineCommand({
  name: "udp client",
  summary: "Run UDP flows to a server and measure delay, loss and order",
  usage: [
    "HOST:PORT [--wait DURATION] [--length SIZE] ...",
    "HOST:PORT --rate RATE [--echo | --reverse | --bidir] ...",
    "HOST:PORT --rr SIZE[,SIZE] [--transactions N] ...",
    "--stamp HOST[:862] [--wait DURATION] ...",
    "HOST:PORT --under-load [--duration DURATION] ...",
    "GROUP:PORT [--ttl N] [--interface IF] ...",
  ],
  description:
    "Packets at even distances come back from the server at once, unless --rate or a direction is given. Those to a " +
    "group of multicast are counted by its receivers, which report where both ends have a key.\n\n" +
    "--under-load measures round trips on the idle path, then under TCP uploads, downloads, and both. Ctrl-C ends all " +
    "with the summary so far and exit code 130; with --duration 0 it is the proper end.",
  flags,
  positionals: [{ name: "HOST:PORT", help: "the server, as it was started with tine udp server" }],
  examples: [
    { command: "tine udp client 127.0.0.1:7001", what: "fifty echoes a second for ten seconds" },
    {
      command: "tine udp client 10.0.0.1:7001 --rate 10Mbps --length 1400 --bidir",
      what: "loss and delay in each direction",
    },
    { command: "tine udp client --stamp 10.0.0.254 --dscp 46", what: "a router as the other end, at port 862" },
    { command: "tine udp client 10.0.0.1:7001 --under-load", what: "how much latency load adds" },
  ],

  async run({ flags, positionals: [positional] }) {
    const server = parseServerAddress(flags.stamp ? withPort(positional, STAMP_PORT) : positional);
    checkGroup(server, flags);
    checkFlags(flags);
    const [{ createFlows }, { readFlowKey, readStampKey }] = await Promise.all([
      import("../../flow/create_flows.ts"),
      import("./flow_key.ts"),
    ]);
    const key = await (flags.stamp ? readStampKey : readFlowKey)(flags.keyFile);
    checkLength(flags, key !== undefined);
    const { request = Infinity, response = Infinity } = flags.rr ?? {};
    if (key !== undefined && Math.min(request, response) < SIGNED_HEADER_BYTES) {
      throw new UsageError(
        `--rr SIZE[,SIZE]: expected at least ${SIGNED_HEADER_BYTES} with a key, for the header alone, not ${
          Math.min(request, response)
        }`,
      );
    }
    await using flows = createFlows();
    checkRawSockets(flows.kind, {
      dscp: flags.dscp,
      ecn: flags.ecn,
      fragment: flags.fragment,
      gso: flags.gso,
      cca: flags.cca,
    });
    if (flags.rr !== undefined) return await exchange(flows, server, flags, flags.rr, key);
    if (!flags.underLoad) return await measure(flows, server, flags, key);
    const { runUnderLoad } = await import("./under_load.ts");
    return await runUnderLoad(flows, {
      server,
      durationMs: flags.duration ?? PHASE_MS,
      rampMs: RAMP_MS,
      waitMs: flags.wait ?? PROBE_WAIT_MS,
      lengthBytes: flags.length,
      parallel: flags.parallel ?? LOAD_FLOWS,
      cca: flags.cca,
      client: clientOf(flags),
      key,
      json: flags.json,
    });
  },
});

/** @throws {UsageError} for flags that a group cannot have, or that are for groups alone */
function checkGroup(server: string, { ttl, interface: device, noLoop, ...flags }: Given): void {
  const { hostname } = parseHostPort(server);
  if (isGroup(hostname)) {
    const { echo, reverse, bidir, rr, underLoad, stamp } = flags;
    const wrong = Object.entries({ echo, reverse, bidir, rr, underLoad, stamp }).find(([, value]) => value);
    if (wrong === undefined) return;
    throw new UsageError(
      `${flagName(wrong[0])} needs a server: ${hostname} is a group, whose receivers answer nothing`,
    );
  }
  const given = Object.entries({ ttl, interface: device, noLoop }).find(([, value]) =>
    value !== undefined && value !== false
  );
  if (given === undefined) return;
  const hint = given[0] === "interface" ? `; for a server, --bind %${device}` : "";
  throw new UsageError(`${flagName(given[0])} is for groups of multicast, and ${hostname} is none${hint}`);
}

/** @throws {UsageError} for packets that do not hold their header */
function checkLength({ length, stamp }: Given, hmac: boolean): void {
  const least = leastPacketBytes({ hmac, ...stamp && { stamp } });
  if (length === undefined || length >= least) return;
  throw new UsageError(
    `--length SIZE: expected at least ${least}${hmac ? " with a key" : ""}, for the header alone, not ${length}`,
  );
}

/** @throws {UsageError} for flags that mean nothing together */
function checkFlags(flags: Given): void {
  const exclude = (one: string, other: string) => {
    throw new UsageError(`${one} and ${other} exclude each other: give one of them`);
  };
  if (flags.stamp) {
    const others = {
      rr: "--rr",
      underLoad: "--under-load",
      reverse: "--reverse",
      bidir: "--bidir",
      gso: "--gso",
      echo: "--echo",
    };
    for (const [key, name] of Object.entries(others)) {
      if (flags[key as keyof typeof others]) exclude("--stamp", name);
    }
  }
  if (flags.rr !== undefined) {
    const { wait, rate, length, packets, bytes, echo, gso, underLoad, reverse, bidir } = flags;
    checkTransactionFlags({ wait, rate, length, packets, bytes, echo, gso, underLoad, reverse, bidir });
    dialled("udp", flags);
    return checkWarmup(flags.warmup, durationOf(flags) || Infinity);
  }
  if (flags.reverse && flags.bidir) exclude("--reverse", "--bidir");
  if (flags.wait !== undefined && flags.rate !== undefined) exclude("--wait", "--rate");
  if (flags.echo && flags.reverse) exclude("--echo", "--reverse");
  dialled("udp", flags);
  checkPayload(flags.payload, flags.reverse || flags.bidir || flags.underLoad);
  if (flags.gso && flags.rate === undefined) throw new UsageError("--gso means nothing without --rate");
  checkRates(flags);
  if (!flags.underLoad) return checkWarmup(flags.warmup, durationOf(flags) || Infinity);
  if (flags.duration === 0) exclude("--under-load", "--duration 0");
  const others = {
    rate: "--rate",
    echo: "--echo",
    reverse: "--reverse",
    bidir: "--bidir",
    interval: "--interval",
    warmup: "--warmup",
    packets: "--packets",
    bytes: "--bytes",
  };
  if (flags.bind !== undefined && parseBind(flags.bind).port !== 0) exclude("--under-load", "--bind with a port");
  for (const [key, name] of Object.entries(others)) {
    if (flags[key as keyof typeof others]) exclude("--under-load", name);
  }
}

/** Runs requests and responses, UDP_RR. */
async function exchange(
  flows: Flows,
  server: string,
  flags: Given,
  lengths: MessageLengths,
  key: Uint8Array | undefined,
): Promise<number> {
  const [{ runClient }, { overUdp, TransactionFlow }, { transactionReport }] = await Promise.all([
    import("./client_command.ts"),
    import("./transaction_flow.ts"),
    import("./transaction_report.ts"),
  ]);
  const intervalMs = intervalOf(flags);
  const { transactions, inFlight, timeout, warmup, json } = flags;
  const config = { ...lengths, duration: durationOf(flags), transactions, inFlight, timeout };
  const client = { ...clientOf(flags), maxPacketSize: Math.max(DEFAULT_MAX_PACKET_BYTES, ...Object.values(lengths)) };
  const clients = eachFlow(["rr"], flags, (_, label, bind) => {
    const run = overUdp(server, { ...client, bind }, config);
    return new TransactionFlow({ label, transport: "udp", intervalMs, warmup, perConnection: false, run });
  });
  const report = transactionReport("udp");
  return await runClient(flows, clients, report, {
    name: "tine udp client",
    server,
    key,
    intervalMs,
    endless: flags.duration === 0,
    json,
  });
}

async function measure(flows: Flows, server: string, flags: Given, key: Uint8Array | undefined): Promise<number> {
  const [{ runClient }, { PacketFlow }, { PACKET_REPORT }, { ClockOffsetEstimator }] = await Promise.all([
    import("./client_command.ts"),
    import("./packet_flow.ts"),
    import("./packet_report.ts"),
    import("../../flow/analysis/mod.ts"),
  ]);
  const intervalMs = intervalOf(flags);
  const toGroup = isGroup(parseHostPort(server).hostname);
  const directions = flags.bidir ? ["up", "down"] as const : [flags.reverse ? "down" : "up"] as const;
  const names = flags.stamp ? ["stamp"] as const : directions;
  const offset = new ClockOffsetEstimator();
  const clients = eachFlow(names, flags, (name, label, bind) => {
    const sender = senderOf(flags, toGroup, name === "down");
    return new PacketFlow({ label, server, intervalMs, sender, client: { ...clientOf(flags), bind }, offset });
  });
  const { json } = flags;
  const how = { name: "tine udp client", server, key, intervalMs, endless: flags.duration === 0, json };
  const report = toGroup ? (await import("./group_report.ts")).GROUP_REPORT : PACKET_REPORT;
  return await runClient(flows, clients, report, how);
}

/** Returns how long senders send, in milliseconds; 0: until they are stopped, undefined: as long as it takes. */
function durationOf({ duration, packets, bytes, transactions }: Given): number | undefined {
  return duration ?? ((packets ?? bytes ?? transactions) === undefined ? DEFAULT_CLIENT_DURATION_MS : undefined);
}

function senderOf(flags: Given, toGroup: boolean, reverse: boolean): UnresponsiveConfig {
  return {
    ...flags.rate === undefined
      ? { wait: [flags.wait ?? DEFAULT_WAIT_MS] }
      : { rate: reverse ? flags.rate.down : flags.rate.up },
    length: flags.length === undefined ? undefined : [flags.length],
    duration: durationOf(flags),
    packets: flags.packets,
    bytes: flags.bytes,
    echo: !reverse && !toGroup && (flags.echo || flags.stamp || (flags.rate === undefined && !flags.bidir)),
    gso: flags.gso,
    reverse,
  };
}

function clientOf(
  { warmup, dscp, ecn, fragment, payload, length, ttl, noLoop, stamp, ssid, ptp, ...flags }: Given,
) {
  return {
    ...dialled("udp", flags),
    ttl,
    interface: flags.interface,
    ...noLoop && { loop: false },
    stamp: stamp ? { ssid, timestamps: ptp ? "ptp" as const : "ntp" as const } : undefined,
    warmup,
    dscp,
    ecn,
    fragment,
    payload,
    maxPacketSize: Math.max(DEFAULT_MAX_PACKET_BYTES, length ?? 0),
  };
}
