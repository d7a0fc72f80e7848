import type { Runner } from "../../runner.ts";
import type { Machine } from "./vet.ts";
import { type Place, placeText } from "../place.ts";
import { type NodeUse, type TestVisits, upwards } from "../visits.ts";

/** Something that `vet` found. */
export interface Finding {
  /** An error: the plan cannot run as it stands. A warning: it may, but deserves a look. */
  readonly severity: "error" | "warning";
  /** What it is, in kebab-case. */
  readonly code: string;
  /** Where, as in `tests[0].serial[2]`. */
  readonly place: string;
  readonly message: string;
}

/** What a check knows besides the test. */
export interface VetContext {
  readonly machine: Machine;
  readonly runners: Readonly<Record<string, Runner>>;
}

/** A check of one test. */
export type VetCheck = (test: TestVisits, context: VetContext) => Iterable<Finding>;

/** Makes an error at a place. */
export function errorAt(place: Place | undefined, code: string, message: string): Finding {
  return { severity: "error", code, place: placeText(place), message };
}

/** Makes a warning at a place. */
export function warningAt(place: Place | undefined, code: string, message: string): Finding {
  return { severity: "warning", code, place: placeText(place), message };
}

/** Returns whether a node runs on the machine of the root: neither it nor a node above it is reached by ssh. */
export function isHere(node: NodeUse | undefined): boolean {
  return [...upwards(node)].every(({ node }) => node.launcher.ssh === undefined);
}

/** Returns whether a node, or a node above it on the same machine, has a network namespace. */
export function inNamespace(node: NodeUse | undefined): boolean {
  for (const { node: { netns, launcher } } of upwards(node)) {
    if (netns !== undefined) return true;
    if (launcher.ssh !== undefined) return false;
  }
  return false;
}
