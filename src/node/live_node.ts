import type { Flows } from "../flow/flows.ts";
import { messageOf, TineError } from "../base/errors.ts";
import { Canceled, type RunContext, type Runner, type Unsigned } from "./runner.ts";
import { ChildNode, type Spill } from "./child_node.ts";
import { now, settlesWithin } from "../base/time.ts";
import type { ClockRelation } from "./clock_relation.ts";
import { type Feedback, NO_FEEDBACK } from "./feedback.ts";
import { HeldResults, type Uplink } from "./held_results.ts";
import { type Item, nodeInfo } from "./item.ts";
import type { Host, Launch } from "./launch/launcher.ts";
import { nodeKey, type NodeTree, runTree, type RunTreeActions } from "./run_tree.ts";
import type { Node, Run } from "./plan/types.ts";
import { createProcesses, type NodeProcesses } from "./process/node_processes.ts";
import { temporaryPath, type Watchdog } from "./process/watchdog.ts";
import type { Message } from "./protocol/frame.ts";
import { decodeItem, encodeItem, laneOf } from "./protocol/kinds.ts";
import { ActivityReporter, RunTimesReporter } from "./run_times.ts";

/** How long a node that ends waits for its parent to answer what time it is. */
const CLOCK_GRACE_MS = 5000;

/** Where a node is in its life. It never goes back. */
export type NodeState = "run" | "cancel" | "canceled" | "done";

/** What a node is made of. */
export interface LiveNodeOptions {
  readonly id: string;
  readonly host: Host;
  /** Its clock, in relation to that of the root. */
  readonly clock: ClockRelation;
  /** Relates its clock again; the clock stays as it is when absent. */
  relateClock?(): Promise<ClockRelation>;
  /** Where its results go. */
  readonly uplink: Uplink;
  readonly runners: Readonly<Record<string, Runner>>;
  /** What undoes all that it does, should it die; to be disposed of after the node has ended. */
  readonly watchdog: Watchdog;
  readonly launch: Launch;
  /** The key that all nodes of the run share. */
  readonly key: Uint8Array;
}

/**
 * A node: runs trees of runs, launches its children and sends all results to its uplink.
 *
 * An error of any of its runs cancels it: its runs are aborted, what they registered is cleaned up in reverse order,
 * its children are canceled and awaited.
 */
export class LiveNode {
  readonly #options: LiveNodeOptions;
  readonly #abort = new AbortController();
  readonly #kill = new AbortController();
  readonly #children = new Map<string, ChildNode>();
  readonly #work = new Set<Promise<unknown>>();
  readonly #cleanups: { title: string; cleanup: () => void | Promise<void> }[] = [];
  readonly #held: HeldResults;
  readonly #activity: ActivityReporter;
  readonly #times: RunTimesReporter;
  readonly #processes: NodeProcesses;
  #chosen: ((item: Unsigned<Item>) => boolean) | undefined;
  #folder: Promise<string> | undefined;
  #flows: Promise<Flows> | undefined;
  /** Errors that were sent, or logged. */
  readonly #reported = new Set<unknown>();
  #state: NodeState = "run";
  #reason: Canceled | undefined;
  #clock: ClockRelation;
  #ending: Promise<Canceled | undefined> | undefined;
  readonly #ended = Promise.withResolvers<Canceled | undefined>();

  constructor(options: LiveNodeOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#processes = createProcesses(options.watchdog);
    this.#held = new HeldResults({ failed: (error) => this.fail(error, "results") });
    this.#activity = new ActivityReporter((report) => this.#send(report));
    this.#times = new RunTimesReporter((runs) => void this.#sendOrHold({ type: "runTimes", runs }));
  }

  get state(): NodeState {
    return this.#state;
  }

  /** Resolves with the reason when the node is canceled; undefined when everything is done. */
  get canceled(): Promise<Canceled | undefined> {
    return this.#ended.promise;
  }

  /**
   * Sends what this node is, and launches its child nodes at the same time.
   *
   * @throws {TineError} what kept the first of them from being launched
   */
  async setup(trees: readonly NodeTree[]): Promise<void> {
    await this.#doing("launch", async () => {
      this.#send(nodeInfo(this.#clock));
      for (const result of await Promise.allSettled(trees.map((tree) => this.#launch(tree)))) {
        if (result.status === "rejected") throw result.reason;
      }
    });
  }

