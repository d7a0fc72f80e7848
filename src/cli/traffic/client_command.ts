import type { Flows } from "../../flow/flows.ts";
import { TineError } from "../../wire/errors.ts";
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

/** How flows are shown. */
export interface ClientReport {
  /** The name of the command, for messages. */
  readonly name: string;
  /** What is printed before anything is measured. */
  start(print: Printer): void;
  /** Prints an interval, in milliseconds since the start. */
  interval(print: Printer, k: number, fromMs: number, toMs: number): void;
  /** It is for programs, which get a summary of flows that could not start as well. */
  readonly json: boolean;
  /** Prints the summary. */
  end(print: Printer, how: Pick<MeasuredWith, "load" | "error">): void;
}

/**
 * Runs flows by hand to their end, or until an interrupt; prints what was measured, also of flows that fail.
 *
 * @param intervalMs between lines; Infinity: never
 * @returns the exit code; it is that of a failure if a flow did not come to its end
 * @throws what the first flow failed with, after the summary
 */
export async function runClient(
  flows: Flows,
  clients: readonly ClientFlow[],
  report: ClientReport,
  { key, intervalMs }: { readonly key?: Uint8Array; readonly intervalMs: number },
): Promise<number> {
  using stop = interruptible(EXIT_INTERRUPTED);
  const print = new Printer((error) => stop.abort(error));
  using timer = new IntervalTimer(intervalMs, (k, fromMs, toMs) => report.interval(print, k, fromMs, toMs));
  let thread: BusiestThread | undefined;
  let processors: BusyProcessors | undefined;
  const { error } = await runFlows(flows, clients, {
    key,
    signal: stop.signal,
    log: (text) => console.error(`${report.name}: ${escape(text)}`),
    onOpen() {
      thread = new BusiestThread();
      processors = new BusyProcessors();
      report.start(print);
      timer.start();
    },
  });
  const cut = clients.find(({ complete }) => !complete);
  const failure = error ?? (cut && new TineError("incomplete-flow", `flow ${cut.id} did not come to its end`));
  if (thread !== undefined) timer.end(Math.max(...clients.map(({ lastMs }) => lastMs)));
  if (thread !== undefined || report.json) {
    report.end(print, {
      load: { busiestThread: thread?.share, processors: processors?.share },
      error: stop.interrupted ? undefined : failure,
    });
  }
  await print.flush();
  if (stop.interrupted) return EXIT_INTERRUPTED;
  if (error !== undefined) throw error;
  // Why has been logged.
  return failure === undefined ? 0 : EXIT_FAILED;
}
