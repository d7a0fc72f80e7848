import { at, type Place, placeOf, placeText } from "../place.ts";
import type { Plan } from "../types.ts";
import { leastTime, needsOf, sortedJson, type TestVisits } from "../visits.ts";
import { errorAt, type Finding, type VetContext, warningAt } from "./finding.ts";
import { formatDuration } from "../../../base/units.ts";

/** Finds two tests with the same id: the id also names the folder of their results. */
export function* checkTestIds(plan: Plan): Iterable<Finding> {
  const first = new Map<string, Place>();
  for (const [i, test] of plan.tests.entries()) {
    const { id } = test;
    const place = placeOf(plan, test, i);
    const text = sortedJson(id);
    const before = first.get(text);
    if (before === undefined) {
      first.set(text, place);
      continue;
    }
    const shown = Object.entries(id).map(([name, value]) => `${name}=${value}`).join(", ");
    yield errorAt(
      at(place, "id"),
      "same-test-id",
      `${shown} is the id of ${placeText(before)} too; add a name and value that tell them apart`,
    );
  }
}

/** Finds runs that do nothing: something may have been forgotten there. */
export function* checkNothing({ visits, place: whole }: TestVisits): Iterable<Finding> {
  for (const { run, kind, place } of visits) {
    const list = run.serial ?? run.parallel ?? run.schedule?.run;
    if (kind === undefined) {
      const what = place === whole ? "the test" : place.key === "child" ? "starts its node, which" : "an empty run";
      yield warningAt(place, "nothing", `${what} does nothing; add a run such as sleep: 1s`);
    } else if (list?.length === 0) {
      yield warningAt(place, "nothing", `the ${kind} at ${placeText(place)} is empty and does nothing`);
    }
  }
}

/** Finds runs that start only after the test is canceled, and tests that are canceled in any case. */
export function* checkTime({ test, place }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const { timeout } = test;
  if (timeout === 0) return;
  let late: { place: Place; start: number } | undefined;
  const ended = leastTime(test, runners, place, (place, start) => {
    if (start < timeout) return true;
    late ??= { place, start };
    return false;
  });
  const limit = `the test is canceled after ${formatDuration(timeout)}`;
  if (late !== undefined) {
    const message = `can never run: what comes before takes ${formatDuration(late.start)} or longer, and ${limit}; ` +
      "set a longer timeout, 0 for none";
    yield errorAt(late.place, "never-runs", message);
  } else if (ended > timeout) {
    const message = `takes ${formatDuration(ended)} or longer, and ${limit}; set a longer timeout, 0 for none`;
    yield warningAt(place, "too-long", message);
  }
}

/** Syntax that only a shell understands: operators that stand alone or before a word, variables, substitutions. */
const SYNTAX = /(?<=^|\s)(?:\|\|?|&&?|;|[12&]?>>?|<)(?=\s|$)|(?<=^|\s)[12&]?>>?[^\s>]+|\$[A-Za-z_{(]\w*|`/;

/** Quoted texts and escaped characters: their author meant them literally. */
const QUOTED = /'[^']*'|"(?:[^"\\$`]|\\[^])*"|\\[^]/g;

/** Finds commands that look as if a shell ran them. */
export function* checkShellSyntax({ visits }: TestVisits): Iterable<Finding> {
  for (const { run, place } of visits) {
    const [syntax] = run.system?.command.replace(QUOTED, "_").match(SYNTAX) ?? [];
    if (syntax === undefined) continue;
    yield warningAt(
      at(place, "system", "command"),
      "shell-syntax",
      `has ${syntax}, but no shell runs it; put the line into args, behind command: sh -c`,
    );
  }
}

/** The node that writes a file, and the place of the run. */
interface Writer {
  /** The id of the node. */
  readonly node: string;
  readonly place: Place;
}

/**
 * Finds files of the results that two nodes write, and files that have the name of a folder. The results would refuse
 * them while the test runs. Runs of one node may add to a file.
 */
export function* checkFiles({ visits }: TestVisits, { runners }: VetContext): Iterable<Finding> {
  const files = new Map<string, Writer>();
  /** The folders that hold files, with the first file of each. */
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
    return `writes the file ${file}, as ${writerName(same)} does at ${
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

/** Returns the folders that hold a file: `a` and `a/b` for `a/b/c`. */
function foldersOf(file: string): string[] {
  const parts = file.split("/");
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("/"));
}

function writerName({ node }: Writer): string {
  return node === "-" ? "the root" : `node ${node}`;
}
