import { type HostPort, isLoopback } from "../../base/address.ts";
import { formatCount, grouped } from "../../base/units.ts";
import type { FlowEvents, FlowInfoEvent, FlowServer, ServerOptions } from "../../flow/flows.ts";
import { ServerAccount } from "../../flow/server_account.ts";
import { provenance } from "./provenance.ts";
import { isServed, servedJson, servedLine, statsJson, statsLine } from "./served_report.ts";
import { version } from "../version.ts";
import { MetricsServer } from "./metrics.ts";
import { escape } from "../terminal.ts";
import { InterruptibleOutput } from "../interrupts.ts";

/** The maximum number of running flows that are remembered; older ones are not printed. */
const MAX_FLOWS = 4096;

/** The options of a server by hand. */
export interface ServeFlowsOptions {
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
  /** Starts all servers, each with options of its own; each address is printed once. */
  listen(optionsOfOne: () => ServerOptions): Promise<readonly FlowServer[]>;
}

/** How long other flows of the same client may take to begin, in milliseconds. */
const ONE_OFF_MS = 1000;
/** How often the flows of the one client are checked, in milliseconds. */
const LOOK_MS = 50;

/**
 * Serves until it is interrupted, or has served one client; prints a line for each flow that ends.
 *
 * @returns the exit code: 0, or 1 where a flow of the one client did not come to its end
 */
export async function serveFlows(options: ServeFlowsOptions): Promise<number> {
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
  // While they start, each of their threads may have the same line.
  let printed: Set<string> | undefined = new Set();
  const logOnce = (text: string) => {
    if (printed?.has(text)) return;
    printed?.add(text);
    log(text);
  };
  // Flows of two servers may have one name: sessions of STAMP, or what comes to a group at two interfaces.
  const servers = await listen(() => ({
    events: printing(output, json, logOnce),
    signal: output.signal,
    key,
    account,
  }));
  printed = undefined;
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
    log(`served one client: ${formatCount(flows, "flow")}, ${ends}`);
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

/** Prints each flow of a server when it is over. */
function printing(output: InterruptibleOutput, json: boolean, log: (text: string) => void): FlowEvents {
  const infos = new Map<string, FlowInfoEvent>();
  return {
    info(info) {
      infos.set(info.flow, info);
      if (infos.size > MAX_FLOWS) infos.delete(infos.keys().next().value!);
    },
    // No records: they are for plans, a server by hand keeps nothing of its flows.
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
