import { isLoopback } from "../../base/address.ts";
import { count } from "../../base/units.ts";
import {
  figuresOf,
  PATH_FIGURES,
  SERVED_PACKET_FIGURES,
  SERVED_STREAM_FIGURES,
  SERVED_TRANSACTION_FIGURES,
  servedPath,
} from "../../flow/analysis/mod.ts";
import type { FlowEvents, FlowInfoEvent, FlowServer, ServerOptions } from "../../flow/flows.ts";
import type {
  FlowProgress,
  ServedPacketReport,
  ServedStreamReport,
  ServedTransactionReport,
} from "../../flow/report.ts";
import { ServerAccount } from "../../flow/server_account.ts";
import { figureText, seconds } from "../figures.ts";
import { connectionJson, provenance, startOf } from "./provenance.ts";
import { escape } from "../terminal.ts";
import { groupLine } from "./group_report.ts";
import { InterruptibleOutput } from "../interrupts.ts";

/** Of more flows that run, the oldest are forgotten, and are not printed. */
const MAX_FLOWS = 4096;

/** How a server by hand is run. */
export interface ServeOptions {
  /** The command, for messages. */
  readonly name: string;
  /** Where it listens, as it was given: decides about warnings. */
  readonly hostnames: readonly string[];
  readonly key?: Uint8Array;
  readonly json: boolean;
  /** Starts all servers; each address is printed once. */
  listen(options: ServerOptions): Promise<readonly FlowServer[]>;
}

/**
 * Serves until it is interrupted, and prints a line for each flow that ends.
 *
 * @returns the exit code, 0
 */
export async function serveFlows({ name, hostnames, key, json, listen }: ServeOptions): Promise<number> {
  const log = (text: string) => console.error(`${name}: ${escape(text)}`);
  using output = new InterruptibleOutput(0);
  const reachable = hostnames.filter((hostname) => !isLoopback(hostname));
  if (key === undefined && reachable.length > 0) {
    log(
      `warning: ${
        [...new Set(reachable)].join(", ")
      } may be reached by other machines, and without a key (TINE_KEY) it serves all of them`,
    );
  }
  const started = new Date();
  await using _servers = new AsyncDisposableStack();
  const account = new ServerAccount();
  const servers = await listen({ events: printing(output, json, log), signal: output.signal, key, account });
  for (const server of servers) _servers.use(server);
  for (const address of new Set(servers.map(({ address }) => address))) {
    if (json) output.json({ type: "listening", ...provenance(started), address });
    log(`listening on ${address}${key === undefined ? "" : ", for clients with the key"}`);
  }
  await Promise.race([aborted(output), ...servers.map(({ ended }) => ended)]);
  await _servers.disposeAsync();
  await output.flush();
  return 0;
}

/** Prints each flow when it is over. */
function printing(output: InterruptibleOutput, json: boolean, log: (text: string) => void): FlowEvents {
  const infos = new Map<string, FlowInfoEvent>();
  return {
    info(info) {
      infos.set(info.flow, info);
      if (infos.size > MAX_FLOWS) infos.delete(infos.keys().next().value!);
    },
    records() {
      // They are for plans: a server by hand keeps nothing of its flows.
    },
    progress(flow, report) {
      const info = infos.get(flow);
      if (info === undefined || !isServed(report)) return;
      infos.delete(flow);
      if (json) output.json(servedJson(info, report));
      else output.lines([servedLine(info, report)]);
    },
    log,
  };
}

/** Resolves once it is interrupted; rejects if it is aborted for another reason. */
function aborted(output: InterruptibleOutput): Promise<void> {
  const { signal } = output;
  return new Promise((resolve, reject) => {
    const end = () => output.interrupted ? resolve() : reject(signal.reason);
    if (signal.aborted) end();
    else signal.addEventListener("abort", end, { once: true });
  });
}

/** What a server has at the end of a flow. */
export type ServedReport = ServedStreamReport | ServedPacketReport | ServedTransactionReport;

/** Whether it is a report of a server, of a flow that is over. */
function isServed(report: FlowProgress): report is ServedReport {
  return report.kind === "servedStream" || report.kind === "servedTransactions" ||
    report.kind === "servedPackets" && report.state !== "running";
}

/** Returns a flow that a server has served as a line. */
export function servedLine({ flow, values: { client, direction } }: FlowInfoEvent, report: ServedReport): string {
  const line = (...parts: string[]) => parts.filter((part) => part !== "").join(", ");
  const peer = escape(String(client)), id = escape(flow);
  if (report.kind === "servedStream") {
    const { bytes, goodputBitsPerSecond, durationNanos, complete } = report;
    return line(
      `${peer} ${escape(String(direction))} ${id}: ${figureText(bytes, "byte")} in ${seconds(durationNanos / 1e9)} s`,
      figureText(goodputBitsPerSecond, "bit/s"),
      complete ? "" : "did not come to its end",
    );
  }
  if (report.kind === "servedTransactions") {
    const { transactions, connections, elapsedNanos, complete } = report;
    const { transactionsPerSecond } = SERVED_TRANSACTION_FIGURES;
    return line(
      `${peer} ${id}: ${count(transactions, "transaction")} in ${seconds(elapsedNanos / 1e9)} s`,
      `${figureText(transactionsPerSecond.value(report), "1/s")} a second`,
      connections === 1 ? "" : `over ${count(connections, "connection")}`,
      complete ? "" : "did not come to its end",
    );
  }
  const path = servedPath(report);
  if (path !== undefined) return groupLine(`${peer} ${id}`, report, path);
  const { received, sent, sendErrors, duplicates, bad, congestionMarks = 0, overRate = 0 } = report;
  const { socketDrops, elapsedNanos, state } = report;
  const some = (packets: number, what: string) => packets > 0 ? `${figureText(packets, "packet")} ${what}` : "";
  const counts = line(
    `${peer} ${id}: received ${count(received, "packet")}`,
    `sent ${figureText(sent, "packet")}`,
    some(duplicates, "twice"),
    some(congestionMarks, "marked: congestion experienced"),
    some(sendErrors, "could not be sent"),
    some(bad, "bad"),
    some(overRate, "over the rate"),
    some(socketDrops, "dropped by this socket"),
  );
  return line(`${counts} in ${(elapsedNanos / 1e9).toFixed(2)} s`, state === "unclosed" ? "ended without a close" : "");
}

/** Returns a flow that a server has served, and that is over now, as an object. */
export function servedJson(info: FlowInfoEvent, report: ServedReport, ended = new Date()): object {
  const { flow: id, values: { direction, cca } } = info;
  const when = { started: startOf(info).toISOString(), ended: ended.toISOString() };
  const connection = connectionJson(info);
  switch (report.kind) {
    case "servedTransactions": {
      const { complete, connections } = report;
      const figures = figuresOf(SERVED_TRANSACTION_FIGURES, report);
      return { type: "flow", protocol: "tcp", id, ...when, ...connection, complete, connections, ...figures };
    }
    case "servedStream": {
      const { complete } = report;
      const figures = figuresOf(SERVED_STREAM_FIGURES, report);
      return { type: "flow", protocol: "tcp", id, ...when, ...connection, direction, cca, complete, ...figures };
    }
    default: {
      const figures = figuresOf(SERVED_PACKET_FIGURES, report);
      const path = servedPath(report);
      return {
        type: "flow",
        protocol: "udp",
        id,
        ...when,
        ...connection,
        complete: report.state === "closed",
        ...figures,
        ...path && { toServer: figuresOf(PATH_FIGURES, path) },
      };
    }
  }
}
