import { sortedJson } from "../../node/plan/visits.ts";
import { nearest } from "../../base/nearest.ts";
import {
  flowMatcher,
  type FlowSample,
  leastRepeats,
  type Repeat,
  type Samples,
  type TestSamples,
  valueWithUnit,
} from "../compare/mod.ts";
import { falsifies } from "../../flow/analysis/mod.ts";
import { medianOf, shiftOf } from "../compare/statistics.ts";
import type { Gate } from "./gate.ts";

/** How a gate came out. Without data it fails; undecided is what tine or its machine limited, or what takes more repeats. */
export type GateStatus = "pass" | "fail" | "undecided" | "no data";

/** How a flow of a gate came out, or several that are put together. */
export interface FlowVerdict {
  /** The id of the flow; `sum of 3 flows` and the like of several. */
  readonly flow: string;
  readonly status: GateStatus;
  /** The median over the repeats, in the unit of the figure. */
  readonly value?: number;
  /** What it is compared with, in the unit of the figure. */
  readonly limit?: number;
  readonly repeats: number;
  /** One sentence, without a full stop. */
  readonly message: string;
}

/** How a gate came out in a test. */
export interface GateVerdict {
  /** The gate as it is written. */
  readonly gate: string;
  /** The test's id without its repeat; absent where no test has such a flow. */
  readonly test?: Readonly<Record<string, string>>;
  /** The name of the figure in JSON. */
  readonly figure: string;
  readonly unit: string;
  readonly status: GateStatus;
  /** One sentence, without a full stop. */
  readonly message: string;
  readonly flows: readonly FlowVerdict[];
}

/** A gate, and where it holds. */
export interface PlacedGate {
  readonly gate: Gate;
  /** The test that it is of, by its id without repeat; all tests when absent. */
  readonly test?: Readonly<Record<string, string>>;
}

/** What gates are evaluated with. */
export interface EvaluateOptions {
  /** What `baseline` means. */
  readonly baseline?: Samples;
  /** Flows that each test was to have, by its id without repeat as sorted JSON, where its plan is known. */
  readonly planned?: ReadonlyMap<string, readonly FlowKey[]>;
}

/** A flow by its name. */
export type FlowKey = Pick<FlowSample, "flow" | "protocol">;

/** How sure an interval is that is compared with a baseline. */
const CONFIDENCE = 0.95;

/**
 * Evaluates gates.
 *
 * @param gates in the order in which verdicts are wanted
 * @param samples of the run
 * @returns a verdict for each gate and test that has such flows, or was to have them
 */
export function evaluateGates(
  gates: readonly PlacedGate[],
  samples: Samples,
  { baseline, planned = new Map() }: EvaluateOptions = {},
): GateVerdict[] {
  const measured = new Map(samples.tests.map((test) => [sortedJson(test.id), test]));
  return gates.flatMap(({ gate, test }): GateVerdict[] => {
    const keys = test === undefined ? testsOfGate(gate, measured, planned) : [sortedJson(test)];
    if (keys.length === 0) return [verdictWithout(gate, undefined, noFlow(gate, samples.tests))];
    return keys.map((key) => {
      const found = measured.get(key);
      // An interrupted run has tests without results.
      if (found === undefined) return verdictWithout(gate, JSON.parse(key), "there is no result of the test");
      return testVerdict(gate, found, planned.get(key) ?? [], baseline);
    });
  });
}

/** The tests that have flows of a gate, or were to have some, by their ids as sorted JSON. */
function testsOfGate(
  gate: Gate,
  measured: ReadonlyMap<string, TestSamples>,
  planned: NonNullable<EvaluateOptions["planned"]>,
): string[] {
  const matches = flowMatcher(gate.flows);
  const isWanted = (flow: FlowKey) => isOfGate(gate, matches, flow);
  const withFlows = measured.entries().filter(([, { repeats }]) => repeats.some(({ flows }) => flows.some(isWanted)));
  const withPlanned = planned.entries().filter(([, flows]) => flows.some(isWanted));
  const found = new Set([...withFlows, ...withPlanned].map(([key]) => key));
  // In the order of the results.
  return [...new Set([...measured.keys(), ...planned.keys()])].filter((key) => found.has(key));
}

