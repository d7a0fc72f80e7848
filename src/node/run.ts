import { Condition } from "../base/condition.ts";
import { ROOT_ID } from "../base/limits.ts";
import { startLongTimer } from "../base/time.ts";
import { Canceled, type Runner } from "./runner.ts";
import { SAME_CLOCK } from "./clock_relation.ts";
import { type Feedback, feedbackToJson } from "./feedback.ts";
import { defaultExeSource } from "./launch/executable.ts";
import { type Connect, connectedLaunch } from "./launch/launcher.ts";
import { startHolder } from "./launch/holder.ts";
import { thisHost } from "./launch/invoking_user.ts";
import { createLaunch } from "./launch/launch.ts";
import { LiveNode } from "./live_node.ts";
import { childNodes, type NodeTree } from "./run_tree.ts";
import { parseDuration } from "../base/units.ts";
import type { Run, RunInput } from "./plan/types.ts";
import { Watchdog } from "./process/watchdog.ts";
import { type Frame, Kind, type Lane, type Message } from "./protocol/frame.ts";
import { runners as allRunners } from "./runners.ts";
import { Joiner } from "./protocol/framing.ts";
import { splitLogs } from "./protocol/log_batch.ts";
import type { Uplink } from "./held_results.ts";

/** What can be set about a run. */
export interface RunOptions {
  /** Ends it in order; the reason is best a {@linkcode Canceled}. */
  readonly signal?: AbortSignal;
  /** Ends it at once. */
  readonly killSignal?: AbortSignal;
  /** Make namespaces without root, also as root. Without root, there is no other way. */
  readonly rootless?: boolean;
  /** The time in ms after which the run is canceled; 0: never. Default: that of a test, otherwise never. */
  readonly timeoutMs?: number;
  /** The runners that there are, by name; all by default. */
  readonly runners?: Readonly<Record<string, Runner>>;
  /**
   * What children are started with, for programs with runners of their own: a program with its first arguments, such as
   * `deno run -A my_tine.ts`, which gets `node serve ID` besides and calls `serve`. By default, this very tine.
   */
  readonly command?: readonly string[];
  /** Connects to children that the program itself starts, instead of launching them. */
  readonly connect?: Connect;
  /** The place of the run in its plan, such as `tests[0]`: paths of runs in results begin with it. Default: empty. */
  readonly path?: string;
  /** A folder of builds for the platforms of nodes on other machines: `tine-linux-x64` and the like. */
  readonly exeDir?: string;
}

/**
 * Runs a tree of runs, with this process as its root node, and yields what is measured as it comes in. It is a run or
 * a test as builders such as `serial()` make it, with texts such as `2s`, or one of a plan that was parsed.
 *
 * A result that is not taken holds up those behind it, so a slow reader slows down what can wait, and fills memory
 * and spill files of nodes with what cannot.
 *
 * @returns results as messages; decode those that are of interest with `decodeItem`
 * @throws {PlanError} for what is no run
 * @throws {Canceled} after all that was measured, if anything failed or it was canceled: the first reason
 *
 * @example
 * ```ts ignore
 * import { decodeItem, run } from "@tine/tine/node";
 *
 * for await (const message of run({ system: { command: "uname -a" } })) {
 *   const item = decodeItem(message);
 *   if (item.type === "log") console.log(item.nodeId, item.text);
 * }
 * ```
 */
export async function* run(run: Run | RunInput, options: RunOptions = {}): AsyncGenerator<Message, void, undefined> {
  options.signal?.throwIfAborted();
  // A schema library takes long to load: only here.
  const { validateRun } = await import("./plan/validate.ts");
  const { timeout } = run as { timeout?: string | number };
  yield* runValidated(validateRun(run, options.runners ?? allRunners), {
    ...options,
    timeoutMs: options.timeoutMs ?? (typeof timeout === "string" ? parseDuration(timeout) : timeout),
  });
}

