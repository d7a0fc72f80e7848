import { type Place, placeText } from "../place.ts";
import { needsOf, type TestVisits } from "../visits.ts";
import { errorAt, type Finding, type VetContext } from "./finding.ts";

/** Where a file is written. */
interface Writer {
  /** The id of the node. */
  readonly node: string;
  readonly place: Place;
}

/**
 * A file of the results belongs to one node, and its name is no folder's: the results refuse what else comes while the
 * test runs. Runs of one node may add to a file.
 */
export function* checkFiles({ visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const files = new Map<string, Writer>();
  /** The folders that files are in, with the file that was there first. */
  const folders = new Map<string, Writer & { file: string }>();
  for (const { run, kind, place, node: use } of visits) {
    const node = use?.node.id ?? "-";
    for (const file of needsOf(run, kind, runners).files ?? []) {
      const above = foldersOf(file);
      const problem = clash(file, node, above, files, folders);
      if (problem !== undefined) yield errorAt(place, "same-file", problem);
      if (!files.has(file)) files.set(file, { node, place });
      for (const folder of above) if (!folders.has(folder)) folders.set(folder, { node, place, file });
    }
  }
}

function clash(
  file: string,
  node: string,
  above: readonly string[],
  files: ReadonlyMap<string, Writer>,
  folders: ReadonlyMap<string, Writer & { file: string }>,
): string | undefined {
  const same = files.get(file);
  if (same !== undefined && same.node !== node) {
    return `writes the file ${file}, as ${nameOf(same)} does at ${
      placeText(same.place)
    }; give one of them another name`;
  }
  const inside = folders.get(file);
  if (inside !== undefined) {
    return `writes the file ${file}, but ${placeText(inside.place)} writes ${inside.file} in a folder of this name`;
  }
  const folder = above.find((folder) => files.has(folder));
  if (folder === undefined) return undefined;
  return `writes the file ${file}, but ${folder} is no folder: ${
    placeText(files.get(folder)!.place)
  } writes a file of this name`;
}

/** The folders that a file is in: `a` and `a/b` of `a/b/c`. */
function foldersOf(file: string): string[] {
  const parts = file.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

function nameOf({ node }: Writer): string {
  return node === "-" ? "the root" : `node ${node}`;
}
