/**
 * Shows a command as a reader of this checkout would type it, and runs it.
 *
 * @module
 */

/** How a reader starts Deno: this program may itself have been started by npx. */
const DENO = Deno.env.get("npm_command") === "exec" ? "npx -y deno@2.9.6" : "deno";

/** How a reader starts tine from a checkout. */
export const TINE = `${DENO} run -A main.ts`;
/** How a reader runs a task of the checkout; the name of the task follows. */
export const TASK = `${DENO} task`;

const bold = Deno.stdout.isTerminal() && !Deno.env.get("NO_COLOR")
  ? (text: string) => `\x1b[1m${text}\x1b[22m`
  : (text: string) => text;

/**
 * Prints what a command of the shell shows, and the command, and runs it in the checkout.
 *
 * @param command `tine` in it is this checkout
 * @returns its exit code
 */
export async function showCommand(what: string, command: string): Promise<number> {
  console.log(`${what}\n\n${bold(`$ ${command.replace("tine", TINE)}`)}`);
  const { code } = await new Deno.Command("sh", {
    args: ["-c", `tine() { "$DENO" run -A main.ts "$@"; }\n${command}`],
    cwd: new URL("..", import.meta.url),
    env: { DENO: Deno.execPath() },
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  console.log();
  return code;
}
