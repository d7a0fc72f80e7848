import { messageOf, TineError } from "../base/errors.ts";
import { startLongTimer } from "../base/time.ts";
import type { Connection } from "../wire/connection.ts";
import { temporarySpill } from "../wire/spilled_queue.ts";
import { Canceled, type Runner } from "./runner.ts";
import { type ClockAnswer, type ClockRelation, relateClock, relateClockAgain } from "./clock_relation.ts";
import { type Connect, connectedLaunch, type Host } from "./launch/launcher.ts";
import { defaultExeSource, neededEnv } from "./launch/executable.ts";
import { farHost } from "./launch/invoking_user.ts";
import { createLaunch } from "./launch/launch.ts";
import { LiveNode } from "./live_node.ts";
import { placeProcess } from "../sys/placement.ts";
import { bootId } from "../sys/clock.ts";
import type { Node } from "./plan/types.ts";
import { Watchdog } from "./process/watchdog.ts";
import { type Frame, Kind, type Message } from "./protocol/frame.ts";
import { Joiner } from "./protocol/framing.ts";
import { contentOf, controlMessage } from "./protocol/kinds.ts";
import { Link } from "./link/link.ts";
import { runners as allRunners } from "./runners.ts";
import { checkRunTree } from "./run_tree.ts";

/** How long a node that has ended waits for its parent to end the connection. */
const PARENT_GRACE_MS = 5000;

/** What can be set about a node that serves. */
export interface ServeOptions {
  /** The runners that there are, by name; all by default. */
  readonly runners?: Readonly<Record<string, Runner>>;
  /** What its children are started with, as in the options of `run`. */
  readonly command?: readonly string[];
  /** How it reaches its children, as in the options of `run`. */
  readonly connect?: Connect;
  /** What it must know of its machine, if its parent does not send it; found out by default. */
  readonly host?: Host;
  /** Ends it, as a cancel of its parent does. */
  readonly signal?: AbortSignal;
}

/**
 * Serves as a child node: does what comes over the connection to its parent, until the parent ends it.
 *
 * @param nodeId its id
 * @param connection to its parent; closed when this returns
 * @throws {TineError} if the connection failed, or the node was canceled for a reason
 *
 * @example
 * ```ts ignore
 * import { serve, stdioConn } from "@tine/tine/node";
 * await serve("left", stdioConn());
 * ```
 */
