import { TineError } from "../../../base/errors.ts";
import { findTool } from "../../process/tools.ts";
import { FarShell } from "./far_shell.ts";

/** The time after which ssh gives up an address that does not answer, in seconds. */
const CONNECT_TIMEOUT_S = 10;
/** It gives up a connection after four of these without a sign of life. */
const ALIVE_INTERVAL_S = 2;

/**
 * Options that override the user's configuration: no questions, no terminal, nothing forwarded, no command of its
 * own. All else, such as names, users, ports, keys, agents and hosts to jump over, is up to that configuration.
 *
 * A connection that is shared (ControlPath) is used where there is one, but none is opened to be shared: it would
 * outlive the test.
 */
const OPTIONS: Readonly<Record<string, string>> = {
  BatchMode: "yes",
  ConnectTimeout: String(CONNECT_TIMEOUT_S),
  ConnectionAttempts: "1",
  ServerAliveInterval: String(ALIVE_INTERVAL_S),
  ServerAliveCountMax: "4",
  ControlMaster: "no",
  ClearAllForwardings: "yes",
  ForkAfterAuthentication: "no",
  PermitLocalCommand: "no",
  RemoteCommand: "none",
  SessionType: "default",
  StdinNull: "no",
  EscapeChar: "none",
};

/**
 * The words that run a shell on another machine.
 *
 * @param destination as for ssh: a host, `user@host`, `ssh://user@host:port` or a name from its configuration
 * @throws {TineError} `bad-destination`, `no-program`
 */
export function sshCommand(destination: string): string[] {
  if (!/^(?!-)[^\0-\x20\x7f]{1,255}$/.test(destination)) {
    throw new TineError("bad-destination", `${JSON.stringify(destination)} is no destination for ssh`);
  }
  const ssh = findTool("ssh", "it reaches other machines; install the client of OpenSSH");
  const options = Object.entries(OPTIONS).map(([name, value]) => `-o${name}=${value}`);
  // Words that every login shell takes as they are. It must not stay between ssh and the node.
  return [ssh, "-T", "-a", "-x", ...options, "--", destination, "exec", "sh"];
}

/**
 * Removes the cache of tine on another machine.
 *
 * @param destination as for ssh
 * @param options `root`: that of root there, by sudo
 * @returns where it is, and whether there was something to remove
 * @throws {TineError} why it cannot be reached or removed, with the remedy
 */
export async function cleanFar(
  destination: string,
  { root = false, signal }: { root?: boolean; signal: AbortSignal },
): Promise<{ path: string; removed: boolean }> {
  await using shell = new FarShell({
    destination,
    command: sshCommand(destination),
    env: Deno.env.toObject(),
    root,
    signal,
    onLine() {},
  });
  await shell.login();
  const { word, text } = await shell.ask("clean", "cleaned", "clean");
  return { path: text, removed: word === "cleaned" };
}
