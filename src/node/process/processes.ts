import { messageOf, TineError } from "../../base/errors.ts";
import { listProcesses, readProcess } from "../../base/process_table.ts";
import type { ByteSource } from "../../wire/connection.ts";

/** What to start. */
export interface ProcessOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** Run it as root: by sudo -n where the node is not root. */
  readonly root?: boolean;
  /** Whether its output is wanted. */
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** How a process ended. */
export interface ProcessEnd {
  readonly success: boolean;
  /** In words: `exited with status 3`, `was killed by SIGKILL`. */
  readonly how: string;
}

/** A process in a process group of its own. */
export interface StartedProcess {
  readonly pid: number;
  /** Its output; undefined where it is not wanted. It must be read where it is. */
  readonly stdout: ByteSource | undefined;
  readonly stderr: ByteSource | undefined;
  readonly ended: Promise<ProcessEnd>;
  /**
   * Ends its whole group: interrupts it, kills it after a grace period, or kills it at once.
   *
   * @returns once it has ended
   */
  stop(how: "interrupt" | "kill"): Promise<void>;
}

/** Starts processes that end with their node, whatever happens to it. */
export interface Processes {
  /**
   * Starts a process.
   *
   * @throws {TineError} `no-program`, `not-permitted`, ... naming the program
   */
  start(options: ProcessOptions): StartedProcess;
}

/**
 * Starts a program in a process group of its own, with pipes for what it reads and writes.
 *
 * @param env its whole environment
 * @throws {TineError} `cannot-start`
 */
export function spawnGroup(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Deno.ChildProcess {
  const pipes = { stdin: "piped", stdout: "piped", stderr: "piped" } as const;
  try {
    return new Deno.Command(program, { args: [...args], clearEnv: true, env, detached: true, ...pipes }).spawn();
  } catch (error) {
    throw new TineError("cannot-start", `cannot start ${program}: ${messageOf(error)}`, { cause: error });
  }
}

/** How a process ended, in words: `exited with status 3`, `was killed by SIGKILL`. */
export function describeStatus({ code, signal }: Deno.CommandStatus): string {
  return signal === null ? `exited with status ${code}` : `was killed by ${signal}`;
}

/**
 * Returns the living processes of a process group that have a text in their environment.
 *
 * After the end of a group, its number may belong to unrelated processes: these lack the text.
 *
 * @param group its id
 * @param marker the text
 */
export function membersOf(group: number, marker: string): number[] {
  const members = listProcesses().filter((one) => one.group === group && one.state !== "Z" && one.state !== "X");
  return members.map(({ pid }) => pid).filter((pid) => readProcess(pid, "environ")?.includes(marker));
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
