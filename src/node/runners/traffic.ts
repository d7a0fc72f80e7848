import type {
  PacketClientConfig,
  PacketServerConfig,
  RequestResponseConfig,
  StreamClientConfig,
  StreamServerConfig,
  TransferConfig,
  UnresponsiveConfig,
} from "../../flow/config.ts";
import type { FlowEndpoint, RunContext, Runner } from "../runner.ts";
import { DEFAULT_BUF_LEN_BYTES, DEFAULT_DURATION_MS, DEFAULT_SAMPLE_IO_INTERVAL_MS } from "../../flow/stream/limits.ts";
import { formatCount, formatDuration, formatSize } from "../../base/units.ts";
import { DEFAULT_MAX_PACKET_BYTES } from "../../base/limits.ts";
import { joinedAddress, parseJoin } from "../../flow/multicast/join.ts";
import { isSigned, leastPacketBytes, type PacketKind } from "../../flow/packet_kind.ts";
import {
  DEFAULT_MESSAGE_BYTES,
  DEFAULT_PACKET_DURATION_MS,
  DEFAULT_TIMEOUT_MS,
} from "../../flow/transaction/limits.ts";
import { exchangeOf } from "../../flow/transaction/packet_run.ts";
import { DEFAULT_WAIT_MS, packetLengths, PacketSchedule } from "../../flow/packet/packet_sender.ts";
import { servingLimits } from "../../flow/serving_limits.ts";
import type { FlowOptions, Flows, FlowServer } from "../../flow/flows.ts";
import type { Feedback } from "../feedback.ts";
import { TineError } from "../../base/errors.ts";

/** Serves TCP flows until its node is canceled. */
export const streamServer: Runner<StreamServerConfig> = {
  needs: ({ listenAddr, listenAddrKey, hmac = true, cpu, ...limits }) => ({
    cpu,
    sets: listenAddrKey === undefined ? [] : [listenAddrKey],
    // TCP flows are held to the rate, whatever they ask for.
    serves: {
      protocol: "TCP",
      addr: listenAddr,
      addrKey: listenAddrKey,
      hmac,
      durationMs: limits.maxDuration,
      flows: limits.maxFlows,
    },
  }),
  title: ({ listenAddr }) => listenAddr,
  run: (config, context) => runServer(config, context, (flows, options) => flows.streamServer(config, options)),
};

/** Runs a TCP flow in one direction. */
export const streamClient: Runner<StreamClientConfig> = {
  needs: ({ addr, addrKey, hmac = true, upload, download, requestResponse, cpu }) => {
    const { flow, duration } = (upload ?? download ?? requestResponse)!;
    const length = (upload ?? download)?.length ?? requestResponse?.transactions;
    return {
      cpu,
      uses: addrKey === undefined ? [] : [addrKey],
      flow,
      dials: {
        protocol: "TCP",
        addr,
        addrKey,
        hmac,
        durationMs: duration ?? (length === undefined ? DEFAULT_DURATION_MS : undefined),
      },
      // What has no end takes as long as one lets it.
      atLeast: length === undefined ? duration ?? DEFAULT_DURATION_MS : undefined,
      ...requestResponse !== undefined && { isExchange: true },
    };
  },
  title({ upload, download, requestResponse }) {
    if (requestResponse !== undefined) {
      return requestsTitle(requestResponse.flow, requestResponse, DEFAULT_DURATION_MS);
    }
    const { flow, duration, length } = upload ?? download!;
    const words = [upload === undefined ? "download" : "upload", flow];
    if (length !== undefined) words.push(formatSize(length));
    if (duration !== undefined || length === undefined) words.push(durationText(duration ?? DEFAULT_DURATION_MS));
    return words.join(" ");
  },
  async run(config, context) {
    const flows = await context.flows();
    const options = flowOptions(context, config.hmac, streamDefaults(config));
    const server = serverAddress(config, context.feedback);
    if (config.requestResponse === undefined) await flows.streamClient(server, config, options);
    else await flows.streamTransactions(server, config, options);
  },
};

function requestsTitle(
  flow: string,
  { duration, transactions }: Pick<RequestResponseConfig, "duration" | "transactions">,
  defaultMs: number,
): string {
  const words = ["requests", flow];
  if (transactions !== undefined) words.push(String(transactions));
  if (duration !== undefined || transactions === undefined) words.push(durationText(duration ?? defaultMs));
  return words.join(" ");
}

