/**
 * Returns the resident memory (RSS) of a process and all that it has started, in bytes. Pages that they share count in
 * each of them.
 *
 * Source: proc_pid_stat(5)
 *
 * @returns undefined where the system has no /proc, or the process has ended
 */
export function residentBytes(pid: number): number | undefined {
  const processes = new Map<number, { parent: number; group: number }>();
  try {
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      const stat = read(`/proc/${name}/stat`);
      // The name of the program is in parentheses and may hold anything.
      const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (fields === undefined) continue;
      processes.set(Number(name), { parent: Number(fields[1]), group: Number(fields[2]) });
    }
  } catch {
    return undefined;
  }
  if (!processes.has(pid)) return undefined;
  const family = new Set([pid]);
  for (let before = 0; before < family.size;) {
    before = family.size;
    // What has lost its parent is still in the group.
    for (const [id, { parent, group }] of processes) if (family.has(parent) || group === pid) family.add(id);
  }
  return [...family].reduce((sum, id) => sum + ownResidentBytes(id), 0);
}

function ownResidentBytes(pid: number): number {
  return 1024 * Number(/^VmRSS:\s*(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? "")?.[1] ?? 0);
}

function read(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined; // it has ended since
  }
}
