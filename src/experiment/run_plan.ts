import { Canceled } from "../node/runner.ts";
import { REPEAT_KEY, ROOT_ID } from "../base/limits.ts";
import { now } from "../base/time.ts";
import type { ErrorItem } from "../node/item.ts";
import type { Plan, Test } from "../node/plan/types.ts";
import type { Message } from "../node/protocol/frame.ts";
import { type RunOptions, runValidated } from "../node/run.ts";
import { encodeItem } from "../node/protocol/kinds.ts";
import { namesIn } from "../result/tables/row_follower.ts";
import { Bridge, type BridgeOptions } from "../bridge/bridge.ts";
import type { UdfProgress } from "../bridge/messages.ts";
import { messageOf, TineError } from "../base/errors.ts";
import { hashTest } from "../result/names.ts";
import { readSamples, type Samples } from "../result/compare/mod.ts";
import { evaluateGates, type GateVerdict, type PlannedGates, readAlerts, storeVerdicts } from "../result/gates/mod.ts";
import { keepFigures } from "../result/kept_figures.ts";
import { findPrevious, type PreviousTest } from "../result/open_results.ts";
import { createRun, type RunFolder, type RunFolderOptions } from "../result/run_folder.ts";
import type { TestSummary } from "../result/summary.ts";
import type { TestStore } from "../result/test_store.ts";

/** What follows a plan while it runs. Its functions must not throw. */
export interface PlanObserver {
  /** The results go to `folder`, under another name once the plan has ended; `kept` tests do not run. */
  planStarts(folder: string, kept: number): void;
  /** A test is about to run; `number` is that of the test in the plan, from 1. */
  testStarts(test: Test, number: number): void;
  /** A result of the running test. */
  message(message: Message): void;
  /** How far the UDFs of the running test are, twice a second. */
  udfs?(progress: readonly UdfProgress[]): void;
  /** The test has ended, or is kept from before. */
  testEnds(summary: TestSummary, number: number, folder: string, kept: boolean): void;
}

/** How to run a plan. */
export interface RunPlanOptions extends Omit<RunFolderOptions, "started">, Omit<RunOptions, "timeoutMs" | "path"> {
  /** The folder of runs, such as `results`. */
  readonly out: string;
  /** Keep the results of tests that have not changed and succeeded before. */
  readonly resume?: boolean;
  /**
   * Whether the tests of the rounds so far are enough; asked before each further round, with the folder of the run.
   * Without it, all rounds run.
   */
  readonly isEnough?: (folder: string) => Promise<boolean>;
  /** How long UDFs may take to take the rows that wait when a test has ended, in milliseconds; default 10,000. */
  readonly udfGraceMs?: number;
  readonly observer: PlanObserver;
  /** Gates to evaluate when all tests have ended. */
  readonly gates?: PlannedGates;
  /** What gates compare with. */
  readonly baseline?: Samples;
}

/** How a plan ended. */
export interface PlanOutcome {
  /** Where the results are. */
  readonly folder: string;
  readonly ok: number;
  /** Failed, or over their time. */
  readonly failed: number;
  readonly canceled: number;
  readonly kept: number;
  /** Not even started, since the run was interrupted or its results could not be written. */
  readonly notRun: number;
  /** Not started, since the rounds before were enough. */
  readonly notNeeded: number;
  /** Verdicts of its gates, alerts of UDFs among them; none where it was interrupted. */
  readonly gates: readonly GateVerdict[];
}

/**
 * Runs the tests of a plan one after another, and stores their results. A test that fails does not keep the next ones
 * from running.
 *
 * @throws {TineError} if the results cannot be stored: `results-full`, `results-not-writable`, ...
 */
