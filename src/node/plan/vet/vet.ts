import { parseCpuList } from "../../../base/cpu_list.ts";
import type { Runner } from "../../runner.ts";
import { runners as allRunners } from "../../runners.ts";
import { at, placeOf } from "../place.ts";
import type { Plan } from "../types.ts";
import { checkCpus, checkExecutables, checkNamespaces, checkNodeIds, checkRootless } from "./node_checks.ts";
import { checkFeedback, checkFlowCounts, checkFlowEnds, checkFlowIds, checkGroups } from "./flow_checks.ts";
import { errorAt, type Finding, type VetCheck } from "./finding.ts";
import { checkFiles, checkNothing, checkShellSyntax, checkTestIds, checkTime } from "./run_checks.ts";
import { visitTest } from "../visits.ts";
import { toolPath } from "../../process/tools.ts";

const CHECKS: readonly VetCheck[] = [
  checkNodeIds,
  checkNamespaces,
  checkFeedback,
  checkFlowIds,
  checkFlowEnds,
  checkFlowCounts,
  checkGroups,
  checkFiles,
  checkTime,
  checkRootless,
  checkNothing,
  checkShellSyntax,
  checkExecutables,
  checkCpus,
];

/** What was found, and the size of the plan. */
export interface VetResult {
  readonly findings: readonly Finding[];
  readonly tests: number;
  /** Runs of all tests, lists and children included. */
  readonly runs: number;
  /** Different nodes of all tests. */
  readonly nodes: number;
}

/** What a plan is checked against: a machine and runners. */
export interface VetOptions {
  readonly machine?: Machine;
  readonly runners?: Readonly<Record<string, Runner>>;
}

/**
 * Checks a plan without running it: what its schema cannot know.
 *
 * @param plan a validated plan
 *
 * @example
 * ```ts
 * import { parsePlan } from "../parse.ts";
 * import { vetPlan } from "./vet.ts";
 * const { findings } = vetPlan(await parsePlan("tests: [{ id: { name: long }, sleep: 1h }]"));
 * console.assert(findings[0].code === "too-long");
 * ```
 */
export function vetPlan(
  plan: Plan,
  { machine = thisMachine(), runners = allRunners }: VetOptions = {},
): VetResult {
  const findings = [...checkTestIds(plan)];
  if (plan.tests.length === 0) {
    findings.push(errorAt(at(undefined, "tests"), "nothing", "the plan has no tests: there is nothing to run"));
  }
  const nodes = new Set<string>();
  let runs = 0;
  for (const [i, test] of plan.tests.entries()) {
    const visited = visitTest(test, placeOf(plan, test, i));
    for (const check of CHECKS) for (const finding of check(visited, { machine, runners })) findings.push(finding);
    for (const { text } of visited.nodes) nodes.add(text);
    runs += visited.visits.filter(({ kind }) => kind !== undefined).length;
  }
  const rank = ({ severity }: Finding) => severity === "error" ? 0 : 1;
  return {
    findings: unique(findings).sort((a, b) => rank(a) - rank(b)),
    tests: plan.tests.length,
    runs,
    nodes: nodes.size,
  };
}

/** Returns each finding once: tests that stand at one place share most of them. */
function unique(findings: readonly Finding[]): Finding[] {
  return [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
}

/** What `vet` knows of the machine that a plan would run on. */
export interface Machine {
  /** Whether tine would run as root. */
  readonly root: boolean;
  /** Whether namespaces would be created without root, in a user namespace. */
  readonly rootless: boolean;
  /** The network namespaces that have a name already. */
  readonly namespaces: ReadonlySet<string>;
  /** The numbers of its CPUs. */
  readonly cpus: readonly number[];
  /** Returns whether a command can be started: a path, or a name on the PATH of nodes. */
  hasProgram(name: string): boolean;
}

/**
 * Describes this machine.
 *
 * @param options `rootless`: create namespaces without root, also as root; without root, there is no other way
 */
export function thisMachine({ rootless = false } = {}): Machine {
  const root = Deno.uid() === 0;
  const found = new Map<string, boolean>();
  return {
    root,
    rootless: rootless || !root,
    namespaces: new Set(namespaceNames()),
    cpus: onlineCpus(),
    hasProgram(name) {
      const known = found.get(name) ?? candidates(name).some(isExecutable);
      found.set(name, known);
      return known;
    },
  };
}

function onlineCpus(): number[] {
  try {
    return parseCpuList(Deno.readTextFileSync("/sys/devices/system/cpu/online").trim());
  } catch {
    return Array.from({ length: navigator.hardwareConcurrency }, (_, cpu) => cpu);
  }
}

function namespaceNames(): string[] {
  try {
    return Array.from(Deno.readDirSync("/run/netns"), ({ name }) => name);
  } catch {
    return []; // there is no such folder before the first one is made
  }
}

function candidates(name: string): string[] {
  if (name.includes("/")) return [name];
  return toolPath().split(":").map((folder) => `${folder === "" ? "." : folder}/${name}`);
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && (mode === null || (mode & 0o111) !== 0);
  } catch {
    return false;
  }
}
