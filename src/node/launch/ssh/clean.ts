import { FarShell } from "./far_shell.ts";
import { sshCommand } from "./ssh_command.ts";

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
