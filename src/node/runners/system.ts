import { splitCommand } from "../../base/shell_words.ts";
import type { Runner } from "../runner.ts";
import { fileOf } from "./output/output.ts";
import { Command, commandOf } from "./system/command.ts";

/** A command, and what becomes of it. */
export interface SystemConfig {
  /** The command line, split into words as a shell does. */
  command: string;
  /** Further arguments, taken as they are. */
  args?: string[];
  /** Return once started; ended after the rest of the tree is complete. */
  background?: boolean;
  /** An exit status other than 0 does not fail the run. */
  ignoreErrors?: boolean;
  /**
   * `gather` (default), `stream`, `quiet`, `bufmem:NAME`, `buftmp:NAME`, or a file name. A file whose name ends with
   * .gz or .zst is compressed, unless the output is already.
   */
  stdout?: string;
  /** As for stdout. */
  stderr?: string;
  /** When it is canceled, or ended in the background: kill it rather than interrupt it. */
  kill?: boolean;
  /** Run it as root. */
  root?: boolean;
}

/** Runs a command. */
export const system: Runner<SystemConfig, SystemConfig> = {
  schema({ z, expects, pattern }) {
    const yes = (description: string) => z.boolean(expects("true or false")).optional().describe(description);
    // File names are relative to the folder of results, so they must not lead out of it.
    const output = pattern(
      "gather, stream, quiet, bufmem:NAME, buftmp:NAME, or a relative file name without .. and colons",
      // deno-lint-ignore no-control-regex
      /^(?:|gather|stream|quiet|(?:(?:bufmem|buftmp):)?(?!.*(?<![^/:])\.{0,2}(?:\/|$))[^\0-\x1f\x7f\\:]{1,255})$/,
    );
    return z.strictObject({
      command: z.string(expects('a command such as "ip -br addr"')).superRefine((command, { addIssue }) => {
        const words = splitCommand(command);
        if (words === undefined) addIssue(`has a quote or backslash that does not end: ${command}`);
        else if (words.length === 0) addIssue('is empty, expected a command such as "ip -br addr"');
      }).describe("The command line, split into words as a shell does; no shell runs it."),
      args: z.array(z.string(expects("a text, in quotes")), expects("a list of arguments")).optional()
        .describe("Further arguments, taken as they are."),
      background: yes("Return once started; ended after the rest of the tree is complete."),
      ignoreErrors: yes("An exit status other than 0 does not fail the run."),
      stdout: output.optional().describe(
        "What becomes of standard output: gather (default): one log entry at the end; stream: one log entry a " +
          "line; quiet; " +
          "bufmem:NAME, buftmp:NAME: kept in memory or a temporary file until the end, then a file of the results; " +
          "or the name of a file of the results, streamed. A name that ends with .gz or .zst is compressed.",
      ),
      stderr: output.optional().describe("What becomes of standard error, as for stdout."),
      kill: yes("When it is canceled, or ended in the background: kill it rather than interrupt it."),
      root: yes("Run it as root."),
    }, expects('an object such as {command: "ip -br addr"}')).superRefine(({ stdout, stderr }, { addIssue }) => {
      const file = fileOf(stdout);
      if (file === undefined || file !== fileOf(stderr)) return;
      addIssue({
        code: "custom",
        path: ["stderr"],
        message: `is the file ${file}, as is stdout; give it another, or run sh -c "COMMAND 2>&1"`,
      });
    }).describe("Run a command.");
  },
  needs: ({ command, root, stdout, stderr }) => ({
    programs: splitCommand(command)?.slice(0, 1),
    root,
    files: [fileOf(stdout), fileOf(stderr)].filter((file) => file !== undefined),
  }),
  title: commandOf,
  async run(config, context) {
    context.signal.throwIfAborted();
    const command = new Command(config, context);
    if (config.background) context.onEnd(() => command.end());
    else await command.finish();
  },
};
