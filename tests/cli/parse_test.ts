import { assertEquals, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/errors.ts";
import { choice, flag } from "../../src/cli/flags.ts";
import { parse } from "../../src/cli/parse.ts";
import { demo, nested } from "./demo_command.ts";

const defaults = {
  socket: undefined,
  handler: undefined,
  set: [],
  format: "csv",
  workers: 1,
  speed: undefined,
  handlerTimeout: 60_000,
  keepalive: 10_000,
  every: undefined,
  maxFrame: 67_108_864,
  json: false,
};

/** Values that are given, and what becomes of them beside the defaults. */
const accepted: [string, string[], Record<string, unknown>][] = [
  ["gives defaults for what is absent", [], {}],
  ["takes a value as the next argument", ["--socket", "/tmp/s"], { socket: "/tmp/s" }],
  ["takes a value behind =", ["--socket=/tmp/a=b"], { socket: "/tmp/a=b" }],
  ["takes an empty value", ["--socket", "", "--set="], { socket: "", set: [""] }],
  ["takes - as a value", ["--socket", "-"], { socket: "-" }],
  ["takes a value that looks like a flag behind =", ["--socket=--json"], { socket: "--json" }],
  ["takes negative numbers", ["--speed", "-1.5"], { speed: -1.5 }],
  ["keeps text text", ["--socket", "0x10", "--set", "1e3"], { socket: "0x10", set: ["1e3"] }],
  ["collects flags that may be repeated", ["--set", "a=1", "-s", "b=2", "-s=c"], { set: ["a=1", "b=2", "c"] }],
  ["takes the last of other flags", ["--workers", "2", "--workers=3"], { workers: 3 }],
  ["takes short flags", ["-j"], { json: true }],
  ["takes line breaks in values", ["--socket=a\nb"], { socket: "a\nb" }],
  ["reads durations", ["--handler-timeout", "1m30s", "--keepalive=500ms"], { handlerTimeout: 90_000, keepalive: 500 }],
  ["takes a zero that is declared", ["--keepalive", "0"], { keepalive: 0 }],
  ["reads durations longer than those of plans", ["--keepalive", "30d"], { keepalive: 30 * 86_400_000 }],
  ["reads sizes", ["--max-frame", "512KiB"], { maxFrame: 524_288 }],
  ["reads sizes that are bare numbers", ["--max-frame", "4096"], { maxFrame: 4096 }],
  ["reads words", ["--format", "json"], { format: "json" }],
];

for (const [what, args, values] of accepted) {
  Deno.test(`parse() ${what}`, () => {
    const { flags, positionals, trailing } = parse(demo, args);
    assertEquals(flags, { ...defaults, ...values });
    assertEquals([positionals, trailing], [[], undefined]);
  });
}

Deno.test("parse() leaves positional arguments as they were written", () => {
  assertEquals(parse(demo, ["--json", "007"]).positionals, ["007"]);
  assertEquals(parse(demo, ["-"]).positionals, ["-"]);
  assertEquals(parse(nested, ["a", "1", "true", " "]).positionals, ["a", "1", "true", " "]);
});

Deno.test("parse() takes what follows a switch for an argument, also the word true", () => {
  const { flags, positionals } = parse(demo, ["--json", "true"]);
  assertEquals([flags.json, positionals], [true, ["true"]]);
});

Deno.test("parse() takes a word behind a flag that needs none only if it is one of its words", () => {
  const plot = choice(["rtt", "all"], { value: "NAME", help: "draw a plot", bare: "all" });
  const command = { ...nested, flags: { plot, json: flag({ help: "print JSON" }) } };
  const read = (...args: string[]) => {
    const { flags, positionals } = parse(command, args);
    return [flags.plot, positionals];
  };
  assertEquals(read("--plot", "rtt", "results"), ["rtt", ["results"]]);
  assertEquals(read("--plot", "results"), ["all", ["results"]]);
  assertEquals(read("results", "--plot"), ["all", ["results"]]);
  assertEquals(read("results", "--plot", "--json"), ["all", ["results"]]);
  assertEquals(read("results"), [undefined, ["results"]]);
  assertThrows(() => read("--plot=results"), UsageError, "--plot NAME: expected rtt or all");
  assertThrows(() => read("results", "--plot", "rt"), UsageError, '--plot NAME: expected rtt or all, not "rt"');
});

Deno.test("parse() takes a word behind a duration that needs none only if it begins as a number does", () => {
  const read = (...args: string[]) => {
    const { flags, positionals } = parse(demo, args);
    return [flags.every, positionals];
  };
  assertEquals(read(), [undefined, []]);
  assertEquals(read("--every"), [5000, []]);
  assertEquals(read("--every", "--json"), [5000, []]);
  assertEquals(read("--every", "mirror"), [5000, ["mirror"]]);
  assertEquals(read("--every", "30s", "mirror"), [30_000, ["mirror"]]);
  assertEquals(read("--every=1m"), [60_000, []]);
  assertThrows(() => read("--every", "5"), UsageError, 'at least 100ms, not "5"; a unit is missing: "5s"?');
  assertThrows(() => read("--every", "-5s"), UsageError, "at least 100ms");
  assertThrows(() => read("--every=often"), UsageError, 'not "often"');
});

Deno.test("parse() leaves everything behind -- to the child", () => {
  const { flags, positionals, trailing } = parse(demo, ["--json", "--", "cmd", "--no", "--", "-x", "1"]);
  assertEquals([flags.json, positionals, trailing], [true, [], ["cmd", "--no", "--", "-x", "1"]]);
});

/** Command lines that are refused, and the whole message. */
const refused: [string, string[], string][] = [
  ["names the nearest flag", ["--sockte", "x"], "unknown flag --sockte, did you mean --socket?"],
  ["knows no negations", ["--no-json"], "unknown flag --no-json, did you mean --json?"],
  ["guesses nothing far away", ["--quite-different"], "unknown flag --quite-different"],
  ["refuses groups of short flags", ["-jx"], "unknown flag -jx"],
  ["does not nest flags by dots", ["--json.a=1"], "unknown flag --json.a, did you mean --json?"],
  ["does not touch prototypes", ["--__proto__=1"], "unknown flag --__proto__"],
  ["asks for a missing value", ["--socket"], "--socket needs a value: --socket PATH"],
  [
    "does not take a flag for a value",
    ["--socket", "--json"],
    "--socket needs a value: --socket PATH before --json (if that is the value, write --socket=VALUE)",
  ],
  ["refuses a value for a switch", ["--json=yes"], '--json takes no value, but got "yes"'],
  ["refuses numbers out of range", ["--workers", "65"], '--workers N: expected a whole number from 1 to 64, not "65"'],
  ["refuses fractions", ["--workers=1.5"], '--workers N: expected a whole number from 1 to 64, not "1.5"'],
  ["refuses what is no number", ["--speed=fast"], '--speed X: expected a number, at least -2, not "fast"'],
  ["refuses other words", ["--format", "xml"], '--format csv|json: expected csv or json, not "xml"'],
  [
    "refuses durations without a unit",
    ["--keepalive", "10"],
    '--keepalive DURATION: expected a duration such as 500ms, 10s or 1m30s, or 0: never, not "10"; ' +
    'a unit is missing: "10s"?',
  ],
  [
    "refuses a zero that is not declared",
    ["--handler-timeout", "0"],
    '--handler-timeout DURATION: expected a duration such as 500ms, 10s or 1m30s, more than zero, not "0"',
  ],
  [
    "refuses sizes over the limit",
    ["--max-frame=2GiB"],
    '--max-frame SIZE: expected a size such as 512KiB, 64MiB or a number of bytes, at most 1GiB, not "2GiB"',
  ],
  ["makes control characters visible", ["--\x1b[31m"], "unknown flag --\\x1b[31m"],
  ["refuses arguments too many", ["a", "b"], 'unexpected argument "b" after HANDLER'],
  ["asks for the command behind --", ["--"], "a command is missing after --"],
];

for (const [what, args, message] of refused) {
  Deno.test(`parse() ${what}`, () => {
    assertEquals(assertThrows(() => parse(demo, args), UsageError).message, message);
  });
}

Deno.test("parse() asks for arguments that must be there", () => {
  assertEquals(assertThrows(() => parse(nested, []), UsageError).message, "HOW is missing");
  assertEquals(assertThrows(() => parse(nested, [""]), UsageError).message, "HOW is empty");
  assertEquals(assertThrows(() => parse(nested, ["known", "x", ""]), UsageError).message, "FILE is empty");
});

Deno.test("parse() refuses -- where no command can follow", () => {
  assertEquals(assertThrows(() => parse(nested, ["a", "--", "b"]), UsageError).message, "nothing can follow --");
});
