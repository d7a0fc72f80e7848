import { TineError } from "./errors.ts";

/** More processors than this has no machine that Linux is built for. */
const MAX_CPUS = 8192;

/** The form of a list of processors: `1`, `0-3`, `0-1,3`. */
export const CPU_LIST = /^\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*$/;

/** What stands for a list of processors in messages. */
export const A_CPU_LIST = "the number of a CPU or a list such as 0-1,3";

/**
 * Reads a list of processors, as taskset(1) and the kernel write it.
 *
 * @returns their numbers, ascending
 * @throws {TineError} `invalid-cpu-list`
 *
 * @example
 * ```ts
 * import { parseCpuList } from "./cpu_list.ts";
 * console.assert(parseCpuList("0-1,3").join() === "0,1,3");
 * ```
 */
export function parseCpuList(text: string | number): number[] {
  const list = String(text);
  if (!CPU_LIST.test(list)) throw invalid(list);
  const cpus = new Set<number>();
  for (const part of list.split(",")) {
    const [first, last = first] = part.split("-").map(Number);
    if (last < first || last >= MAX_CPUS) throw invalid(list);
    for (let cpu = first; cpu <= last; cpu++) cpus.add(cpu);
  }
  return [...cpus].sort((a, b) => a - b);
}

function invalid(list: string): TineError {
  return new TineError("invalid-cpu-list", `"${list}" is not ${A_CPU_LIST}, with numbers below ${MAX_CPUS}`);
}

/**
 * Writes a list of processors.
 *
 * @param cpus their numbers, ascending
 */
export function formatCpuList(cpus: readonly number[]): string {
  const ranges: string[] = [];
  for (let i = 0; i < cpus.length; i++) {
    const first = cpus[i];
    while (cpus[i + 1] === cpus[i] + 1) i++;
    ranges.push(first === cpus[i] ? `${first}` : `${first}-${cpus[i]}`);
  }
  return ranges.join(",");
}
