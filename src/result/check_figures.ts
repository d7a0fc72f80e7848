import { TineError } from "../base/errors.ts";
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
import {
  boolean,
  count,
  exactly,
  integer,
  list,
  number,
  oneOf,
  optional,
  passes,
  text,
  type Validator,
} from "../base/shape.ts";
import type { FlowEnd, Measured, MeasuredPackets, MeasuredStream, MeasuredTransactions } from "./read_flows.ts";

const SPREAD = { count, min: number, mean: number, max: number };
const spread = exactly<Spread>({
  ...SPREAD,
  median: optional(number),
  p90: optional(number),
  p99: optional(number),
  p999: optional(number),
});
const quantiles = exactly<Quantiles>({ ...SPREAD, median: number, p90: optional(number), p99: number, p999: number });

const streamFigures = exactly<StreamFigures>({
  unmeasured: optional(oneOf(true)),
  bytes: count,
  receiverCounted: boolean,
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
  limits: optional(exactly<StreamLimits>({ busy: number, receiveWindow: number, sendBuffer: number })),
  serverBusy: optional(number),
  ecn: optional(boolean),
  congestionMarks: optional(count),
  congestionMarkedBytes: optional(count),
  incoherent: count,
});

const pathFigures = exactly<PathFigures>({
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

const packetFigures = exactly<PacketFlowFigures>({
  senders: list(exactly<PacketFigures>({
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
    unanswered: optional(count),
    incoherent: count,
  })),
  clockOffset: optional(exactly<OffsetEstimate>({ offsetNanos: number, boundNanos: number, drifted: boolean })),
});

const end = exactly<FlowEnd>({
  nodeId: text,
  address: optional(text),
  dialled: optional(text),
  engine: optional(text),
  worker: optional(number),
  cpus: optional(text),
  realtimePriority: optional(number),
});

const bigint: Validator<bigint> = (value, name) => {
  if (typeof value === "bigint") return value;
  throw new TineError("bad-item", `${name} is no bigint`);
};

const FLOW = {
  flow: text,
  complete: boolean,
  start: optional(bigint),
  startBoundNanos: optional(number),
  warmupNanos: optional(number),
  path: optional(text),
  config: optional(text),
  client: optional(end),
  server: optional(end),
  bottlenecks: list(exactly<Bottleneck>({ code: text as Validator<Bottleneck["code"]>, message: text, size: number })),
};

const stream = exactly<MeasuredStream>({
  ...FLOW,
  protocol: oneOf("tcp"),
  direction: optional(oneOf("upload", "download")),
  cca: optional(text),
  figures: streamFigures,
});

const packets = exactly<MeasuredPackets>({ ...FLOW, protocol: oneOf("udp"), figures: packetFigures });

const transactionTimes = exactly<NonNullable<TransactionFigures["latency"]>>({
  ...SPREAD,
  median: number,
  p90: number,
  p99: number,
  p999: number,
});

const transactions = exactly<MeasuredTransactions>({
  ...FLOW,
  protocol: oneOf("rr"),
  transport: oneOf("tcp", "udp"),
  requestBytes: optional(count),
  responseBytes: optional(count),
  figures: exactly<TransactionFigures>({
    unmeasured: optional(oneOf(true)),
    transactions: count,
    lost: optional(count),
    durationNanos: number,
    perConnection: boolean,
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
  const { protocol } = Object(value);
  return passes<Measured>(protocol === "tcp" ? stream : protocol === "udp" ? packets : transactions, value);
}
