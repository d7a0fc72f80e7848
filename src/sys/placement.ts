import { formatCpuList, parseCpuList } from "../base/cpu_list.ts";
import { TineError } from "../base/errors.ts";
import { SystemError } from "./errno.ts";
import { libc } from "./libc.ts";
import { SCHED_FIFO, setScheduling } from "./scheduling.ts";

/** Where threads run, and before which others. */
export interface Placement {
  /** Processors, as a list; absent: all that the process has. */
  readonly cpu?: string | number;
  /** Priority of SCHED_FIFO, 1 to 99: before all usual threads; absent: as usual. */
  readonly priority?: number;
}

/** Where a thread runs now. */
export interface Placed {
  /** The processors, as a list; absent: all that there are, and none were asked for. */
  readonly cpus?: string;
  /** Its priority of SCHED_FIFO; 0: it runs as usual; absent: it was not asked for. */
  readonly realtimePriority?: number;
  /** Why it does not have the priority that was asked for. */
  readonly refusal?: string;
}

/** The calling thread, for system calls. */
const THIS_THREAD = 0;
/** Room for the processors of every machine, in bytes. */
const MASK_BYTES = 1024;
/** The processors of the machine, as a list. */
const ONLINE = "/sys/devices/system/cpu/online";
const THROTTLE = "/proc/sys/kernel/sched_rt_runtime_us";

/**
 * Places the calling thread. A priority that is not allowed is reported, and the thread stays as it is; processors that
 * are not there are an error, since what is measured on others is another measurement. Threads that this one starts have
 * the usual priority.
 *
 * Source: sched(7), sched_setaffinity(2).
 *
 * @throws {TineError} `invalid-cpu-list`, `no-such-cpu`
 *
 * @example
 * ```ts ignore
 * import { placeThread } from "./placement.ts";
 * const { cpus, realtimePriority, refusal } = placeThread({ cpu: "0-1", priority: 10 });
 * ```
 */
export function placeThread({ cpu, priority }: Placement): Placed {
  if (cpu !== undefined) setAffinity(THIS_THREAD, parseCpuList(cpu));
  const cpus = formatCpuList(affinityOf(THIS_THREAD));
  return {
    ...(cpu !== undefined || cpus !== readText(ONLINE)) && { cpus },
    ...priority !== undefined && raise(priority),
  };
}

/**
 * Places all threads of this process, and those that they start: also of programs that it runs.
 *
 * @throws {TineError} `invalid-cpu-list`, `no-such-cpu`
 */
export function placeProcess(cpu: string | number): void {
  const cpus = parseCpuList(cpu);
  // Threads that begin meanwhile have the processors of the thread that starts them, which may come later.
  for (let round = 0; round < 2; round++) {
    for (const { name } of Deno.readDirSync("/proc/self/task")) {
      try {
        setAffinity(Number(name), cpus);
      } catch (error) {
        if (!(error instanceof SystemError) || error.errnoName !== "ESRCH") throw error; // it has just ended
      }
    }
  }
}

function raise(priority: number): Placed {
  const refusal = whyNotRealtime(priority);
  if (refusal !== undefined) return { realtimePriority: 0, refusal };
  return { realtimePriority: priority };
}

/** Sets the priority. @returns why it cannot be set; undefined: it is */
function whyNotRealtime(priority: number): string | undefined {
  // A flow without a pace never sleeps: the kernel has to leave some of its processor to others.
  if (readText(THROTTLE) === "-1") {
    return "the kernel lets realtime threads take a processor for good here (kernel.sched_rt_runtime_us is -1)";
  }
  try {
    setScheduling(THIS_THREAD, { policy: SCHED_FIFO, sliceNanos: 0n, priority });
    return undefined;
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    if (error.errnoName !== "EPERM") return error.message;
    return `it takes root of the host (CAP_SYS_NICE) or a limit of realtime priorities (ulimit -r) of ${priority} or more`;
  }
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path).trim();
  } catch {
    return undefined; // such as in a container
  }
}

/** @throws {TineError} `no-such-cpu` */
function setAffinity(tid: number, cpus: readonly number[]): void {
  const before = affinityOf(tid);
  const errno = trySetAffinity(tid, cpus);
  if (errno === 0) {
    const now = new Set(affinityOf(tid));
    if (cpus.every((cpu) => now.has(cpu))) return;
  }
  // A mask of all processors leaves those that a thread may have here.
  trySetAffinity(tid, Array.from({ length: 8 * MASK_BYTES }, (_, cpu) => cpu));
  const available = affinityOf(tid);
  trySetAffinity(tid, before);
  const missing = cpus.filter((cpu) => !available.includes(cpu));
  if (missing.length === 0) throw new SystemError("sched_setaffinity", errno, `of thread ${tid}`);
  throw new TineError(
    "no-such-cpu",
    `there is no CPU ${formatCpuList(missing)} to run on here, only ${formatCpuList(available)}`,
  );
}

/** @returns the number of the error; 0: none */
function trySetAffinity(tid: number, cpus: readonly number[]): number {
  const mask = new Uint8Array(MASK_BYTES);
  for (const cpu of cpus) mask[cpu >> 3] |= 1 << (cpu & 7);
  const { calls, errno } = libc();
  return calls.sched_setaffinity(tid, BigInt(mask.length), mask) === 0 ? 0 : errno[0];
}

function affinityOf(tid: number): number[] {
  const mask = new Uint8Array(MASK_BYTES);
  const { calls, errno } = libc();
  if (calls.sched_getaffinity(tid, BigInt(mask.length), mask) < 0) {
    throw new SystemError("sched_getaffinity", errno[0], `of thread ${tid}`);
  }
  return Array.from({ length: 8 * MASK_BYTES }, (_, cpu) => cpu).filter((cpu) => mask[cpu >> 3] >> (cpu & 7) & 1);
}