export async function runPlan(plan: Plan, options: RunPlanOptions): Promise<PlanOutcome> {
  const { out, resume = false, observer, signal, isEnough } = options;
  const previous = resume ? await keptTests(plan, out) : new Map<Test, PreviousTest>();
  await using folder = await createRun(out, plan, options);
  observer.planStarts(folder.path, previous.size);
  const run = folder.name;
  const idKeys = [...new Set(plan.tests.flatMap(({ id }) => Object.keys(id)))];
  let ok = 0;
  let failed = 0;
  let canceled = 0;
  let kept = 0;
  let notNeeded = 0;
  let broken: unknown;
  for (const [i, test] of plan.tests.entries()) {
    if (signal?.aborted || broken !== undefined) break;
    const startsRound = i > 0 && test.id[REPEAT_KEY] !== plan.tests[i - 1].id[REPEAT_KEY];
    if (startsRound && await isEnough?.(folder.path)) {
      notNeeded = plan.tests.length - i;
      break;
    }
    const before = previous.get(test);
    if (before !== undefined) {
      await folder.keepTest(before);
      observer.testEnds(before.summary, i + 1, before.folder, true);
      kept++;
      continue;
    }
    observer.testStarts(test, i + 1);
    const store = await folder.startTest(test);
    const { summary, storeFailure } = await runTest(test, `tests[${i}]`, store, { ...options, run, idKeys });
    if (!signal?.aborted) await keepFigures(store.folder, summary.records.samples);
    broken = storeFailure;
    if (summary.status === "ok") ok++;
    else if (summary.status === "canceled") canceled++;
    else failed++;
    observer.testEnds(summary, i + 1, store.folder.replace(WORK_FOLDER, "$1"), false);
  }
  const path = await finish(folder, broken);
  const notRun = plan.tests.length - ok - failed - canceled - kept - notNeeded;
  const gates = signal?.aborted ? [] : await evaluated(path, plan, options);
  return { folder: path, ok, failed, canceled, kept, notRun, notNeeded, gates };
}

/** Evaluates gates of a run that has ended, and stores the verdicts beside the results of its tests. */
async function evaluated(
  path: string,
  plan: Plan,
  { gates, baseline, owner }: Pick<RunPlanOptions, "gates" | "baseline" | "owner">,
): Promise<readonly GateVerdict[]> {
  const verdicts: GateVerdict[] = [];
  if (gates !== undefined && gates.gates.length > 0) {
    verdicts.push(...evaluateGates(gates.gates, await readSamples(path), { baseline, planned: gates.planned }));
  }
  if (plan.tests.some(({ udfs = [] }) => udfs.some(({ alert }) => alert))) verdicts.push(...await readAlerts(path));
  await storeVerdicts(path, verdicts, owner);
  return verdicts;
}

/** Ends the run; where results could not be written, that is what went wrong, not what follows from it. */
async function finish(folder: RunFolder, broken: unknown): Promise<string> {
  try {
    return await folder.finish();
  } catch (error) {
    throw broken ?? error;
  }
}

async function keptTests(plan: Plan, out: string): Promise<Map<Test, PreviousTest>> {
  const hashes = await Promise.all(plan.tests.map(hashTest));
  const previous = await findPrevious(out, new Set(hashes));
  const kept = new Map<Test, PreviousTest>();
  for (const [i, test] of plan.tests.entries()) {
    const before = previous.get(hashes[i]);
    if (before !== undefined) kept.set(test, before);
  }
  return kept;
}

/** The suffix of a run's folder until it is complete. Messages leave it out, so that they stay true. */
const WORK_FOLDER = /\.work(\/[^/]*)$/;

/** The code of what ends a test early without failing it. */
const STOPPED = "stopped";

/** How long UDFs may take to take the rows that wait and to end: after a test, and after an interrupt. */
const UDF_GRACE_MS = 10_000;
const INTERRUPTED_MS = 2000;

/** Codes of errors after which nothing can be stored any more. */
const STORE_FAILURES = new Set(["results-full", "results-not-writable", "results-failed", "results-too-large"]);

