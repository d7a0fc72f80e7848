/**
 * Figures from samples of flows, each with a definition. Computed in one pass and in memory that stays the same.
 *
 * @module
 */

export {
  type Bottleneck,
  falsifies,
  type MachineLoad,
  packetBottlenecks,
  streamBottlenecks,
  transactionBottlenecks,
  worstBottlenecks,
} from "./bottlenecks.ts";
export { ClockOffsetEstimator, type OffsetEstimate } from "./clock_offset.ts";
export { Distribution, type Quantiles, quantilesOf } from "./distribution.ts";
export {
  type Figure,
  type FigureColumn,
  figureColumns,
  type FigureDefinition,
  type FigureList,
  type Figures,
  FIGURES_VERSION,
  figuresOf,
  type FigureUnit,
  type FlowProtocol,
  partTitle,
  rounded,
  SPREAD_PARTS,
  type SpreadPart,
} from "./figure.ts";
export { bitRate, figureText, milliseconds, percent, seconds, UNKNOWN } from "./figure_text.ts";
export { ByteIntervals, type PacketInterval, type StreamInterval } from "./intervals.ts";
export {
  type FlowState,
  FlowTracker,
  LIVE_FIGURE_LISTS,
  LIVE_PACKET_FIGURES,
  LIVE_STREAM_FIGURES,
  type PacketState,
  type StreamState,
  type TransactionState,
  type WarmUpState,
} from "./live_flows.ts";
export { PacketAnalysis, type PacketAnalysisOptions, type PacketFlowFigures, SHARED_CLOCK } from "./packet_analysis.ts";
export { LOAD_FIGURES, LOAD_SUMMARY_FIGURES, type LoadFigures, type LoadPhases } from "./load_figures.ts";
export { type MatchedPacket, PacketMatcher, type PacketMatcherOptions } from "./packet_matcher.ts";
export {
  CLOCK_FIGURES,
  PACKET_FIGURE_LISTS,
  PACKET_FIGURES,
  PACKET_INTERVAL_FIGURES,
  PATH_FIGURES,
  REFUSED_FIGURES,
  SERVED_PACKET_FIGURES,
} from "./packet_figures.ts";
export type { PathFigures, Spread } from "./packet_path.ts";
export { receptionPath, servedPath } from "./reception.ts";
export type { PacketFigures } from "./sender_analysis.ts";
export { RateMeter } from "./rate_meter.ts";
export { StreamAnalysis, type StreamFigures, type StreamLimits } from "./stream_analysis.ts";
export {
  SERVED_STREAM_FIGURES,
  STREAM_FIGURE_LISTS,
  STREAM_FIGURES,
  STREAM_INTERVAL_FIGURES,
  STREAM_TOTAL_FIGURES,
  type StreamTotals,
} from "./stream_figures.ts";
export {
  sumTransactions,
  TransactionAnalysis,
  type TransactionFigures,
  type TransactionInterval,
} from "./transaction_analysis.ts";
export {
  LIVE_TRANSACTION_FIGURES,
  SERVED_TRANSACTION_FIGURES,
  TRANSACTION_FIGURE_LISTS,
  TRANSACTION_FIGURES,
  TRANSACTION_INTERVAL_FIGURES,
} from "./transaction_figures.ts";
export {
  type PacketAddend,
  type StreamAddend,
  sumPacketIntervals,
  sumPackets,
  sumStreamIntervals,
  sumStreams,
  sumTransactionFigures,
  sumTransactionIntervals,
  sumWhereKnown,
} from "./sums.ts";
export { ECHO } from "../packet/header.ts";
