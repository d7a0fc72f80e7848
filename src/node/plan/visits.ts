import type { Needs, Runner } from "../runner.ts";
import { at, type Place } from "./place.ts";
import type { Node, Run, Schedule, Test } from "./types.ts";

/** A node where a plan names it. */
export interface NodeUse {
  readonly node: Node;
  readonly place: Place;
  /** The node that is its parent; undefined is the root. */
  readonly parent: NodeUse | undefined;
  /** The node as text: equal nodes have equal ones. */
  readonly text: string;
}

/** A run of a test, with its surroundings. */
export interface Visit {
  readonly run: Run;
  /** `serial`, `child`, the name of a runner, ...; undefined for an empty run. */
  readonly kind: string | undefined;
  readonly place: Place;
  /** The node that it runs on; undefined is the root. */
  readonly node: NodeUse | undefined;
}

/** A test with all of its runs and nodes. */
export interface TestVisits {
  readonly test: Test;
  readonly place: Place;
  /** Its runs, each before those inside it. */
  readonly visits: readonly Visit[];
  /** Its nodes; one for each child run. */
  readonly nodes: readonly NodeUse[];
}

const NOT_KINDS = ["id", "timeout", "udfs", "gates", "node"];

/** Returns the kind of a run: its one member. */
export function kindOf(run: Run): string | undefined {
  return Object.entries(run).find(([key, value]) => value !== undefined && !NOT_KINDS.includes(key))?.[0];
}

/** Walks through a test. */
export function visitTest(test: Test, place: Place): TestVisits {
  const visits: Visit[] = [];
  const nodes: NodeUse[] = [];
  const visit = (run: Run, place: Place, node: NodeUse | undefined) => {
    const kind = kindOf(run);
    visits.push({ run, kind, place, node });
    if (run.child !== undefined) {
      const below = at(place, "child")!;
      const use: NodeUse = {
        node: run.child.node,
        place: at(below, "node")!,
        parent: node,
        text: sortedJson(run.child.node),
      };
      nodes.push(use);
      visit(run.child, below, use);
      return;
    }
    for (const [inner, innerPlace] of innerRuns({ run, place })) visit(inner, innerPlace, node);
  };
  visit(test, place, undefined);
  return { test, place, visits, nodes };
}

/** Yields the runs directly inside a list or schedule. */
export function* innerRuns({ run, place }: { run: Run; place: Place }): Iterable<[Run, Place]> {
  const lists = [["serial", run.serial], ["parallel", run.parallel]] as const;
  for (const [kind, list] of lists) {
    for (const [i, inner] of (list ?? []).entries()) yield [inner, at(place, kind, i)!];
  }
  for (const [i, inner] of (run.schedule?.run ?? []).entries()) yield [inner, at(place, "schedule", "run", i)!];
}

/** Returns what a run relies on, according to its runner. */
export function needsOf(run: Run, kind: string | undefined, runners: Readonly<Record<string, Runner>>): Needs {
  if (kind === undefined || !Object.hasOwn(runners, kind)) return {};
  return runners[kind].needs?.(run[kind as keyof Run]) ?? {};
}

/** Yields a node and the nodes above it, itself first. */
export function* upwards(node: NodeUse | undefined): Iterable<NodeUse> {
  for (let use = node; use !== undefined; use = use.parent) yield use;
}

/** Writes JSON with sorted keys, without members that are undefined. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => a < b ? -1 : 1));
  });
}

/** Returns whether to go into a run, given the earliest time of its start in milliseconds after the first one. */
export type StartVisitor = (place: Place, start: number) => boolean;

/**
 * Returns the least time that a run takes, according to its sleeps, schedules and flows, in milliseconds.
 *
 * @param place where it stands
 * @param starts receives the start of each run inside; runs that it declines are left out
 */
export function leastTime(
  run: Run,
  runners: Readonly<Record<string, Runner>>,
  place: Place = { above: undefined, key: "test" },
  starts: StartVisitor = () => true,
): number {
  const end = (run: Run, place: Place, start: number): number => {
    if (!starts(place, start)) return start;
    if (run.child !== undefined) return end(run.child, { above: place, key: "child" }, start);
    let last = start + (needsOf(run, kindOf(run), runners).atLeast ?? 0);
    let next = start;
    let i = 0;
    for (const [inner, innerPlace] of innerRuns({ run, place })) {
      if (run.schedule !== undefined) next += waitBefore(run.schedule, i++);
      const ended = end(inner, innerPlace, next);
      last = Math.max(last, ended);
      if (run.serial !== undefined || run.schedule?.sequential) next = ended;
    }
    return last;
  };
  return end(run, place, 0);
}

/** Returns the least time that a schedule waits before its run of this number, in milliseconds. */
function waitBefore({ wait = [], waitFirst, random }: Schedule, i: number): number {
  if (wait.length === 0 || (i === 0 && !waitFirst)) return 0;
  return random ? Math.min(...wait) : wait[(waitFirst ? i : i - 1) % wait.length];
}
