import { TineError, WireError } from "../base/errors.ts";
import { now, startLongTimer } from "../base/time.ts";
import { Canceled } from "./runner.ts";
import type { ClockRelation } from "./clock_relation.ts";
import type { Feedback } from "./feedback.ts";
import type { Host, Launch, LaunchedNode } from "./launch/launcher.ts";
import { bootId } from "../sys/clock.ts";
import type { NodeTree } from "./run_tree.ts";
import type { Run } from "./plan/types.ts";
import type { CancelReason } from "./protocol/control.ts";
import { type Frame, isResult, Kind, Lane, type Message } from "./protocol/frame.ts";
import { Joiner, readSpill } from "./protocol/framing.ts";
import { contentOf, controlMessage } from "./protocol/kinds.ts";
import { Link } from "./link/link.ts";
import type { Uplink } from "./held_results.ts";

/** How long a child that has sent its last message may take to receive ours. */
const CLOSE_GRACE_MS = 5000;
/** How long a process that has closed its output without a last message may go on running. */
const SILENT_GRACE_MS = 1000;
/** A child asks for the time a few times, at its start and at its end. */
const MAX_CLOCKS = 100;
/** How long a child that is to end at once may take before it is killed. */
const KILL_GRACE_MS = 1500;

/**
 * Bytes that a node of this machine may send ahead. Far ones need more, to fill a link for the time of a round trip;
 * here, a frame that waits longer only outlives collections of garbage: with 1 MiB, half as many log entries get through.
 */
const LOCAL_WINDOW_BYTES = 256 * 1024;

/** What a child node needs of its parent. */
export interface ChildNodeOptions {
  readonly tree: NodeTree;
  readonly host: Host;
  /** Returns the clock of the parent, in relation to that of the root, as far as it knows. */
  clock(): ClockRelation;
  readonly launch: Launch;
  /** The key that all nodes of the run share. */
  readonly key: Uint8Array;
  /** Aborted when the parent is canceled. */
  readonly signal: AbortSignal;
  /** Aborted when it must end at once. */
  readonly killSignal: AbortSignal;
  /** Where its results go. */
  readonly uplink: Uplink;
  /** A file that takes results of the child which do not fit into its memory; for nodes of the same machine. */
  readonly spill?: Spill;
  /** A line that it wrote to standard error, or what its parent should log of it. */
  log(line: string): void;
  /** Takes an error of the child, or of one below it; returns whether it goes on to the root. */
  onError(error: Message): boolean;
  /** Results of it, or of a node below it, will not come. */
  onMissing(nodeId: string, what: string): void;
  /** It has ended unasked. */
  onFailure(error: TineError): void;
}

/** A file for results of a child that do not fit into its memory. */
export interface Spill extends AsyncDisposable {
  readonly path: string;
  /** Opened before the child could put something else in its place. */
  readonly file: Deno.FsFile;
}

/** A child node, as its parent sees it. */
export class ChildNode {
  readonly #options: ChildNodeOptions;
  readonly #joiner = new Joiner();
  readonly #runs = new Map<string, PromiseWithResolvers<Feedback>>();
  readonly #ready = Promise.withResolvers<void>();
  #wasReady = false;
  /** Resolves once the connection has ended and everything that came over it was handed on. */
  readonly #ended: Promise<void>;
  readonly #launched: LaunchedNode;
  readonly #link: Link;
  /** The numbers of the last frames of the node itself that have come. */
  readonly #last = { [Lane.record]: 0, [Lane.bulk]: 0 };
  /** It and all below it: results of other nodes are refused. */
  readonly #ids: ReadonlySet<string>;
  readonly #forwarding = new Set<Promise<void>>();
  #number = 0;
  #canceled: { reason: CancelReason | undefined } | undefined;
  #canceling = false;
  #endGrace: EndGrace | undefined;
  /** Why it had to be killed when it was to end. */
  #hung: string | undefined;
  #clocks = 0;

