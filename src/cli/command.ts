import type { Flags, FlagValues } from "./flags.ts";

/** An argument that is known by its place. */
export interface Positional {
  /** How help writes it: `HANDLER`. */
  readonly name: string;
  /** What it is, in one line. */
  readonly help?: string;
  /** The command can do without it. */
  readonly optional?: boolean;
  /** It takes all arguments that are left; the last one only. */
  readonly repeatable?: boolean;
  /** Words that a shell offers for it, such as the names of bundled handlers; others are accepted too. */
  readonly words?: readonly string[];
  /** Whether a shell offers files or folders for it. */
  readonly complete?: "file" | "directory";
}

/** A command line to copy, and what it does. */
export interface Example {
  /** The whole line, from `tine` on. */
  readonly command: string;
  /** What it does, in one line. */
  readonly what: string;
}

/** What was on the command line, as a command gets it. */
export interface Invocation<F extends Flags = Flags> {
  /** The values of all declared flags. */
  readonly flags: FlagValues<F>;
  /** The positional arguments, in order. */
  readonly positionals: readonly string[];
  /** Everything behind `--`, verbatim; undefined where there was no `--`. */
  readonly trailing?: readonly string[];
}

/** A subcommand: what help, parsing, completions and error messages are made from, and what it does. */
export interface Command<F extends Flags = Flags> {
  /** The word behind `tine`, or several, as in `node serve`. */
  readonly name: string;
  /** One line: what it is for. */
  readonly summary: string;
  /** The ways to call it, without `tine` and its name: `HANDLER [--socket PATH]`. */
  readonly usage: readonly string[];
  /** What else help explains; paragraphs are separated by an empty line. */
  readonly description?: string;
  /** The flags it takes, by name. */
  readonly flags: F;
  /** The arguments it takes by place; absent: it takes no such arguments. */
  readonly positionals?: readonly Positional[];
  /** It takes the command line of another program behind `--`. */
  readonly trailing?: boolean;
  /** Lines to copy, the usual one first. */
  readonly examples: readonly Example[];

  /**
   * Does the work. Data goes to stdout, everything else to stderr.
   *
   * @param invocation what was on the command line
   * @returns the exit code: 0 done, 1 failed, 130 interrupted
   * @throws {TineError} for what one sentence explains; it is rendered once, in main
   */
  run(invocation: Invocation<F>): Promise<number>;
}

/** A command whatever its flags are, as tables, help and completions see it. */
export type AnyCommand = Omit<Command, "run"> & {
  run(invocation: Invocation): Promise<number>;
};

/**
 * Declares a subcommand; the types of its flags' values follow from the declaration.
 *
 * @example
 * ```ts
 * import { defineCommand } from "./command.ts";
 * import { flag, text } from "./flags.ts";
 *
 * export const command = defineCommand({
 *   name: "greet",
 *   summary: "Say hello",
 *   usage: ["NAME [--loud]"],
 *   flags: { loud: flag({ help: "shout" }), from: text({ value: "NAME", help: "who greets" }) },
 *   positionals: [{ name: "NAME" }],
 *   examples: [{ command: "tine greet Ada", what: "greet one person" }],
 *   run({ flags, positionals: [name] }) {
 *     console.log(flags.loud ? `HELLO ${name}` : `hello ${name}`);
 *     return Promise.resolve(0);
 *   },
 * });
 * ```
 */
export function defineCommand<const F extends Flags>(command: Command<F>): Command<F> {
  return command;
}
