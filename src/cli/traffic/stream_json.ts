import type { StreamFigures } from "../../flow/analysis/mod.ts";
import { micros, quantileKeys, rounded } from "./json_figures.ts";

/** What was measured with a TCP flow, under keys that carry their unit. */
export function streamFiguresJson(figures: StreamFigures): object {
  const { limits, completionNanos, keyProofNanos, minRttNanos, lastRttNanos, cwndBytes } = figures;
  return {
    bytes: figures.bytes,
    receiverCounted: figures.receiverCounted,
    durationSeconds: figures.durationNanos / 1e9,
    completionSeconds: completionNanos === undefined ? undefined : completionNanos / 1e9,
    keyProofSeconds: keyProofNanos === undefined ? undefined : keyProofNanos / 1e9,
    goodputBitsPerSecond: rounded(figures.goodputBitsPerSecond),
    retransmits: figures.retransmits,
    retransmittedPercent: figures.retransmittedShare && rounded(figures.retransmittedShare * 100),
    minRttMicros: minRttNanos && micros(minRttNanos),
    ...quantileKeys("rtt", figures.rtt),
    rttLastMicros: lastRttNanos && micros(lastRttNanos),
    cwndMinBytes: cwndBytes?.min,
    cwndMedianBytes: cwndBytes?.median,
    cwndMaxBytes: cwndBytes?.max,
    cwndLastBytes: figures.lastCwndBytes,
    busyPercent: limits && rounded(limits.busy * 100),
    receiveWindowLimitedPercent: limits && rounded(limits.receiveWindow * 100),
    sendBufferLimitedPercent: limits && rounded(limits.sendBuffer * 100),
    serverBusyPercent: figures.serverBusy && rounded(figures.serverBusy * 100),
  };
}