  /**
   * Runs a tree; the nodes in it were launched by {@linkcode setup}.
   *
   * @param path its place in the plan; empty: paths begin at this run
   * @returns what it has set
   * @throws what the first run that failed has thrown; the node is canceled by then
   */
  async run(run: Run, feedback: Feedback = NO_FEEDBACK, path = ""): Promise<Feedback> {
    const actions: RunTreeActions = {
      signal: this.#abort.signal,
      start: (path, kind, run) => {
        const own = this.#options.runners[kind]?.name?.(run[kind as keyof Run]);
        return this.#times.start(path, own ?? kind);
      },
      runLeaf: (name, config, feedback, path) => this.#runLeaf(name, config, feedback, path),
      runChild: (node, run, feedback, path) => this.#runChild(node, run, feedback, path),
    };
    return await this.#doing("run", () => runTree(run, feedback, actions, path));
  }

  /**
   * Ends all that it does, in order.
   *
   * @param reason why; undefined: all is done
   * @returns once it is canceled: the reason
   */
  cancel(reason?: Canceled): Promise<Canceled | undefined> {
    this.#ending ??= this.#cancel(reason);
    this.#ending.then(this.#ended.resolve, this.#ended.reject);
    return this.#ending;
  }

  /** Ends its children and commands at once; {@linkcode cancel} then has little to wait for. */
  kill(reason: Canceled): Promise<Canceled | undefined> {
    this.#kill.abort(reason);
    this.#options.watchdog.killGroups();
    return this.cancel(reason);
  }

  /** The connection to its parent has ended: nothing more will come. */
  done(): void {
    this.#state = "done";
  }

  /** Sends an item of this node at once. */
  send(item: Unsigned<Item>): void {
    this.#send(item);
  }

  /** Sends an error of this node to the root, and cancels the node. */
  fail(error: unknown, tag: string): void {
    // An error passes by once for each level of the tree; what was canceled by it ends with the reason why.
    if (this.#reported.has(error) || error instanceof Canceled) return;
    this.#reported.add(error);
    const code = error instanceof TineError ? error.code : "internal";
    if (this.#reason !== undefined) {
      this.#send({ type: "log", time: now(), tag, text: afterCancel(messageOf(error)) });
      return;
    }
    const message = error instanceof TineError ? messageOf(error) : `a mistake in tine: ${messageOf(error)}`;
    this.#send({ type: "error", time: now(), tag, code, message });
    this.#canceledFor(new Canceled(code, `${tag}: ${message}`, { cause: error }));
  }

  #canceledFor(reason: Canceled): void {
    // While all is done and it cleans up, an error still counts.
    if (this.#state === "cancel" && this.#reason === undefined) this.#reason = reason;
    void this.cancel(reason);
  }

  async #doing<T>(tag: string, what: () => Promise<T>): Promise<T> {
    this.#abort.signal.throwIfAborted();
    const work = what();
    this.#work.add(work);
    try {
      return await work;
    } catch (error) {
      this.fail(error, tag);
      throw error;
    } finally {
      this.#work.delete(work);
    }
  }

