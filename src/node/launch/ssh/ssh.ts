import { TineError } from "../../../base/errors.ts";
import type { Node } from "../../plan/types.ts";
import { LINEAGE, pidText } from "../../process/lineage.ts";
import { thisPlatform } from "../../platform.ts";
import type { Watchdog } from "../../process/watchdog.ts";
import { farStartLine } from "../far_start.ts";
import { writeAll } from "../../../wire/connection.ts";
import { asUser, userEnv } from "../invoking_user.ts";
import type { ExeSource } from "../executable.ts";
import type { Host, Launch, LaunchedNode, LaunchOptions } from "../launcher.ts";
import { Deployer, platformOf } from "./deploy.ts";
import { FarShell } from "./far_shell.ts";
import { sshCommand } from "./ssh_command.ts";
import { findTool } from "../../process/tools.ts";

/**
 * What launches nodes on other machines by ssh: logs in, sends the executable unless it is there, and starts it.
 *
 * What is set about a node besides, its environment and its namespace, is done by tine itself on the far side.
 *
 * @param watchdog of this node
 * @param exeSource where the executables come from
 * @returns a function that starts a node, or throws a TineError with the reason and the remedy
 */
export function sshLaunch(watchdog: Watchdog, exeSource: ExeSource): Launch {
  const context = { watchdog, deployer: new Deployer(exeSource), gate: new LoginGate() };
  return (node, options) => launchBySsh(node, options, context);
}

/** What the launches of a node by ssh have in common. */
interface SshContext {
  readonly watchdog: Watchdog;
  readonly deployer: Deployer;
  readonly gate: LoginGate;
}

async function launchBySsh(node: Node, options: LaunchOptions, context: SshContext): Promise<LaunchedNode> {
  const { signal, onLine, platforms = [] } = options;
  const { destination = node.id, root = false } = node.launcher.ssh ?? {};
  signal.throwIfAborted();
  context.watchdog.start();
  using turn = await context.gate.enter(destination);
  signal.throwIfAborted();
  await using shell = new FarShell({ destination, root, signal, onLine, ...sshProcess(destination, options, context) });
  // Mostly the far side is of the same kind as this one.
  context.deployer.prepare(node.platform ?? thisPlatform());
  const { system, machine, uid } = await shell.login();
  turn[Symbol.dispose]();
  const platform = platformOf(system, machine);
  if (node.platform !== undefined && node.platform !== platform) {
    throw new TineError("platform", `${destination} is ${platform}, not ${node.platform}: correct the node's platform`);
  }
  const finding = { signal, onLine, lineage: context.watchdog.lineage.command };
  const exe = await context.deployer.find(platform, finding);
  const to = `${destination}\n${uid}`;
  await context.deployer.deploy(shell, exe, { to, own: true, onLine });
  const executables: Record<string, string> = {};
  for (const wanted of new Set(platforms)) {
    if (wanted === platform) continue;
    const other = await context.deployer.find(wanted, finding);
    executables[wanted] = await context.deployer.deploy(shell, other, { to, own: false, onLine });
  }
  const { connection, process } = await shell.start(`start ${node.id} ${exe.hash}`);
  await using undo = new AsyncDisposableStack();
  undo.use(process);
  // The end of the connection reports a node that has ended.
  await writeAll(connection, farStartLine({ netns: node.netns, env: node.env, cpu: node.cpu })).catch(() => {});
  signal.throwIfAborted();
  const taken = undo.move();
  return {
    connection,
    executables,
    ended: process.ended.then(howItEnded),
    kill: () => process.kill(),
    [Symbol.asyncDispose]: () => taken.disposeAsync(),
  };
}

/** How the node has ended, from how ssh has: 255 is what it exits with if the connection or the node was killed. */
function howItEnded(how: string): string {
  if (/^exited with status 255\b/.test(how)) return `was killed or cut off: ssh ${how}`;
  return how.startsWith("was killed") ? `was cut off: its ssh ${how}` : how;
}

/** ssh runs as the user that runs tine, also if through sudo: so its configuration and its keys are used. */
function sshProcess(
  destination: string,
  { host }: LaunchOptions,
  { watchdog }: SshContext,
): { command: string[]; env: Record<string, string> } {
  const inherited = { ...Deno.env.toObject(), [LINEAGE]: watchdog.lineage.node };
  const ssh = sshCommand(destination);
  const user = Deno.uid() === 0 ? host.user : undefined;
  return {
    command: [...hostNetwork(host), ...(user ? asUser(user) : []), ...ssh],
    env: user ? userEnv(inherited, user) : inherited,
  };
}

/** Logins at a time that an sshd accepts by default (MaxStartups 10:30:100); beyond, it drops some. */
const MAX_LOGINS = 8;

/** Limits the logins to one destination that are under way at the same time. */
export class LoginGate {
  readonly #places = new Map<string, { running: number; waiting: (() => void)[] }>();

  /**
   * Waits for a turn.
   *
   * @returns to be disposed of when the login is through, or has failed
   */
  async enter(destination: string): Promise<Disposable> {
    const place = this.#places.get(destination) ?? { running: 0, waiting: [] };
    this.#places.set(destination, place);
    if (place.running === MAX_LOGINS) await new Promise<void>((resolve) => place.waiting.push(resolve));
    else place.running++;
    let left = false;
    return {
      [Symbol.dispose]() {
        if (left) return;
        left = true;
        const next = place.waiting.shift();
        if (next === undefined) place.running--;
        else next();
      },
    };
  }
}

/**
 * The words in front of a command that let it run in the network of the machine, which is where other machines are
 * reached from: a node may be in a namespace that is made to have no way out. Undefined where this node is in there itself.
 *
 * @throws {TineError} `no-network`, if it cannot be entered from here
 */
export function hostNetwork({ mounts, inside }: Host): string[] {
  if (inside === undefined) return [];
  if (inside === "holder") throw noNetwork("without root, it cannot be left");
  if (Deno.uid() !== 0) throw noNetwork("it takes root to leave it: give the parent root: true");
  const nsenter = findTool("nsenter", "it reaches the network of the host; install util-linux");
  return [nsenter, "--target", pidText(mounts), "--net", "--mount", "--"];
}

function noNetwork(why: string): TineError {
  return new TineError(
    "no-network",
    `its parent is in a network namespace, and ssh goes out from the network of the host (${why}); make it a child of ` +
      "a node outside of namespaces",
  );
}
