import type { ServedTransactionReport } from "../report.ts";
import type { TransactionState } from "./live_flows.ts";
import { type FigureList, type Figures, type SpreadPart, toMicros, toPercent, toSeconds } from "./figure.ts";
import {
  timesOf,
  type TransactionFigures,
  type TransactionInterval,
  type TransactionTimes,
} from "./transaction_analysis.ts";

/** The values of times of transactions that are figures. */
const PARTS = ["min", "mean", "median", "p90", "p99", "p999", "max"] as const satisfies readonly SpreadPart[];

const LATENCY =
  "From just before a request was sent until its response was there as a whole; of a transaction with a connection of " +
  "its own, from just before it began to connect. Quantiles follow RFC 2330 (11.3) and are exact to 0.1%.";

function partOf(times: TransactionTimes | undefined, part: SpreadPart): number | undefined {
  return toMicros(times?.[part]);
}

function perSecond(count: number, nanos: number): number {
  return nanos > 0 ? count * 1e9 / nanos : 0;
}

/** Figures of a flow of requests and responses. */
export const TRANSACTION_FIGURES = {
  transactions: {
    title: "transactions",
    unit: "transaction",
    better: "more",
    definition: "Requests that have their response.",
    value: ({ transactions }) => transactions,
  },
  transactionsPerSecond: {
    title: "transactions/s",
    unit: "1/s",
    better: "more",
    definition: "These by the time from the first request, or the end of the warm-up, until the last response.",
    value: ({ transactions, durationNanos }) => perSecond(transactions, durationNanos),
  },
  connectionsPerSecond: {
    title: "connections/s",
    unit: "1/s",
    better: "more",
    definition:
      "Connections that were made, used for a transaction and closed, by the same time; where each has its own.",
    value: ({ transactions, durationNanos, perConnection }) =>
      perConnection ? perSecond(transactions, durationNanos) : undefined,
  },
  durationSeconds: {
    title: "duration",
    unit: "s",
    definition: "From the first request, or the end of the warm-up, until the last transaction was over.",
    value: ({ durationNanos }) => toSeconds(durationNanos),
  },
  latency: {
    title: "latency",
    unit: "us",
    better: "less",
    definition: LATENCY,
    parts: PARTS,
    value: ({ latency }, part = "median") => partOf(latency, part),
  },
  connect: {
    title: "connect",
    unit: "us",
    better: "less",
    definition: "How much of the latency connecting took, until the connection could be written to.",
    parts: PARTS,
    value: ({ connect }, part = "median") => partOf(connect, part),
  },
  unanswered: {
    title: "unanswered",
    unit: "transaction",
    better: "less",
    definition: "Of UDP: requests whose response did not come within the timeout; they have no latency.",
    value: ({ lost }) => lost,
  },
  unansweredPercent: {
    title: "unanswered",
    unit: "%",
    better: "less",
    definition: "Of UDP: the share of these among all transactions.",
    value: ({ lost, transactions }) =>
      lost === undefined || lost + transactions === 0 ? undefined : toPercent(lost / (lost + transactions)),
  },
  serverBusyPercent: {
    title: "server busy",
    unit: "%",
    better: "less",
    definition: "Share of the time of the whole flow in which the server's thread computed, for all its flows.",
    value: ({ serverBusy }) => toPercent(serverBusy),
  },
} satisfies Figures<TransactionFigures>;

/** Figures of requests and responses in an interval. */
export const TRANSACTION_INTERVAL_FIGURES = {
  transactions: {
    ...TRANSACTION_FIGURES.transactions,
    definition: "Requests whose response came in the interval.",
    value: ({ latency }) => latency.count,
  },
  transactionsPerSecond: {
    ...TRANSACTION_FIGURES.transactionsPerSecond,
    definition: "These by the length of the interval.",
    value: ({ latency, durationMs }) => perSecond(latency.count, durationMs * 1e6),
  },
  latency: {
    ...TRANSACTION_FIGURES.latency,
    definition: `Of these: ${LATENCY[0].toLowerCase()}${LATENCY.slice(1)}`,
    value: ({ latency }, part = "median") => partOf(timesOf(latency), part),
  },
  unanswered: {
    ...TRANSACTION_FIGURES.unanswered,
    definition: "Of UDP: requests that were given up in the interval.",
    value: ({ lost }) => lost,
  },
} satisfies Figures<TransactionInterval>;

/** Figures of requests and responses while they run. */
export const LIVE_TRANSACTION_FIGURES = {
  transactions: { ...TRANSACTION_FIGURES.transactions, value: ({ transactions }) => transactions },
  transactionsPerSecond: {
    ...TRANSACTION_FIGURES.transactionsPerSecond,
    definition: "Transactions since the report before, by that time; of the whole flow once it has ended.",
    value: ({ transactionsPerSecond }) => transactionsPerSecond,
  },
  latency: {
    ...TRANSACTION_FIGURES.latency,
    definition: "Of all transactions so far.",
    parts: ["min", "mean", "max"],
    value: ({ latencyMinMicros, latencyMeanMicros, latencyMaxMicros }, part = "mean") =>
      part === "min" ? latencyMinMicros : part === "max" ? latencyMaxMicros : latencyMeanMicros,
  },
  unanswered: { ...TRANSACTION_FIGURES.unanswered, value: ({ lost }) => lost },
} satisfies Figures<TransactionState>;

/** Figures of requests and responses that a server by hand prints when they are over. */
export const SERVED_TRANSACTION_FIGURES = {
  transactions: {
    ...TRANSACTION_FIGURES.transactions,
    definition: "Requests that this server has answered.",
    value: ({ transactions }) => transactions,
  },
  transactionsPerSecond: {
    ...TRANSACTION_FIGURES.transactionsPerSecond,
    definition: "These by the duration.",
    value: ({ transactions, elapsedNanos }) => perSecond(transactions, elapsedNanos),
  },
  durationSeconds: {
    ...TRANSACTION_FIGURES.durationSeconds,
    definition: "From when the flow was taken until its end.",
    value: ({ elapsedNanos }) => toSeconds(elapsedNanos),
  },
} satisfies Figures<ServedTransactionReport>;

/** All figures of requests and responses, with their definitions. */
export const TRANSACTION_FIGURE_LISTS: readonly FigureList[] = [
  { protocol: "rr", title: "requests and responses", figures: TRANSACTION_FIGURES },
  { protocol: "rr", title: "requests and responses by interval", figures: TRANSACTION_INTERVAL_FIGURES },
  { protocol: "rr", title: "requests and responses while a test runs", figures: LIVE_TRANSACTION_FIGURES },
  { protocol: "rr", title: "requests and responses at a server by hand", figures: SERVED_TRANSACTION_FIGURES },
];
