import { TineError } from "../base/errors.ts";
import { decodeItem, Kind, type SysInfoData, type Test } from "../node/mod.ts";
import { type LoggedLine, readFlows, readLogs, readRecords, type TestResults } from "../result/mod.ts";
import { type GateVerdict, readVerdicts } from "../result/gates/mod.ts";
import { findStoredTest } from "../result/stored_plan.ts";
import type { TableSource } from "../result/tables/source.ts";
import { type Look, lookOf, type Plot } from "./plot.ts";
import { flowNames, MAX_SINGLE, type MeasuredFlow, type PlotContext } from "./plots/context.ts";
import { distributionPlots } from "./plots/distributions.ts";
import { type FlowEchoes, readEchoes, readLosses } from "./plots/udp.ts";
import { readIntervals } from "./plots/interval_rows.ts";
import { namesIn } from "../result/tables/row_follower.ts";
import { queuesPlot } from "./plots/queues.ts";
import { ganttPlot, readRuns, type RunOfTest } from "./plots/runs.ts";
import { readKernels } from "./plots/tcp.ts";
import { udfPlots } from "./plots/udfs.ts";
import { timePlots } from "./plots/time_plots.ts";

/** What a page has of a test. */
export interface TestReport {
  readonly test: TestResults;
  /** The name of its run, where it is known. */
  readonly run?: string;
  /** When it started, in nanoseconds since 1970. */
  readonly start: bigint;
  readonly flows: readonly MeasuredFlow[];
  /** How each flow looks in all plots, by its name. */
  readonly looks: ReadonlyMap<string, Look>;
  /** Plots on one axis of time. */
  readonly timePlots: readonly Plot[];
  /** Plots of distributions. */
  readonly distributions: readonly Plot[];
  readonly runs: readonly RunOfTest[];
  /** The test as the plan has it, where the plan is there. */
  readonly plan?: Test;
  readonly systems: readonly SysInfoData[];
  readonly logs: LogExcerpt;
  /** Verdicts of its gates. */
  readonly gates: readonly GateVerdict[];
  /** Why parts of the results could not be read, a sentence each. */
  readonly problems: readonly string[];
}

/** Lines of the logs of a test, the first and the last ones of many. */
export interface LogExcerpt {
  readonly first: readonly LoggedLine[];
  readonly last: readonly LoggedLine[];
  /** How many lie between them. */
  readonly leftOut: number;
}

/** How a test is read. */
export interface ReadReportOptions {
  /** The name of its run, where it is known. */
  readonly run?: string;
  /** About how large its page may be, in bytes. Default: 5,000,000 */
  readonly maxBytes?: number;
  /** Ids of plots: only what these need is read; all by default. */
  readonly only?: ReadonlySet<string>;
}

/** The size of a page that mails and trackers of issues take. */
export const DEFAULT_PAGE_BYTES = 5_000_000;
/** What a value of a series takes in a page, in bytes, where values are random. */
const VALUE_BYTES = 5;
/** Lengths of intervals, in milliseconds: the first one with which there are not too many. */
const INTERVALS = [100, 200, 500, 1000, 2000, 5000, 10_000, 30_000, 60_000, 300_000];
const MAX_INTERVALS = 600;
/** Of crowds. */
const MAX_CROWD_INTERVALS = 120;
/** Lines of logs in a page, at its start and at its end. */
const MAX_LINES = 250;

/**
 * Reads what a page has of a test from its results. What is damaged is left out and named; memory stays the same
 * however much there is.
 *
 * @param test the results
 * @param options how it is read
 *
 * @example
 * ```ts ignore
 * import { openResults } from "../result/mod.ts";
 * import { readTestReport } from "./test_report.ts";
 *
 * const test = await openResults("results/latest/name=hello");
 * if (test.kind === "test") console.log((await readTestReport(test)).timePlots.length);
 * ```
 */
