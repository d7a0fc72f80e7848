import { nearest } from "../../base/nearest.ts";
import { bashScript, fishScript, zshScript } from "./scripts.ts";
import { type CommandSpec, specs } from "./spec.ts";
import { type AnyCommand, defineCommand } from "../command.ts";
import { UsageError } from "../errors.ts";
import { registry } from "../registry.ts";
import { escape, writeStdout } from "../terminal.ts";

const scripts: ReadonlyMap<string, (specs: readonly CommandSpec[]) => string> = new Map([
  ["bash", bashScript],
  ["zsh", zshScript],
  ["fish", fishScript],
]);

/** `tine completions SHELL`: a script that completes tine's command line, made from the declarations. */
export const command = defineCommand({
  name: "completions",
  summary: "Print a completion script for bash, zsh or fish",
  usage: ["bash | zsh | fish"],
  flags: {},
  positionals: [{ name: "SHELL", help: "bash, zsh or fish", words: [...scripts.keys()] }],
  examples: [
    { command: "source <(tine completions bash)", what: "in this bash; put the line into ~/.bashrc to keep it" },
    { command: "source <(tine completions zsh)", what: "in this zsh; put the line into ~/.zshrc, after compinit" },
    { command: "tine completions fish > ~/.config/fish/completions/tine.fish", what: "in every fish from now on" },
  ],
  async run({ positionals: [shell] }) {
    const commands = await Promise.all([...registry.values()].map(async ({ load }) => (await load()).command));
    await writeStdout(completionScript(shell, commands));
    return 0;
  },
});

/**
 * The completion script for a shell.
 *
 * @param shell bash, zsh or fish
 * @param commands the declarations of all commands
 * @throws {UsageError} for another shell
 */
export function completionScript(shell: string, commands: readonly AnyCommand[]): string {
  const script = scripts.get(shell);
  if (script === undefined) {
    const guess = nearest(shell, scripts.keys());
    const hint = guess ? `, did you mean ${guess}?` : "";
    throw new UsageError(`SHELL: expected bash, zsh or fish, not "${escape(shell)}"${hint}`);
  }
  return script(specs(commands));
}
