import { NODE_ID } from "../base/limits.ts";
import { TineError } from "../base/errors.ts";
import type { Node, Run, Schedule } from "./plan/types.ts";
import type { Runner } from "./runner.ts";

/**
 * Checks a run tree that a parent sent. The parent has validated it against the schema; this only makes sure that it
 * is a tree which this node can run, so that no schema library needs to be loaded.
 *
 * @param value what was sent, parsed from JSON
 * @param runners the runners that there are, by name
 * @throws {TineError} `bad-run`
 */
export function decodeRun(value: unknown, runners: Readonly<Record<string, Runner>>): Run {
  checkRun(value, runners);
  return value as Run;
}

/** Checks a node that a parent sent. */
export function decodeNode(value: unknown): Node {
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
        decodeNode(objectIn(content, "a child").node);
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