  async #launch(tree: NodeTree): Promise<void> {
    const { launch, uplink, host } = this.#options;
    const spill = tree.node.launcher.local === undefined ? undefined : await this.#spill(tree.node);
    const child = await ChildNode.launch({
      tree,
      launch,
      uplink,
      host,
      clock: () => this.#clock,
      spill,
      key: this.#options.key,
      signal: this.#abort.signal,
      killSignal: this.#kill.signal,
      log: (text) => this.#send({ type: "log", time: now(), tag: tree.node.id, text }),
      onError: (message) => {
        const error = decodeItem(message);
        if (error.type !== "error") return true;
        const { code, tag, nodeId, message: text } = error;
        if (this.#reason !== undefined) {
          // Such as that of a client whose server was canceled a moment before it.
          const late = { type: "log", nodeId, time: error.time, tag, text: afterCancel(text) } as const;
          uplink.send(encodeItem(late));
          return false;
        }
        this.#canceledFor(new Canceled(code, `${tag} on node ${nodeId}: ${text}`, { cause: error }));
        return true;
      },
      onMissing: (from, what) => this.#send({ type: "missing", from, what }),
      onFailure: (error) => this.fail(error, "child"),
    });
    this.#children.set(nodeKey(tree.node), child);
  }

  async #runLeaf(name: string, config: unknown, feedback: Feedback, path: string): Promise<Feedback> {
    const runner = this.#options.runners[name];
    const what = runner.title?.(config);
    const title = what === undefined ? name : `${name} ${what}`;
    using _running = this.#activity.start(title);
    try {
      return await runner.run(config, this.#context(name, title, feedback, path)) ?? NO_FEEDBACK;
    } catch (error) {
      this.fail(error, name);
      throw error;
    }
  }

  async #runChild(node: Node, run: Run, feedback: Feedback, path: string): Promise<Feedback> {
    const child = this.#children.get(nodeKey(node));
    if (child === undefined) throw new TineError("bad-run", `node ${node.id} was not launched before its run`);
    return await child.run(run, feedback, path);
  }

  #context(tag: string, title: string, feedback: Feedback, path: string): RunContext {
    const { id } = this.#options;
    return {
      nodeId: id,
      path,
      signal: this.#abort.signal,
      feedback,
      processes: this.#processes,
      log: (text, about = tag) => this.#sendOrHold({ type: "log", time: now(), tag: about, text }),
      send: (item) => this.#sendOrHold(item),
      choose: (chosen) => this.#chosen = chosen,
      onEnd: (cleanup) => void this.#cleanups.push({ title, cleanup }),
      flows: () => this.#flows ??= loadFlows(),
      key: this.#options.key,
      goesOn: (work) => void work.catch((error) => this.fail(error, tag)),
      temporaryFolder: () => this.#temporaryFolder(),
    };
  }

  #sendOrHold(item: Unsigned<Item>): Promise<void> | undefined {
    if (this.#chosen === undefined || this.#chosen(item)) return this.#send(item);
    this.#held.add(this.#sign(item));
  }

  #send(item: Unsigned<Item>): Promise<void> | undefined {
    const message = this.#sign(item);
    this.#options.uplink.send(message);
    return this.#options.uplink.room(laneOf(message.kind));
  }

  #sign(item: Unsigned<Item>): Message {
    return encodeItem({ ...item, nodeId: this.#options.id } as Item);
  }

  async #cancel(reason: Canceled | undefined): Promise<Canceled | undefined> {
    this.#state = "cancel";
    this.#reason = reason;
    this.#abort.abort(reason ?? new Canceled());
    // Runs may start others as long as they do not know that they are canceled.
    while (this.#work.size > 0) await Promise.allSettled(this.#work);
    await this.#endClock();
    for (const { title, cleanup } of this.#cleanups.toReversed()) {
      // It may take its time: who waits for this node sees that it goes on.
      using _ending = this.#activity.start(`end of ${title}`, { counted: false });
      try {
        await cleanup();
      } catch (error) {
        this.fail(error, "cleanup");
      }
    }
    await Promise.all(this.#children.values().map((child) => child.cancel(this.#reason)));
    this.#times.flush();
    try {
      await this.#held.release(this.#options.uplink);
    } catch (error) {
      this.fail(error, "results");
    }
    this.#activity[Symbol.dispose]();
    try {
      await this.#processes[Symbol.asyncDispose]();
      await (await this.#flows)?.[Symbol.asyncDispose]();
    } catch (error) {
      this.fail(error, "cleanup");
    }
    this.#state = "canceled";
    return this.#reason;
  }

  /** Reports how its clock relates to that of the root by now, unless it is to end at once or gets no answer. */
  async #endClock(): Promise<void> {
    const { relateClock } = this.#options;
    if (relateClock !== undefined) {
      const killed = Promise.withResolvers<void>();
      this.#kill.signal.addEventListener("abort", () => killed.resolve(), { once: true });
      if (this.#kill.signal.aborted) return;
      let found: ClockRelation | undefined;
      const relating = relateClock().then((clock) => found = clock, () => {}); // the connection is gone
      await settlesWithin(CLOCK_GRACE_MS, Promise.race([relating, killed.promise]));
      if (found === undefined) return;
      this.#clock = found;
    }
    this.#send({ type: "nodeEnd", time: now(), clock: this.#clock });
  }

  /** A folder that goes with the node. */
  #temporaryFolder(): Promise<string> {
    return this.#folder ??= this.#options.watchdog.makeFolder();
  }

  async #spill(node: Node): Promise<Spill> {
    // It is watched before it exists, so that it cannot be left over.
    const path = temporaryPath("tine-spill-");
    const watched = await this.#options.watchdog.watchPath(path);
    const file = await Deno.open(path, { createNew: true, read: true, write: true, mode: 0o600 });
    const { user } = this.#options.host;
    if (user !== undefined && node.launcher.local?.root !== true && Deno.uid() === 0) {
      await Deno.chown(path, user.uid, user.gid);
    }
    return {
      path,
      file,
      async [Symbol.asyncDispose]() {
        file.close();
        await Deno.remove(path).catch(() => {}); // the watchdog may have been faster
        watched[Symbol.dispose]();
      },
    };
  }
}

/** What follows from a cancellation is no error of the test. */
function afterCancel(message: string): string {
  return `after it was canceled: ${message}`;
}

/** Traffic is loaded where there is some: most nodes start without. */
async function loadFlows(): Promise<Flows> {
  const { createFlows } = await import("../flow/create_flows.ts");
  return createFlows();
}
