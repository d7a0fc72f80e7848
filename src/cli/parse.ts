import { parseArgs } from "@std/cli/parse-args";
import { nearest } from "../base/nearest.ts";
import type { AnyCommand, Invocation, Positional } from "./command.ts";
import { UsageError } from "./errors.ts";
import { type Flag, flagName, type Flags } from "./flags.ts";
import { escape } from "./terminal.ts";

/**
 * Reads a command's arguments as its declaration says.
 *
 * @param command the declaration
 * @param args the arguments behind the command's name
 * @throws {UsageError} for an unknown flag, a missing or bad value, an argument too many or too few
 *
 * @example
 * ```ts
 * import { defineCommand } from "./command.ts";
 * import { flag } from "./flags.ts";
 * import { parse } from "./parse.ts";
 *
 * const flags = { json: flag({ help: "print JSON" }) };
 * const run = () => Promise.resolve(0);
 * const command = defineCommand({ name: "x", summary: "", usage: [], flags, examples: [], run });
 * console.assert(parse(command, ["--json"]).flags.json === true);
 * ```
 */
export function parse(command: AnyCommand, args: readonly string[]): Invocation {
  const end = args.indexOf("--");
  const own = end < 0 ? args : args.slice(0, end);
  const trailing = end < 0 ? undefined : args.slice(end + 1);

  const names = new Map(Object.entries(command.flags).map(([key, flag]) => [flagName(key), flag]));
  const given = parseArgs(joinValues(own, names), {
    // "_" keeps positionals from becoming numbers.
    string: ["_", ...names.keys().map((name) => name.slice(2))],
    collect: [...names.keys().map((name) => name.slice(2))],
    unknown: (arg, key) => key === undefined || refuse(arg, names),
  });

  const values: Record<string, unknown> = {};
  for (const [key, flag] of Object.entries(command.flags)) {
    const name = flagName(key);
    values[key] = flag.read(given[name.slice(2)] as string[], name);
  }
  checkCompany(command.flags, (key) => (given[flagName(key).slice(2)] as string[]).length > 0);
  const positionals = given._ as string[];
  checkPositionals(command.positionals ?? [], positionals, trailing !== undefined);
  if (trailing !== undefined && !command.trailing) throw new UsageError("nothing can follow --");
  if (trailing?.length === 0) throw new UsageError("a command is missing after --");
  return { flags: values, positionals, trailing };
}

/**
 * Writes every flag as `--name=value`.
 *
 * Left alone, parseArgs guesses which arguments are values: it takes `true` after a switch for the switch's value, and
 * `-`, `-5` or an empty text after a flag for something else than that flag's value.
 */
function joinValues(args: readonly string[], names: ReadonlyMap<string, Flag>): string[] {
  const joined: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const [, written, attached] = /^(--?[^=]+)(?:=(.*))?$/s.exec(args[i]) ?? [];
    const name = written && resolve(written, names);
    const flag = name && names.get(name);
    if (!flag) {
      joined.push(args[i]);
    } else if (flag.value === undefined) {
      if (attached !== undefined) throw new UsageError(`${name} takes no value, but got "${escape(attached)}"`);
      joined.push(`${name}=true`);
    } else if (attached !== undefined) {
      joined.push(`${name}=${attached}`);
    } else if (flag.bare !== undefined && !isValueOf(flag, args[i + 1])) {
      // A misspelt choice is read as what follows the flag, and refused by the flag itself.
      if (nearest(args[i + 1] ?? "", flag.choices ?? []) !== undefined) flag.read([args[i + 1]], name);
      joined.push(`${name}=${flag.bare}`);
    } else {
      const next = args[++i];
      if (next === undefined || looksLikeFlag(next)) throw new UsageError(missingValue(name, flag, next));
      joined.push(`${name}=${next}`);
    }
  }
  return joined;
}

/** Whether a word is the value of a flag before it that can stand without one. */
function isValueOf({ choices, takes }: Flag, word: string | undefined): boolean {
  return word !== undefined && (choices?.includes(word) === true || takes?.(word) === true);
}

/** A flag that would mean nothing is a mistake, not to be passed over. */
function checkCompany(flags: Flags, isGiven: (key: string) => boolean): void {
  for (const [key, { goesWith }] of Object.entries(flags)) {
    if (goesWith === undefined || !isGiven(key) || goesWith.some((other) => other in flags && isGiven(other))) continue;
    const company = goesWith.filter((other) => other in flags).map(flagName).join(" or ");
    throw new UsageError(`${flagName(key)} means nothing without ${company}`);
  }
}

/** The long name of a flag that may have been written short. */
function resolve(written: string, names: ReadonlyMap<string, Flag>): string | undefined {
  if (written.startsWith("--")) return written;
  return names.entries().find(([, flag]) => flag.short !== undefined && written === `-${flag.short}`)?.[0];
}

/** `-` means a standard stream and `-5` a number: both are values. */
function looksLikeFlag(arg: string): boolean {
  return /^-[^\d.]/.test(arg);
}

function missingValue(name: string, flag: Flag, next?: string): string {
  const instead = next === undefined ? "" : ` before ${escape(next)} (if that is the value, write ${name}=VALUE)`;
  return `${name} needs a value: ${name} ${flag.value}${instead}`;
}

function refuse(arg: string, names: ReadonlyMap<string, Flag>): never {
  const written = arg.replace(/=.*/s, "");
  const guess = nearest(written, [...names.keys(), "--help"]);
  throw new UsageError(`unknown flag ${escape(written)}` + (guess ? `, did you mean ${guess}?` : ""));
}

function checkPositionals(declared: readonly Positional[], given: readonly string[], trailing: boolean): void {
  const most = declared.at(-1)?.repeatable ? Infinity : declared.length;
  if (given.length > most) {
    const extra = escape(given[most]);
    throw new UsageError(
      most === 0 ? `unexpected argument "${extra}"` : `unexpected argument "${extra}" after ${declared[most - 1].name}`,
    );
  }
  // Of a variable of the shell that is not set, more often than not.
  const empty = given.indexOf("");
  if (empty >= 0) throw new UsageError(`${declared[Math.min(empty, declared.length - 1)].name} is empty`);
  const missing = declared[given.length];
  if (missing && !missing.optional && !trailing) throw new UsageError(`${missing.name} is missing`);
}
