import { textWidth, wrap } from "../../base/text.ts";
import type { AnyCommand } from "../command.ts";
import { type Flag, flagName } from "../flags.ts";
import type { Registry } from "../registry.ts";
import { columns, style, type TerminalStream } from "../terminal.ts";
import { type Topic, topics } from "./topics.ts";

/** A term and what it means, for an aligned list. */
type Row = readonly [term: string, meaning: string];

/** Terms that are longer than this share of the width stand on a line of their own. */
const WIDEST_TERM = 0.3;

/**
 * Returns the help of one command: how to call it, what it is for, examples, flags.
 *
 * @param command its declaration
 * @param stream where it will be printed; decides on width and colour
 */
export function help(command: AnyCommand, stream: TerminalStream): string {
  const width = columns(stream);
  const { bold, dim } = style(stream);
  const usage = command.usage.map((line) => `tine ${command.name} ${line}`.trimEnd());
  const sections = [
    hanging(bold("Usage:"), "Usage:".length + 1, usage, width),
    wrap(/[.?!]$/.test(command.summary) ? command.summary : `${command.summary}.`, width).join("\n"),
    bold("Examples:") + "\n" +
    command.examples.map(({ command, what }) => `  ${dim(`# ${what}`)}\n  ${command}`).join("\n"),
  ];
  const positionals = (command.positionals ?? []).filter(({ help }) => help !== undefined);
  if (positionals.length > 0) {
    const rows = positionals.map(({ name, help }): Row => [name, help ?? ""]);
    sections.push(`${bold("Arguments:")}\n${table(rows, width)}`);
  }
  const flags = Object.entries(command.flags);
  const rows = (flags: [string, Flag][]) => flags.map(([key, flag]): Row => [flagTerm(key, flag), flagMeaning(flag)]);
  const { general = [], ...others } = Object.groupBy(flags, ([, { section }]) => section ?? "general");
  sections.push(`${bold("Flags:")}\n${table([...rows(general), ["-h, --help", "show this"]], width)}`);
  for (const [heading, flags = []] of Object.entries(others)) {
    sections.push(`${bold(`${heading}:`)}\n${table(rows(flags), width)}`);
  }
  for (const paragraph of command.description?.split(/\n\s*\n/) ?? []) {
    sections.push(wrap(paragraph.replace(/\s+/g, " ").trim(), width).join("\n"));
  }
  const pages = [...topics].filter(([, { commands }]) => commands.includes(command.name));
  if (pages.length > 0) {
    const more = pages.map(([name, { summary }]): Row => [`tine help ${name}`, summary]);
    sections.push(`${bold("The manual:")}\n${table(more, width)}`);
  }
  return sections.join("\n\n") + "\n";
}

/**
 * Returns the help of the program: its subcommands, one line each, and the names of the manual's pages.
 *
 * @param commands all subcommands
 * @param stream where it will be printed; decides on width and colour
 */
export function overview(commands: Registry, stream: TerminalStream): string {
  const width = columns(stream);
  const { bold } = style(stream);
  const usage = ["tine COMMAND ...", "tine COMMAND --help", "tine help TOPIC", "tine --version"];
  const pages = Array.from(topicsByPart(), ([part, topics]): Row => [part, topics.map(([name]) => name).join(", ")]);
  return [
    hanging(bold("Usage:"), "Usage:".length + 1, usage, width),
    wrap("Write, serve, drive and test user-defined functions, and run network tests on nodes.", width).join("\n"),
    `${bold("Commands:")}\n${table(Array.from(commands, ([name, { summary }]): Row => [name, summary]), width)}`,
    `${bold("Topics of the manual:")}\n${table(pages, width)}`,
    wrap(
      "tine COMMAND --help shows what a command does, with examples. tine help lists what the topics are about, " +
        "tine help TOPIC shows one.",
      width,
    ).join("\n"),
  ].join("\n\n") + "\n";
}

/**
 * Returns the contents of the manual: its pages, part by part, with a line about each.
 *
 * @param stream where it will be printed; decides on width and colour
 */
export function contents(stream: TerminalStream): string {
  const width = columns(stream);
  const { bold } = style(stream);
  const widest = Math.max(...topics.keys().map((name) => name.length));
  return [
    hanging(bold("Usage:"), "Usage:".length + 1, ["tine help TOPIC", "tine help COMMAND"], width),
    ...Array.from(topicsByPart(), ([part, topics]) => {
      const rows = topics.map(([name, { summary }]): Row => [name.padEnd(widest), summary]);
      return `${bold(`${part}:`)}\n${table(rows, width)}`;
    }),
    wrap("tine --help lists the commands.", width).join("\n"),
  ].join("\n\n") + "\n";
}

function topicsByPart(): Map<string, [name: string, topic: Topic][]> {
  return Map.groupBy(topics, ([, { part }]) => part);
}

/**
 * Returns the help of commands that have their first word in common, one line each.
 *
 * @param group the word: `tcp`, of `tcp server` and `tcp client`
 * @param commands all subcommands
 * @param stream where it will be printed; decides on width and colour
 */
export function groupOverview(group: string, commands: Registry, stream: TerminalStream): string {
  const width = columns(stream);
  const { bold } = style(stream);
  const below = [...commands].filter(([name]) => name.startsWith(`${group} `));
  const usage = below.map(([name]) => `tine ${name} ...`);
  return [
    hanging(bold("Usage:"), "Usage:".length + 1, usage, width),
    `${bold("Commands:")}\n${table(below.map(([name, { summary }]): Row => [name, summary]), width)}`,
    wrap(`tine ${below[0][0]} --help shows what it does, with examples.`, width).join("\n"),
  ].join("\n\n") + "\n";
}

function flagTerm(key: string, flag: Flag): string {
  const value = flag.bare === undefined ? flag.value : `[${flag.value}]`;
  const long = flagName(key) + (value === undefined ? "" : ` ${value}`);
  return flag.short === undefined ? `    ${long}` : `-${flag.short}, ${long}`;
}

function flagMeaning(flag: Flag): string {
  const notes = [
    // Choices usually stand in the placeholder already.
    flag.choices && flag.value !== flag.choices.join("|") ? `one of ${flag.choices.join(", ")}` : "",
    flag.repeatable ? "may be repeated" : "",
    flag.defaultText === undefined ? "" : `default: ${flag.defaultText || '""'}`,
  ].filter((note) => note !== "");
  return flag.help + (notes.length > 0 ? ` [${notes.join("; ")}]` : "");
}

/** Terms on the left, what they mean aligned and wrapped on the right. */
function table(rows: readonly Row[], width: number): string {
  const widths = rows.map(([term]) => textWidth(term)).filter((term) => term <= WIDEST_TERM * width);
  const left = Math.max(0, ...widths) + 4;
  return rows.map(([term, meaning]) => {
    const lines = wrap(meaning, Math.max(20, width - left));
    const gap = left - 2 - textWidth(term);
    const first = gap >= 2 ? `  ${term}${" ".repeat(gap)}${lines.shift()}` : `  ${term}`;
    return [first, ...lines.map((line) => " ".repeat(left) + line)].join("\n").trimEnd();
  }).join("\n");
}

/** A heading with one or more lines beside it, their continuations indented further. */
function hanging(heading: string, indent: number, lines: readonly string[], width: number): string {
  const wrapped = lines.flatMap((line) =>
    wrap(line, width - indent - 4).map((part, i) => i === 0 ? part : `    ${part}`)
  );
  return wrapped.map((line, i) => i === 0 ? `${heading} ${line}` : " ".repeat(indent) + line).join("\n");
}
