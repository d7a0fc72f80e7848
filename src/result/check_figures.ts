import type {
  Bottleneck,
  OffsetEstimate,
  PacketFigures,
  PacketFlowFigures,
  PathFigures,
  Quantiles,
  Spread,
  StreamFigures,
  StreamLimits,
  TransactionFigures,
} from "../flow/analysis/mod.ts";
import type { FlowEnd, Measured, MeasuredPackets, MeasuredStream, MeasuredTransactions } from "./read_flows.ts";

/** Whether a value is what it should be. */
export type Check = (value: unknown) => boolean;

/** A check for each property of a type, those that may be absent among them. */
type Shape<T> = { readonly [K in keyof Required<T>]: Check };

export const text: Check = (value) => typeof value === "string";
export const flag: Check = (value) => typeof value === "boolean";
export const number: Check = (value) => typeof value === "number" && Number.isFinite(value);
/** Exports write counts as integers. */
const integer: Check = (value) => Number.isSafeInteger(value);
export const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

/** Or absent. */
export function optional(check: Check): Check {
  return (value) => value === undefined || check(value);
}

export function oneOf(...values: readonly unknown[]): Check {
  return (value) => values.includes(value);
}

export function listOf(check: Check): Check {
  return (value) => Array.isArray(value) && value.every(check);
}

/** An object with values of one kind, whatever their keys are. */
export function recordOf(check: Check): Check {
  return (value) =>
    typeof value === "object" && value !== null && !Array.isArray(value) && Object.values(value).every(check);
}

/** An object with these properties and no others. */
export function object<T>(shape: Shape<T>): Check {
  const checks = new Map(Object.entries<Check>(shape));
  return (value) => {
    if (typeof value !== "object" || value === null || !Object.keys(value).every((key) => checks.has(key))) {
      return false;
    }
    return checks.entries().every(([key, check]) => check((value as Readonly<Record<string, unknown>>)[key]));
  };
}

const SPREAD = { count, min: number, mean: number, max: number };
const spread = object<Spread>({
  ...SPREAD,
  median: optional(number),
  p90: optional(number),
  p99: optional(number),
  p999: optional(number),
});
const quantiles = object<Quantiles>({ ...SPREAD, median: number, p90: optional(number), p99: number, p999: number });

const streamFigures = object<StreamFigures>({
  unmeasured: optional(oneOf(true)),
  bytes: count,
  receiverCounted: flag,
  durationNanos: number,
  goodputBitsPerSecond: number,
  completionNanos: optional(number),
  keyProofNanos: optional(number),
  retransmits: optional(count),
  retransmittedShare: optional(number),
  rtt: optional(quantiles),
  lastRttNanos: optional(number),
  minRttNanos: optional(number),
  cwndBytes: optional(quantiles),
  lastCwndBytes: optional(number),
  limits: optional(object<StreamLimits>({ busy: number, receiveWindow: number, sendBuffer: number })),
  serverBusy: optional(number),
  ecn: optional(flag),
  congestionMarks: optional(count),
  congestionMarkedBytes: optional(count),
  incoherent: count,
});

const pathFigures = object<PathFigures>({
  sent: optional(count),
  received: optional(count),
  lost: optional(count),
  unsettled: optional(integer),
  duplicates: count,
  socketDrops: count,
  congestionMarks: optional(count),
  pathMtuBytes: optional(count),
  reordered: count,
  early: optional(count),
  late: optional(count),
  ipdv: optional(spread),
  jitterNanos: optional(number),
  oneWayDelay: optional(spread),
  oneWayDelayBoundNanos: optional(number),
});

const packetFigures = object<PacketFlowFigures>({
  senders: listOf(object<PacketFigures>({
    sender: count,
    toServer: optional(pathFigures),
    fromServer: optional(pathFigures),
    rtt: optional(quantiles),
    roundTripsPerMinute: optional(number),
    serverTime: optional(quantiles),
    slowReplies: count,
    lateness: optional(quantiles),
    lateSends: count,
    sendNanos: number,
    sendBitsPerSecond: optional(number),
    goodputBitsPerSecond: optional(number),
    sendErrors: count,
    unsent: count,
    incoherent: count,
  })),
  clockOffset: optional(object<OffsetEstimate>({ offsetNanos: number, boundNanos: number, drifted: flag })),
});

const end = object<FlowEnd>({ nodeId: text, address: optional(text), engine: optional(text) });

const FLOW = {
  flow: text,
  complete: flag,
  start: optional((value) => typeof value === "bigint"),
  startBoundNanos: optional(number),
  warmupNanos: optional(number),
  path: optional(text),
  config: optional(text),
  client: optional(end),
  server: optional(end),
  bottlenecks: listOf(object<Bottleneck>({ code: text, message: text, size: number })),
};

const stream = object<MeasuredStream>({
  ...FLOW,
  protocol: oneOf("tcp"),
  direction: optional(oneOf("upload", "download")),
  cca: optional(text),
  figures: streamFigures,
});

const packets = object<MeasuredPackets>({ ...FLOW, protocol: oneOf("udp"), figures: packetFigures });

const transactionTimes = object<NonNullable<TransactionFigures["latency"]>>({
  ...SPREAD,
  median: number,
  p90: number,
  p99: number,
  p999: number,
});

const transactions = object<MeasuredTransactions>({
  ...FLOW,
  protocol: oneOf("rr"),
  transport: oneOf("tcp", "udp"),
  requestBytes: optional(count),
  responseBytes: optional(count),
  figures: object<TransactionFigures>({
    unmeasured: optional(oneOf(true)),
    transactions: count,
    lost: optional(count),
    durationNanos: number,
    perConnection: flag,
    latency: optional(transactionTimes),
    connect: optional(transactionTimes),
    serverBusy: optional(number),
    incoherent: count,
  }),
});

/**
 * Whether a value has the shape of a flow's figures, down to the last one: it may come from a file of others.
 *
 * A figure that the analysis gets also needs a check here; the compiler says which one is missing.
 */
export function isMeasuredFlow(value: unknown): value is Measured {
  return stream(value) || packets(value) || transactions(value);
}
