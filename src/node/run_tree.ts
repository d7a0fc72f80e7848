import { TineError } from "../base/errors.ts";
import { NODE_ID } from "../base/limits.ts";
import { delay } from "../base/time.ts";
import { type Feedback, mergeFeedback, NO_FEEDBACK } from "./feedback.ts";
import type { Node, Run, Schedule } from "./plan/types.ts";
import { kindOf, sortedJson } from "./plan/visits.ts";
import type { Runner } from "./runner.ts";

/** What a run tree is run by. */
export interface RunTreeActions {
  readonly signal: AbortSignal;
  /**
   * Notes that a run starts; call the function that it returns at the end of the run.
   *
   * @param kind `serial`, `child`, the name of a runner, ...
   */
  start(path: string, kind: string, run: Run): (failure?: { readonly error: unknown }) => void;
  /** Runs a leaf. */
  runLeaf(runner: string, config: unknown, feedback: Feedback, path: string): Promise<Feedback>;
  /** Runs a tree on a child node. */
  runChild(node: Node, run: Run, feedback: Feedback, path: string): Promise<Feedback>;
}

/**
 * Runs a tree of runs.
 *
 * A run's output merges into its parent's. Runs in series see what those before have set; runs side by side see only
 * what they have in common.
 *
 * @param feedback what was set before
 * @param path the place of the run in its plan; empty: paths begin at this run
 * @returns what the tree has set
 * @throws what the first run that failed has thrown, once all that were started have ended
 */
export async function runTree(
  run: Run,
  feedback: Feedback,
  actions: RunTreeActions,
  path: string = "",
): Promise<Feedback> {
  actions.signal.throwIfAborted();
  const kind = kindOf(run);
  if (kind === undefined) return NO_FEEDBACK;
  const ended = actions.start(path, kind, run);
  try {
    const output = await runKind(kind, run, feedback, actions, path);
    ended();
    return output;
  } catch (error) {
    ended({ error });
    throw error;
  }
}

function runKind(
  kind: string,
  run: Run,
  feedback: Feedback,
  actions: RunTreeActions,
  path: string,
): Promise<Feedback> {
  const below = path === "" ? kind : `${path}.${kind}`;
  if (run.serial !== undefined) return inSeries(run.serial, feedback, actions, below);
  if (run.parallel !== undefined) return inParallel(run.parallel, feedback, actions, below);
  if (run.schedule !== undefined) return onSchedule(run.schedule, feedback, actions, `${below}.run`);
  if (run.child !== undefined) return actions.runChild(run.child.node, withoutNode(run.child), feedback, below);
  return actions.runLeaf(kind, run[kind as keyof Run], feedback, path);
}

async function inSeries(
  runs: readonly Run[],
  feedback: Feedback,
  actions: RunTreeActions,
  path: string,
): Promise<Feedback> {
  let output = NO_FEEDBACK;
  for (const [i, run] of runs.entries()) {
    output = mergeFeedback(output, await runTree(run, mergeFeedback(feedback, output), actions, `${path}[${i}]`));
  }
  return output;
}

async function inParallel(
  runs: readonly Run[],
  feedback: Feedback,
  actions: RunTreeActions,
  path: string,
): Promise<Feedback> {
  return merge(await Promise.allSettled(runs.map((run, i) => runTree(run, feedback, actions, `${path}[${i}]`))));
}

async function onSchedule(
  schedule: Schedule,
  feedback: Feedback,
  actions: RunTreeActions,
  path: string,
): Promise<Feedback> {
  const { wait = [], random = false, waitFirst = false, sequential = false, run: runs } = schedule;
  const started: Promise<Feedback>[] = [];
  let failed = false;
  // The schedule is kept against the clock: what starting takes is no part of the distance.
  let due = performance.now();
  for (const [i, run] of runs.entries()) {
    if (wait.length > 0 && (waitFirst || i > 0)) {
      const drawn = random ? Math.floor(Math.random() * wait.length) : (waitFirst ? i : i - 1) % wait.length;
      if (sequential) due = performance.now();
      due += wait[drawn];
      // A failure cancels the node, and with it this wait.
      await delay(due - performance.now(), actions.signal).catch(() => failed = true);
    }
    if (failed || actions.signal.aborted) break;
    const running = runTree(run, feedback, actions, `${path}[${i}]`);
    running.catch(() => failed = true);
    started.push(running);
    if (sequential) await running.catch(() => {});
    if (failed) break;
  }
  const output = merge(await Promise.allSettled(started));
  actions.signal.throwIfAborted();
  return output;
}

