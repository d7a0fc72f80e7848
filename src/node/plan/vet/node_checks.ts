import { formatCpuList, parseCpuList } from "../../../base/cpu_list.ts";
import { at, type Place, placeText } from "../place.ts";
import { needsOf, type NodeUse, sortedJson, type TestVisits, upwards } from "../visits.ts";
import { errorAt, type Finding, inNamespace, isHere, type VetContext, warningAt } from "./finding.ts";

/** Finds an id of two different nodes, which would mix up their logs and results. Equal nodes are the same node. */
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

/** Finds namespaces to create that exist already, and namespaces to enter that do not, as far as this machine knows. */
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

/** Returns what names the machine of a node in the plan: its destination of ssh; empty for the machine of the root. */
function host(node: NodeUse): string {
  for (const { node: { id, launcher: { ssh } } } of upwards(node)) {
    if (ssh !== undefined) return ssh.destination ?? id;
  }
  return "";
}

/**
 * Finds what an ordinary user cannot do. Without root, nodes with namespaces run in a user namespace that maps one user
 * only and reaches no other machine.
 */
export function* checkRootless({ visits, nodes }: TestVisits, { machine, runners }: VetContext): Iterable<Finding> {
  if (!machine.rootless) return;
  const checked = new Set<string>();
  for (const use of nodes) {
    // A node may stand in many places; checkNodeIds() finds one that is below different parents.
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

/** Finds executables that are missing here. Those of other machines, and of nodes with their own PATH, are unknown. */
export function* checkExecutables(
  { visits, nodes }: TestVisits,
  { machine, runners }: VetContext,
): Iterable<Finding> {
  const missing = new Map<string, Place>();
  const want = (program: string, place: Place) => {
    if (!missing.has(program) && !machine.hasProgram(program)) missing.set(program, place);
  };
  for (const { run, kind, place, node } of visits) {
    if (!isHere(node) || !inheritsPath(node)) continue;
    for (const program of needsOf(run, kind, runners).programs ?? []) want(program, place);
  }
  for (const use of nodes) {
    if (isHere(use) && use.node.netns !== undefined) want("ip", use.place);
    if (isHere(use) && machine.rootless && inNamespace(use)) {
      want("unshare", use.place);
      want("nsenter", use.place);
    }
    if (isHere(use.parent) && use.node.launcher.ssh !== undefined) want("ssh", use.place);
  }
  for (const [program, place] of missing) {
    const where = program.includes("/") ? "is not there, or cannot be executed" : "is not found on PATH";
    yield warningAt(place, "no-program", `needs ${program}, which ${where}; install it, or correct the name`);
  }
}

/** Finds CPUs that this machine does not have. Those of other machines are unknown. */
export function* checkCpus({ visits, nodes }: TestVisits, { machine, runners }: VetContext): Iterable<Finding> {
  const wanted = [
    ...nodes.map((use) => ({ use, cpu: use.node.cpu, place: at(use.place, "cpu") })),
    ...visits.map(({ run, kind, place, node }) => ({
      use: node,
      cpu: needsOf(run, kind, runners).cpu,
      place: at(place, kind!, "cpu"),
    })),
  ];
  for (const { use, cpu, place } of wanted) {
    if (cpu === undefined || !isHere(use)) continue;
    const missing = parseCpuList(cpu).filter((number) => !machine.cpus.includes(number));
    if (missing.length === 0) continue;
    const [there, here] = [missing, machine.cpus].map(formatCpuList);
    yield errorAt(place, "no-such-cpu", `is to run on CPU ${there}, which is not there: this machine has ${here}`);
  }
}

function inheritsPath(node: NodeUse | undefined): boolean {
  return [...upwards(node)].every(({ node: { env } }) =>
    env?.inherit !== false && !env?.vars?.some((entry) => entry.startsWith("PATH="))
  );
}
