import { messageOf, TineError } from "../../base/errors.ts";
import { settlesWithin, startLongTimer } from "../../base/time.ts";
import { findTool, toolPath } from "./tools.ts";
import { LINEAGE } from "./lineage.ts";
import {
  describeStatus,
  membersOf,
  type Processes,
  type ProcessOptions,
  signalGroup,
  type StartedProcess,
} from "./processes.ts";
import { Watchdog } from "./watchdog.ts";
import type { ByteSource } from "../../wire/connection.ts";

/** What an interrupted process gets until it is killed. */
const GRACE_MS = 5000;
/** What the rest of its group gets once it has ended: an interrupt does not reach background children of a shell. */
const REST_GRACE_MS = 500;
/** How long the kernel may take to end what was killed. */
const KILLED_MS = 2000;
const POLL_MS = 10;

/** The processes that a node starts. To be disposed of, before its watchdog, when the node ends. */
export interface NodeProcesses extends Processes, AsyncDisposable {}

/**
 * Lets a node start processes.
 *
 * @param watchdog of the node; it ends them when the node has ended
 * @param env what they get in their environment on top of that of the node
 *
 * @example
 * ```ts
 * import { createProcesses } from "./node_processes.ts";
 * import { Watchdog } from "./watchdog.ts";
 * await using watchdog = new Watchdog();
 * await using processes = createProcesses(watchdog);
 * const sleep = processes.start({ program: "sleep", args: ["1000"], stdout: false, stderr: false });
 * await sleep.stop("interrupt");
 * console.log((await sleep.ended).how); // was killed by SIGINT
 * ```
 */
export function createProcesses(watchdog: Watchdog, env: Readonly<Record<string, string>> = {}): NodeProcesses {
  let rootWatchdog: Watchdog | undefined;
  /** A watchdog with the rights of root, since ours cannot signal what runs as root. */
  const asRoot = () => {
    if (rootWatchdog === undefined) checkSudo();
    return rootWatchdog ??= new Watchdog({ lineage: watchdog.lineage, sudo: true });
  };
  return {
    start(options) {
      watchdog.start();
      // Ordinary users often lack the folders of tc or sysctl in PATH, which they may use in namespaces.
      const marked = { PATH: toolPath(), ...env, [LINEAGE]: watchdog.lineage.command };
      if (!options.root || Deno.uid() === 0) {
        const child = spawn(options.program, options.args, options, marked);
        return new NodeProcess(child, options, watchdog, signalGroup);
      }
      const helper = asRoot();
      helper.start();
      // sudo hands on next to nothing of its own environment.
      const vars = Object.entries(marked).map(([name, value]) => `${name}=${value}`);
      const args = ["-n", "--", "env", ...vars, options.program, ...options.args];
      return new NodeProcess(spawn("sudo", args, options, {}), options, helper, (group, signal) => {
        helper.signalGroup(group, signal === "SIGKILL" ? "kill" : "interrupt");
        return true;
      });
    },
    async [Symbol.asyncDispose]() {
      await rootWatchdog?.[Symbol.asyncDispose]();
    },
  };
}

class NodeProcess implements StartedProcess {
  readonly pid: number;
  readonly stdout: ProcessOutput | undefined;
  readonly stderr: ProcessOutput | undefined;
  readonly ended: StartedProcess["ended"];
  readonly #marker: string;
  readonly #signal: (group: number, signal: "SIGINT" | "SIGKILL" | "SIGCONT") => boolean;
  #leaderEnded = false;
  /** Settled when it is to be killed, maybe while it is being interrupted. */
  readonly #killing = Promise.withResolvers<void>();
  #killed = false;

  constructor(
    child: Deno.ChildProcess,
    options: ProcessOptions,
    watchdog: Watchdog,
    signal: (group: number, signal: "SIGINT" | "SIGKILL" | "SIGCONT") => boolean,
  ) {
    this.pid = child.pid;
    this.#marker = watchdog.lineage.command;
    this.#signal = signal;
    const watch = watchdog.watchGroup(child.pid);
    if (options.stdout) this.stdout = new ProcessOutput(child.stdout);
    if (options.stderr) this.stderr = new ProcessOutput(child.stderr);
    this.ended = child.status.then((status) => {
      this.#leaderEnded = true;
      watch[Symbol.dispose]();
      return { success: status.success, how: describeStatus(status) };
    });
  }

