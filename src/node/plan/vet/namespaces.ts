import { at, placeText } from "../place.ts";
import { type NodeUse, type TestVisits, upwards } from "../visits.ts";
import { errorAt, type Finding, isHere, type VetContext, warningAt } from "./finding.ts";

/** Created namespaces must be new, the others must exist, as far as can be seen from here. */
export function* checkNamespaces({ nodes }: TestVisits, { machine }: VetContext): Iterable<Finding> {
  const creators = new Map<string, NodeUse>();
  for (const use of nodes) {
    if (use.node.netns?.create !== true) continue;
    const name = nameOf(use);
    const key = `${host(use)}\n${name}`;
    const before = creators.get(key);
    creators.set(key, before ?? use);
    if (before !== undefined && before.node.id !== use.node.id) {
      yield errorAt(
        at(use.place, "netns"),
        "clashing-namespace",
        `creates the namespace ${name}, as node ${before.node.id} at ${placeText(before.place)} does; ` +
          "give it another name, or leave out create to enter that one",
      );
    } else if (before === undefined && isHere(use) && !machine.rootless && machine.namespaces.has(name)) {
      yield errorAt(
        at(use.place, "netns"),
        "namespace-exists",
        `creates the namespace ${name}, which exists already; give it another name, or remove that one: ` +
          `ip netns delete ${name}`,
      );
    }
  }
  for (const use of nodes) {
    const { netns } = use.node;
    if (netns === undefined || netns.create === true || !isHere(use)) continue;
    const name = nameOf(use);
    if (creators.has(`${host(use)}\n${name}`)) continue;
    if (machine.rootless) {
      yield errorAt(
        at(use.place, "netns"),
        "rootless",
        `enters the namespace ${name}, but without root only namespaces that the test creates can be entered; ` +
          "add create: true, or run it as root",
      );
    } else if (!machine.namespaces.has(name)) {
      yield warningAt(
        at(use.place, "netns"),
        "no-namespace",
        `enters the namespace ${name}, which does not exist now; add create: true to create it`,
      );
    }
  }
}

function nameOf({ node: { id, netns } }: NodeUse): string {
  return netns?.name ?? id;
}

/** The machine of a node, as far as the plan tells them apart. */
function host(node: NodeUse): string {
  for (const { node: { id, launcher: { ssh } } } of upwards(node)) {
    if (ssh !== undefined) return ssh.destination ?? id;
  }
  return "";
}