function verdictWithout({ text, figure }: Gate, test: GateVerdict["test"], message: string): GateVerdict {
  const common = { gate: text, ...test && { test }, figure: figure.name, unit: figure.unit };
  return { ...common, status: "no data", message, flows: [] };
}

function testVerdict(
  gate: Gate,
  samples: TestSamples,
  planned: readonly FlowKey[],
  baseline: Samples | undefined,
): GateVerdict {
  const flows = flowVerdicts(gate, samples, planned, baseline);
  if (flows.length === 0) return verdictWithout(gate, samples.id, noFlow(gate, [samples]));
  const [worst] = flows.toSorted((a, b) =>
    RANK.indexOf(a.status) - RANK.indexOf(b.status) || margin(b, gate) - margin(a, gate)
  );
  const others = flows.filter(({ status }) => status === worst.status).length - 1;
  const more = others > 0 && worst.status !== "pass" ? ` (and ${others} more)` : "";
  const { text, figure: { name: figure, unit } } = gate;
  return { gate: text, test: samples.id, figure, unit, status: worst.status, message: worst.message + more, flows };
}

/** The worst first. */
const RANK: readonly GateStatus[] = ["fail", "no data", "undecided", "pass"];

/** How close to its limit a flow is, or how far beyond: the greatest is the one to show. */
function margin({ value, limit }: FlowVerdict, { operator }: Gate): number {
  if (value === undefined || limit === undefined) return -Infinity;
  if (operator === "within") return Math.abs(value - limit);
  return operator.startsWith("<") ? value - limit : limit - value;
}

/** Whether all verdicts are passes. */
export function allPass(verdicts: readonly GateVerdict[]): boolean {
  return verdicts.every(({ status }) => status === "pass");
}

function noFlow({ flows: pattern, figure }: Gate, tests: readonly TestSamples[]): string {
  const repeats = tests.flatMap(({ repeats }) => repeats);
  if (tests.length > 0 && repeats.length === 0) return "no repeat of the test has succeeded";
  const matches = flowMatcher(pattern);
  const all = new Set(repeats.flatMap(({ flows }) => flows.map(({ flow }) => flow)));
  const cut = new Set(repeats.flatMap(({ cut }) => cut.map(({ flow }) => flow)).filter(matches));
  if (cut.size > 0) return `${[...cut].join(", ")} did not come to the end`;
  const known = [...all].slice(0, 10);
  if ([...all].some(matches)) return `no flow that matches ${pattern} has the figure ${figure.shortName}`;
  const near = nearest(pattern, all);
  const hint = known.length === 0
    ? "there are no flows"
    : near
    ? `did you mean ${near}?`
    : `flows are ${known.join(", ")}`;
  return `no flow matches ${pattern}: ${hint}`;
}

/** A value of each repeat. */
interface Series {
  readonly flow: string;
  readonly values: readonly number[];
  /** The limit in each of these repeats; NaN where it is not known. */
  readonly limits: readonly number[];
  /** Repeats in which tine or its machine was the limit: by what it was, and what was measured nevertheless. */
  readonly limited: readonly { readonly codes: string; readonly value: number }[];
  /** The number of repeats. */
  readonly of: number;
}

function flowVerdicts(
  gate: Gate,
  { id, repeats, failed }: TestSamples,
  planned: readonly FlowKey[],
  baseline: Samples | undefined,
): FlowVerdict[] {
  const matches = flowMatcher(gate.flows);
  const measured = new Set(
    repeats.flatMap(({ flows }) => flows.filter((one) => isOfGate(gate, matches, one)).map(({ flow }) => flow)),
  );
  const measuredFlows = new Set([...measured].map(withoutSender));
  // Of a flow that is missing nothing is known: without it, others must not pass.
  const missing = [...planned, ...repeats.flatMap(({ cut }) => cut)]
    .filter((one) => isOfGate(gate, matches, one) && !measured.has(one.flow) && !measuredFlows.has(one.flow));
  const flows = [...new Set([...measured, ...missing.map(({ flow }) => flow)])];
  if (flows.length === 0) return [];
  const test = { id, repeats, failed };
  if (gate.target.of === "baseline") return flows.map((flow) => againstBaseline(gate, flow, test, baseline));
  const groups = gate.over === "each" ? flows.map((flow) => [flow]) : [flows];
  return groups.map((group) => decided(gate, seriesOf(gate, group, repeats)));
}

