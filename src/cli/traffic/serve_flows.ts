import { type HostPort, isLoopback } from "../../base/address.ts";
import { count, grouped } from "../../base/units.ts";
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
import { REFUSAL_REASONS, ServerAccount, type ServerTotals } from "../../flow/server_account.ts";
import { figureText, seconds } from "../figures.ts";
import { connectionJson, provenance, startOf } from "./provenance.ts";
import { version } from "../version.ts";
import { MetricsServer } from "./metrics.ts";
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
  /** Serves one client, and ends then. */
  readonly oneOff: boolean;
  /** How often it prints what it has served, in milliseconds; absent: at SIGUSR2 alone. */
  readonly statsMs?: number;
  /** Where metrics are served; absent: nowhere. */
  readonly metrics?: HostPort;
  /** How traffic is made, for metrics. */
  readonly engine: string;
  /** Starts all servers; each address is printed once. */
  listen(options: ServerOptions): Promise<readonly FlowServer[]>;
}

/** Other flows of the same client have so long to begin, in milliseconds. */
const ONE_OFF_MS = 1000;
/** How often it is looked whether a client has no flows any more, in milliseconds. */
const LOOK_MS = 50;

/**
 * Serves until it is interrupted, or has served one client; prints a line for each flow that ends.
 *
 * @returns the exit code: 0, or 1 where a flow of the one client did not come to its end
 */
export async function serveFlows(options: ServeOptions): Promise<number> {
  const { name, hostnames, key, json, oneOff, statsMs, metrics, engine, listen } = options;
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
  if (metrics !== undefined && !isLoopback(metrics.hostname)) {
    log(`warning: other machines may read the metrics at ${metrics.hostname}`);
  }
  const started = new Date();
  await using _servers = new AsyncDisposableStack();
  const account = new ServerAccount();
  if (oneOff) account.serveOneClient();
  const printStats = () => {
    if (json) output.json(statsJson(account.totals));
    else output.lines([statsLine(account.totals)]);
  };
  using _stats = onStats(statsMs, printStats);
  const metricsServer = metrics && await MetricsServer.start(metrics, {
    build: { version, engine, server: name.split(" ")[1] },
    totals: () => account.totals,
  });
  if (metricsServer !== undefined) _servers.use(metricsServer);
  const servers = await listen({ events: printing(output, json, log), signal: output.signal, key, account });
  for (const server of servers) _servers.use(server);
  for (const address of new Set(servers.map(({ address }) => address))) {
    if (json) output.json({ type: "listening", ...provenance(started), address, metrics: metricsServer?.url });
    log(`listening on ${address}${key === undefined ? "" : ", for clients with the key"}`);
  }
  if (metricsServer !== undefined) log(`metrics at ${metricsServer.url}`);
  const served = oneOff ? [clientServed(account, output.signal)] : [];
  await Promise.race([aborted(output), ...servers.map(({ ended }) => ended), ...served]);
  await _servers.disposeAsync();
  if (statsMs !== undefined) printStats();
  await output.flush();
  const { flows, flowsIncomplete } = account.totals;
  if (oneOff && flows > 0) {
    const ends = flowsIncomplete === 0 ? "all came to their end" : `${grouped(flowsIncomplete)} did not come to an end`;
    log(`served one client: ${count(flows, "flow")}, ${ends}`);
  }
  return oneOff && flowsIncomplete > 0 ? 1 : 0;
}

/** Calls back as often as asked for, and at each SIGUSR2. */
function onStats(everyMs: number | undefined, print: () => void): Disposable {
  const timer = everyMs === undefined ? undefined : setInterval(print, everyMs);
  // Windows has no such signal, and SIGUSR1 starts the debugger of the runtime.
  const hasSignal = Deno.build.os !== "windows";
  if (hasSignal) Deno.addSignalListener("SIGUSR2", print);
  return {
    [Symbol.dispose]() {
      clearInterval(timer);
      if (hasSignal) Deno.removeSignalListener("SIGUSR2", print);
    },
  };
}

/** Resolves once a client has had flows, and has had none for a while; or when it is interrupted. */
async function clientServed(account: ServerAccount, signal: AbortSignal): Promise<void> {
  let idleSince = Infinity, flowsBefore = 0;
  while (!signal.aborted) {
    const { flows, flowsActive } = account.totals, now = performance.now();
    const isIdle = flows > 0 && flowsActive === 0 && flows === flowsBefore;
    flowsBefore = flows;
    if (!isIdle) idleSince = Infinity;
    else idleSince = Math.min(idleSince, now);
    if (now - idleSince >= ONE_OFF_MS) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
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

/** Returns what a server has served until now as a line. */
export function statsLine(totals: ServerTotals): string {
  const { flowsActive, flows, flowsIncomplete, packetsOverRate, refusals } = totals;
  const some = (number: number, what: string) => number > 0 ? [`${grouped(number)} ${what}`] : [];
  const moved = (bytes: number, packets: number) =>
    figureText(bytes, "byte") + (packets > 0 ? ` in ${count(packets, "packet")}` : "");
  const reasons = REFUSAL_REASONS.filter((reason) => refusals[reason] > 0);
  const refused = reasons.reduce((sum, reason) => sum + refusals[reason], 0);
  return [
    `${count(flowsActive, "flow")} now`,
    `${grouped(flows)} in total`,
    ...some(flowsIncomplete, "without an end"),
    `received ${moved(totals.bytesIn, totals.packetsIn)}`,
    `sent ${moved(totals.bytesOut, totals.packetsOut)}`,
    ...some(packetsOverRate, "over the rate"),
    `refused ${grouped(refused)}` +
    (refused > 0 ? ` (${reasons.map((reason) => `${reason} ${grouped(refusals[reason])}`).join(", ")})` : ""),
  ].join(", ");
}

/** Returns what a server has served until now as an object. */
export function statsJson(totals: ServerTotals, at = new Date()): object {
  const { flowsActive, flows, flowsIncomplete, bytesIn, bytesOut, packetsIn, packetsOut, packetsOverRate } = totals;
  return {
    type: "stats",
    at: at.toISOString(),
    flowsActive,
    flows,
    flowsIncomplete,
    bytesReceived: bytesIn,
    bytesSent: bytesOut,
    packetsReceived: packetsIn,
    packetsSent: packetsOut,
    overRate: packetsOverRate,
    refusals: totals.refusals,
  };
}
