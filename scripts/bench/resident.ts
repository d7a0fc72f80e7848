/** The resident memory (RSS) of a process in MB of 2^20 bytes; undefined once it has ended. Linux only. */
export function residentMegabytes(pid: number): Promise<number | undefined> {
  return megabytes(`/proc/${pid}/status`, /^VmRSS:\s*(\d+) kB/m);
}

/**
 * The memory that a process has for itself, in MB of 2^20 bytes; undefined once it has ended. Pages of files, which
 * processes of the same program share, do not count as long as it has not written to them. Linux only.
 */
export function ownMegabytes(pid: number): Promise<number | undefined> {
  return megabytes(`/proc/${pid}/smaps_rollup`, /^Anonymous:\s*(\d+) kB/m);
}

async function megabytes(file: string, kilobytes: RegExp): Promise<number | undefined> {
  try {
    const found = kilobytes.exec(await Deno.readTextFile(file))?.[1];
    return found === undefined ? undefined : Number(found) / 1024;
  } catch (error) {
    const ended = error instanceof Deno.errors.NotFound || /\(os error 3\)/.test(String(error)); // ENOENT, ESRCH
    if (ended) return undefined;
    throw error;
  }
}
