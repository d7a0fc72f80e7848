import {
  type Figure,
  figuresOf,
  partTitle,
  sumTransactionIntervals,
  sumTransactions,
  TRANSACTION_FIGURES,
  TRANSACTION_INTERVAL_FIGURES,
  transactionBottlenecks,
  type TransactionFigures,
  type TransactionInterval,
} from "../../flow/analysis/mod.ts";
import { column, type PrintedColumn, type PrintedRow, tableOf } from "../figures.ts";
import type { ClientReport, FlowResult } from "./client_report.ts";
import type { TransactionFlow } from "./transaction_flow.ts";

/** With more flows than this, a table has their sum alone; `--json` has all of them. */
const MAX_ROWS = 32;

/** Returns how `--rr` shows requests and responses. */
export function transactionReport(
  transport: "tcp" | "udp",
): ClientReport<TransactionFlow, TransactionInterval, TransactionFigures> {
  const { transactions, transactionsPerSecond, latency, unanswered } = TRANSACTION_INTERVAL_FIGURES;
  return {
    protocol: transport,
    intervalFigures: TRANSACTION_INTERVAL_FIGURES,
    intervalTable: {
      names: ["flow", "seconds"],
      columns: [
        column("transactions", transactions),
        column("per second", transactionsPerSecond),
        column("median ms", latency),
        column("p99 ms", latency, "p99"),
        column("max ms", latency, "max"),
        ...transport === "udp" ? [column("unanswered", unanswered)] : [],
      ],
      widths: [8, 11, 12, 10, 9, 8, 8, 10].slice(0, transport === "udp" ? 8 : 7),
    },

    sumIntervals: sumTransactionIntervals,

    setup: ([{ flow }]) => [flow.perConnection ? "a connection for each transaction" : "requests and responses"],

    lines(all) {
      const shown = all.length > MAX_ROWS ? [] : all;
      const rows = shown.map(({ flow: { label, complete }, figures }): PrintedRow<TransactionFigures> => {
        return [[label + (complete ? "" : "*")], figures];
      });
      if (all.length > 1) rows.push([[`all ${all.length}`], sum(all)]);
      const short = all.filter(({ figures }) => figures.unmeasured).map(({ flow }) => flow.label);
      return [
        ...transactionTable("flow", all.map(({ figures }) => figures), rows),
        ...shown.some(({ flow }) => !flow.complete) ? ["* did not come to its end"] : [],
        ...short.length > 0 ? [`ended before the warm-up was over, without figures for that: ${short.join(", ")}`] : [],
      ];
    },

    flowJson: ({ flow: { complete }, figures }) => ({ complete, ...figuresOf(TRANSACTION_FIGURES, figures) }),
    totalsJson: (all) => figuresOf(TRANSACTION_FIGURES, sum(all)),
    bottlenecks: ({ figures }, load) => transactionBottlenecks(figures, load),
  };
}

/** All flows together. */
function sum(all: readonly FlowResult<TransactionFlow, TransactionFigures>[]): TransactionFigures {
  return all.length === 1 ? all[0].figures : sumTransactions(all.map(({ flow }) => flow));
}

/**
 * Returns requests and responses as tables: counts and rates; latencies; and where there are some, times of connecting.
 *
 * @param name stands above the names of rows
 * @param all the figures that decide which columns there are
 */
export function transactionTable(
  name: string,
  all: readonly TransactionFigures[],
  rows: readonly PrintedRow<TransactionFigures>[],
): string[] {
  const { transactions, transactionsPerSecond, durationSeconds, latency, connect, unanswered, unansweredPercent } =
    TRANSACTION_FIGURES;
  const counts: PrintedColumn<TransactionFigures>[] = [
    column("transactions", transactions),
    column("per second", transactionsPerSecond),
    column("seconds", durationSeconds),
  ];
  if (all.some(({ lost }) => lost !== undefined)) {
    counts.push(column("unanswered", unanswered), column("", unansweredPercent));
  }
  const times = (figure: Figure<TransactionFigures>) =>
    (["mean", "median", "p90", "p99", "p999", "max"] as const).map((part) => column(partTitle(part), figure, part));
  return [
    ...tableOf({ names: [name], columns: counts }, rows),
    "",
    ...tableOf({ names: ["latency ms"], columns: times(latency) }, rows),
    ...all.some(({ connect }) => connect !== undefined)
      ? ["", ...tableOf({ names: ["connect ms"], columns: times(connect) }, rows)]
      : [],
  ];
}
