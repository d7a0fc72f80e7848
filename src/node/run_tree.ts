import { delay } from "../base/time.ts";
import { type Feedback, mergeFeedback, NO_FEEDBACK } from "./feedback.ts";
import { withoutNode } from "./node_tree.ts";
import type { Node, Run, Schedule } from "./plan/types.ts";
import { kindOf } from "./plan/visits.ts";

/** What a run tree is run by. */
export interface RunTreeActions {
  readonly signal: AbortSignal;
  /** Runs a leaf. */
  runLeaf(runner: string, config: unknown, feedback: Feedback): Promise<Feedback>;
  /** Runs a tree on a child node. */
  runChild(node: Node, run: Run, feedback: Feedback): Promise<Feedback>;
}

/**
 * Runs a tree of runs.
 *
 * A run's output merges into its parent's. Runs in series see what those before have set; runs side by side see only
 * what they have in common.
 *
 * @param feedback what was set before
 * @returns what the tree has set
 * @throws what the first run that failed has thrown, once all that were started have ended
 */
export async function runTree(run: Run, feedback: Feedback, actions: RunTreeActions): Promise<Feedback> {
  actions.signal.throwIfAborted();
  if (run.serial !== undefined) return await inSeries(run.serial, feedback, actions);
  if (run.parallel !== undefined) return await inParallel(run.parallel, feedback, actions);
  if (run.schedule !== undefined) return await onSchedule(run.schedule, feedback, actions);
  if (run.child !== undefined) return await actions.runChild(run.child.node, withoutNode(run.child), feedback);
  const kind = kindOf(run);
  if (kind === undefined) return NO_FEEDBACK;
  return await actions.runLeaf(kind, run[kind as keyof Run], feedback);
}

async function inSeries(runs: readonly Run[], feedback: Feedback, actions: RunTreeActions): Promise<Feedback> {
  let output = NO_FEEDBACK;
  for (const run of runs) {
    output = mergeFeedback(output, await runTree(run, mergeFeedback(feedback, output), actions));
  }
  return output;
}

async function inParallel(runs: readonly Run[], feedback: Feedback, actions: RunTreeActions): Promise<Feedback> {
  return merge(await Promise.allSettled(runs.map((run) => runTree(run, feedback, actions))));
}

async function onSchedule(schedule: Schedule, feedback: Feedback, actions: RunTreeActions): Promise<Feedback> {
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
    const running = runTree(run, feedback, actions);
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