export async function serve(nodeId: string, connection: Connection, options: ServeOptions = {}): Promise<void> {
  const { runners = allRunners, command, connect, signal } = options;
  let watchdog: Watchdog | undefined;
  const joiner = new Joiner();
  let node: LiveNode | undefined;
  let spill: string | undefined;
  let ending = false;
  /** Questions for the parent's time that wait for an answer. */
  const clocks = new Map<string, (answer: ClockAnswer) => void>();
  const over = Promise.withResolvers<Canceled | undefined>();
  const link = new Link(connection, { peer: "the parent", receive, spillFile: openSpill });

  /** The file that the parent has made, and reads should this node die. */
  function openSpill(): Deno.FsFile {
    return spill === undefined ? temporarySpill() : Deno.openSync(spill, { read: true, write: true });
  }

  /** @throws {Canceled} once the connection is gone */
  function askClock(): Promise<ClockAnswer> {
    const number = crypto.randomUUID();
    const { promise, resolve } = Promise.withResolvers<ClockAnswer>();
    clocks.set(number, resolve);
    link.send(controlMessage("clock", undefined, number));
    return Promise.race([promise, lost.then((reason) => Promise.reject(reason))]);
  }

  /** Ends the node, or what there is of it yet. */
  function cancel(reason: Canceled | undefined): void {
    ending = true;
    if (node === undefined) over.resolve(reason);
    else void node.cancel(reason);
  }

  function receive(frame: Frame): void {
    const message = joiner.add(frame);
    if (message === undefined) return;
    try {
      act(message);
    } catch (error) {
      if (node !== undefined) node.fail(error, "protocol");
      else over.reject(error);
    }
  }

  function act(message: Message): void {
    switch (message.kind) {
      case Kind.setup: {
        if (watchdog !== undefined) throw new TineError("bad-setup", "the parent sent a second setup");
        const setup = contentOf("setup", message);
        const host = setup.host ?? options.host ?? farHost();
        spill = setup.spill;
        watchdog = new Watchdog({ mounts: host.mounts });
        const exeSource = defaultExeSource({ handedDown: setup.executables });
        const launch = connect === undefined
          ? createLaunch({ watchdog, command, exeSource })
          : connectedLaunch(connect);
        const begin = (clock: ClockRelation) => {
          if (ending) return;
          const { key } = setup;
          node = new LiveNode({
            ...{ id: nodeId, host, uplink: link, runners, watchdog: watchdog!, launch, key },
            clock,
            relateClock: () => relateClockAgain(setup.parentClock, bootId(), askClock),
          });
          node.canceled.then(over.resolve, over.reject);
          // A failure is on its way to the parent as an error, and the node canceled.
          node.setup(setup.children).then(() => link.send(controlMessage("ready", undefined)), () => {});
        };
        const clock = relateClock(setup.parentClock, bootId(), async () => (await askClock()).time);
        if (clock instanceof Promise) clock.then(begin).catch(over.reject);
        else begin(clock);
        break;
      }
      case Kind.clock:
        clocks.get(message.name)?.(contentOf("clock", message)!);
        clocks.delete(message.name);
        break;
      case Kind.run: {
        if (node === undefined) throw new TineError("bad-run", "the parent sent a run before the setup");
        const { run, feedback, path } = contentOf("run", message);
        const ran = node.run(checkRunTree(run, runners), feedback, path);
        ran.then((output) => link.send(controlMessage("ran", output, message.name)), () => {});
        break;
      }
      case Kind.cancel: {
        const request = contentOf("cancel", message);
        const reason = request && new Canceled(request.code, request.message);
        if (reason !== undefined && request?.kill) void node?.kill(reason);
        cancel(reason);
      }
    }
  }

  const stop = () => cancel(signal?.reason instanceof Canceled ? signal.reason : new Canceled());
  signal?.addEventListener("abort", stop, { once: true });
  if (signal?.aborted) stop();
  const lost = link.closed.then(
    () => new Canceled("parent-gone", "the parent has ended the connection"),
    (error) =>
      new Canceled("parent-gone", `the connection to the parent failed: ${messageOf(error)}`, { cause: error }),
  );
  lost.then(cancel);
  let timer: Disposable | undefined;
  try {
    const reason = await over.promise;
    // It is the last message, also after what is less urgent. `lost` reports a connection that is gone.
    await link.close(controlMessage("canceled", reason)).catch(() => {});
    timer = startLongTimer(PARENT_GRACE_MS, () => link.abort());
    await lost;
    node?.done();
    if (reason !== undefined) throw reason;
  } finally {
    timer?.[Symbol.dispose]();
    signal?.removeEventListener("abort", stop);
    link.abort();
    await watchdog?.[Symbol.asyncDispose]();
  }
}

/**
 * Serves as a node that was started from another machine: first does here what a launcher would have done.
 *
 * @param nodeId its id
 * @param connection to its parent; closed when this returns
 * @param signal ends it
 * @throws {TineError} as `serve`, and if the node cannot be launched where it is to run
 */
export async function serveFar(nodeId: string, connection: Connection, signal: AbortSignal): Promise<void> {
  const { readFarStart } = await import("./launch/far_start.ts");
  const { start, connection: rest } = await readFarStart(connection);
  if (start.netns === undefined) {
    changeEnv(start.env);
    if (start.cpu !== undefined) placeProcess(start.cpu);
    return await serve(nodeId, rest, { host: start.host, signal });
  }
  const { relay } = await import("./relay.ts");
  await relay(nodeId, start, rest, signal);
}

/** The environment of this process is that of the node's commands. */
function changeEnv({ vars = [], inherit = true }: NonNullable<Node["env"]> = {}): void {
  if (!inherit) {
    const needed = neededEnv();
    for (const name of Object.keys(Deno.env.toObject())) if (!(name in needed)) Deno.env.delete(name);
  }
  for (const text of vars) {
    const end = text.indexOf("=");
    Deno.env.set(text.slice(0, end), text.slice(end + 1));
  }
}
