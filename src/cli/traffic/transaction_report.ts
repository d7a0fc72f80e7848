import {
  Distribution,
  figuresOf,
  sumTransactions,
  TRANSACTION_FIGURES,
  TRANSACTION_INTERVAL_FIGURES,
  transactionBottlenecks,
  type TransactionFigures,
  type TransactionInterval,
} from "../../flow/analysis/mod.ts";
import { type Column, column, type Row, tableOf } from "../figures.ts";
import { warmupText } from "./client_flags.ts";
import type { ClientReport } from "./client_report.ts";
import type { TransactionFlow } from "./transaction_flow.ts";

/** With more flows than this, a table has their sum alone; `--json` has all of them. */
const MAX_ROWS = 32;

/** Returns how `--rr` shows requests and responses. */
export function transactionReport(
  transport: "tcp" | "udp",
): ClientReport<TransactionFlow, TransactionInterval> {
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

    sumIntervals(intervals) {
      const latency = new Distribution();
      for (const one of intervals) latency.merge(one.latency);
      const lost = intervals.flatMap(({ lost }) => lost ?? []);
      return {
        durationMs: intervals[0].durationMs,
        latency,
        ...lost.length > 0 && { lost: lost.reduce((sum, n) => sum + n) },
      };
    },

    summarize(flows, load) {
      const measured = flows.map((flow) => ({ flow, figures: flow.figures() }));
      const all = measured.length === 1 ? measured[0].figures : sumTransactions(flows);
      const kind = flows[0]?.perConnection ? "a connection for each transaction" : "requests and responses";
      return {
        setup: `, ${kind}${warmupText(flows)}`,
        lines() {
          const shown = measured.length > MAX_ROWS ? [] : measured;
          const rows = shown.map(({ flow, figures }): Row<TransactionFigures> => [
            [flow.label + (flow.complete ? "" : "*")],
            figures,
          ]);
          if (measured.length > 1) rows.push([[`all ${measured.length}`], all]);
          const short = measured.filter(({ figures }) => figures.unmeasured).map(({ flow }) => flow.label);
          return [
            ...transactionTable("flow", measured.map(({ figures }) => figures), rows),
            ...shown.some(({ flow }) => !flow.complete) ? ["* did not come to its end"] : [],
            ...short.length > 0
              ? [`ended before the warm-up was over, without figures for that: ${short.join(", ")}`]
              : [],
          ];
        },
        json: () => ({
          ...figuresOf(TRANSACTION_FIGURES, all),
          flows: measured.map(({ flow: { label, id, complete }, figures }) => ({
            flow: label,
            id,
            complete,
            ...figuresOf(TRANSACTION_FIGURES, figures),
          })),
        }),
        bottlenecks: measured.flatMap(({ figures }) => transactionBottlenecks(figures, load)),
      };
    },
  };
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
  rows: readonly Row<TransactionFigures>[],
): string[] {
  const { transactions, transactionsPerSecond, durationSeconds, latency, connect, unanswered, unansweredPercent } =
    TRANSACTION_FIGURES;
  const counts: Column<TransactionFigures>[] = [
    column("transactions", transactions),
    column("per second", transactionsPerSecond),
    column("seconds", durationSeconds),
  ];
  if (all.some(({ lost }) => lost !== undefined)) {
    counts.push(column("unanswered", unanswered), column("", unansweredPercent));
  }
  const times = (figure: typeof latency): Column<TransactionFigures>[] => [
    column("mean", figure, "mean"),
    column("median", figure),
    column("p90", figure, "p90"),
    column("p99", figure, "p99"),
    column("p99.9", figure, "p999"),
    column("max", figure, "max"),
  ];
  return [
    ...tableOf({ names: [name], columns: counts }, rows),
    "",
    ...tableOf({ names: ["latency ms"], columns: times(latency) }, rows),
    ...all.some(({ connect }) => connect !== undefined)
      ? ["", ...tableOf({ names: ["connect ms"], columns: times(connect) }, rows)]
      : [],
  ];
}