/** Whether a flow has the figure of a gate, and its name. */
function isOfGate({ figure, target }: Gate, matches: (flow: string) => boolean, { flow, protocol }: FlowKey): boolean {
  // A flow is not compared with itself.
  return matches(flow) && figure.protocols.has(protocol) && !(target.of === "flow" && target.flow === flow);
}

function withoutSender(flow: string): string {
  return flow.replace(/\/\d+$/, "");
}

function seriesOf(gate: Gate, group: readonly string[], repeats: readonly Repeat[]): Series {
  const { figure: { name }, target, over } = gate;
  const values: number[] = [], limits: number[] = [], limited: Series["limited"][number][] = [];
  const members = new Set(group);
  for (const { flows } of repeats) {
    const those = flows.filter(({ flow }) => members.has(flow));
    const known = those.map(({ values }) => values[name]).filter((value) => value !== undefined);
    // What is put together is known where all of it is.
    if (known.length < group.length) continue;
    const reference = target.of === "flow" ? flows.find(({ flow }) => flow === target.flow) : undefined;
    const limit = target.of === "value"
      ? target.value
      : target.of === "flow"
      ? (reference?.values[name] ?? NaN) * target.factor
      : NaN;
    const codes = limitsOf([...those, ...reference === undefined ? [] : [reference]], name);
    const value = joined(known, gate, limit);
    if (codes !== "") limited.push({ codes, value });
    else {
      values.push(value);
      limits.push(limit);
    }
  }
  const flow = group.length === 1 ? group[0] : `${over} of ${group.length} flows`;
  return { flow, values, limits, limited, of: repeats.length };
}

/** What tine or its machine may have limited of a figure of these flows. */
function limitsOf(flows: readonly FlowSample[], figure: string): string {
  return [...new Set(flows.flatMap(({ limits }) => limits))].filter((code) => falsifies(code, figure)).join(", ");
}

/** Puts the values of several flows together. */
function joined(values: readonly number[], { over, operator }: Gate, limit: number): number {
  switch (over) {
    case "each":
      return values[0];
    case "sum":
      return values.reduce((sum, value) => sum + value, 0);
    case "mean":
      return values.reduce((sum, value) => sum + value, 0) / values.length;
    case "worst":
      if (operator === "within") return values.reduce((a, b) => Math.abs(b - limit) > Math.abs(a - limit) ? b : a);
      return operator.startsWith("<") ? Math.max(...values) : Math.min(...values);
  }
}

function decided(gate: Gate, { flow, values, limits, limited, of }: Series): FlowVerdict {
  const { figure: { unit, shortName }, operator, target, share = 0 } = gate;
  const common = { flow, repeats: values.length };
  if (values.length + limited.length === 0) {
    const why = of === 0 ? "no repeat of the test has succeeded" : `${shortName} is not known`;
    return { ...common, status: "no data", message: `${flow}: ${why}` };
  }
  // Repeats that tine limited show nothing of the network; where they are most, the others are too few.
  if (limited.length > values.length) {
    return { ...common, ...limitedVerdict(gate, flow, limited, of) };
  }
  const value = medianOf(values, CONFIDENCE).median;
  const limit = medianOf(limits, CONFIDENCE).median;
  if (target.of === "flow" && Number.isNaN(limit)) {
    return { ...common, value, status: "no data", message: `${flow}: ${shortName} of ${target.flow} is not known` };
  }
  const holds = operator === "within"
    ? Math.abs(value - limit) <= Math.abs(limit) * share
    : compareBy(operator, value, limit);
  const repeats = values.length > 1 ? `, the median of ${values.length} repeats` : "";
  const beside = target.of === "flow" ? `, beside ${valueWithUnit(limit / target.factor, unit)} of ${target.flow}` : "";
  const message = `${flow}: ${valueWithUnit(value, unit)}${beside}${repeats}`;
  return { ...common, value, limit, status: holds ? "pass" : "fail", message };
}

