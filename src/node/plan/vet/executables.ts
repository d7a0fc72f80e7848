import type { Place } from "../place.ts";
import { needsOf, type NodeUse, type TestVisits, upwards } from "../visits.ts";
import { type Finding, inNamespace, isHere, type VetContext, warningAt } from "./finding.ts";

/** Executables that are missing here; on other machines, and with a PATH of their own, nobody knows. */
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

function inheritsPath(node: NodeUse | undefined): boolean {
  return [...upwards(node)].every(({ node: { env } }) =>
    env?.inherit !== false && !env?.vars?.some((entry) => entry.startsWith("PATH="))
  );
}
