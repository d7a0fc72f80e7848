import { defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { onInterrupt } from "../interrupts.ts";
import { writeStdout } from "../terminal.ts";

/** `tine node clean DESTINATION`: removes what is kept on another machine. */
export const command = defineCommand({
  name: "node clean",
  summary: "Remove the executables that are kept on another machine",
  usage: ["DESTINATION [--root]"],
  description:
    "Nodes on other machines leave their executable in the cache of the user there (XDG_CACHE_HOME or ~/.cache, folder " +
    "tine), so that it is sent only once. This removes that folder, with all that tine has put there. Nodes that run " +
    "there just now may fail.",
  flags: {
    root: flag({ help: "that of root there, by sudo -n: for nodes with root: true" }),
    json: flag({ help: "print an object with the path, and whether there was something to remove" }),
  },
  positionals: [{ name: "DESTINATION", help: "as for ssh: a host, user@host, or a name of ~/.ssh/config" }],
  examples: [
    { command: "tine node clean user@host", what: "what nodes of that user have left" },
    { command: "tine node clean host --root", what: "what nodes with root: true have left" },
  ],

  async run({ flags, positionals: [destination] }) {
    const [{ cleanFar }, { Canceled }] = await Promise.all([
      import("../../node/launch/ssh/ssh_command.ts"),
      import("../../node/runner.ts"),
    ]);
    const control = new AbortController();
    const stop = () => control.abort(new Canceled("interrupted", "it was interrupted"));
    using interrupts = onInterrupt(stop, () => Deno.exit(130));
    try {
      const { path, removed } = await cleanFar(destination, { root: flags.root, signal: control.signal });
      const text = removed ? `removed ${path} on ${destination}` : `there is no ${path} on ${destination}`;
      await writeStdout(flags.json ? JSON.stringify({ destination, path, removed }) + "\n" : `${text}\n`);
      return 0;
    } catch (error) {
      if (interrupts.interrupted) return 130;
      throw error;
    }
  },
});
