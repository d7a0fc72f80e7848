/**
 * Figures from samples of flows, each with a definition. Computed in one pass and in memory that stays the same.
 *
 * @module
 */

export {
  type Bottleneck,
  type MachineLoad,
  packetBottlenecks,
  streamBottlenecks,
  worstBottlenecks,
} from "./bottlenecks.ts";
export { ClockOffset, type OffsetEstimate } from "./clock_offset.ts";
export { Distribution, type Quantiles, quantilesOf } from "./distribution.ts";
export { PacketAnalysis, type PacketAnalysisOptions, type PacketFlowFigures, SHARED_CLOCK } from "./packet_analysis.ts";
export type { PathFigures, Spread } from "./packet_path.ts";
export type { PacketFigures, PacketTotals } from "./packet_sender.ts";
export { RateMeter } from "./rate_meter.ts";
export { StreamAnalysis, type StreamFigures, type StreamLimits, type StreamTotals } from "./stream_analysis.ts";
