import { nearest } from "../../base/nearest.ts";
import { runners as allRunners } from "../../node/runners.ts";
import type { Runner } from "../../node/runner.ts";
import { ROOT_ID } from "../../base/limits.ts";
import { at, placeOf } from "../../node/plan/place.ts";
import type { Plan, Test } from "../../node/plan/types.ts";
import { errorAt, type Finding } from "../../node/plan/vet/finding.ts";
import { needsOf, sortedJson, visitTest } from "../../node/plan/visits.ts";
import { flowMatcher } from "../compare/figures.ts";
import { withoutRepeat } from "../compare/samples.ts";
import { openResults, type RunResults } from "../open_results.ts";
import { readStoredPlan } from "../stored_plan.ts";
import type { FlowKey, PlacedGate } from "./evaluate.ts";
import { receiverFlow } from "../group_receiver.ts";
import { type Gate, GateError, parseGate } from "./gate.ts";

/** The gates of plans, and the flows that their tests are to have. */
export interface PlannedGates {
  /** Those of plans first, then those of tests; each once, also where repeats share them. */
  readonly gates: readonly PlacedGate[];
  /** By the ids of tests without repeat, as sorted JSON. */
  readonly planned: ReadonlyMap<string, readonly FlowKey[]>;
}

/**
 * Returns the gates of a plan.
 *
 * @param more gates of all tests beside those of the plan
 * @throws {GateError} for one that cannot be understood; vetGates() names its place
 */
export function gatesOf(
  { gates = [], tests }: Plan,
  more: readonly Gate[] = [],
  runners: Readonly<Record<string, Runner>> = allRunners,
): PlannedGates {
  const placed = new Map<string, PlacedGate>();
  for (const gate of [...gates.map(parseGate), ...more]) placed.set(gate.text, { gate });
  const planned = new Map<string, FlowKey[]>();
  for (const test of tests) {
    const id = withoutRepeat(test.id);
    const key = sortedJson(id);
    planned.set(key, [...planned.get(key) ?? [], ...flowsOf(test, runners)]);
    for (const text of test.gates ?? []) placed.set(`${key} ${text}`, { gate: parseGate(text), test: id });
  }
  return { gates: [...placed.values()], planned };
}

/**
 * Returns a plan with some of the tests, and the gates that may hold for these.
 *
 * @param tests some of those of the plan
 */
export function planForTests(
  plan: Plan,
  tests: readonly Test[],
  runners: Readonly<Record<string, Runner>> = allRunners,
): Plan {
  const chosen = { ...plan, tests: [...tests] };
  if (plan.gates === undefined || tests.length === plan.tests.length) return chosen;
  const flowsIn = (tests: readonly Test[]) => tests.flatMap((test) => flowsOf(test, runners));
  const [flows, all] = [flowsIn(tests), flowsIn(plan.tests)];
  const gates = plan.gates.filter((text) => {
    const matches = flowMatcher(parseGate(text).flows);
    const isMatched = (flows: readonly FlowKey[]) => flows.some(({ flow }) => matches(flow));
    return isMatched(flows) || !isMatched(all);
  });
  return { ...chosen, gates };
}

/** Returns the flows that clients of a test run, as results name them. */
export function flowsOf(test: Test, runners: Readonly<Record<string, Runner>> = allRunners): FlowKey[] {
  const ends = visitTest(test, { above: undefined, key: "test" }).visits.map(({ run, kind, node }) => {
    return { ...needsOf(run, kind, runners), nodeId: node?.node.id ?? ROOT_ID };
  });
  return ends.flatMap(({ flow, dials, isExchange }): FlowKey[] => {
    if (flow === undefined || dials === undefined) return [];
    const receivers = ends.filter(({ serves }) => serves?.group && serves.addr === dials.addr);
    if (receivers.length > 0) {
      return receivers.map(({ nodeId }) => ({ flow: receiverFlow(flow, nodeId), protocol: "udp" }));
    }
    return [{ flow, protocol: isExchange ? "rr" : dials.protocol === "TCP" ? "tcp" : "udp" }];
  });
}

