/**
 * What is compared: figures of flows by test, a value for each repeat of the test.
 *
 * @module
 */

import { TineError } from "../../base/errors.ts";
import { REPEAT_KEY } from "../../base/limits.ts";
import { formatCount } from "../../base/units.ts";
import { decodeItem } from "../../node/protocol/kinds.ts";
import { Kind } from "../../node/protocol/frame.ts";
import { sortedJson } from "../../node/plan/visits.ts";
import { readFlows } from "../kept_figures.ts";
import { testIdText } from "../names.ts";
import { openResults, type RunResults, type TestResults, testsOf } from "../open_results.ts";
import { readRecords } from "../read_records.ts";
import { findStoredTests } from "../stored_plan.ts";
import { type FlowValues, valuesOf } from "./figures.ts";

/** A flow in one repeat. */
export interface FlowSample extends FlowValues {
  /** Codes of what tine or its machine may have limited. */
  readonly limits: readonly string[];
  /** Whether the flow was to transfer a certain amount, so that the time that it takes is a figure to look at. */
  readonly sized: boolean;
}

/** A repeat of a test: what its flows have measured. */
export interface Repeat {
  /** The folder of the results. */
  readonly path: string;
  /** The name of the run, where it is known. */
  readonly run?: string;
  readonly flows: readonly FlowSample[];
  /** Flows that did not come to their end, and so are left out. */
  readonly cut: readonly Pick<FlowValues, "flow" | "protocol">[];
}

/** A test with its repeats. */
export interface TestSamples {
  /** The id without its repeat. */
  readonly id: Readonly<Record<string, string>>;
  /** Those that have succeeded. */
  readonly repeats: readonly Repeat[];
  /** How many have not. */
  readonly failed: number;
}

/** What measured: values by what they are of, such as `kernel`; several where repeats differ. */
export type Conditions = Readonly<Record<string, readonly string[]>>;

/** What conditions begin with that are hashes of what tests were to do. */
export const PLAN_CONDITION = "plan of ";

/** One side of a comparison. */
export interface Samples {
  /** Where it is from, for people. */
  readonly name: string;
  readonly tests: readonly TestSamples[];
  readonly conditions: Conditions;
}

/** Which results are read. */
export interface SampleOptions {
  /** Whether a test of an id is wanted; all are by default. */
  readonly wanted?: (id: Readonly<Record<string, string>>) => boolean;
  /** Gets why a test among others is left out; without it, one that is damaged is an error. */
  readonly damaged?: (message: string) => void;
}

/**
 * Reads the samples of results: of a test, a run, or a folder of runs. Tests whose ids differ in nothing but `repeat` are
 * repeats of one another, and so are tests of one id in several runs.
 *
 * @param path as `tine results` takes it
 * @throws {TineError} `no-results`, `cannot-read`, `bad-results`, ...
 *
 * @example
 * ```ts ignore
 * import { readSamples } from "./samples.ts";
 * const { tests } = await readSamples("results/latest");
 * console.log(tests[0].repeats.length);
 * ```
 */
export async function readSamples(path: string, options: SampleOptions = {}): Promise<Samples> {
  const { wanted = () => true, damaged } = options;
  const tests = new Map<string, { id: Record<string, string>; repeats: Repeat[]; failed: number }>();
  const conditions = new ConditionsBuilder();
  for await (const { test, run, plan } of resultsOf(path, damaged)) {
    const { id, status, nodes } = test.summary;
    if (!wanted(id)) continue;
    const own = withoutRepeat(id);
    const key = sortedJson(own);
    let samples = tests.get(key);
    if (samples === undefined) tests.set(key, samples = { id: own, repeats: [], failed: 0 });
    if (status !== "ok") {
      samples.failed++;
      continue;
    }
    for (const { versions } of nodes) {
      conditions.add("kernel", versions.kernel);
      conditions.add("version of tine", versions.tine);
    }
    if (plan !== undefined) {
      conditions.add(`${PLAN_CONDITION}${testIdText(own)}`, plan.hash);
      // Later repeats are made on the same machines.
      if (plan.describesSystem && samples.repeats.length === 0) await addSystems(test.path, conditions);
    }
    try {
      samples.repeats.push(await repeatOf(test, run));
    } catch (error) {
      leaveOut(error, damaged);
      samples.failed++;
    }
  }
  return { name: path, tests: [...tests.values()], conditions: conditions.all() };
}

/** An id without what distinguishes repeats. */
export function withoutRepeat(id: Readonly<Record<string, string>>): Record<string, string> {
  const { [REPEAT_KEY]: _, ...rest } = id;
  return rest;
}

interface FoundTest {
  readonly test: TestResults;
  readonly run?: string;
  readonly plan?: PlannedTest;
}

/** Reports why a test is left out, where it may be. */
function leaveOut(error: unknown, damaged: SampleOptions["damaged"]): void {
  if (damaged === undefined || !(error instanceof TineError)) throw error;
  damaged(`left out: ${error.message}`);
}

