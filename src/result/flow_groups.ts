/** Flows of a test: those that are shown one by one, and crowds that are shown as a sum. */
export interface FlowGroups<F> {
  readonly single: readonly F[];
  /** By what their ids have in common: `page` of `page.1`, `page.2`, ... */
  readonly crowds: ReadonlyMap<string, readonly F[]>;
}

/**
 * Takes crowds out of flows where these are too many for a line each.
 *
 * @param most as many may be shown one by one
 *
 * @example
 * ```ts
 * import { groupFlows } from "./flow_groups.ts";
 * const { single, crowds } = groupFlows(["bulk", "page.1", "page.2"].map((flow) => ({ flow })), 2);
 * console.assert(single.length === 1 && crowds.get("page")?.length === 2);
 * ```
 */
export function groupFlows<F extends { readonly flow: string }>(flows: readonly F[], most: number): FlowGroups<F> {
  if (flows.length <= most) return { single: flows, crowds: new Map() };
  const stems = [...Map.groupBy(flows, ({ flow }) => flow.replace(/[.-]?\d+$/, ""))]
    .sort(([, a], [, b]) => a.length - b.length);
  const single = new Set<F>();
  const crowds = new Map<string, readonly F[]>();
  for (const [stem, those] of stems) {
    if (single.size + those.length > most) crowds.set(stem, those);
    else for (const flow of those) single.add(flow);
  }
  return { single: flows.filter((flow) => single.has(flow)), crowds };
}
