import { nearest } from "../base/nearest.ts";
import type { AnyCommand } from "./command.ts";
import { UsageError } from "./errors.ts";
import { type Registry, registry } from "./registry.ts";
import { renderError } from "./render_error.ts";
import { escape, writeStdout } from "./terminal.ts";

/**
 * Runs the subcommand that the arguments name, and renders whatever goes wrong, once, on stderr.
 *
 * @param args the command line without the program's name
 * @param commands the subcommands there are
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted
 *
 * @example
 * ```ts
 * import { main } from "./main.ts";
 * console.assert(await main(["--version"]) === 0);
 * ```
 */
export async function main(args: readonly string[], commands: Registry = registry): Promise<number> {
  const name = commandName(args, commands);
  try {
    return await dispatch(name, args, commands);
  } catch (error) {
    return renderError(error, name === undefined ? "tine" : `tine ${name}`);
  }
}

async function dispatch(name: string | undefined, args: readonly string[], commands: Registry): Promise<number> {
  // What helps, parses and describes is loaded where it is needed: most starts need one of them.
  if (name === undefined) {
    if (args.length > 1 && isGroup(args[0], commands) && wantsHelp(args.slice(1, 2))) {
      await writeStdout(await helpFor(args.slice(0, 1), commands));
      return 0;
    }
    switch (args[0]) {
      case undefined: {
        const { overview } = await import("./help/command_help.ts");
        await Deno.stderr.write(new TextEncoder().encode(overview(commands, Deno.stderr)));
        return 2;
      }
      case "help":
        if (args.length === 1) {
          const { contents } = await import("./help/command_help.ts");
          await writeStdout(contents(Deno.stdout));
          return 0;
        }
        // Falls through: the words behind it are those of --help.
      case "--help":
      case "-h":
        await writeStdout(await helpFor(args.slice(1), commands));
        return 0;
      case "--version":
      case "-V":
        await writeStdout((await import("./version.ts")).versionLine() + "\n");
        return 0;
      default: {
        const { topics } = await import("./help/topics.ts");
        const page = topics.has(args[0]) ? `; a page of the manual has this name: tine help ${args[0]}` : "";
        throw new UsageError(unknownCommand(args, commands) + page);
      }
    }
  }
  const rest = args.slice(name.split(" ").length);
  if (rest[0]?.startsWith("--help=")) throw new UsageError("--help takes no value");
  if (wantsHelp(rest)) {
    const [command, { help }] = await Promise.all([load(name, commands), import("./help/command_help.ts")]);
    await writeStdout(help(command, Deno.stdout));
    return 0;
  }
  const [command, { parse }] = await Promise.all([load(name, commands), import("./parse.ts")]);
  return await command.run(parse(command, rest));
}

/** Returns a page of the manual, or the help of a command, of a group of commands, or of the program. */
async function helpFor(words: readonly string[], commands: Registry): Promise<string> {
  const { groupOverview, help, overview } = await import("./help/command_help.ts");
  if (words.length === 0 || words[0] === "help" || wantsHelp(words.slice(0, 1))) return overview(commands, Deno.stdout);
  const { topics } = await import("./help/topics.ts");
  const unexpected = (after: string) => {
    const word = words[after.split(" ").length];
    if (word !== undefined) throw new UsageError(`unexpected argument "${escape(word)}" after ${after}`);
  };
  const topic = topics.get(words[0]);
  if (topic !== undefined) {
    unexpected(words[0]);
    const [{ default: page }, { renderMarkdown }] = await Promise.all([topic.load(), import("./help/markdown.ts")]);
    const more = commands.has(words[0]) ? `\nFlags and examples of the command: tine ${words[0]} --help\n` : "";
    return renderMarkdown(page, Deno.stdout) + more;
  }
  if (words.length === 1 && isGroup(words[0], commands)) return groupOverview(words[0], commands, Deno.stdout);
  const name = commandName(words, commands);
  if (name === undefined) throw new UsageError(unknownCommand(words, commands, topics.keys()));
  unexpected(name);
  return help(await load(name, commands), Deno.stdout);
}

async function load(name: string, commands: Registry): Promise<AnyCommand> {
  const entry = commands.get(name);
  if (entry === undefined) throw new UsageError(`unknown command ${name}`);
  return (await entry.load()).command;
}

/** The longest name of a command that the arguments begin with. */
function commandName(args: readonly string[], commands: Registry): string | undefined {
  return [args.slice(0, 2).join(" "), args[0] ?? ""].find((name) => commands.has(name));
}

/** Whether a word only begins the names of commands: `tcp`, of `tcp server`. */
function isGroup(word: string, commands: Registry): boolean {
  return !commands.has(word) && [...commands.keys()].some((name) => name.startsWith(`${word} `));
}

/** @param topics names that are understood as well, where help is asked for */
function unknownCommand(args: readonly string[], commands: Registry, topics?: Iterable<string>): string {
  const [first, second] = args;
  if (first.startsWith("-")) {
    const guess = nearest(first, ["--help", "--version"]);
    return `unknown flag ${escape(first)}` + (guess ? `, did you mean ${guess}?` : "");
  }
  const below = [...commands.keys()].filter((name) => name.startsWith(`${first} `));
  if (below.length > 0 && second === undefined) return `${first} needs one of: ${below.join(", ")}`;
  const words = below.length > 0 ? `${first} ${second}` : first || '""';
  const guess = nearest(words, below.length > 0 ? below : [...commands.keys(), ...topics ?? []]);
  return `unknown command${topics === undefined ? "" : " or topic"} ${escape(words)}` +
    (guess ? `, did you mean ${guess}?` : "");
}

/** Help is asked for before `--`; behind it, the flag belongs to another program. */
function wantsHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return args.slice(0, end < 0 ? args.length : end).some((arg) => arg === "--help" || arg === "-h");
}