function merge(settled: readonly PromiseSettledResult<Feedback>[]): Feedback {
  let output = NO_FEEDBACK;
  for (const result of settled) {
    if (result.status === "rejected") throw result.reason;
    output = mergeFeedback(output, result.value);
  }
  return output;
}

/** A child node, and those that it launches itself. */
export interface NodeTree {
  readonly node: Node;
  readonly children: readonly NodeTree[];
}

/**
 * The child nodes of a run tree. A node that is named several times is one node, and launches what any of its runs
 * needs.
 *
 * @example
 * ```ts
 * import { childNodes } from "./run_tree.ts";
 * const left = { id: "left", launcher: { local: {} } };
 * const trees = childNodes({ parallel: [{ child: { node: left } }, { child: { node: left, sleep: 1000 } }] });
 * console.assert(trees.length === 1);
 * ```
 */
export function childNodes(run: Run): NodeTree[] {
  return group([run]);
}

/** What two equal nodes have in common. */
export function nodeKey(node: Node): string {
  return sortedJson(node);
}

function group(runs: readonly Run[]): NodeTree[] {
  const found = new Map<string, { node: Node; runs: Run[] }>();
  const rest = [...runs];
  for (let run = rest.pop(); run !== undefined; run = rest.pop()) {
    const { serial, parallel, schedule, child } = run;
    rest.push(...(serial ?? parallel ?? schedule?.run ?? []).toReversed());
    if (child === undefined) continue;
    const key = nodeKey(child.node);
    const known = found.get(key) ?? { node: child.node, runs: [] };
    found.set(key, known);
    known.runs.push(withoutNode(child));
  }
  return Array.from(found.values(), ({ node, runs }) => ({ node, children: group(runs) }));
}

/** The run of a child. */
export function withoutNode<C extends Run & { node: Node }>({ node: _, ...run }: C): Run {
  return run;
}

/**
 * Checks a run tree that a parent sent. The parent has validated it against the schema; this only makes sure that it
 * is a tree which this node can run, so that no schema library needs to be loaded.
 *
 * @param value what was sent, parsed from JSON
 * @param runners the runners that there are, by name
 * @throws {TineError} `bad-run`
 */
export function checkRunTree(value: unknown, runners: Readonly<Record<string, Runner>>): Run {
  checkRun(value, runners);
  return value as Run;
}

/**
 * Checks a node that a parent sent.
 *
 * @throws {TineError} `bad-run`
 */
export function checkNode(value: unknown): Node {
  const { id, launcher } = objectIn(value, "a node");
  if (typeof id !== "string" || !NODE_ID.test(id)) throw bad("the id of a node", id);
  objectIn(launcher, `the launcher of node ${id}`);
  return value as Node;
}

/** Members that stand beside a run: a test's and a child's own. */
const NOT_RUNS = new Set(["id", "timeout", "udfs", "gates", "node"]);

function checkRun(value: unknown, runners: Readonly<Record<string, Runner>>): void {
  for (const [kind, content] of Object.entries(objectIn(value, "a run"))) {
    if (NOT_RUNS.has(kind)) continue;
    switch (kind) {
      case "serial":
      case "parallel":
        checkRuns(content, runners);
        break;
      case "schedule":
        checkSchedule(content, runners);
        break;
      case "child":
        checkNode(objectIn(content, "a child").node);
        checkRun(content, runners);
        break;
      default:
        if (!Object.hasOwn(runners, kind)) throw bad("a runner", kind);
    }
  }
}

function checkRuns(value: unknown, runners: Readonly<Record<string, Runner>>): void {
  if (!Array.isArray(value)) throw bad("a list of runs", value);
  for (const run of value) checkRun(run, runners);
}

function checkSchedule(value: unknown, runners: Readonly<Record<string, Runner>>): void {
  const { wait = [], run } = objectIn(value, "a schedule") as Partial<Schedule>;
  const isDuration = (duration: unknown) => typeof duration === "number" && duration >= 0;
  if (!Array.isArray(wait) || !wait.every(isDuration)) throw bad("the waits of a schedule", wait);
  checkRuns(run, runners);
}

function objectIn(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw bad(what, value);
  return value as Record<string, unknown>;
}

function bad(what: string, value: unknown): TineError {
  const shown = JSON.stringify(value)?.slice(0, 100);
  return new TineError("bad-run", `the parent sent something else than ${what}: ${shown}`);
}
