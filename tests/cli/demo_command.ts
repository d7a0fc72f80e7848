import { defineCommand } from "../../src/cli/command.ts";
import { choice, duration, flag, integer, list, number, size, text } from "../../src/cli/flags.ts";
import { main } from "../../src/cli/main.ts";
import type { Registry } from "../../src/cli/registry.ts";
import { TineError } from "../../src/base/errors.ts";

/** A command with a flag of every kind; prints what it was given. */
export const demo = defineCommand({
  name: "demo",
  summary: "Show what a declaration makes",
  usage: ["HANDLER [--socket PATH]", "[--json] -- CMD ARGS..."],
  flags: {
    socket: text({ value: "PATH", complete: "file", help: "listen on a Unix socket" }),
    handler: text({ value: "HANDLER", words: ["mirror", "moving-avg"], help: "run a bundled handler" }),
    set: list({ value: "NAME=VALUE", short: "s", help: "set an option of the handler" }),
    format: choice(["csv", "json"], { default: "csv", help: "how the input is written" }),
    workers: integer({ min: 1, max: 64, default: 1, help: "how many threads run handlers" }),
    speed: number({ min: -2, help: "how fast" }),
    handlerTimeout: duration({ default: 60_000, help: "give up on a call of the handler after this long" }),
    keepalive: duration({ default: 10_000, zero: "never", help: "send keepalives this often" }),
    every: duration({ min: 100, bare: 5000, help: "print a line this often" }),
    maxFrame: size({ default: 2 ** 26, max: 2 ** 30, help: "the largest frame accepted" }),
    json: flag({ short: "j", help: "print JSON lines" }),
  },
  positionals: [{
    name: "HANDLER",
    help: "what to run",
    optional: true,
    words: ["mirror", "outliers"],
    complete: "file",
  }],
  trailing: true,
  examples: [{ command: "tine demo mirror", what: "run the mirror" }],
  run(invocation) {
    console.log(JSON.stringify(invocation));
    return Promise.resolve(7);
  },
});

/** A subcommand of a subcommand, with one argument that must be there and one that may be there often. */
export const nested = defineCommand({
  name: "group member",
  summary: "Fail in the way that is asked for",
  usage: ["HOW [FILE...]"],
  flags: {},
  positionals: [{ name: "HOW", words: ["known", "unknown", "pipe"] }, {
    name: "FILE",
    optional: true,
    repeatable: true,
    complete: "directory",
  }],
  examples: [],
  run({ positionals: [how] }) {
    if (how === "known") throw new TineError("demo", "no \x1b[31mred\x1b[0m here");
    if (how === "pipe") throw new Deno.errors.BrokenPipe();
    throw new RangeError("out of range");
  },
});

export const commands: Registry = new Map([
  ["demo", { summary: demo.summary, load: () => Promise.resolve({ command: demo }) }],
  ["group member", { summary: nested.summary, load: () => Promise.resolve({ command: nested }) }],
]);

if (import.meta.main) Deno.exit(await main(Deno.args, commands));