/**
 * Finds gates of a plan that cannot be understood, and those whose flows no test has.
 *
 * @param plan a validated plan
 * @returns errors, with the place in the plan and the column in the gate
 */
export function* vetGates(plan: Plan, runners: Readonly<Record<string, Runner>> = allRunners): Iterable<Finding> {
  const flows = plan.tests.map((test) => flowsOf(test, runners));
  for (const [i, text] of (plan.gates ?? []).entries()) {
    yield* vetGate(text, at(undefined, "gates", i), flows.flat());
  }
  // Repeats of a test stand at one place.
  const seen = new Set<string>();
  for (const [i, test] of plan.tests.entries()) {
    for (const [j, text] of (test.gates ?? []).entries()) {
      for (const finding of vetGate(text, at(placeOf(plan, test, i), "gates", j), flows[i])) {
        const key = JSON.stringify(finding);
        if (!seen.has(key)) yield finding;
        seen.add(key);
      }
    }
  }
}

function* vetGate(text: string, place: ReturnType<typeof at>, flows: readonly FlowKey[]): Iterable<Finding> {
  let gate: Gate;
  try {
    gate = parseGate(text);
  } catch (error) {
    if (!(error instanceof GateError)) throw error;
    yield errorAt(place, error.code, `${JSON.stringify(text)}: column ${error.column}: ${error.problem}`);
    return;
  }
  const names = [...new Set(flows.map(({ flow }) => flow))];
  // Runners of a program may have flows that nothing is known of.
  if (names.length === 0) return;
  const { figure, target } = gate;
  const matching = flows.filter(({ flow }) =>
    flowMatcher(gate.flows)(flow.replace(/\/\d+$/, "")) || flowMatcher(gate.flows.replace(/\/\d+$/, ""))(flow)
  );
  if (matching.length === 0) {
    yield errorAt(
      place,
      "no-such-flow",
      `${JSON.stringify(text)}: no flow matches ${gate.flows}: ${hintFor(gate.flows, names)}`,
    );
  } else if (!matching.some(({ protocol }) => figure.protocols.has(protocol))) {
    const [measured] = [...figure.protocols].map((name) =>
      name === "rr" ? "requests and responses" : `${name.toUpperCase()} flows`
    );
    const message = `${
      JSON.stringify(text)
    }: ${figure.shortName} is a figure of ${measured}, and ${gate.flows} is another flow`;
    yield errorAt(place, "no-such-figure", message);
  }
  if (target.of === "flow" && !names.includes(target.flow.replace(/\/\d+$/, ""))) {
    const message = `${JSON.stringify(text)}: there is no flow ${target.flow}: ${hintFor(target.flow, names)}`;
    yield errorAt(place, "no-such-flow", message);
  }
}

function hintFor(name: string, names: readonly string[]): string {
  const near = nearest(name, names);
  return near === undefined ? `flows are ${names.slice(0, 10).join(", ")}` : `did you mean ${near}?`;
}

/**
 * Reads the gates of results from the plans of their runs: of a test its own and those of the plan.
 *
 * @param path as `tine results` takes it
 * @param more gates of all tests beside those of plans
 * @throws {TineError} what opening results throws; `bad-gate`
 */
export async function readGates(path: string, more: readonly Gate[] = []): Promise<PlannedGates> {
  const results = await openResults(path);
  if (results.kind === "test") {
    const folder = await Deno.realPath(results.path);
    const own = sortedJson(results.summary.id);
    const plan = await readStoredPlan(folder.slice(0, folder.lastIndexOf("/")));
    return gatesOf({ ...plan, tests: plan.tests.filter(({ id }) => sortedJson(id) === own) }, more);
  }
  const runs: readonly RunResults[] = results.kind === "run" ? [results] : results.runs;
  const plans: Plan[] = [];
  for (const run of runs) plans.push(await readStoredPlan(run.path));
  return gatesOf({
    gates: plans.flatMap(({ gates = [] }) => gates),
    tests: plans.flatMap(({ tests }) => tests),
  }, more);
}