  /**
   * Launches a child and all nodes below it.
   *
   * @throws {TineError} what kept it from being launched, naming the node
   */
  static async launch(options: ChildNodeOptions): Promise<ChildNode> {
    const { tree, launch, host, signal, log } = options;
    let launched: LaunchedNode;
    try {
      launched = await launch(tree.node, { host, signal, platforms: platformsBelow(tree), onLine: log });
    } catch (error) {
      await options.spill?.[Symbol.asyncDispose]();
      throw error;
    }
    const child = new ChildNode(launched, options);
    try {
      await child.#ready.promise;
      return child;
    } catch (error) {
      await child.cancel(error instanceof Canceled ? error : undefined);
      throw error;
    }
  }

  private constructor(launched: LaunchedNode, options: ChildNodeOptions) {
    this.#options = options;
    this.#launched = launched;
    this.#ids = new Set(idsIn(options.tree));
    const { tree: { node: { id, launcher }, children }, spill } = options;
    this.#link = new Link(launched.connection, {
      peer: `node ${id}`,
      receive: (frame, bytes) => this.#receive(frame, bytes),
      ...(launcher.local && { windowBytes: LOCAL_WINDOW_BYTES }),
    });
    this.#link.send(controlMessage("setup", {
      host: launched.host,
      children,
      executables: launched.executables,
      parentClock: { ...options.clock(), bootId: bootId() },
      spill: spill?.path,
      key: options.key,
    }));
    this.#ended = this.#watch();
    this.#ready.promise.catch(() => {}); // launch() rejects with it
    // A launch that is canceled ends the child right away; afterwards cancel() does it in order.
    options.signal.addEventListener("abort", () => this.#ready.reject(options.signal.reason), { once: true });
    options.killSignal.addEventListener("abort", () => this.#kill(), { once: true });
    if (options.killSignal.aborted) this.#kill();
  }

  get id(): string {
    return this.#options.tree.node.id;
  }

  /**
   * Runs a tree on the child.
   *
   * @param path the place of the tree in its plan
   * @throws {TineError} if the child ends before it is through; the reason of the signal
   */
  async run(run: Run, feedback: Feedback, path: string): Promise<Feedback> {
    const { signal } = this.#options;
    signal.throwIfAborted();
    if (this.#canceled !== undefined) throw this.#reasonOf();
    const number = ++this.#number;
    const answer = Promise.withResolvers<Feedback>();
    this.#runs.set(String(number), answer);
    const abort = () => answer.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      this.#link.send(controlMessage("run", { run, feedback, path }, String(number)));
      return await answer.promise;
    } finally {
      signal.removeEventListener("abort", abort);
      this.#runs.delete(String(number));
    }
  }

  /** Ends the child in order, and waits until it has sent all that it had. */
  async cancel(reason: CancelReason | undefined): Promise<void> {
    this.#canceling = true;
    if (this.#canceled === undefined) this.#link.send(controlMessage("cancel", reason));
    const grace = this.#endGrace = new EndGrace({
      canceled: reason !== undefined,
      levels: levelsOf(this.#options.tree),
    });
    let timer: Disposable;
    const watch = () => {
      timer = startLongTimer(1000, watch);
      this.#hung ??= grace.exceeded();
      if (this.#hung !== undefined) this.#launched.kill();
    };
    timer = startLongTimer(1000, watch);
    try {
      await this.#ended;
    } finally {
      timer[Symbol.dispose]();
      await this.#options.spill?.[Symbol.asyncDispose]();
    }
  }

  /** Ends it and those below at once: in order as far as they can, so that their results still come. */
  #kill(): void {
    this.#canceling = true;
    const { reason } = this.#options.killSignal;
    const { code, message } = reason instanceof TineError ? reason : new Canceled();
    this.#link.send(controlMessage("cancel", { code, message, kill: true }));
    const timer = startLongTimer(KILL_GRACE_MS, () => this.#launched.kill());
    this.#ended.finally(() => timer[Symbol.dispose]());
  }

  /** Follows the connection to its end. An unasked end is an error. */
  async #watch(): Promise<void> {
    let failure: unknown;
    try {
      await this.#link.closed;
    } catch (error) {
      failure = error;
      this.#launched.kill();
    }
    await Promise.allSettled(this.#forwarding);
    const orderly = this.#canceled !== undefined;
    // It may neither read what we send nor end.
    const timer = startLongTimer(orderly ? CLOSE_GRACE_MS : SILENT_GRACE_MS, () => {
      this.#launched.kill();
      this.#link.abort();
    });
    await this.#link.close().catch(() => {}); // it has ended on the other side already
    if (!orderly) await this.#launched.ended;
    timer[Symbol.dispose]();
    const spilled = orderly ? 0 : await this.#readSpill();
    this.#options.uplink.forget?.(this.id);
    try {
      await this.#launched[Symbol.asyncDispose]();
    } catch (error) {
      this.#options.log(`cleaning up after node ${this.id}: ${(error as Error).message}`);
    }
    const error = orderly ? this.#reasonOf() : await this.#unexpected(failure, spilled);
    // Its last results come while it is canceled: dying then is no less of an error, unless we did it.
    const meant = orderly ? this.#canceling || this.#options.signal.aborted : this.#options.killSignal.aborted;
    if (!meant) this.#options.onFailure(error);
    this.#ready.reject(error);
    for (const answer of this.#runs.values()) answer.reject(error);
  }

  #reasonOf(): TineError {
    const { code = "node-ended", message = "for no reason that it named" } = this.#canceled?.reason ?? {};
    return new TineError(code, `node ${this.id} has ended: ${message}`);
  }

  async #unexpected(failure: unknown, spilled: number): Promise<TineError> {
    const how = await this.#launched.ended;
    const found = spilled > 0 ? `, except for ${spilled} frames that it had put into a file` : "";
    for (const id of this.#ids) {
      this.#options.onMissing(id, `what it had not sent yet${id === this.id ? found : ""}`);
    }
    if (this.#hung !== undefined) {
      return new TineError("node-hung", `node ${this.id} was asked to end and ${this.#hung}: it was killed`);
    }
    // One that dies may do so in the middle of a frame; what never was a node is no better known by its end.
    const isDeath = failure instanceof TineError &&
      (failure.code === "connection-failed" || failure.code === "cut-frame" && this.#wasReady);
    if (failure instanceof TineError && !isDeath) return failure;
    return new TineError("node-ended", `node ${this.id} ended unexpectedly: it ${how}`, { cause: failure });
  }

  async #readSpill(): Promise<number> {
    const { spill, uplink, log } = this.#options;
    if (spill === undefined) return 0;
    let count = 0;
    try {
      for await (const { frame, bytes } of readSpill(spill.file, this.#last)) {
        if (frame.origin !== this.id) throw this.#badOrigin(frame.origin);
        count++;
        await uplink.forward(frame, bytes, this.id);
      }
    } catch (error) {
      log(`the results that node ${this.id} left in a file are lost: ${(error as Error).message}`);
    }
    return count;
  }

  #receive(frame: Frame, bytes: Uint8Array): void | Promise<void> {
    if (isResult(frame.kind)) this.#checkOrigin(frame);
    switch (frame.kind) {
      case Kind.ready:
        this.#wasReady = true;
        return this.#ready.resolve();
      case Kind.clock:
        if (++this.#clocks > MAX_CLOCKS) {
          throw new WireError("too-many-clocks", `it asked for the time more than ${MAX_CLOCKS} times`);
        }
        return this.#link.send(controlMessage("clock", { time: now(), clock: this.#options.clock() }, frame.name));
      case Kind.ran: {
        const message = this.#joiner.add(frame);
        if (message === undefined) return;
        const answer = this.#runs.get(message.name);
        try {
          answer?.resolve(contentOf("ran", message));
        } catch (error) {
          answer?.reject(error);
        }
        return;
      }
      case Kind.canceled: {
        const message = this.#joiner.add(frame);
        if (message !== undefined) this.#canceled = { reason: contentOf("canceled", message) };
        return;
      }
      case Kind.error: {
        const message = this.#joiner.add(frame);
        if (message !== undefined && !this.#options.onError(message)) return;
        break;
      }
      default:
        this.#endGrace?.received(frame);
        if (frame.lane !== Lane.urgent && frame.origin === this.id) {
          this.#last[frame.lane] = Math.max(this.#last[frame.lane], frame.number);
        }
    }
    if (!isResult(frame.kind)) return; // what only a parent sends
    const forwarding = this.#options.uplink.forward(frame, bytes, this.id);
    this.#forwarding.add(forwarding);
    return forwarding.finally(() => this.#forwarding.delete(forwarding));
  }

  /** A node may be on a machine that is not to be trusted: it speaks for itself and those below it only. */
  #checkOrigin({ kind, origin, name }: Frame): void {
    if (!this.#ids.has(origin)) throw this.#badOrigin(origin);
    if (kind === Kind.missing && !this.#ids.has(name)) throw this.#badOrigin(name);
  }

  #badOrigin(origin: string): TineError {
    const shown = JSON.stringify(origin.slice(0, 80));
    return new TineError("bad-origin", `node ${this.id} sent results of the node ${shown}, which is not below it`);
  }
}

/** Returns the platforms of nodes below a node that are launched by ssh, as far as the plan names them. */
function platformsBelow({ children }: NodeTree): string[] {
  return children.flatMap((child) => {
    const { launcher, platform } = child.node;
    return [...(launcher.ssh && platform ? [platform] : []), ...platformsBelow(child)];
  });
}

/** The number of levels of nodes. */
function levelsOf({ children }: NodeTree): number {
  return 1 + Math.max(0, ...children.map(levelsOf));
}

function* idsIn({ node, children }: NodeTree): Iterable<string> {
  yield node.id;
  for (const child of children) yield* idsIn(child);
}

/** The longest time without a result from a node that is to end, for each level of nodes. */
const QUIET_MS = 15_000;
/** The longest time that a canceled node may take in all: after it, only output of what does not stop is left. */
const CANCELED_MS = 10 * 60_000;

/** Options of {@linkcode EndGrace}. */
export interface EndGraceOptions {
  /** Whether the node was canceled. Otherwise its runs are over, and it may send all that it holds, however slowly. */
  readonly canceled: boolean;
  /** Levels of nodes that end with it, itself included: it waits for those below. */
  readonly levels: number;
  /** The time in ms; default: performance.now(). */
  now?(): number;
}

/**
 * Decides how long a parent waits for a node that is to end: as long as results or ends of runs come, and not for ever if
 * the node was canceled. Progress of flows does not count.
 *
 * @example
 * ```ts
 * import { EndGrace } from "./child_node.ts";
 * const grace = new EndGrace({ canceled: true, levels: 1 });
 * console.assert(grace.exceeded() === undefined);
 * ```
 */
export class EndGrace {
  readonly #now: () => number;
  readonly #quietMs: number;
  readonly #longestMs: number;
  readonly #started: number;
  #renewed: number;

  constructor({ canceled, levels, now = () => performance.now() }: EndGraceOptions) {
    this.#now = now;
    this.#quietMs = levels * QUIET_MS;
    this.#longestMs = (canceled ? CANCELED_MS : Infinity) + (levels - 1) * QUIET_MS;
    this.#started = this.#renewed = now();
  }

  /** Counts a frame from the node. */
  received({ kind, lane }: Frame): void {
    if (lane !== Lane.urgent || kind === Kind.activity) this.#renewed = this.#now();
  }

  /** Returns how the node exceeds its time, to complete "it was asked to end and ..."; undefined while it has time left. */
  exceeded(): string | undefined {
    const now = this.#now();
    if (now - this.#renewed >= this.#quietMs) return `did not within ${this.#quietMs / 1000} s`;
    if (now - this.#started >= this.#longestMs) return `still sent results ${this.#longestMs / 1000} s later`;
    return undefined;
  }
}