/** Runs a tree that was validated, as {@linkcode run} does. */
export async function* runValidated(run: Run, options: RunOptions = {}): AsyncGenerator<Message, void, undefined> {
  const { signal, killSignal, timeoutMs = 0, runners = allRunners, rootless, command, connect, exeDir, path } = options;
  signal?.throwIfAborted();
  const children = childNodes(run);
  const exeSource = defaultExeSource({ exeDir });
  await using watchdog = new Watchdog();
  // Nodes that are connected rather than started are in no namespace of ours.
  const wantsHolder = connect === undefined && (rootless || Deno.uid() !== 0) && children.some(hasNamespace);
  await using holder = wantsHolder ? await startHolder(watchdog.lineage) : undefined;
  const host = { ...thisHost(), ...(holder && { holder: holder.pid }) };
  const uplink = new RootUplink();
  const node = new LiveNode({
    id: ROOT_ID,
    host,
    uplink,
    runners,
    watchdog,
    clock: SAME_CLOCK,
    launch: connect === undefined ? createLaunch({ watchdog, command, exeSource }) : connectedLaunch(connect),
    key: crypto.getRandomValues(new Uint8Array(32)),
  });
  const stop = () => void node.cancel(reasonOf(signal!));
  const kill = () => void node.kill(reasonOf(killSignal!));
  signal?.addEventListener("abort", stop, { once: true });
  killSignal?.addEventListener("abort", kill, { once: true });
  // They may have come while the holder was started.
  if (signal?.aborted) stop();
  if (killSignal?.aborted) kill();
  const timer = timeoutMs > 0 ? startLongTimer(timeoutMs, () => void node.cancel(timeout(timeoutMs))) : undefined;
  const running = runToEnd(node, run, children, path).finally(() => uplink.end());
  running.catch(() => {}); // thrown below, after what was measured
  try {
    yield* uplink.messages();
    await running;
  } finally {
    timer?.[Symbol.dispose]();
    signal?.removeEventListener("abort", stop);
    killSignal?.removeEventListener("abort", kill);
    // A reader that has stopped taking results does not want the rest.
    uplink.abandon();
    await node.cancel(new Canceled());
    await running.catch(() => {});
  }
}

async function runToEnd(
  node: LiveNode,
  run: Run,
  children: readonly NodeTree[],
  path: string | undefined,
): Promise<void> {
  let output: Feedback | undefined;
  try {
    await node.setup(children);
    output = await node.run(run, undefined, path);
  } catch {
    // It has canceled the node: the reason comes from there.
  }
  const reason = await node.cancel();
  if (output !== undefined && output.size > 0) node.send({ type: "feedback", values: feedbackToJson(output) });
  node.done();
  if (reason !== undefined) throw reason;
}

/** Whether a node of this machine is in a network namespace. */
function hasNamespace({ node, children }: NodeTree): boolean {
  return node.launcher.ssh === undefined && (node.netns !== undefined || children.some(hasNamespace));
}

function reasonOf(signal: AbortSignal): Canceled {
  return signal.reason instanceof Canceled ? signal.reason : new Canceled();
}

function timeout(ms: number): Canceled {
  return new Canceled("timeout", `it took longer than its timeout of ${ms / 1000} s`);
}

/** Senders that can wait do so while more bytes than this wait to be taken. */
const HIGH_WATER = 1024 * 1024;

/** The root's own uplink: results wait here until they are taken. */
export class RootUplink implements Uplink {
  /** One for each child: two that make up frames of the same node are not to end each other's messages. */
  readonly #joiners = new Map<string, Joiner>();
  #waiting: { message: Message; taken?: () => void }[] = [];
  #bytes = 0;
  #ended = false;
  #abandoned = false;
  readonly #more = new Condition();
  readonly #room = new Condition();

  send(message: Message): void {
    this.#add(message);
  }

  room(_lane: Lane): Promise<void> | undefined {
    if (this.#bytes < HIGH_WATER) return undefined;
    return this.#room.wait();
  }

  forward(frame: Frame, _bytes: Uint8Array, source: string): Promise<void> {
    let joiner = this.#joiners.get(source);
    if (joiner === undefined) this.#joiners.set(source, joiner = new Joiner());
    const message = joiner.add(frame);
    if (message === undefined || this.#abandoned) return Promise.resolve();
    const messages = message.kind === Kind.logs ? splitLogs(message) : [message];
    const last = messages.pop();
    if (last === undefined) return Promise.resolve();
    for (const message of messages) this.#add(message);
    // A connection limits what waits, also of urgent messages.
    return new Promise((taken) => this.#add(last, taken));
  }

  forget(source: string): void {
    this.#joiners.delete(source);
  }

  /** No more will come. */
  end(): void {
    this.#ended = true;
    this.#more.notify();
  }

  /** The reader has gone: results are dropped from now on. */
  abandon(): void {
    this.#abandoned = true;
    for (const { taken } of this.#waiting) taken?.();
    this.#waiting = [];
    this.#bytes = 0;
    this.#room.notify();
  }

  /** What comes, in order, until the end. */
  async *messages(): AsyncGenerator<Message, void, undefined> {
    for (;;) {
      const batch = this.#waiting;
      this.#waiting = [];
      let next = 0;
      try {
        for (; next < batch.length; next++) {
          const { message, taken } = batch[next];
          yield message;
          taken?.();
          this.#freed(message.payload.length);
        }
      } finally {
        // A reader that stops, stops at one of them: its sender must not wait for ever.
        while (next < batch.length) batch[next++].taken?.();
      }
      if (this.#waiting.length > 0) continue;
      if (this.#ended) return;
      await this.#more.wait();
    }
  }

  #freed(bytes: number): void {
    this.#bytes -= bytes;
    if (this.#bytes >= HIGH_WATER / 2) return;
    this.#room.notify();
  }

  #add(message: Message, taken?: () => void): void {
    if (this.#abandoned) return taken?.();
    this.#waiting.push({ message, taken });
    this.#bytes += message.payload.length;
    this.#more.notify();
  }
}
