import { runsTable } from "../../result/tables/runs_table.ts";
import type { GanttPlot, Span } from "../plot.ts";
import { lookIn, type PlotContext, timeAxis } from "./context.ts";
import { numberAt, rowsOf, textAt, timeAt } from "./rows.ts";

/** Runs that a chart can show. */
const MAX_SPANS = 400;

/** A run of the tree. */
export interface RunOfTest extends Span {
  readonly durationSeconds?: number;
}

/** Reads the runs of a test, in the order in which they started. */
export async function readRuns(context: PlotContext): Promise<RunOfTest[]> {
  const byPath = new Map(context.flows.flatMap(({ path, flow }) => path === undefined ? [] : [[path, flow] as const]));
  const runs: RunOfTest[] = [];
  const columns = ["time", "node", "run_name", "path", "end_time", "duration_seconds", "error"] as const;
  for await (const { count, values } of rowsOf(runsTable(context.source), columns)) {
    for (let i = 0; i < count; i++) {
      const path = textAt(values.path, i) ?? "";
      const end = timeAt(values.end_time, i, context.start);
      const durationSeconds = numberAt(values.duration_seconds, i);
      const flow = byPath.get(path);
      runs.push({
        name: textAt(values.run_name, i) ?? "",
        node: textAt(values.node, i) ?? "",
        path,
        depth: depthOf(path),
        start: timeAt(values.time, i, context.start),
        ...!Number.isNaN(end) && { end },
        ...!Number.isNaN(durationSeconds) && { durationSeconds },
        error: textAt(values.error, i),
        ...flow !== undefined && { name: flow, look: lookIn(context, flow) },
      });
    }
  }
  return runs.sort((a, b) => a.start - b.start || a.depth - b.depth);
}

/** Draws runs that do something: what holds others is in the tree. */
export function ganttPlot(context: PlotContext, runs: readonly RunOfTest[]): GanttPlot | undefined {
  const holders = new Set(runs.flatMap(({ path }) => parentsOf(path)));
  const leaves = runs.filter(({ path }) => !holders.has(path));
  if (leaves.length === 0) return undefined;
  const spans = leaves.length <= MAX_SPANS
    ? leaves
    : leaves.toSorted((a, b) => length(b) - length(a)).slice(0, MAX_SPANS);
  const failed = leaves.filter(({ error }) => error !== undefined).length;
  const nodes = new Set(leaves.map(({ node }) => node)).size;
  return {
    type: "gantt",
    id: "gantt",
    title: "Runs",
    caption: `What each node ran, and when: ${leaves.length} runs on ${nodes} ${nodes === 1 ? "node" : "nodes"}` +
      `${failed > 0 ? `, of which ${failed} failed` : ""}${
        spans.length < leaves.length ? `; the ${MAX_SPANS} longest ones are shown` : ""
      }.`,
    x: timeAxis(context),
    spans: spans.toSorted((a, b) => a.start - b.start).map(({ durationSeconds: _, ...span }) => span),
  };
}

function length({ start, end = Infinity }: Span): number {
  return end - start;
}

/** The number of runs that hold one. */
function depthOf(path: string): number {
  return parentsOf(path).length;
}

/** The places in the plan above one. */
function parentsOf(path: string): string[] {
  const parents: string[] = [];
  for (let end = path.lastIndexOf("."); end > 0; end = path.lastIndexOf(".", end - 1)) parents.push(path.slice(0, end));
  return parents;
}
