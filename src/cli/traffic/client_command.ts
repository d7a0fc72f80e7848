import type { Flows } from "../../flow/flows.ts";
import { TineError } from "../../base/errors.ts";
import { escape } from "../terminal.ts";
import { BusiestThread } from "./busiest_thread.ts";
import { BusyProcessors } from "./busy_processors.ts";
import type { ClientFlow } from "./client_flow.ts";
import { interruptible } from "./interruptible.ts";
import { IntervalTimer } from "./interval_timer.ts";
import type { MeasuredWith } from "./measured_with.ts";
import { Printer } from "./printer.ts";
import { runFlows } from "./run_flows.ts";

const EXIT_FAILED = 1;
/** What a client does that is interrupted. */
const EXIT_INTERRUPTED = 130;

/** What flows of a kind saw in an interval; times are milliseconds since the first of them has started. */
export interface Intervals<Client, Interval> {
  readonly fromMs: number;
  readonly toMs: number;
  readonly seen: readonly (readonly [Client, Interval])[];
}

/** How flows of a kind are shown. */
export interface ClientReport<Client, Interval> {
  /** What stands above the intervals. */
  intervalHead(): string[];
  intervalLines(intervals: Intervals<Client, Interval>): string[];
  intervalJson(intervals: Intervals<Client, Interval>): object[];
  summaryLines(clients: readonly Client[], how: MeasuredWith): string[];
  summaryJson(clients: readonly Client[], how: MeasuredWith): object;
}

/** A flow that tells what it saw in the interval of a number, once. */
export interface IntervalFlow<Interval> extends ClientFlow {
  takeInterval(k: number): Interval;
}

/** What a command was told. */
export interface ClientOptions {
  /** The name of the command, for messages. */
  readonly name: string;
  /** The server: `HOST:PORT`. */
  readonly server: string;
  readonly key?: Uint8Array;
  /** Between lines, in milliseconds; Infinity: never. */
  readonly intervalMs: number;
  /** It is for programs, which get a summary of flows that could not start as well. */
  readonly json: boolean;
}

/**
 * Runs flows by hand to their end, or until an interrupt; prints what was measured, also of flows that fail.
 *
 * @returns the exit code; it is that of a failure if a flow did not come to its end
 * @throws what the first flow failed with, after the summary
 */
export async function runClient<Interval, Client extends IntervalFlow<Interval>>(
  flows: Flows,
  clients: readonly Client[],
  report: ClientReport<Client, Interval>,
  { name, server, key, intervalMs, json }: ClientOptions,
): Promise<number> {
  using stop = interruptible(EXIT_INTERRUPTED);
  const print = new Printer((error) => stop.abort(error));
  let headed = false;
  using timer = new IntervalTimer(intervalMs, (k, fromMs, toMs) => {
    const intervals = { fromMs, toMs, seen: clients.map((client) => [client, client.takeInterval(k)] as const) };
    if (json) {
      for (const object of report.intervalJson(intervals)) print.json(object);
      return;
    }
    if (!headed) print.lines(report.intervalHead());
    headed = true;
    print.lines(report.intervalLines(intervals));
  });
  let thread: BusiestThread | undefined;
  let processors: BusyProcessors | undefined;
  const { error } = await runFlows(flows, clients, {
    key,
    signal: stop.signal,
    log: (text) => console.error(`${name}: ${escape(text)}`),
    onOpen() {
      thread = new BusiestThread();
      processors = new BusyProcessors();
      timer.start();
    },
  });
  const cut = clients.find(({ complete }) => !complete);
  const failure = error ?? (cut && new TineError("incomplete-flow", `flow ${cut.id} did not come to its end`));
  if (thread !== undefined) timer.end(Math.max(...clients.map(({ lastMs }) => lastMs)));
  if (thread !== undefined || json) {
    const load = { busiestThread: thread?.share, processors: processors?.share };
    const how = { server, kind: flows.kind, load, error: failure };
    if (json) print.json(report.summaryJson(clients, how));
    else print.lines([...headed ? [""] : [], ...report.summaryLines(clients, how)]);
  }
  await print.flush();
  if (stop.interrupted) return EXIT_INTERRUPTED;
  if (error !== undefined) throw error;
  // Why has been logged.
  return failure === undefined ? 0 : EXIT_FAILED;
}
