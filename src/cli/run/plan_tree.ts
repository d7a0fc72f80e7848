import { formatDuration } from "../../base/units.ts";
import { kindOf, leastTime, type NodeUse, visitTest } from "../../node/plan/visits.ts";
import { at } from "../../node/plan/place.ts";
import type { Node, Plan, Run, Schedule, Test, UdfConfig } from "../../node/plan/types.ts";
import type { Runner } from "../../node/runner.ts";
import { runners as allRunners } from "../../node/runners.ts";
import { testIdText } from "../../result/names.ts";
import { escape } from "../terminal.ts";

/** Waits of a schedule beyond this are counted. */
const MAX_WAITS = 6;

/**
 * Returns a plan as it would run, for people: each test with its nodes and its runs, one a line, indented. Runs that repeat
 * are shown once, with how often.
 *
 * @param plan the tests that would run
 * @param runners the runners that there are, by name
 */
export function planTree({ tests }: Plan, runners: Readonly<Record<string, Runner>> = allRunners): string {
  const shown = tests.map((test, i) =>
    [
      `test ${i + 1} of ${tests.length}: ${escape(testIdText(test.id))}`,
      ...testLines(test, i, runners).map((line) => `  ${line}`),
    ].join("\n")
  );
  return shown.map((text) => `${text}\n`).join("\n");
}

function testLines(test: Test, i: number, runners: Readonly<Record<string, Runner>>): string[] {
  const place = at(undefined, "tests", i)!;
  const least = leastTime(test, runners, place);
  const limits = [
    test.timeout > 0 ? `timeout ${formatDuration(test.timeout)}` : "no timeout",
    ...(least > 0 ? [`at least ${formatDuration(least)}`] : []),
  ];
  const udfs = (test.udfs ?? []).map(udfLine);
  return [limits.join(", "), ...nodeLines(visitTest(test, place).nodes), ...udfs, ...runLines(test, runners)];
}

function udfLine({ name, table, flows, handler, command, socket, connect }: UdfConfig): string {
  const of = flows === undefined ? "" : ` of ${flows}`;
  return escape(`udf ${name}: ${table}${of} through ${handler ?? command?.join(" ") ?? socket ?? connect}`);
}

/** Each node once, with those above it; equal nodes are the same node. */
function nodeLines(uses: readonly NodeUse[]): string[] {
  const nodes = new Map(uses.map((use) => [use.text, use]));
  return Array.from(nodes.values(), ({ node, parent }) => {
    const below = parent === undefined ? "" : `, below ${parent.node.id}`;
    return escape(`node ${node.id}: ${nodeText(node)}${below}`);
  });
}

function nodeText({ id, platform, launcher: { local, ssh }, netns, env }: Node): string {
  const parts = [ssh === undefined ? "local" : `ssh ${ssh.destination ?? id}`];
  if ((ssh ?? local)?.root) parts.push("as root");
  if (platform !== undefined) parts.push(platform);
  if (netns !== undefined) parts.push(`${netns.create ? "creates " : ""}netns ${netns.name ?? id}`);
  // Values may be secrets.
  const names = env?.vars?.map((text) => text.split("=", 1)[0]) ?? [];
  if (names.length > 0) parts.push(`sets ${names.join(" ")}`);
  if (env?.inherit === false) parts.push("inherits no environment");
  return parts.join(", ");
}

function runLines(run: Run, runners: Readonly<Record<string, Runner>>): string[] {
  const below = (runs: readonly Run[]) =>
    fold(runs.map((inner) => runLines(inner, runners))).map((line) => `  ${line}`);
  const { serial, parallel, schedule, child } = run;
  if (serial !== undefined) return ["serial", ...below(serial)];
  if (parallel !== undefined) return ["parallel", ...below(parallel)];
  if (schedule !== undefined) return [scheduleLine(schedule), ...below(schedule.run)];
  if (child !== undefined) return [escape(`child ${childText(child.node)}`), ...below([child])];
  const kind = kindOf(run);
  if (kind === undefined) return ["nothing"];
  const config = run[kind as keyof Run];
  const title = Object.hasOwn(runners, kind) ? runners[kind].title?.(config) : undefined;
  return [escape([kind, configText(config, title)].filter((text) => text !== "").join(" "))];
}

