import { at } from "../place.ts";
import { needsOf, type TestVisits } from "../visits.ts";
import { errorAt, type Finding, inNamespace, isHere, type VetContext, warningAt } from "./finding.ts";

/**
 * What an ordinary user cannot do. Without root, nodes with namespaces run in a user namespace that maps one user only
 * and reaches no other machine.
 */
export function* checkRootless({ visits, nodes }: TestVisits, { machine, runners }: VetContext): Iterable<Finding> {
  if (!machine.rootless) return;
  const checked = new Set<string>();
  for (const use of nodes) {
    // A node is used often; below different parents it clashes with itself, which is told elsewhere.
    if (checked.has(use.text)) continue;
    checked.add(use.text);
    const { launcher: { local, ssh } } = use.node;
    if (ssh !== undefined && isHere(use.parent) && inNamespace(use.parent)) {
      yield errorAt(
        use.place,
        "rootless",
        `node ${use.node.id} is reached by ssh from a namespace, which needs root; make it a child of the root node, ` +
          "or run the plan as root",
      );
    }
    if (local?.root !== true || !isHere(use)) continue;
    const place = at(use.place, "launcher", "local", "root");
    if (inNamespace(use)) {
      yield warningAt(place, "rootless", `without root, node ${use.node.id} is root of its namespace only`);
    } else if (!machine.root) {
      yield errorAt(place, "needs-root", `node ${use.node.id} is to run as root; run tine as root, or leave it out`);
    }
  }
  if (machine.root) return;
  for (const { run, kind, place, node } of visits) {
    if (needsOf(run, kind, runners).root !== true || !isHere(node) || inNamespace(node)) continue;
    yield errorAt(at(place, kind!, "root"), "needs-root", "is to run as root; run tine as root, or leave it out");
  }
}
