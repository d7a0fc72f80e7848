/**
 * The living processes of a process group that have a text in their environment.
 *
 * Once the leader of a group has been waited for and all others have ended, its number may belong to strangers: these
 * lack the text.
 *
 * @param group its id
 * @param marker the text
 */
export function membersOf(group: number, marker: string): number[] {
  const members: number[] = [];
  for (const { name } of Deno.readDirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // pid (name) state ppid pgrp ...; the name may contain anything.
      const stat = Deno.readTextFileSync(`/proc/${name}/stat`);
      const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(pgrp) !== group || state === "Z" || state === "X") continue;
      if (Deno.readTextFileSync(`/proc/${name}/environ`).includes(marker)) members.push(Number(name));
    } catch {
      // It has just ended, or belongs to somebody else.
    }
  }
  return members;
}

/**
 * Signals a process group.
 *
 * @returns whether there was one that we may signal
 */
export function signalGroup(group: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(-group, signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
