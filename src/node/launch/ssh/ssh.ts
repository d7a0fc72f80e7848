import { TineError } from "../../../base/errors.ts";
import type { Node } from "../../plan/types.ts";
import { LINEAGE } from "../../process/lineage.ts";
import { thisPlatform } from "../../platform.ts";
import type { Watchdog } from "../../process/watchdog.ts";
import { farStartLine } from "../far_start.ts";
import { writeAll } from "../../../wire/connection.ts";
import { asUser, userEnv } from "../invoking_user.ts";
import type { ExeSource } from "../executables/exe_source.ts";
import type { Launch, LaunchedNode, LaunchOptions } from "../launcher.ts";
import { Deployer, platformOf } from "./deploy.ts";
import { FarShell } from "./far_shell.ts";
import { hostNetwork } from "./host_network.ts";
import { LoginGate } from "./login_gate.ts";
import { sshCommand } from "./ssh_command.ts";

/**
 * What launches nodes on other machines by ssh: logs in, sends the executable unless it is there, and starts it.
 *
 * What is set about a node besides, its environment and its namespace, is done by tine itself on the far side.
 *
 * @param watchdog of this node
 * @param exeSource where the executables come from
 * @returns starts a node; it throws TineErrors that tell why it could not be started, and the remedy
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
  // A node that has ended already is told by the end of the connection.
  await writeAll(connection, farStartLine({ netns: node.netns, env: node.env })).catch(() => {});
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