export async function readTestReport(test: TestResults, options: ReadReportOptions = {}): Promise<TestReport> {
  const { run, maxBytes = DEFAULT_PAGE_BYTES, only } = options;
  const problems: string[] = [];
  const attempt = async <T>(read: () => Promise<T>, nothing: T): Promise<T> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof TineError)) throw error;
      // A test that has recorded nothing is no error.
      if (error.code !== "no-results" && !problems.includes(error.message)) problems.push(error.message);
      return nothing;
    }
  };
  // What a UDF returned is drawn over what it was given.
  const wantsUdfs = only === undefined || [...only].some((id) => id.startsWith("udf."));
  const wants = (...ids: string[]) => wantsUdfs || ids.some((id) => only!.has(id));
  const flows: MeasuredFlow[] = [];
  await attempt(async () => {
    for await (const flow of readFlows(test.path)) flows.push(flow);
  }, undefined);
  const looks = new Map(flowNames(flows).map((name, i) => [name, lookOf(i)]));
  const started = Date.parse(test.summary.started);
  const source: TableSource = { test, run, idKeys: [] };
  const start = BigInt(Number.isNaN(started) ? 0 : started) * 1_000_000n;
  const end = (test.summary.durationMs ?? 0) * 1000;
  const maxValues = Math.floor(maxBytes / VALUE_BYTES);
  const most = looks.size > MAX_SINGLE ? MAX_CROWD_INTERVALS : MAX_INTERVALS;
  const intervalMs = INTERVALS.find((ms) => ms * 1000 * most >= end) ?? INTERVALS.at(-1)!;
  const begun: PlotContext = { source, start, end, flows, looks, maxValues, intervalMs };

  const runs = await attempt(() => readRuns(begun), []);
  const isAlone = looks.size <= MAX_SINGLE;
  const echoes: FlowEchoes[] = wants("rtt", "delays", "lateness", "rtt-cdf", "box")
    ? await attempt(() => readEchoes(begun, isAlone), [])
    : [];
  const warmsUp = flows.some(({ warmupNanos }) => warmupNanos !== undefined);
  const intervals = wants("goodput", "rtt", "latency", "delays", "cwnd") || warmsUp
    ? await attempt(() => readIntervals(begun), [])
    : [];
  // What is known not to be there need not be looked for: that takes a pass through all records.
  const { samples } = test.summary.records;
  const hasKernels = samples === undefined || Object.keys(samples).length === 0 || "tcpInfo" in samples;
  const kernels = hasKernels && wants("rtt", "cwnd") ? await attempt(() => readKernels(begun), []) : [];
  const losses = wants("rtt") && isAlone ? await attempt(() => readLosses(begun), []) : [];
  // Of a test without an end it is that of what was recorded.
  const lastTimes = intervals.map(({ times }) => (times.at(-1) ?? 0) + intervalMs * 1000);
  const lastRuns = runs.map(({ start, end = start }) => end);
  const context = { ...begun, end: [end, ...end > 0 ? [] : lastTimes, ...lastRuns].reduce((a, b) => Math.max(a, b)) };

  const plan = await attempt(async () => findStoredTest(await Deno.realPath(test.path), test.summary.id), undefined);
  const plots = timePlots(context, { echoes, intervals, kernels, losses });
  // Where no counters were to be recorded, a pass through all records would find none.
  const hasCounters = plan === undefined || namesIn(plan).has("counters");
  const queues = hasCounters && wants("queues") ? await attempt(() => queuesPlot(context), undefined) : undefined;
  // The queue stands under the round-trip times that it makes.
  if (queues !== undefined) plots.splice(plots.findIndex(({ id }) => id === "rtt") + 1, 0, queues);
  const ofUdfs = wantsUdfs ? await attempt(() => udfPlots(context, test.summary, plan, plots), []) : [];
  const gantt = wants("gantt") ? ganttPlot(context, runs) : undefined;
  return {
    test,
    run,
    start,
    flows,
    looks,
    timePlots: [
      ...gantt === undefined ? [] : [gantt],
      ...plots,
      ...ofUdfs,
    ],
    distributions: distributionPlots(context, echoes),
    runs,
    plan,
    systems: only === undefined ? await attempt(() => readSystems(test), []) : [],
    logs: only === undefined ? await attempt(() => readExcerpt(test), NO_LOGS) : NO_LOGS,
    gates: await readVerdicts(test.path),
    problems,
  };
}

async function readSystems({ path }: TestResults): Promise<SysInfoData[]> {
  const systems: SysInfoData[] = [];
  for await (const message of readRecords(path)) {
    const item = message.kind === Kind.sysInfo ? decodeItem(message) : undefined;
    if (item?.type === "sysInfo") systems.push(item);
  }
  return systems;
}

const NO_LOGS: LogExcerpt = { first: [], last: [], leftOut: 0 };

async function readExcerpt({ path }: TestResults): Promise<LogExcerpt> {
  const first: LoggedLine[] = [];
  let last: LoggedLine[] = [];
  let leftOut = 0;
  for await (const line of readLogs(path)) {
    if (first.length < MAX_LINES) first.push(line);
    else last.push(line);
    if (last.length < 2 * MAX_LINES) continue;
    last = last.slice(MAX_LINES);
    leftOut += MAX_LINES;
  }
  const more = Math.max(0, last.length - MAX_LINES);
  return { first, last: last.slice(more), leftOut: leftOut + more };
}
