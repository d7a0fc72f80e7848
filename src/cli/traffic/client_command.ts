import type { Flows } from "../../flow/flows.ts";
import type { MachineLoad } from "../../result/analysis/mod.ts";
import { escape } from "../terminal.ts";
import { BusiestThread } from "./busiest_thread.ts";
import type { ClientFlow } from "./client_flow.ts";
import { interruptible } from "./interruptible.ts";
import { IntervalTimer } from "./interval_timer.ts";
import { Printer } from "./printer.ts";
import { runFlows } from "./run_flows.ts";

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
  /** Prints the summary. */
  end(print: Printer, load: MachineLoad): void;
}

/**
 * Runs flows by hand to their end, or until an interrupt; prints what was measured, also of flows that fail.
 *
 * @param intervalMs between lines; Infinity: never
 * @returns the exit code
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
  const { error } = await runFlows(flows, clients, {
    key,
    signal: stop.signal,
    log: (text) => console.error(`${report.name}: ${escape(text)}`),
    onOpen() {
      thread = new BusiestThread();
      report.start(print);
      timer.start();
    },
  });
  if (thread !== undefined) {
    const load = { busiestThread: thread.share };
    timer.end(Math.max(...clients.map(({ lastMs }) => lastMs)));
    report.end(print, load);
  }
  await print.flush();
  if (stop.interrupted) return EXIT_INTERRUPTED;
  if (error !== undefined) throw error;
  return 0;
}