/** Serves UDP flows until its node is canceled. */
export const packetServer: Runner<PacketServerConfig> = {
  needs({ listenAddr, join, listenAddrKey, maxPacketSize = DEFAULT_MAX_PACKET_BYTES, ...kind }) {
    const hmac = isSigned(kind), { durationMs, bitsPerSecond, flows } = servingLimits(kind);
    if (join !== undefined) {
      const addr = joinedAddress(parseJoin(join));
      return { cpu: kind.cpu, serves: { protocol: "UDP", addr, group: true, hmac, packetBytes: maxPacketSize } };
    }
    return {
      cpu: kind.cpu,
      sets: listenAddrKey === undefined ? [] : [listenAddrKey],
      serves: {
        protocol: protocolOf(kind),
        addr: listenAddr,
        addrKey: listenAddrKey,
        hmac,
        packetBytes: maxPacketSize,
        durationMs,
        bitsPerSecond,
        flows,
      },
    };
  },
  title({ listenAddr, join, stamp }) {
    if (join !== undefined) return `join ${join}`;
    return stamp === undefined ? listenAddr! : `STAMP ${listenAddr}`;
  },
  run(config, context) {
    const signed = { ...config, hmac: isSigned(config) };
    return runServer(signed, context, (flows, options) => {
      // Sessions have no names that both ends know: the sender reports them.
      const events = { ...options.events, info() {}, progress() {} };
      return flows.packetServer(config, config.stamp === undefined ? options : { ...options, events });
    });
  },
};

function protocolOf({ stamp }: PacketKind): "UDP" | "STAMP" {
  return stamp === undefined ? "UDP" : "STAMP";
}

/** Runs a UDP flow. */
export const packetClient: Runner<PacketClientConfig> = {
  needs: ({ addr, addrKey, flow, sender, cpu, ...kind }) => ({
    cpu,
    uses: addrKey === undefined ? [] : [addrKey],
    flow,
    dials: {
      protocol: protocolOf(kind),
      addr,
      addrKey,
      hmac: isSigned(kind),
      packetBytes: packetLengths(sender, leastPacketBytes(kind)).longest,
      ...packetNeeds(sender, leastPacketBytes(kind)),
    },
    atLeast: Math.max(...sender.map(({ unresponsive = {}, requestResponse }) => {
      if (requestResponse === undefined) return isCounted(unresponsive) ? 0 : unresponsive.duration ?? 0;
      return requestResponse.transactions === undefined ? exchangeMs(requestResponse) : 0;
    })),
    ...exchangeOf({ sender }) !== undefined && { isExchange: true },
  }),
  title({ flow, sender, stamp }) {
    const exchange = exchangeOf({ sender });
    if (exchange !== undefined) return requestsTitle(flow, exchange, DEFAULT_PACKET_DURATION_MS);
    const ends = sender.map(({ unresponsive = {} }) => endText(unresponsive));
    return [...stamp === undefined ? [] : ["STAMP"], flow, ...new Set(ends)].join(" ");
  },
  async run(config, context) {
    const flows = await context.flows();
    const options = flowOptions(context, isSigned(config), packetDefaults(config));
    const server = serverAddress(config, context.feedback);
    if (exchangeOf(config) === undefined) await flows.packetClient(server, config, options);
    else await flows.packetTransactions(server, config, options);
  },
};

/** Returns what the senders of a UDP flow want of a server that limits it; one at the server sends as fast as it may. */
function packetNeeds(
  senders: PacketClientConfig["sender"],
  headerBytes: number,
): Pick<FlowEndpoint, "durationMs" | "bitsPerSecond"> {
  const rates = { up: 0, down: 0 };
  let durationMs = 0;
  for (const { unresponsive, requestResponse } of senders) {
    if (unresponsive === undefined) durationMs = exchangeMs(requestResponse!);
    else {
      const { bitsPerSecond } = new PacketSchedule(unresponsive, headerBytes);
      if (!unresponsive.reverse) rates.up += bitsPerSecond;
      else if (bitsPerSecond < Infinity) rates.down += bitsPerSecond;
      durationMs = Math.max(durationMs, unresponsive.duration || Infinity);
    }
  }
  const bitsPerSecond = Math.max(rates.up, rates.down);
  return { bitsPerSecond, ...durationMs < Infinity ? { durationMs } : {} };
}

/** Returns how long a sender sends, for people. */
function durationText(ms: number): string {
  return ms === 0 ? "until stopped" : formatDuration(ms);
}

/** Returns how long requests over UDP last, in milliseconds; 0: until enough of them were answered. */
function exchangeMs(
  { duration, transactions }: { readonly duration?: number; readonly transactions?: number },
): number {
  return duration ?? (transactions === undefined ? DEFAULT_PACKET_DURATION_MS : 0);
}

/** Whether a number of packets or bytes may end a sender. */
function isCounted({ packets, bytes }: Partial<UnresponsiveConfig>): boolean {
  return packets !== undefined || bytes !== undefined;
}