  async stop(how: "interrupt" | "kill"): Promise<void> {
    if (how === "kill") {
      this.#killed = true;
      this.#killing.resolve();
    }
    if (!this.#leaderEnded) {
      if (how === "interrupt") {
        this.#signal(this.pid, "SIGINT");
        // A stopped one gets it when it goes on.
        this.#signal(this.pid, "SIGCONT");
        await settlesWithin(GRACE_MS, Promise.race([this.ended, this.#killing.promise]));
      }
      if (!this.#leaderEnded) this.#signal(this.pid, "SIGKILL");
      await this.ended;
    }
    await this.#endRest(how);
    this.stdout?.finish();
    this.stderr?.finish();
  }

  /** Ends what is left of the group without its leader. */
  async #endRest(how: "interrupt" | "kill"): Promise<void> {
    const start = performance.now();
    const graceMs = how === "interrupt" ? REST_GRACE_MS : 0;
    let last: "SIGINT" | "SIGKILL" | undefined;
    while (membersOf(this.pid, this.#marker).length > 0) {
      const elapsedMs = performance.now() - start;
      // What cannot even be killed waits for a device.
      if (elapsedMs > graceMs + KILLED_MS) return;
      const signal = elapsedMs < graceMs && !this.#killed ? "SIGINT" : "SIGKILL";
      if (signal !== last) this.#signal(this.pid, signal);
      last = signal;
      await delay(POLL_MS);
    }
  }
}

function spawn(
  program: string,
  args: readonly string[],
  { stdout, stderr }: ProcessOptions,
  env: Record<string, string>,
): Deno.ChildProcess {
  try {
    return new Deno.Command(program, {
      args: [...args],
      env,
      stdin: "null",
      stdout: stdout ? "piped" : "null",
      stderr: stderr ? "piped" : "null",
      detached: true,
    }).spawn();
  } catch (error) {
    throw startError(program, error);
  }
}

function startError(program: string, cause: unknown): TineError {
  const name = JSON.stringify(program);
  if (cause instanceof Deno.errors.NotFound) {
    const where = program.includes("/")
      ? "was not found, or what its first line names was not"
      : "was not found in PATH";
    return new TineError("no-program", `command ${name} ${where}`, { cause });
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    return new TineError("not-permitted", `command ${name} may not be executed`, { cause });
  }
  return new TineError("cannot-start", `command ${name} cannot be started: ${messageOf(cause)}`, { cause });
}

/** Checked once a node: a sudo that asks for a password looks like a command that fails. */
function checkSudo(): void {
  const sudo = findTool("sudo", "it runs commands as root; install it, or run tine as root");
  const { success, stderr } = new Deno.Command(sudo, { args: ["-n", "--", "true"], stdin: "null", stdout: "null" })
    .outputSync();
  if (success) return;
  const reason = new TextDecoder().decode(stderr).trim().split("\n")[0].replace(/^sudo: /, "");
  throw new TineError("no-sudo", `sudo does not run commands as root here (${reason}): run tine as root`);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => startLongTimer(ms, resolve));
}

/** Once a process was stopped, its output ends when a reader waited this long in vain. */
const IDLE_MS = 250;

/**
 * The output of a process as a source of bytes. It is read no faster than it is wanted.
 *
 * It ends when the last process that holds it has ended, or soon after {@linkcode finish}.
 */
export class ProcessOutput implements ByteSource {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #rest: Uint8Array | undefined;
  #reading = false;
  #finished = false;
  #timer: Disposable | undefined;

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
    this.#reader.closed.catch(() => {}); // reads reject with it
  }

  async read(buffer: Uint8Array): Promise<number | null> {
    this.#rest ??= await this.#next();
    if (this.#rest === undefined) return null;
    const length = Math.min(buffer.length, this.#rest.length);
    buffer.set(this.#rest.subarray(0, length));
    this.#rest = length < this.#rest.length ? this.#rest.subarray(length) : undefined;
    return length;
  }

  /** From now on, it ends when nothing comes for a while: something that escaped may hold it open for ever. */
  finish(): void {
    this.#finished = true;
    if (this.#reading) this.#endWhenIdle();
  }

  async #next(): Promise<Uint8Array | undefined> {
    this.#reading = true;
    if (this.#finished) this.#endWhenIdle();
    try {
      return (await this.#reader.read()).value;
    } finally {
      this.#reading = false;
      this.#timer?.[Symbol.dispose]();
    }
  }

  /** Canceling ends the read that waits. What has come already was read before. */
  #endWhenIdle(): void {
    this.#timer = startLongTimer(IDLE_MS, () => void this.#reader.cancel().catch(() => {}));
  }
}