/** The node in short: `left (local, netns left)`. */
function childText({ id, launcher: { ssh }, netns }: Node): string {
  return `${id} (${ssh === undefined ? "local" : "ssh"}${netns === undefined ? "" : `, netns ${netns.name ?? id}`})`;
}

/** `schedule every 100ms, waits first, 5 runs`. */
function scheduleLine({ wait = [], random, waitFirst, sequential, run }: Schedule): string {
  const waits = wait.slice(0, MAX_WAITS).map(formatDuration);
  if (wait.length > MAX_WAITS) waits.push(`${wait.length - MAX_WAITS} more`);
  const parts: string[] = [];
  if (wait.length === 0) parts.push(sequential ? "one after another" : "at once");
  else if (wait.length === 1) parts.push(`every ${waits[0]}`);
  else parts.push(random ? `every ${waits.join(" or ")} at random` : `every ${waits.join(", ")} in turn`);
  if (sequential && wait.length > 0) parts.push("from the end of the run before");
  if (waitFirst && wait.length > 0) parts.push("waits first");
  parts.push(`${run.length} ${run.length === 1 ? "run" : "runs"}`);
  return `schedule ${parts.join(", ")}`;
}

/** The title that a runner gives to its configuration, and the members that are not in it: `ip -br addr  stdout: addr.txt`. */
function configText(config: unknown, title: string | undefined): string {
  if (typeof config !== "object" || config === null) return title ?? memberText(config);
  const members = Object.entries(config).filter(([, value]) => value !== undefined && !isIn(title, value))
    .map(([name, value]) => value === true ? name : `${name}: ${memberText(value)}`);
  return [...(title === undefined ? [] : [title]), ...members].join(title === undefined ? ", " : "  ");
}

/** Whether a title shows a value whole: as its beginning or as its end, words joined by single spaces. */
function isIn(title: string | undefined, value: unknown): boolean {
  if (title === undefined) return false;
  const text = Array.isArray(value) ? value.join(" ") : value;
  if (typeof text !== "string" || text === "") return false;
  const [shown, wanted] = [title, text].map((text) => ` ${text.replace(/\s+/g, " ")} `);
  return shown.startsWith(wanted) || shown.endsWith(wanted);
}

function memberText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A group of more blocks that repeats is not looked for. */
const MAX_GROUP = 8;

/**
 * Joins blocks of lines; one that repeats is shown once with how often, as in `sleep 1s  x 1000`, and so is a group of
 * up to eight that repeats.
 *
 * @param blocks each a line, and lines below it
 *
 * @example
 * ```ts
 * import { fold } from "./plan_tree.ts";
 * console.assert(fold([["a"], ["a"], ["b"]]).join() === "a  x 2,b");
 * ```
 */
export function fold(blocks: readonly (readonly string[])[]): string[] {
  const numbers = new Map<string, number>();
  // Numbers are compared faster than texts.
  const kinds = blocks.map((block) => {
    const text = block.join("\n");
    if (!numbers.has(text)) numbers.set(text, numbers.size);
    return numbers.get(text)!;
  });
  const lines: string[] = [];
  for (let i = 0; i < blocks.length;) {
    const { length, times } = repetition(kinds, i);
    const group = blocks.slice(i, i + length);
    if (times === 1) { for (const line of group[0]) lines.push(line); }
    else if (length === 1) lines.push(`${group[0][0]}  x ${times}`, ...group[0].slice(1));
    else lines.push(`${times} times these ${length}`, ...fold(group).map((line) => `  ${line}`));
    i += length * times;
  }
  return lines;
}

/** The group from a place on whose repetitions cover most; the shortest of these. */
function repetition(kinds: readonly number[], from: number): { length: number; times: number } {
  let best = { length: 1, times: 1 };
  for (let length = 1; length <= MAX_GROUP; length++) {
    let end = from + length;
    while (end < kinds.length && kinds[end] === kinds[end - length]) end++;
    const times = Math.floor((end - from) / length);
    if (times > 1 && times * length > best.times * best.length) best = { length, times };
  }
  return best;
}
