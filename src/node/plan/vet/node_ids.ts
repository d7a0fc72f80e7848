import { placeText } from "../place.ts";
import { type NodeUse, sortedJson, type TestVisits } from "../visits.ts";
import { errorAt, type Finding } from "./finding.ts";

/** Equal nodes are the same node; an id of two different ones would mix up their logs and results. */
export function* checkNodeIds({ nodes }: TestVisits): Iterable<Finding> {
  const first = new Map<string, NodeUse>();
  for (const use of nodes) {
    const { node: { id }, place } = use;
    const before = first.get(id);
    if (before === undefined) {
      first.set(id, use);
      continue;
    }
    const there = placeText(before.place);
    if (before.text !== use.text) {
      const differing = difference(before, use).join(", ");
      yield errorAt(
        place,
        "clashing-node",
        `node ${id} has another ${differing} than at ${there}; make them equal, or give one of them another id`,
      );
    } else if (before.parent?.node.id !== use.parent?.node.id) {
      yield errorAt(
        place,
        "clashing-node",
        `node ${id} is a child of ${parentName(use)} here, and of ${parentName(before)} at ${there}; ` +
          "that makes two nodes, give one of them another id",
      );
    }
  }
}

function difference({ node: a }: NodeUse, { node: b }: NodeUse): string[] {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]) as Set<keyof typeof a>;
  return [...keys].filter((key) => sortedJson(a[key]) !== sortedJson(b[key]));
}

function parentName({ parent }: NodeUse): string {
  return parent === undefined ? "the root" : `node ${parent.node.id}`;
}
