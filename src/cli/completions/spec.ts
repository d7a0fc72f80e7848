import { quoteWord } from "../../base/shell_words.ts";
import type { AnyCommand } from "../command.ts";
import { type Flag, flagName } from "../flags.ts";
import { topics } from "../help/topics.ts";

/** A word that a shell offers, with what it means. */
export interface Word {
  readonly word: string;
  readonly help?: string;
}

/** What a shell offers at one place of a command line. */
export interface Offer {
  readonly words: readonly Word[];
  /** Files, or folders only, are offered as well. */
  readonly paths?: "file" | "directory";
}

/** A flag as shells need to know it. */
export interface FlagSpec {
  /** The ways to write it: `--out`, `-o`. */
  readonly names: readonly string[];
  readonly help: string;
  /** What is offered for its value; undefined for a switch. */
  readonly value?: Offer;
  /** It may be given without a value. */
  readonly bare?: boolean;
}

/** A command line up to some word, and what can follow. */
export interface CommandSpec {
  /** The words behind `tine`; empty for `tine` itself. */
  readonly name: string;
  readonly flags: readonly FlagSpec[];
  /** What is offered for each positional argument. */
  readonly places: readonly Offer[];
  /** The last place may be filled again and again. */
  readonly repeatable: boolean;
}

/**
 * Everything that completion scripts are made of: `tine` itself, its commands, and groups of them such as `tine node`.
 *
 * @param commands the declarations of all commands
 */
export function specs(commands: readonly AnyCommand[]): CommandSpec[] {
  const names = commands.map(({ name, summary }): Word => ({ word: name, help: summary }));
  const groups = new Set(commands.filter(({ name }) => name.includes(" ")).map(({ name }) => name.split(" ")[0]));
  const single = names.filter(({ word }) => !word.includes(" "));
  const first = [
    ...single,
    ...[...groups].filter((word) => !single.some((s) => s.word === word)).map((word) => ({ word })),
  ];
  const help: FlagSpec = { names: ["--help", "-h"], help: "show help" };
  const version: FlagSpec = { names: ["--version", "-V"], help: "show the version" };
  const helpWord: Word = { word: "help", help: "Show what a command does, or a page of the manual" };
  const pages = Array.from(topics, ([word, { summary }]): Word => ({ word, help: summary }))
    .filter(({ word }) => !first.some((command) => command.word === word));
  return [
    { name: "", flags: [help, version], places: [{ words: [...first, helpWord] }], repeatable: false },
    { name: "help", flags: [], places: [{ words: [...first, ...pages] }], repeatable: false },
    ...[...groups].filter((name) => !single.some(({ word }) => word === name)).map((name): CommandSpec => {
      const below = names.filter(({ word }) => word.startsWith(`${name} `));
      const words = below.map(({ word, help }) => ({ word: word.slice(name.length + 1), help }));
      return { name, flags: [help], places: [{ words }], repeatable: false };
    }),
    ...commands.map((command): CommandSpec => ({
      name: command.name,
      flags: [...Object.entries(command.flags).map(([key, flag]) => flagSpec(key, flag)), help],
      places: (command.positionals ?? []).map(({ words = [], complete }) => ({
        words: words.map((word) => ({ word })),
        paths: complete,
      })),
      repeatable: command.positionals?.at(-1)?.repeatable ?? false,
    })),
  ];
}

function flagSpec(key: string, flag: Flag): FlagSpec {
  const names = flag.short === undefined ? [flagName(key)] : [flagName(key), `-${flag.short}`];
  if (flag.value === undefined) return { names, help: flag.help };
  const words = (flag.choices ?? flag.words ?? []).map((word) => ({ word }));
  return { names, help: flag.help, value: { words, paths: flag.complete }, bare: flag.bare !== undefined };
}

/** Where a word takes a command line further: after `node`, the word `serve` makes it `node serve`. */
export function steps(specs: readonly CommandSpec[]): { from: string; word: string; to: string }[] {
  return specs.filter(({ name }) => name !== "").map(({ name }) => {
    const words = name.split(" ");
    return { from: words.slice(0, -1).join(" "), word: words.at(-1)!, to: name };
  });
}

/** A way to write a flag that takes a value, and what is offered there. */
export interface ValueFlag {
  readonly command: string;
  readonly name: string;
  readonly value: Offer;
  /** It may be given without a value: another flag may follow. */
  readonly bare: boolean;
}

/** Every way to write a flag that takes a value, with its command. */
export function valueFlags(specs: readonly CommandSpec[]): ValueFlag[] {
  return specs.flatMap(({ name: command, flags }) =>
    flags.flatMap(({ names, value, bare = false }) =>
      value === undefined ? [] : names.map((name) => ({ command, name, value, bare }))
    )
  );
}

/** A place of a command's positional arguments, and what is offered there. */
export interface PositionalPlace {
  readonly command: string;
  /** Counted from 0. */
  readonly place: number;
  /** It stands for all further places as well. */
  readonly last: boolean;
  readonly offer: Offer;
}

/** Every place of every command. */
export function places(specs: readonly CommandSpec[]): PositionalPlace[] {
  return specs.flatMap(({ name: command, places, repeatable }) =>
    places.map((offer, place) => ({ command, place, offer, last: repeatable && place === places.length - 1 }))
  );
}

/** A place as a pattern for `case` of bash and zsh, after those of smaller places. */
export function placePattern({ command, place, last }: PositionalPlace): string {
  return last ? `${quoteWord(`${command} `)}*` : quoteWord(`${command} ${place}`);
}
