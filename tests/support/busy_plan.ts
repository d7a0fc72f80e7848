/** A plan whose nodes are busy in every way that is hard to end. */

import type { PlanPlace } from "./plan_place.ts";
import { eventually } from "./eventually.ts";

const background = (kill: boolean) => [
  { system: { command: "sleep 1001", background: true } },
  // Neither in the process group nor in the session of the node, and deaf.
  { system: { command: "sh -c \"trap '' INT TERM HUP; setsid sleep 1002 & wait\"", background: true, kill } },
  { system: { command: "setsid sh -c '(sleep 1003 &) </dev/null >/dev/null 2>&1'" } },
];
const FOREGROUND = { system: { command: "sleep 1004" } };

/** How many of the sleeps there are once all have been started. */
const SLEEPS = { 1001: 3, 1002: 3, 1003: 3, 1004: 2 };

/**
 * The nodes a, b below it and c below that, each with commands; a and c in namespaces of their own.
 *
 * @param options `patient`: what is deaf gets its time to end, 5 s on each node
 */
export function busyPlan(place: PlanPlace, { patient = false } = {}): unknown {
  const commands = background(!patient);
  const node = (id: string, isolated: boolean) => ({
    id,
    launcher: { local: {} },
    ...(isolated && { netns: { create: true, name: place.namespace(id) } }),
  });
  const c = { node: node("c", true), serial: [...commands, say("c"), FOREGROUND] };
  const b = { node: node("b", false), serial: [...commands, say("b"), { parallel: [{ child: c }, FOREGROUND] }] };
  const a = { node: node("a", true), serial: [...commands, say("a"), { child: b }] };
  return { tests: [{ id: { name: "busy" }, timeout: "100s", child: a }] };
}

/** Waits until all is under way, and what was said has been stored. */
export async function untilBusy(place: PlanPlace): Promise<void> {
  await eventually(
    "all commands run",
    () =>
      Object.entries(SLEEPS).every(([seconds, count]) =>
        place.processes(new RegExp(` (?:/\\S*/)?sleep ${seconds}$`)).length === count
      ),
  );
  const [{ name }] = [...Deno.readDirSync(place.out)].filter(({ name }) => name.endsWith(".work"));
  await eventually(
    "the files are stored",
    () =>
      ["a", "b", "c"].every((id) =>
        readIfThere(`${place.out}/${name}/name=busy/files/${id}.txt`) === `${id} was here\n`
      ),
  );
  place.noteFamily();
}

function say(id: string): unknown {
  return { system: { command: `echo ${id} was here`, stdout: `${id}.txt` } };
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
