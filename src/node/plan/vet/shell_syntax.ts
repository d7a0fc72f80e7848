import { at } from "../place.ts";
import type { TestVisits } from "../visits.ts";
import { type Finding, warningAt } from "./finding.ts";

/** What means something to a shell only: operators that stand alone or before a word, variables, substitutions. */
const SYNTAX = /(?<=^|\s)(?:\|\|?|&&?|;|[12&]?>>?|<)(?=\s|$)|(?<=^|\s)[12&]?>>?[^\s>]+|\$[A-Za-z_{(]\w*|`/;

/** Quoted texts and escaped characters, which were meant as they are. */
const QUOTED = /'[^']*'|"(?:[^"\\$`]|\\[^])*"|\\[^]/g;

/** Commands that look as if a shell ran them. */
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