/** Returns what ends a sender of packets, for people. */
function endText({ duration, packets, bytes }: Partial<UnresponsiveConfig>): string {
  return [
    ...packets === undefined ? [] : [formatCount(packets, "packet")],
    ...bytes === undefined ? [] : [formatSize(bytes)],
    ...duration === undefined ? [] : [durationText(duration)],
  ].join(" ");
}

/** Returns a configuration with what it leaves out: what the flow runs with. */
function streamDefaults(config: StreamClientConfig): StreamClientConfig {
  const whole = (transfer: TransferConfig): TransferConfig => ({
    ...transfer.length === undefined && { duration: DEFAULT_DURATION_MS },
    sampleIOInterval: DEFAULT_SAMPLE_IO_INTERVAL_MS,
    bufLen: DEFAULT_BUF_LEN_BYTES,
    ...transfer,
  });
  const { upload, download, requestResponse } = config;
  if (requestResponse !== undefined) {
    return {
      protocol: "tcp",
      hmac: true,
      ...config,
      requestResponse: {
        ...requestResponse.transactions === undefined && { duration: DEFAULT_DURATION_MS },
        request: DEFAULT_MESSAGE_BYTES,
        response: DEFAULT_MESSAGE_BYTES,
        inFlight: 1,
        ...requestResponse,
      },
    };
  }
  return {
    protocol: "tcp",
    hmac: true,
    ...config,
    ...upload ? { upload: whole(upload) } : { download: whole(download!) },
  };
}

function packetDefaults(config: PacketClientConfig): PacketClientConfig {
  const hmac = isSigned(config), least = leastPacketBytes(config);
  const sender = config.sender.map(({ unresponsive, requestResponse, ...kinds }) => ({
    ...kinds,
    requestResponse: requestResponse && {
      ...requestResponse.transactions === undefined && { duration: DEFAULT_PACKET_DURATION_MS },
      request: least,
      response: least,
      timeout: DEFAULT_TIMEOUT_MS,
      inFlight: 1,
      ...requestResponse,
    },
    unresponsive: unresponsive && {
      ...unresponsive.rate === undefined && { wait: [DEFAULT_WAIT_MS] },
      length: [least],
      ...unresponsive,
      // A reflector answers each packet.
      ...config.stamp !== undefined && { echo: true },
    },
  }));
  return { protocol: "udp", maxPacketSize: DEFAULT_MAX_PACKET_BYTES, dscp: 0, ecn: 0, ...config, hmac, sender };
}

/** A longer configuration, such as one of thousands of waits, is not reported: descriptions of flows have a size limit. */
const MAX_CONFIG_CHARS = 16 * 1024;

/** Returns where a flow stands in the plan, and the configuration that it runs with, as its ends report it. */
function planValues({ path }: RunContext, config: StreamClientConfig | PacketClientConfig | undefined) {
  const text = config && JSON.stringify(config);
  return { path, ...text !== undefined && text.length <= MAX_CONFIG_CHARS && { config: text } };
}

/**
 * Returns options of flows that send events to the root, and cancel the flows with the run.
 *
 * @param config what the flow runs with, for clients
 */
export function flowOptions(
  context: RunContext,
  hmac = true,
  config?: StreamClientConfig | PacketClientConfig,
): FlowOptions {
  const planned = planValues(context, config);
  return {
    signal: context.signal,
    key: hmac ? context.key : undefined,
    // Flows never wait until results are sent: what does not fit into memory goes to a file.
    events: {
      info: (info) => void context.send({ ...info, values: { ...info.values, ...planned } }),
      records: (flow, chunk) => void context.send({ type: "records", flow, chunk }),
      progress: (flow, report) => void context.send({ type: "progress", flow, report }),
      log: (text) => void context.log(text),
    },
  };
}

/** Starts a server that serves until the node ends, and returns its address as feedback. */
export async function runServer(
  { hmac, listenAddrKey }: { readonly hmac?: boolean; readonly listenAddrKey?: string },
  context: RunContext,
  listen: (flows: Flows, options: FlowOptions) => Promise<FlowServer>,
): Promise<Feedback | void> {
  const server = await listen(await context.flows(), flowOptions(context, hmac));
  context.onEnd(async () => await server[Symbol.asyncDispose]());
  context.goesOn(server.ended);
  if (listenAddrKey !== undefined) return new Map([[listenAddrKey, server.address]]);
}

/**
 * Returns the address that a client dials.
 *
 * @throws {TineError} `feedback-unset`, if it is to come from a key that no run before has set
 */
export function serverAddress(
  { addr, addrKey }: { readonly addr?: string; readonly addrKey?: string },
  feedback: Feedback,
): string {
  const found = addr ?? feedback.get(addrKey!);
  if (found !== undefined) return found;
  const known = [...feedback.keys()].join(", ") || "none";
  throw new TineError("feedback-unset", `no run before has set the feedback key ${addrKey}; set are: ${known}`);
}
