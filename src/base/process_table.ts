/** A process as the kernel lists it. */
export interface ProcessEntry {
  readonly pid: number;
  /** Such as `S`: it sleeps; `Z`: it has ended, and its parent does not know it yet. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
}

/**
 * Lists the processes that this one can see.
 *
 * Source: proc_pid_stat(5)
 *
 * @returns none where the system has no /proc
 *
 * @example
 * ```ts
 * import { listProcesses } from "./process_table.ts";
 * const children = listProcesses().filter(({ parent }) => parent === Deno.pid);
 * console.log(children.map(({ pid }) => pid));
 * ```
 */
export function listProcesses(): ProcessEntry[] {
  const processes: ProcessEntry[] = [];
  try {
    for (const { name } of Deno.readDirSync("/proc")) {
      const stat = /^\d+$/.test(name) ? readProcess(Number(name), "stat") : undefined;
      if (stat === undefined) continue;
      // The name of the program is in parentheses and may hold anything.
      const [state, parent, group, session] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      processes.push({ pid: Number(name), state, parent: +parent, group: +group, session: +session });
    }
  } catch {
    return []; // there is no /proc, or it may not be read
  }
  return processes;
}

/**
 * Reads a file of a process, such as `status`.
 *
 * @returns undefined where the process has ended, or the file is not for this user
 */
export function readProcess(pid: number, file: string): string | undefined {
  try {
    return Deno.readTextFileSync(`/proc/${pid}/${file}`);
  } catch {
    return undefined;
  }
}
