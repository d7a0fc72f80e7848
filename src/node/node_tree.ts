import type { Node, Run } from "./plan/types.ts";
import { sortedJson } from "./plan/visits.ts";

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
 * import { childNodes } from "./node_tree.ts";
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