async function runTest(
  test: Test,
  path: string,
  store: TestStore,
  options: RunPlanOptions & Pick<BridgeOptions, "run" | "idKeys">,
): Promise<{ summary: TestSummary; storeFailure: unknown }> {
  const { observer, signal, killSignal, rootless, runners, command, exeDir } = options;
  const { udfs = [], ...run } = test;
  const control = new AbortController();
  const signals = signal === undefined ? control.signal : AbortSignal.any([signal, control.signal]);
  const errors: ErrorItem[] = [];
  let storeFailure: TineError | undefined;
  let reason: Canceled | undefined;
  let stopped: string | undefined;
  let missed: TineError | undefined;
  const bridge = udfs.length === 0 ? undefined : Bridge.start({
    udfs,
    place: store.place,
    run: options.run,
    id: test.id,
    idKeys: options.idKeys,
    runners: [...namesIn(run)],
    progress: (udfs) => observer.udfs?.(udfs),
    log(udf, text) {
      const entry = { type: "log", nodeId: ROOT_ID, time: now(), tag: `udf ${udf}`.trim(), text } as const;
      const message = encodeItem(entry);
      observer.message(message);
      void store.add(message)?.catch(() => {}); // a store that has failed is reported with the next result
    },
    stop(udf, why) {
      stopped ??= `stopped by udf ${udf}: ${why}`;
      control.abort(new Canceled(STOPPED, stopped));
    },
    failed(udf, error) {
      errors.push(rootError(`udf ${udf}`, error));
      if (udfs.find(({ name }) => name === udf)?.required !== true) return;
      missed ??= error;
      control.abort(new Canceled(error.code, `udf ${udf}: ${error.message}`, { cause: error }));
    },
  });
  const kill = () => bridge?.kill();
  killSignal?.addEventListener("abort", kill, { once: true });
  try {
    const messages = runValidated(run, {
      signal: signals,
      killSignal,
      rootless,
      runners,
      command,
      exeDir,
      path,
      timeoutMs: test.timeout,
    });
    for await (const message of messages) {
      observer.message(message);
      bridge?.message(message);
      try {
        await store.add(message);
      } catch (error) {
        if (!(error instanceof TineError)) throw error;
        if (storeFailure !== undefined) continue;
        if (STORE_FAILURES.has(error.code)) storeFailure = error;
        else errors.push(rootError("results", error));
        control.abort(new Canceled(error.code, error.message, { cause: error }));
      }
    }
  } catch (error) {
    reason = error instanceof Canceled ? error : unexpected(error);
    // Other reasons have come as errors of the node that they arose on.
    if (reason !== error || statusOf(reason) === "timeout") errors.push(rootError("run", reason));
  }
  const became = await bridge?.end(signal?.aborted ? INTERRUPTED_MS : options.udfGraceMs ?? UDF_GRACE_MS);
  killSignal?.removeEventListener("abort", kill);
  const status = statusOf(reason);
  const summary = await store.finish({
    status: missed !== undefined && status === "ok" ? "failed" : status,
    errors,
    ...(reason?.code === STOPPED && { stopped }),
    ...(became && { udfs: became }),
  });
  return { summary, storeFailure };
}

function statusOf(reason: Canceled | undefined): Exclude<TestSummary["status"], "running"> {
  // An error of a node may have any code, also one of those below.
  if (reason?.cause !== undefined) return "failed";
  switch (reason?.code) {
    case undefined:
    case STOPPED:
      return "ok";
    case "timeout":
      return "timeout";
    case "interrupted":
    case "canceled":
      return "canceled";
    default:
      return "failed";
  }
}

/** What kept the root node from starting, such as a kernel that allows no namespaces. */
function unexpected(error: unknown): Canceled {
  const code = error instanceof TineError ? error.code : "internal";
  const message = error instanceof TineError ? error.message : `a mistake in tine: ${messageOf(error)}`;
  return new Canceled(code, message, { cause: error });
}

function rootError(tag: string, { code, message }: TineError): ErrorItem {
  return { type: "error", nodeId: ROOT_ID, time: now(), tag, code, message };
}
