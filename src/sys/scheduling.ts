import { SystemError } from "./errno.ts";
import { libc } from "./libc.ts";

/**
 * Scheduling policies of linux/sched.h: the usual one, the one of threads that run before all usual ones, and the one for
 * work that takes what others leave.
 */
export const SCHED_OTHER = 0, SCHED_FIFO = 1, SCHED_IDLE = 5;

/** The number of the capability that lets a process raise priorities, linux/capability.h. */
const CAP_SYS_NICE = 23n;
/** The soft limit `Max nice priority` from which a thread of nice 0 may come back from SCHED_IDLE: 20 - nice. */
const NICE_ZERO_LIMIT = 20;

/** Numbers of sched_setattr(2) and sched_getattr(2), which the C library has only since its version 2.41. */
const CALLS = Deno.build.arch === "aarch64" ? { set: 274n, get: 275n } : { set: 314n, get: 315n };
/** The first version of struct sched_attr: its length, and where its fields are. */
const ATTR_BYTES = 48, POLICY_AT = 4, FLAGS_AT = 8, PRIORITY_AT = 20, RUNTIME_AT = 24;
/** What a thread of realtime starts is scheduled as usual. */
const SCHED_FLAG_RESET_ON_FORK = 1n;

/** How the kernel schedules a thread. */
export interface Scheduling {
  readonly policy: typeof SCHED_OTHER | typeof SCHED_FIFO | typeof SCHED_IDLE;
  /** Of SCHED_FIFO, 1 to 99; absent: 0, which all others have. */
  readonly priority?: number;
  /**
   * For how long it runs at a time, in nanoseconds, since Linux 6.12: threads with shorter slices, as all usually are,
   * then interrupt it when they wake. 0: as usual.
   */
  readonly sliceNanos: bigint;
}

/**
 * Sets the scheduling policy of a thread and the slice that it asks for, sched_setattr(2). Its nice value stays.
 *
 * @param tid the id of the thread; 0: the calling one
 * @throws {SystemError} ESRCH where it has ended, EPERM where it is not ours or may not come back
 *
 * @example
 * ```ts
 * import { mayLeaveIdlePolicy, SCHED_IDLE, SCHED_OTHER, setScheduling } from "./scheduling.ts";
 * if (mayLeaveIdlePolicy()) {
 *   setScheduling(Deno.pid, { policy: SCHED_IDLE, sliceNanos: 100_000_000n });
 *   setScheduling(Deno.pid, { policy: SCHED_OTHER, sliceNanos: 0n });
 * }
 * ```
 */
export function setScheduling(tid: number, { policy, sliceNanos, priority = 0 }: Scheduling): void {
  const { calls, errno } = libc();
  const attr = new Uint8Array(ATTR_BYTES);
  const id = BigInt(tid);
  if (calls.syscall(CALLS.get, id, attr, BigInt(ATTR_BYTES), 0n) < 0n) {
    throw new SystemError("sched_getattr", errno[0], `of thread ${tid}`);
  }
  const view = new DataView(attr.buffer);
  view.setUint32(POLICY_AT, policy, true);
  view.setUint32(PRIORITY_AT, priority, true);
  if (policy === SCHED_FIFO) view.setBigUint64(FLAGS_AT, SCHED_FLAG_RESET_ON_FORK, true);
  view.setBigUint64(RUNTIME_AT, sliceNanos, true);
  if (calls.syscall(CALLS.set, id, attr, 0n, 0n) < 0n) {
    throw new SystemError("sched_setattr", errno[0], `on thread ${tid}`);
  }
}

/** The longest slice that can be asked for: any thread that wakes interrupts a thread that has asked for it. */
const LONG_SLICE_NANOS = 100_000_000n;

/**
 * Lets a thread give way to all others: they interrupt it when they wake, and with SCHED_IDLE, it gets what they leave.
 * The processor times of groups of processes, of a session or a control group, are still shared by their weights.
 *
 * @param tid the id of the thread
 * @param policy SCHED_OTHER where it is to come back and may not come back from SCHED_IDLE
 * @throws {SystemError} as {@linkcode setScheduling}
 */
export function giveWay(tid: number, policy: typeof SCHED_OTHER | typeof SCHED_IDLE = SCHED_IDLE): void {
  setScheduling(tid, { policy, sliceNanos: LONG_SLICE_NANOS });
}

/**
 * Whether this process may put a thread from SCHED_IDLE back to the usual policy. That takes the capability of the host,
 * which a root of a user namespace does not have, or a limit on nice values that is seldom set.
 *
 * Source: sched(7), `user_check_sched_setscheduler` of the kernel.
 */
export function mayLeaveIdlePolicy(): boolean {
  try {
    const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
    const isHosts = /^\s*0\s+0\s+4294967295\s*$/.test(Deno.readTextFileSync("/proc/self/uid_map"));
    if (isHosts && (BigInt(`0x${effective}`) >> CAP_SYS_NICE & 1n) === 1n) return true;
    const [, limit] = /^Max nice priority\s+(\S+)/m.exec(Deno.readTextFileSync("/proc/self/limits"))!;
    return limit === "unlimited" || Number(limit) >= NICE_ZERO_LIMIT;
  } catch {
    return false; // there is no /proc
  }
}

/** Threads by their ids, with the time that each has run or waited for a processor so far, in nanoseconds. */
export type ThreadTimes = ReadonlyMap<number, number>;

/**
 * Reads for how long the threads of a process have run or waited for a processor: the same for an endless loop on an
 * idle machine and on a busy one.
 *
 * Source: Documentation/scheduler/sched-stats.rst of the kernel, /proc/PID/schedstat.
 *
 * @param pid of the process; `self`: this one
 * @param named only threads of which this holds, by their names
 * @returns nothing where the process has ended, or the kernel does not count that
 */
export function threadTimes(pid: number | "self", named: (name: string) => boolean = () => true): ThreadTimes {
  const times = new Map<number, number>();
  try {
    for (const { name: tid } of Deno.readDirSync(`/proc/${pid}/task`)) {
      const path = `/proc/${pid}/task/${tid}`;
      if (!named(Deno.readTextFileSync(`${path}/comm`).trimEnd())) continue;
      const [running, waiting] = Deno.readTextFileSync(`${path}/schedstat`).split(" ", 2).map(Number);
      times.set(Number(tid), running + waiting);
    }
  } catch {
    // It has just ended.
  }
  return times;
}

/**
 * Lets a process that has a session of its own give way to others. The kernel groups processes by their session where
 * it is set up so; a nice value then counts within the group alone.
 *
 * Source: sched(7), the autogroup feature.
 *
 * @param pid of the process; `self`: this one
 * @param nice 5 is a third of the weight of others, 10 a ninth, 19 a seventieth
 */
export function setGroupNice(pid: number | "self", nice: number): void {
  // The kernel takes a change each tenth of a second from an ordinary user: it is tried once more.
  const set = () => Deno.writeTextFile(`/proc/${pid}/autogroup`, String(nice));
  void set().catch(() => setTimeout(() => void set().catch(() => {}), AUTOGROUP_RETRY_MS)); // there are no groups
}

const AUTOGROUP_RETRY_MS = 200;
