import { TineError } from "../../../base/errors.ts";
import { findTool } from "../../process/find_program.ts";
import { pidText } from "../../process/lineage.ts";
import type { Host } from "../launcher.ts";

/**
 * The words in front of a command that let it run in the network of the machine, which is where other machines are
 * reached from: a node may be in a namespace that is made to have no way out. None where this node is in there itself.
 *
 * @throws {TineError} `no-network`, if it cannot be entered from here
 */
export function hostNetwork({ mounts, inside }: Host): string[] {
  if (inside === undefined) return [];
  if (inside === "holder") throw noNetwork("without root, it cannot be left");
  if (Deno.uid() !== 0) throw noNetwork("it takes root to leave it: give the parent root: true");
  const nsenter = findTool("nsenter", "it reaches the network of the host; install util-linux");
  return [nsenter, "--target", pidText(mounts), "--net", "--mount", "--"];
}

function noNetwork(why: string): TineError {
  return new TineError(
    "no-network",
    `its parent is in a network namespace, and ssh goes out from the network of the host (${why}); make it a child of ` +
      "a node outside of namespaces",
  );
}
