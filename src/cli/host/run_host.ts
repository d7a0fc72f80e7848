import { messageOf, TineError } from "../../base/errors.ts";
import { createPointWriter, type Losses } from "../../udf/format/point_writer.ts";
import { Host, type HostCounts, type HostOptions } from "../../udf/host.ts";
import { watchModule } from "../../udf/module/watch_file.ts";
import { describeOptions, parseSettings } from "../../udf/option_settings.ts";
import type { RunningUdf } from "../../udf/running_udf.ts";
import { Supervisor, type SupervisorCounts } from "../../udf/supervise/supervisor.ts";
import { onInterrupt } from "../interrupts.ts";
import { UsageError } from "../errors.ts";
import { moduleOptions } from "../module_flags.ts";
import { describeTarget, openRecordings } from "../udf/recordings.ts";
import { describeSupervision, supervisorOptions } from "../udf/supervision_flags.ts";
import { escape, StdoutClosed } from "../terminal.ts";
import { reachUdf, type Target } from "../udf/target.ts";
import type { HostFlags } from "./host.ts";
import { HostMessages } from "./host_messages.ts";
import { checkSnapshotPath, openInputs, readSnapshot, writeSnapshot } from "./input.ts";
import { type Feed, type FeedOptions, InputFeed } from "./input_feed.ts";
import { PointPrinter, type Printer } from "./point_printer.ts";
import { startLongTimer } from "../../base/time.ts";
import { formatCount, grouped } from "../../base/units.ts";

/**
 * Drives a UDF with the points of all inputs, prints what it sends back, and a summary at the end.
 *
 * @returns the exit code
 * @throws {TineError} the reason where the UDF did not end well, or something could not be read or written
 */
export async function runHost(flags: HostFlags, target: Target): Promise<number> {
  using messages = new HostMessages();
  const state = flags.restore === undefined ? undefined : await readSnapshot(flags.restore);
  if (flags.snapshot !== undefined) await checkSnapshotPath(flags.snapshot);
  using printer = await openPrinter(flags, messages);
  const ending = new AbortController();
  const feed = await openFeed({ flags, messages, signal: ending.signal });
  // Last: a recording that exists is overwritten, which a mistyped name of an input should not cost.
  const udf = await openUdf(flags, target, messages, ending.signal);
  using interrupts = onInterrupt(() => {
    messages.warnSoon("interrupted, waiting for the UDF to end; a second time kills it");
    ending.abort();
  }, () => {
    udf.kill();
    printer[Symbol.dispose]();
    Deno.exit(130);
  });
  const options = hostOptions(flags, messages, ending);
  const supervisor = flags.restart || flags.watch
    ? new Supervisor(udf.reach, printer, { ...options, ...supervisorOptions(flags) })
    : undefined;
  let host: Host | Supervisor;
  try {
    host = supervisor ?? new Host(await udf.reach(), printer, options);
  } catch (error) {
    await feed.cancel();
    if (interrupts.interrupted) return 130;
    throw error;
  }
  const started = performance.now();
  const driven = await failureOf(drive(host, { flags, feed, state, messages, supervisor, ending: ending.signal }));
  messages.clear();
  const printed = await failureOf(printer.finish());
  const failure = driven ?? printed;
  const summary = {
    ...host.counts,
    supervision: supervisor?.supervision,
    seconds: (performance.now() - started) / 1000,
    badLines: feed.badLines,
    latePoints: feed.late,
    lostRows: feed.lostRows,
    wrongGroups: printer.wrongGroups,
    losses: printer.losses,
    // A reader of stdout that has seen enough is no failure.
    error: failure === undefined || failure instanceof StdoutClosed || isInterrupted(failure)
      ? undefined
      : messageOf(host.failure ?? failure),
  };
  if (flags.json) console.error(JSON.stringify(summary));
  else if (failure === undefined || summary.pointsIn > 0) messages.dim(renderSummary(summary));
  if (failure !== undefined && !isInterrupted(failure)) throw host.failure ?? failure;
  if (interrupts.interrupted) return 130;
  return feed.badLines > 0 ? 1 : 0;
}