function limitedVerdict(
  { figure: { unit } }: Gate,
  flow: string,
  limited: Series["limited"],
  of: number,
): Pick<FlowVerdict, "value" | "status" | "message"> {
  const value = medianOf(limited.map(({ value }) => value), CONFIDENCE).median;
  const codes = [...new Set(limited.flatMap(({ codes }) => codes.split(", ")))].join(", ");
  const where = of === 1 ? "" : ` in ${limited.length} of ${of} repeats`;
  const message = `${flow}: ${valueWithUnit(value, unit)}, limited by tine or its machine${where} (${codes})`;
  return { value, status: "undecided", message };
}

function compareBy(operator: Exclude<Gate["operator"], "within">, value: number, limit: number): boolean {
  switch (operator) {
    case "<":
      return value < limit;
    case "<=":
      return value <= limit;
    case ">":
      return value > limit;
    case ">=":
      return value >= limit;
  }
}

/** By the interval of the shift against the baseline: it holds, or fails, where all of the interval does. */
function againstBaseline(gate: Gate, flow: string, test: TestSamples, baseline: Samples | undefined): FlowVerdict {
  const { figure: { unit, shortName }, operator, target, share = 0 } = gate;
  const noData = { flow, repeats: 0, status: "no data" as const };
  if (baseline === undefined) return { ...noData, message: `${flow}: there is no baseline to compare with` };
  const key = sortedJson(test.id);
  const before = baseline.tests.find(({ id }) => sortedJson(id) === key);
  const now = seriesOf(gate, [flow], test.repeats), then = seriesOf(gate, [flow], before?.repeats ?? []);
  if (now.values.length + now.limited.length === 0) return { ...noData, message: `${flow}: ${shortName} is not known` };
  if (then.values.length + then.limited.length === 0) {
    return { ...noData, message: `${flow}: the baseline ${baseline.name} has no ${shortName} of this flow` };
  }
  const common = { flow, repeats: now.values.length };
  for (const series of [now, then]) {
    if (series.limited.length <= series.values.length) continue;
    const where = series === then ? "in the baseline, " : "";
    const { value, status, message } = limitedVerdict(gate, flow, series.limited, series.of);
    return { ...common, value, status, message: where + message };
  }
  const base = medianOf(then.values, CONFIDENCE).median, value = medianOf(now.values, CONFIDENCE).median;
  const { low, high, confidence } = shiftOf(then.values, now.values, CONFIDENCE);
  const limit = base * (target.of === "baseline" ? target.factor : 1);
  const texts = `${valueWithUnit(value, unit)} against ${valueWithUnit(base, unit)}`;
  if (confidence === undefined) {
    const [n, m, least] = [now.values.length, then.values.length, leastRepeats(1 - CONFIDENCE)];
    const message = `${flow}: ${texts}, of ${n} against ${m} repeats: it takes at least ${least} a side`;
    return { ...common, value, limit, status: "undecided", message };
  }
  const [from, to] = [base + low, base + high];
  const [least, most] = [limit - Math.abs(limit) * share, limit + Math.abs(limit) * share];
  const holds = operator === "within"
    ? from >= least && to <= most
    : compareBy(operator, from, limit) && compareBy(operator, to, limit);
  const fails = operator === "within"
    ? to < least || from > most
    : !compareBy(operator, from, limit) && !compareBy(operator, to, limit);
  const interval = base === 0
    ? `${valueWithUnit(from, unit)} to ${valueWithUnit(to, unit)}`
    : `${signedPercent(low / base)} to ${signedPercent(high / base)}`;
  const status = holds ? "pass" : fails ? "fail" : "undecided";
  const message = `${flow}: ${texts}, ${interval}${status === "undecided" ? ": more repeats make that narrower" : ""}`;
  return { ...common, value, limit, status, message };
}

function signedPercent(share: number): string {
  const text = `${Math.abs(share * 100).toFixed(1)}%`;
  return /[1-9]/.test(text) ? `${share < 0 ? "-" : "+"}${text}` : text;
}
