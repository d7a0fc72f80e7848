import type { FlowInfoEvent, Flows } from "../../flow/flows.ts";
import { TineError } from "../../base/errors.ts";
import { tableHead } from "../figures.ts";
import { escape } from "../terminal.ts";
import { watchMachine } from "./machine_load.ts";
import {
  type ClientReport,
  intervalJson,
  intervalLines,
  summaryJson,
  summaryLines,
  warmUpLegend,
} from "./client_report.ts";
import { InterruptibleOutput } from "../interrupts.ts";
import type { ClientFlow } from "./client_flow.ts";
import { runFlows } from "./run_flows.ts";
import { startLongTimer } from "../../base/time.ts";

const EXIT_FAILED = 1;
/** The exit code of a client that is interrupted. */
export const EXIT_INTERRUPTED = 130;

/** The options of a client by hand. */
export interface ClientOptions {
  /** The name of the command, for messages. */
  readonly name: string;
  /** The server: `HOST:PORT`. */
  readonly server: string;
  readonly key?: Uint8Array;
  /** Between lines, in milliseconds; Infinity: never. */
  readonly intervalMs: number;
  /** Whether the first interrupt is the end that was asked for, rather than one that comes too early. */
  readonly endless: boolean;
  /** Whether programs read the output: they get a summary of flows that could not start as well. */
  readonly json: boolean;
}

/**
 * Runs flows by hand to their end, or until an interrupt; prints what was measured, also of flows that fail.
 *
 * @returns the exit code; it is that of a failure if a flow did not come to its end
 * @throws what the first flow failed with, after the summary
 */
export async function runClient<Client extends ClientFlow<Interval, Figures>, Interval, Figures>(
  flows: Flows,
  clients: readonly Client[],
  report: ClientReport<Client, Interval, Figures>,
  { name, server, key, intervalMs, endless, json }: ClientOptions,
): Promise<number> {
  using output = new InterruptibleOutput(EXIT_INTERRUPTED, { graceful: endless });
  const started = new Date();
  const infos = new Map<string, FlowInfoEvent>();
  let headed = false;
  using timer = new IntervalTimer(intervalMs, (k, fromMs, toMs) => {
    const intervals = {
      fromMs,
      toMs,
      seen: clients.map((flow) => ({ flow, interval: flow.takeInterval(k, toMs - fromMs) })),
    };
    if (json) {
      for (const object of intervalJson(report, intervals)) output.json(object);
      return;
    }
    if (!headed) output.lines([...warmUpLegend(clients), ...tableHead(report.intervalTable)]);
    headed = true;
    output.lines(intervalLines(report, intervals));
  });
  let machineLoad: ReturnType<typeof watchMachine> | undefined;
  const { error } = await runFlows(flows, clients, {
    key,
    signal: output.signal,
    finish: output.finish,
    log: (text) => console.error(`${name}: ${escape(text)}`),
    onInfo: (info) => void infos.set(info.flow, info),
    onOpen() {
      machineLoad = watchMachine();
      timer.start();
    },
  });
  const cut = clients.find(({ complete }) => !complete);
  const failure = error ?? (cut && new TineError("incomplete-flow", `flow ${cut.id} did not come to its end`));
  if (machineLoad !== undefined) timer.end(Math.max(...clients.map(({ lastNanos }) => lastNanos)) / 1e6);
  if (machineLoad !== undefined || json) {
    const load = machineLoad?.() ?? {};
    const how = { server, kind: flows.kind, load, error: failure, started, infos };
    if (json) output.json(summaryJson(report, clients, how));
    else output.lines([...headed ? [""] : [], ...summaryLines(report, clients, how)]);
  }
  await output.flush();
  if (output.interrupted && machineLoad === undefined && !json) console.error(`${name}: ${earlyInterrupt(server)}`);
  if (output.interrupted) return EXIT_INTERRUPTED;
  if (error !== undefined) throw error;
  // The reason has been logged.
  return failure === undefined ? 0 : EXIT_FAILED;
}

/** Returns what is said of a client that was interrupted before there was anything to measure. */
export function earlyInterrupt(server: string): string {
  return `it was interrupted before the server at ${escape(server)} had taken a flow`;
}

/** How long after an interval its samples have come, in milliseconds: they come in batches. */
const LAG_MS = 300;
/** A last interval that is shorter than this share of the others is left out. */
const MIN_LAST_SHARE = 0.1;

/** Calls back once an interval is over and its samples have come, one interval after another. */
export class IntervalTimer implements Disposable {
  readonly #intervalMs: number;
  readonly #onInterval: (k: number, fromMs: number, toMs: number) => void;
  #timer: Disposable | undefined;
  #startedAt = 0;
  #next = 0;

  /**
   * @param intervalMs how long an interval is; Infinity: no intervals
   * @param onInterval called for each, with its number from 0 and the times of its start and end in milliseconds
   */
  constructor(intervalMs: number, onInterval: (k: number, fromMs: number, toMs: number) => void) {
    this.#intervalMs = intervalMs;
    this.#onInterval = onInterval;
  }

  /** The first one starts now. */
  start(): void {
    if (this.#intervalMs === Infinity) return;
    this.#startedAt = performance.now();
    this.#wait();
  }

  /**
   * Ends all intervals that are left.
   *
   * @param lastMs when the last sample was taken
   */
  end(lastMs: number): void {
    this[Symbol.dispose]();
    if (this.#intervalMs === Infinity) return;
    while ((this.#next + 1) * this.#intervalMs <= lastMs) this.#endNext();
    const from = this.#next * this.#intervalMs;
    if (lastMs - from > this.#intervalMs * MIN_LAST_SHARE) this.#onInterval(this.#next++, from, lastMs);
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
  }

  #wait(): void {
    const due = this.#startedAt + (this.#next + 1) * this.#intervalMs + LAG_MS;
    this.#timer = startLongTimer(due - performance.now(), () => {
      // Several at once if this thread was held up.
      while (performance.now() - this.#startedAt >= (this.#next + 1) * this.#intervalMs + LAG_MS) this.#endNext();
      this.#wait();
    });
  }

  #endNext(): void {
    const k = this.#next++;
    this.#onInterval(k, k * this.#intervalMs, (k + 1) * this.#intervalMs);
  }
}