async function openPrinter(flags: HostFlags, messages: HostMessages): Promise<Printer> {
  const options = { strict: flags.strict, warn: (message: string) => messages.warn(message) };
  const format = flags.json ? "json" : flags.format ?? (Deno.stdout.isTerminal() ? "table" : "line");
  if (format !== "csv" && format !== "parquet") return new PointPrinter(createPointWriter(format), options);
  if (format === "parquet" && Deno.stdout.isTerminal()) {
    throw new UsageError("--format parquet is binary: send standard output to a file, as in > points.parquet");
  }
  const { TablePrinter } = await import("./table_printer.ts");
  return await TablePrinter.open(format, options);
}

async function openFeed(options: FeedOptions): Promise<Feed> {
  const { input, inputFormat, fromResults, table } = options.flags;
  if (fromResults === undefined) return new InputFeed(await openInputs(input, inputFormat), options);
  const { RowFeed } = await import("./row_feed.ts");
  return await RowFeed.open(fromResults, table!, options);
}

/** The UDF of the command line, reached once or, under supervision, again and again. */
interface ReachableUdf {
  reach(): Promise<RunningUdf>;
  /** Ends by force what was reached last. */
  kill(): void;
}

async function openUdf(
  flags: HostFlags,
  target: Target,
  messages: HostMessages,
  signal: AbortSignal,
): Promise<ReachableUdf> {
  const recordings = await openRecordings(flags.record, "host", describeTarget(target), (message) => {
    messages.warn(escape(message));
  });
  let running: RunningUdf | undefined;
  return {
    async reach() {
      const reached = await reachUdf(target, {
        retryMs: flags.timeout,
        log: (line) => messages.dim(escape(line)),
        signal,
        module: { ...moduleOptions(flags), maxFrameBytes: flags.maxFrame },
      });
      return running = recordings?.udf(reached) ?? reached;
    },
    kill: () => running?.kill(),
  };
}

function hostOptions(flags: HostFlags, messages: HostMessages, ending: AbortController): HostOptions {
  return {
    taskId: flags.taskId,
    nodeId: flags.nodeId,
    timeoutMs: flags.timeout,
    maxFrameBytes: flags.maxFrame,
    log: (message) => messages.warn(escape(message)),
    onAbort(error) {
      ending.abort();
      messages.warnSoon(`${escape(error.message)}; waiting for the UDF to end`);
    },
  };
}

/** What {@linkcode drive} works with. */
interface Drive {
  flags: HostFlags;
  feed: Feed;
  /** The snapshot that the UDF gets at the start. */
  state: Uint8Array | undefined;
  messages: HostMessages;
  supervisor: Supervisor | undefined;
  /** Its abort ends reading. */
  ending: AbortSignal;
}

function isInterrupted(error: unknown): boolean {
  return error instanceof TineError && error.code === "interrupted";
}

