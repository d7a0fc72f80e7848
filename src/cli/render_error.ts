import { messageOf, TineError } from "../base/errors.ts";
import { CommandFailure, UsageError } from "./errors.ts";
import { escape } from "./terminal.ts";

/** What a shell reports for a program that wrote to a closed pipe: 128 + SIGPIPE. */
const EXIT_CLOSED_PIPE = 141;

/**
 * Prints what went wrong, in one sentence, on stderr. It has a file of its own, since nodes of a packed tine load it
 * and no command but theirs.
 *
 * @param error what a command has thrown
 * @param name what was called: `tine run`
 * @returns the exit code
 */
export function renderError(error: unknown, name: string): number {
  if (isClosedPipe(error)) return EXIT_CLOSED_PIPE;
  // The runtime names what it forbids in one sentence, with the remedy.
  const expected = error instanceof TineError || error instanceof Deno.errors.NotCapable;
  // Messages may quote input from outside.
  console.error(`${name}: ${escape(messageOf(error))}`);
  if (debugging()) console.error(error);
  else if (!expected) console.error("This is a mistake in tine. Set TINE_DEBUG=1 to see where it comes from.");
  if (error instanceof UsageError) {
    console.error(`Try: ${name} --help`);
    return 2;
  }
  return error instanceof CommandFailure ? error.exitCode : 1;
}

function debugging(): boolean {
  try {
    return Boolean(Deno.env.get("TINE_DEBUG"));
  } catch {
    return false; // Without permission to read the environment, the variable does not count.
  }
}

/** Commands turn broken pipes to their own children into errors that name them; what is left is standard output. */
function isClosedPipe(error: unknown): boolean {
  if (error instanceof Deno.errors.BrokenPipe) return true;
  return error instanceof TineError && error.code === "stdout-closed";
}