/** All tests in a path. */
async function* resultsOf(path: string, damaged: SampleOptions["damaged"]): AsyncGenerator<FoundTest, void, void> {
  const results = await openResults(path);
  if (results.kind === "test") {
    const folder = await Deno.realPath(results.path);
    const run = folder.slice(0, folder.lastIndexOf("/"));
    const plans = await plannedTests(run);
    yield { test: results, run: run.split("/").at(-1), plan: plans.get(sortedJson(results.summary.id)) };
    return;
  }
  const runs: readonly RunResults[] = results.kind === "run" ? [results] : results.runs;
  for (const run of runs) {
    const plans = await plannedTests(run.path);
    for (const entry of run.summary.tests) {
      try {
        for await (const test of testsOf(run, [entry])) {
          yield { test, run: run.name, plan: plans.get(sortedJson(test.summary.id)) };
        }
      } catch (error) {
        leaveOut(error, damaged);
      }
    }
  }
}

/** What a run was to do in a test. */
interface PlannedTest {
  /** Of the test without what bears on no figure: its repeat, gates and time limit. */
  readonly hash: string;
  /** Whether sysInfo is in it. */
  readonly describesSystem: boolean;
}

/** The tests of a run's plan, by their ids; an empty map where it cannot be read, which is no obstacle to a comparison. */
async function plannedTests(run: string): Promise<Map<string, PlannedTest>> {
  const plans = new Map<string, PlannedTest>();
  for (const { id, timeout: _, gates: __, ...rest } of await findStoredTests(run)) {
    const text = sortedJson({ id: withoutRepeat(id), ...rest });
    plans.set(sortedJson(id), { hash: await hashOf(text), describesSystem: text.includes('"sysInfo"') });
  }
  return plans;
}

async function hashOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex().slice(0, 16);
}

async function repeatOf({ path }: TestResults, run: string | undefined): Promise<Repeat> {
  const flows: FlowSample[] = [];
  const cut: Repeat["cut"][number][] = [];
  try {
    for await (const measured of readFlows(path)) {
      if (!measured.complete) {
        cut.push({ flow: measured.flow, protocol: measured.protocol });
        continue;
      }
      const limits = [...new Set(measured.bottlenecks.map(({ code }) => code))];
      const sized = measured.protocol === "tcp" && isSized(measured.config);
      for (const values of valuesOf(measured)) flows.push({ ...values, limits, sized });
    }
  } catch (error) {
    if (!(error instanceof TineError) || error.code !== "no-results") throw error;
  }
  return { path, ...(run === undefined ? {} : { run }), flows, cut };
}

/** Whether a transfer was to end after an amount of data. */
function isSized(config: string | undefined): boolean {
  if (config === undefined) return false;
  const { upload, download } = JSON.parse(config) as Record<string, { length?: unknown } | undefined>;
  return (upload ?? download)?.length !== undefined;
}

class ConditionsBuilder {
  readonly #values = new Map<string, Set<string>>();

  add(what: string, value: string | undefined): void {
    if (value === undefined || value === "") return;
    const values = this.#values.get(what);
    if (values === undefined) this.#values.set(what, new Set([value]));
    else values.add(value);
  }

  all(): Conditions {
    return Object.fromEntries(this.#values.entries().map(([what, values]) => [what, [...values].sort()]));
  }
}

/** Adds what sysInfo has found on the nodes of a test, as far as it bears on figures. */
async function addSystems(path: string, conditions: ConditionsBuilder): Promise<void> {
  for await (const message of readRecords(path)) {
    const item = message.kind === Kind.sysInfo ? decodeItem(message) : undefined;
    if (item?.type !== "sysInfo") continue;
    const { nodeId, sections: { cpu, qdiscs } } = item;
    if (typeof cpu === "object") {
      conditions.add("processors", `${cpu.cpus ?? "?"} x ${cpu.model ?? "unknown"}`);
      conditions.add("governor", cpu.governor);
    }
    // Numbers of queueing disciplines differ from run to run.
    if (typeof qdiscs === "string") {
      conditions.add(`qdiscs of ${nodeId}`, qdiscs.trim().replace(/(?<=^qdisc \S+ )[0-9a-f]+: /gm, ""));
    }
  }
}

/** Returns why repeats and flows of a side are left out, a sentence each. */
export function leftOutOf({ name, tests }: Samples): string[] {
  return tests.flatMap(({ id, repeats, failed }) => {
    const test = testIdText(id) || "the test";
    const cut = new Set(repeats.flatMap(({ cut }) => cut.map(({ flow }) => flow)));
    return [
      ...failed > 0
        ? [
          `${name}: ${test}: ${formatCount(failed, "repeat")} did not succeed and ${
            failed === 1 ? "is" : "are"
          } left out`,
        ]
        : [],
      ...cut.size > 0
        ? [`${name}: ${test}: flows that did not come to their end are left out: ${[...cut].join(", ")}`]
        : [],
    ];
  });
}