/** Takes the UDF from its init through all input to its end. */
async function drive(
  host: Host | Supervisor,
  { flags, feed, state, messages, supervisor, ending }: Drive,
): Promise<void> {
  using cleanUp = new DisposableStack();
  const { timeout, drainTimeout } = flags;
  const waitMs = 2 * (timeout || 10_000);
  /** Waits for an answer: one that does not come, of a UDF that answers keepalives, is not to be waited for in silence. */
  const answered = async <T>(question: string, answer: Promise<T>): Promise<T> => {
    using _timer = startLongTimer(waitMs, () => {
      messages.warn(`the UDF has not answered ${question} for ${waitMs / 1000} s, still waiting`);
    });
    return await answer;
  };
  // Before it has data, a UDF has nothing to handle.
  const giveUp = () => host.abort(new TineError("interrupted", "interrupted"));
  // A UDF that takes nothing, or does not answer, is not waited for without end.
  const endInTime = (what: string) => {
    if (drainTimeout === 0) return;
    cleanUp.use(startLongTimer(drainTimeout, () => {
      host.abort(new TineError("drain-timeout", `the UDF ${what} within ${drainTimeout / 1000} s`));
    }));
  };
  if (flags.watch) cleanUp.defer(watchModule(flags.handler!, () => void supervisor!.reload()));
  const onEnding = () => endInTime("did not end after the interruption");
  cleanUp.defer(() => ending.removeEventListener("abort", onEnding));
  try {
    ending.addEventListener("abort", giveUp);
    if (ending.aborted) giveUp();
    host.start();
    const info = await answered("info", host.info());
    const options = parseSettings(flags.set, info);
    try {
      await answered("init", host.init(options));
    } catch (error) {
      if (!(error instanceof TineError) || error.code !== "init-failed") throw error;
      throw new TineError(error.code, `${error.message} (${describeOptions(info)})`, { cause: error });
    }
    if (state !== undefined) await answered("restore", host.restore(state));
    ending.removeEventListener("abort", giveUp);
    ending.addEventListener("abort", onEnding);
    if (info.wants === "stream" && (flags.batchSize !== undefined || flags.batchWindow !== undefined)) {
      const name = flags.batchSize === undefined ? "--batch-window" : "--batch-size";
      messages.warn(`${name} has no effect: the UDF wants single points, not batches`);
    }
    await feed.run(host, info.wants);
    if (host.failure === undefined && flags.snapshot !== undefined) {
      endInTime("did not give a snapshot after its input");
      await writeSnapshot(flags.snapshot, await host.snapshot());
    }
    await host.stop(flags.drainTimeout);
  } catch (error) {
    await feed.cancel();
    if (!(error instanceof Error)) throw error;
    host.abort(error);
    await host.stop(flags.drainTimeout).catch(() => {});
    throw error;
  }
}

async function failureOf(promise: Promise<void>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
}

/** What `tine host` did. */
interface HostSummary extends HostCounts {
  seconds: number;
  badLines: number;
  latePoints: number;
  /** Rows of results that are no points. */
  lostRows?: number;
  wrongGroups: number;
  /** Where the UDF was supervised. */
  supervision?: SupervisorCounts;
  losses: Losses;
  error?: string;
}

/** The summary for people: one line, and one more where something was lost or odd. */
function renderSummary(summary: HostSummary): string {
  const { pointsIn, pointsOut, batchesIn, batchesOut, seconds } = summary;
  const batches = (n: number) => n === 0 ? "" : ` (${formatCount(n, "batch", "batches")})`;
  const rate = grouped(Math.round(pointsIn / Math.max(seconds, 1e-6)));
  const lines = [
    `${formatCount(pointsIn, "point")} in${batches(batchesIn)}, ${formatCount(pointsOut, "point")} out${
      batches(batchesOut)
    }, ` +
    `${seconds.toFixed(2)} s, ${rate} points/s`,
  ];
  const odd = [
    summary.error !== undefined && "failed",
    counted(summary.badLines, "bad line"),
    counted(summary.latePoints, "late point dropped", "late points dropped"),
    counted(summary.lostRows ?? 0, "row without a time or a field", "rows without a time or a field"),
    counted(summary.losses.points, "point that the format cannot hold", "points that the format cannot hold"),
    counted(summary.losses.fields, "field that the format cannot hold", "fields that the format cannot hold"),
    counted(summary.losses.tags, "tag that the format cannot hold", "tags that the format cannot hold"),
    counted(summary.unasked, "response without a question", "responses without a question"),
    counted(
      summary.wrongGroups,
      "group that Kapacitor computes differently",
      "groups that Kapacitor computes differently",
    ),
    counted(summary.invalidStrings, "string that was not UTF-8", "strings that were not UTF-8"),
  ].filter((part) => part !== false);
  if (odd.length > 0) lines.push(odd.join(", "));
  const supervision = summary.supervision && describeSupervision(summary.supervision);
  if (supervision !== undefined) lines.push(supervision);
  return lines.join("\n");
}

function counted(n: number, one: string, many = `${one}s`): string | false {
  return n > 0 && formatCount(n, one, many);
}
