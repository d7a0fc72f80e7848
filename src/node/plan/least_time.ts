import type { Runner } from "../runner.ts";
import type { Place } from "./place.ts";
import type { Run, Schedule } from "./types.ts";
import { innerRuns, kindOf, needsOf } from "./visits.ts";

/** Whether to go into a run that starts at the earliest so many milliseconds after the first one. */
export type StartVisitor = (place: Place, start: number) => boolean;

/**
 * How long a run takes at least, as far as its sleeps and schedules tell.
 *
 * @param place where it stands
 * @param starts is told when each run in it starts; those that it declines are left out
 * @returns milliseconds
 */
export function leastTime(
  run: Run,
  runners: Readonly<Record<string, Runner>>,
  place: Place = { above: undefined, key: "test" },
  starts: StartVisitor = () => true,
): number {
  const end = (run: Run, place: Place, start: number): number => {
    if (!starts(place, start)) return start;
    if (run.child !== undefined) return end(run.child, { above: place, key: "child" }, start);
    let last = start + (needsOf(run, kindOf(run), runners).atLeast ?? 0);
    let next = start;
    let i = 0;
    for (const [inner, innerPlace] of innerRuns({ run, place })) {
      if (run.schedule !== undefined) next += waitBefore(run.schedule, i++);
      const ended = end(inner, innerPlace, next);
      last = Math.max(last, ended);
      if (run.serial !== undefined || run.schedule?.sequential) next = ended;
    }
    return last;
  };
  return end(run, place, 0);
}

/** The least that a schedule waits before its run of this number. */
function waitBefore({ wait = [], waitFirst, random }: Schedule, i: number): number {
  if (wait.length === 0 || (i === 0 && !waitFirst)) return 0;
  return random ? Math.min(...wait) : wait[(waitFirst ? i : i - 1) % wait.length];
}
