import { messageOf, TineError } from "../../base/errors.ts";
import type { Node } from "../plan/types.ts";
import { LINEAGE } from "../process/lineage.ts";
import type { Watchdog } from "../process/watchdog.ts";
import { defaultExeSource, type ExeSource, neededEnv, selfCommand } from "./executable.ts";
import { asUser, checkReadable, userEnv } from "./invoking_user.ts";
import type { Host, InvokingUser, Launch, LaunchedNode, LaunchOptions } from "./launcher.ts";
import { startLocal } from "./local.ts";
import { holderNamespaces, hostNamespaces } from "./netns.ts";

/** How nodes are launched by this one. */
export interface LaunchContext {
  /** The watchdog of this node. */
  readonly watchdog: Watchdog;
  /** The program, with its first arguments, that is started in place of this very tine; `node serve ID` follow. */
  readonly command?: readonly string[];
  /** What follows the id of the node. */
  readonly serveArgs?: readonly string[];
  /** Where executables for other machines come from; found out by default. */
  readonly exeSource?: ExeSource;
}

/**
 * Returns a function that launches the children of a node: on this machine, in a network namespace if the node has one, or
 * on another machine by ssh.
 *
 * The function throws a TineError that names the node, and undoes everything if it is canceled.
 *
 * @example
 * ```ts
 * import { createLaunch } from "./launch.ts";
 * import { thisHost } from "./invoking_user.ts";
 * import { Watchdog } from "../process/watchdog.ts";
 * await using watchdog = new Watchdog();
 * const launch = createLaunch({ watchdog });
 * const options = { host: thisHost(), signal: AbortSignal.timeout(10_000), onLine: console.error };
 * await using node = await launch({ id: "left", launcher: { local: {} }, netns: { create: true } }, options);
 * console.log(await node.ended);
 * ```
 */
export function createLaunch(context: LaunchContext): Launch {
  const launcher = new Launcher(context);
  return async (node, options) => {
    try {
      return await launcher.launch(node, options);
    } catch (error) {
      if (options.signal.aborted && error === options.signal.reason) throw error;
      const code = error instanceof TineError ? error.code : "launch-failed";
      throw new TineError(code, `cannot launch the node ${node.id}: ${messageOf(error)}`, { cause: error });
    }
  };
}

class Launcher {
  readonly #context: LaunchContext;
  readonly #exeSource: ExeSource;
  #ssh: Promise<Launch> | undefined;
  #readable: Promise<void> | undefined;
  #loggedRoot = false;

  constructor(context: LaunchContext) {
    this.#context = context;
    this.#exeSource = context.exeSource ?? defaultExeSource();
  }

  async launch(node: Node, options: LaunchOptions): Promise<LaunchedNode> {
    if (node.launcher.ssh) return await (await this.#bySsh())(node, options);
    const { host, signal, onLine } = options;
    signal.throwIfAborted();
    const inHolder = node.netns !== undefined && host.holder !== undefined;
    const user = inHolder ? undefined : this.#userOf(node, host, onLine);
    const self = selfCommand({ forOther: user !== undefined });
    if (user && !this.#context.command) await (this.#readable ??= checkReadable(user, self.files));

    this.#context.watchdog.start();
    await using undo = new AsyncDisposableStack();
    const enter = await this.#namespaceOf(node, host, undo);
    signal.throwIfAborted();
    const { command: program = self.command, serveArgs = [] } = this.#context;
    const cpu = node.cpu === undefined ? [] : [`--cpu=${node.cpu}`];
    const command = [...program, "node", "serve", node.id, ...serveArgs, ...cpu];
    const process = startLocal(
      [...enter, ...(user ? asUser(user) : []), ...command],
      this.#env(node, user, self.env),
      onLine,
    );
    undo.use(process);
    const taken = undo.move();
    return {
      connection: process.connection,
      host: hostOf(node, host, user !== undefined),
      executables: Object.fromEntries(this.#exeSource.platforms()),
      ended: process.ended,
      kill: () => process.kill(),
      [Symbol.asyncDispose]: () => taken.disposeAsync(),
    };
  }

  /** Loaded when it is needed: most nodes have no children on other machines. */
  #bySsh(): Promise<Launch> {
    const { watchdog } = this.#context;
    return this.#ssh ??= import("./ssh/ssh.ts").then(({ sshLaunch }) => sshLaunch(watchdog, this.#exeSource));
  }

  /** Whom to drop to. */
  #userOf(node: Node, host: Host, onLine: (line: string) => void): InvokingUser | undefined {
    const root = Deno.uid() === 0;
    if (node.launcher.local?.root) {
      if (!root) throw new TineError("not-root", "root: true needs root: run tine with sudo");
      return undefined;
    }
    if (!root) return undefined;
    // Reported by the first node of the machine, not by each.
    if (host.user === undefined && host.mounts === Deno.pid && !Deno.env.has("SUDO_UID") && !this.#loggedRoot) {
      this.#loggedRoot = true;
      onLine("nodes run as root: tine was not started through sudo, so there is no user to drop to");
    }
    return host.user;
  }

  /** Makes the namespace of a node, if it has one, and has it taken back. Returns the words that enter it. */
  async #namespaceOf(node: Node, host: Host, undo: AsyncDisposableStack): Promise<string[]> {
    if (node.netns === undefined) return [];
    if (host.holder === undefined && Deno.uid() !== 0) {
      throw new TineError(
        "not-root",
        "a network namespace needs root, which the parent is not: run tine with sudo, the parent with root: true, or use --rootless",
      );
    }
    const namespaces = host.holder === undefined
      ? hostNamespaces(this.#context.watchdog, host)
      : holderNamespaces(host.holder);
    const name = node.netns.name ?? node.id;
    if (node.netns.create) undo.use(await namespaces.create(name));
    else await namespaces.open(name);
    return namespaces.enter(name);
  }

  #env(node: Node, user: InvokingUser | undefined, self: Readonly<Record<string, string>>): Record<string, string> {
    const inherited = node.env?.inherit === false ? neededEnv() : Deno.env.toObject();
    const vars = (node.env?.vars ?? []).map((text) => {
      const end = text.indexOf("=");
      return [text.slice(0, end), text.slice(end + 1)];
    });
    return {
      ...(user ? userEnv(inherited, user) : inherited),
      ...self,
      ...Object.fromEntries(vars),
      [LINEAGE]: this.#context.watchdog.lineage.node,
    };
  }
}

/** What the child must know. */
function hostOf({ netns }: Node, host: Host, dropped: boolean): Host {
  // The init of the holder is process 1 for those in it.
  if (netns !== undefined && host.holder !== undefined) return { mounts: 1, inside: "holder" };
  const { user, ...common } = host;
  return {
    ...common,
    ...(netns !== undefined && { inside: host.inside ?? "namespace" }),
    ...(user !== undefined && !dropped && { user }),
  };
}
